/* SPDX-License-Identifier: BSD-3-Clause */
/* Sequence numbers of a connection in which the backend receives something in front of what the
 * client sends: what that is counts for the backend and not for the client.
 *
 *   client:     first                 first + n
 *                 |--- n bytes --------|
 *   backend:    first    first + size            first + size + n
 *                 |-header-|--- n bytes ----------|
 *
 * Which numbers lie behind 'first' is known only while less than half of the number space has
 * passed. But once the backend has acknowledged the header it is over and done with, and from then
 * on every number is shifted without a look. */
#ifndef DATAPLANE_SEQUENCE_H
#define DATAPLANE_SEQUENCE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits of sequence.bits */
#define SEQUENCE_SHIFTED 0x01u /* 'first' is known, and a header belongs in front of it. */
#define SEQUENCE_TOLD 0x02u    /* The backend has acknowledged the header. */

/* One flow's. */
struct sequence {
	uint32_t first; /* Of the client's first byte, which follows its SYN. */
	uint32_t bits;
};

static_assert(sizeof(struct sequence) == 8, "eight in a cache line");

/* Writes all of it, so that another thread may copy it word by word. */
static inline void
sequence_store(struct sequence *at, struct sequence value)
{
	__atomic_store_n(&at->first, value.first, __ATOMIC_RELAXED);
	__atomic_store_n(&at->bits, value.bits, __ATOMIC_RELAXED);
}

/* The number of a client's byte as the backend counts it. 'size' is the header's. */
static inline uint32_t
sequence_forth(const struct sequence *sequence, uint32_t number, uint32_t size)
{
	bool behind = (sequence->bits & SEQUENCE_TOLD) || (int32_t)(number - sequence->first) > 0;

	return behind ? number + size : number;
}

/* The number of a byte that the backend counts as the client counts it; of the header's bytes it is
 * that of the first byte behind them. */
static inline uint32_t
sequence_back(const struct sequence *sequence, uint32_t number, uint32_t size)
{
	int32_t ahead = (int32_t)(number - sequence->first);

	if ((sequence->bits & SEQUENCE_TOLD) || ahead >= (int32_t)size)
		return number - size;
	return ahead > 0 ? sequence->first : number;
}

/* Turns the blocks of a SACK option (RFC 2018 3) among 'size' bytes of TCP options from what the
 * backend counts to what the client does; blocks that lie in the header are taken out. Returns
 * whether there was such an option. */
bool sequence_sacks_back(
	const struct sequence *sequence, uint8_t *options, size_t size, uint32_t header_size);

#endif /* DATAPLANE_SEQUENCE_H */
