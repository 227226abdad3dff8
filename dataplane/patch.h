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
#include "dataplane/wire.h"

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

/* As patch_replace(), of as many words of 32 bits as 'size', a constant, has. These are added up
 * whole, which comes to the same: 2^16 is 1 in such sums. */
static inline uint32_t __attribute__((always_inline))
patch_words(uint8_t *at, const uint8_t *with, size_t size)
{
	uint64_t delta = 0;

	for (size_t i = 0; i < size; i += 4) {
		uint32_t is = load32(with + i);

		delta += (uint64_t)is + (uint32_t)~load32(at + i);
		store32(at + i, is);
	}
	delta = (delta & UINT32_MAX) + (delta >> 32);
	return (uint32_t)(delta & PATCH_SUM_BITS) + (uint32_t)(delta >> 16);
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

/* As patch_replace(), of one word of 16 bits. */
static inline uint32_t
patch_word(uint8_t *at, be16 with)
{
	uint16_t was, is;

	memcpy(&was, at, sizeof(was));
	memcpy(&is, &with, sizeof(is));
	memcpy(at, &is, sizeof(is));
	return (uint32_t)is + (PATCH_SUM_BITS ^ was);
}

/* The checksum at 'at' after a change of what it covers. */
static inline be16
patch_checksum(const uint8_t *at, uint32_t delta)
{
	uint16_t old;
	uint32_t sum;

	memcpy(&old, at, sizeof(old));
	sum = (PATCH_SUM_BITS ^ old) + (delta & PATCH_SUM_BITS) + (delta >> 16);
	sum = (sum & PATCH_SUM_BITS) + (sum >> 16);
	return (BE_FORCE be16)(uint16_t) ~(sum + (sum >> 16));
}

/* The checksum of a sum of words of any size, in the byte order of the words. Each half of a word
 * added to the other, in the upper one of the sum, is added with its carry. */
static inline uint16_t
patch_fold(uint64_t sum)
{
	uint32_t half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);

	return (uint16_t) ~((half + (half << 16 | half >> 16)) >> 16);
}

#endif /* DATAPLANE_PATCH_H */
