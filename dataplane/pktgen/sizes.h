/* SPDX-License-Identifier: BSD-3-Clause */
/* The sizes of a run's frames: one, or a list with weights in a fixed order that spreads each size
 * evenly. Sizes count the FCS, as RFC 2544 section 9 and NIC data sheets do: the smallest is 64. */
#ifndef DATAPLANE_PKTGEN_SIZES_H
#define DATAPLANE_PKTGEN_SIZES_H

#include "common/err.h"

#include <stdint.h>

#define SIZES_MAX 16        /* Different sizes. */
#define SIZES_WEIGHT_MAX 64 /* Of all together: length of the order. */
#define SIZES_LEAST 64
#define SIZES_MOST 9216
#define SIZES_FCS 4

struct sizes {
	uint16_t n;
	uint16_t bytes[SIZES_MAX];
	uint8_t order[SIZES_WEIGHT_MAX]; /* Indexes into 'bytes', one round. */
	uint16_t n_order;
};

/* Reads "64", "64,512,1518", "64x7,594x4,1518x1", or "imix", which is the last of these. Returns 0,
 * or -EINVAL with 'err' set. */
int sizes_parse(const char *text, struct sizes *out, struct err *err);

uint16_t sizes_least(const struct sizes *sizes);
uint16_t sizes_most(const struct sizes *sizes);

/* Bits on the wire of all frames of one round, gaps included. */
uint64_t sizes_round_bits(const struct sizes *sizes);

#endif /* DATAPLANE_PKTGEN_SIZES_H */
