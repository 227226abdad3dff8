/* SPDX-License-Identifier: BSD-3-Clause */
/* A rate as a person writes it, and as the pacing needs it. */
#ifndef DATAPLANE_PKTGEN_RATE_H
#define DATAPLANE_PKTGEN_RATE_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rate_unit {
	RATE_MAX, /* As fast as it goes. */
	RATE_PACKETS,
	RATE_BITS, /* On the wire, with preamble, FCS and gap. */
	RATE_LINE  /* Of the port's speed. */
};

struct rate {
	enum rate_unit unit;
	uint64_t value; /* In a second; of RATE_LINE in parts of a million. */
};

/* For pace.h. */
struct pacing {
	uint64_t rate; /* 0: no limit. */
	bool in_bits;  /* Else in packets. */
};

/* Reads "1000000", "1M", "1.5Mpps", "10Gbps", "75%", "line" or "max". Returns 0, or -EINVAL with
 * 'err' set. */
int rate_parse(const char *text, struct rate *out, struct err *err);

/* 'line_bps' is the port's speed, 0: unknown. Returns 0, or -EINVAL with 'err' set. */
int rate_resolve(const struct rate *rate, uint64_t line_bps, struct pacing *out, struct err *err);

/* Writes "1.50 M" and the like; returns 'buf'. */
const char *rate_format(double value, char *buf, size_t size);

#endif /* DATAPLANE_PKTGEN_RATE_H */
