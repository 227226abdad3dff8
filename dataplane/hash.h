/* SPDX-License-Identifier: BSD-3-Clause */
/* Hash functions of the packet core.
 *
 * hash_mix() and hash_bytes() are part of the protocol between nodes: what they compute decides
 * which backend a flow goes to, so both nodes of a pair must agree and they may never change.
 *   hash_mix(h)              is the finalizer of MurmurHash3 (fmix64).
 *   hash_bytes(seed, bytes)  takes the bytes in groups of 8 as little-endian numbers, the last
 *                            group filled up with zeros: h = seed ^ size; for each group
 *                            h = hash_mix(h ^ group); the result is the last h.
 * hash_local() serves tables inside one process: faster, seeded, free to change. */
#ifndef DATAPLANE_HASH_H
#define DATAPLANE_HASH_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef unsigned __int128 hash_wide;

static inline uint64_t
hash_mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h;
}

static inline uint64_t
hash_bytes(uint64_t seed, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t h = seed ^ size;

	for (size_t done = 0; done < size; done += 8) {
		size_t n = size - done < 8 ? size - done : 8;
		uint64_t group = 0;

		memcpy(&group, bytes + done, n);
		h = hash_mix(h ^ le64toh(group));
	}
	return h;
}

/* Multiplies to 128 bits and folds: every bit of the result depends on every bit of both. */
static inline uint64_t
hash_fold(uint64_t a, uint64_t b)
{
	hash_wide wide = (hash_wide)a * b;

	return (uint64_t)wide ^ (uint64_t)(wide >> 64);
}

/* Hash of three words under a secret seed. */
static inline uint64_t
hash_local(uint64_t seed, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t ab = hash_fold(a ^ seed, b ^ UINT64_C(0xa0761d6478bd642f));

	return hash_fold(ab ^ c, seed ^ UINT64_C(0xe7037ed1a0b428db));
}

/* Maps 32 random bits to 0 .. n - 1 without a division. */
static inline uint32_t
hash_range(uint32_t random, uint32_t n)
{
	return (uint32_t)(((uint64_t)random * n) >> 32);
}

#endif /* DATAPLANE_HASH_H */
