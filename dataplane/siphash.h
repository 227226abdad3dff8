/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-2-4 (Aumasson, Bernstein 2012): a keyed hash that cannot be told from random without the
 * key, of messages that are whole 64-bit words. */
#ifndef DATAPLANE_SIPHASH_H
#define DATAPLANE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t words[2];
};

static inline uint64_t
siphash_turn(uint64_t value, unsigned int bits)
{
	return value << bits | value >> (64 - bits);
}

static inline void
siphash_round(uint64_t v[static 4])
{
	v[0] += v[1];
	v[1] = siphash_turn(v[1], 13) ^ v[0];
	v[0] = siphash_turn(v[0], 32);
	v[2] += v[3];
	v[3] = siphash_turn(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = siphash_turn(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = siphash_turn(v[1], 17) ^ v[2];
	v[2] = siphash_turn(v[2], 32);
}

static inline void
siphash_take(uint64_t v[static 4], uint64_t word)
{
	v[3] ^= word;
	siphash_round(v);
	siphash_round(v);
	v[0] ^= word;
}

/* Hash of 'n' words; as bytes of the message they are little-endian. */
static inline uint64_t
siphash(const struct siphash_key *key, const uint64_t *words, size_t n)
{
	uint64_t v[4] = {key->words[0] ^ UINT64_C(0x736f6d6570736575),
		key->words[1] ^ UINT64_C(0x646f72616e646f6d),
		key->words[0] ^ UINT64_C(0x6c7967656e657261),
		key->words[1] ^ UINT64_C(0x7465646279746573)};

	for (size_t i = 0; i < n; i++)
		siphash_take(v, words[i]);
	siphash_take(v, (uint64_t)(n * sizeof(*words)) << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif /* DATAPLANE_SIPHASH_H */
