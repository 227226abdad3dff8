/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers, ports, times and shares as people write them. All return 0, or -EINVAL with 'err' set.
 */
#ifndef DATAPLANE_PKTGEN_VALUE_H
#define DATAPLANE_PKTGEN_VALUE_H

#include "common/err.h"

#include <stdint.h>

int value_number(const char *text, unsigned long least, unsigned long most, unsigned long *out,
	struct err *err);

/* Reads "80" or "80-90". */
int value_ports(const char *text, uint16_t *first, uint16_t *n, struct err *err);

/* Reads "10", "10s" or "500ms", up to a day. */
int value_seconds(const char *text, uint64_t *out_ns, struct err *err);

/* Reads "0.1", "0.1%" or "10 %" as parts of 'whole', which is 100 %. */
int value_share(const char *text, uint32_t whole, uint32_t *out, struct err *err);

#endif /* DATAPLANE_PKTGEN_VALUE_H */
