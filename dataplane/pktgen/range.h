/* SPDX-License-Identifier: BSD-3-Clause */
/* A range of addresses that differ in their last 4 bytes only. */
#ifndef DATAPLANE_PKTGEN_RANGE_H
#define DATAPLANE_PKTGEN_RANGE_H

#include "common/addr.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

struct range {
	struct addr first;
	uint32_t n; /* At least 1. */
};

/* Reads "ADDRESS", "FIRST-LAST" or "ADDRESS/BITS". Returns 0, or -EINVAL with 'err' set. */
int range_parse(const char *text, struct range *out, struct err *err);

/* The last 4 bytes of the first address, in host order. */
uint32_t range_base(const struct range *range);

bool range_has(const struct range *range, const struct addr *addr);

#endif /* DATAPLANE_PKTGEN_RANGE_H */
