/* SPDX-License-Identifier: BSD-3-Clause */
/* Sequence numbers of a connection of which backend and client do not know the same.
 *
 * One reason is that the backend receives something in front of what the client sends: what that
 * is counts for the backend and not for the client.
 *
 *   client:     first                 first + n
 *                 |--- n bytes --------|
 *   backend:    first    first + size            first + size + n
 *                 |-header-|--- n bytes ----------|
 *
 * Which numbers lie behind 'first' is known only while less than half of the number space has
 * passed. But once the backend has acknowledged the header it is over and done with, and from then
 * on every number is shifted without a look.
 *
 * The other is that the client's SYN was answered here (syn_proxy.h): then the backend's own
 * numbers, and its timestamps, differ from those that the client was told by what they differ at
 * the start. */
#ifndef DATAPLANE_SEQUENCE_H
#define DATAPLANE_SEQUENCE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits of sequence.bits */
#define SEQUENCE_SHIFTED 0x01u /* 'first' is known, and a header belongs in front of it. */
#define SEQUENCE_TOLD 0x02u    /* The backend has acknowledged the header. */
#define SEQUENCE_PROXIED 0x04u /* The client's SYN was answered here. */
#define SEQUENCE_WAITING 0x08u /* And the backend has not answered it yet. */
#define SEQUENCE_STAMPED 0x10u /* There are timestamps. */
#define SEQUENCE_TOA 0x20u     /* The TOA option goes into our own acknowledgment. */
/* Window scales: the client's, and, when the backend has answered, its own. */
#define SEQUENCE_CLIENT_SCALE_SHIFT 6
#define SEQUENCE_BACKEND_SCALE_SHIFT 10
#define SEQUENCE_SCALE_MASK 0xfu
/* In its place before: what else the SYN offered. */
#define SEQUENCE_MSS_SHIFT 10
#define SEQUENCE_MSS_MASK 0x7u
#define SEQUENCE_SACK 0x2000u
#define SEQUENCE_OFFER_MASK 0x3c00u

/* One flow's. */
struct sequence {
	uint32_t first; /* Of the client's first byte, which follows its SYN. */
	uint32_t ahead; /* What the client's numbers of the backend's bytes are ahead; at first the
			 * number of our own answer to its SYN. */
	uint32_t stamp; /* The same of timestamps. */
	uint16_t room;  /* The backend's MSS, 0: none said; at first the client's window. */
	uint16_t bits;
};

static_assert(sizeof(struct sequence) == 16, "four in a cache line");

/* The same as two words. */
typedef uint64_t __attribute__((may_alias)) sequence_word;

/* Writes all of it, so that another thread may copy it word by word. */
static inline void
sequence_store(struct sequence *at, struct sequence value)
{
	const sequence_word *from = (const sequence_word *)(const void *)&value;
	sequence_word *to = (sequence_word *)(void *)at;

	__atomic_store_n(&to[0], from[0], __ATOMIC_RELAXED);
	__atomic_store_n(&to[1], from[1], __ATOMIC_RELAXED);
}

/* Whether the backend's numbers are to be translated. */
static inline bool
sequence_translates(const struct sequence *sequence)
{
	return (sequence->bits & (SEQUENCE_PROXIED | SEQUENCE_WAITING)) == SEQUENCE_PROXIED;
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

/* Adds 'shift' to all edges of a SACK option. Returns whether there was one. */
bool sequence_sacks_shift(uint8_t *options, size_t size, uint32_t shift);

#endif /* DATAPLANE_SEQUENCE_H */
