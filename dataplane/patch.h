/* SPDX-License-Identifier: BSD-3-Clause */
/* Changing bytes and carrying checksums along (RFC 1624), so that one that was wrong stays wrong
 * and the receiver notices.
 *
 * A delta is what a change adds to the one's complement sum over the bytes changed: the new words
 * plus the complement of the old ones (equation 3). Deltas of several changes add up. Changes
 * begin at an even offset of what the checksum covers. */
#ifndef DATAPLANE_PATCH_H
#define DATAPLANE_PATCH_H

#include "common/checksum.h"

#include <string.h>

#define PATCH_SUM_BITS 0xffffu

/* Writes 'size' bytes and returns the delta. */
static inline uint32_t
patch_replace(uint8_t *at, const void *with, size_t size)
{
	uint32_t old = checksum_add(0, at, size);

	memcpy(at, with, size);
	return checksum_add(0, with, size) + (PATCH_SUM_BITS ^ old);
}

static inline uint32_t
patch_u16(uint8_t *at, uint16_t value)
{
	be16 word = be16_from(value);

	return patch_replace(at, &word, sizeof(word));
}

static inline uint32_t
patch_u32(uint8_t *at, uint32_t value)
{
	be32 word = be32_from(value);

	return patch_replace(at, &word, sizeof(word));
}

/* The checksum at 'at' after a change of what it covers. */
static inline be16
patch_checksum(const uint8_t *at, uint32_t delta)
{
	uint16_t old;

	memcpy(&old, at, sizeof(old));
	return checksum_finish((PATCH_SUM_BITS ^ old) + delta);
}

#endif /* DATAPLANE_PATCH_H */
