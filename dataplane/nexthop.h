/* SPDX-License-Identifier: BSD-3-Clause */
/* Next hops: where a backend's frames go at layer 2.
 *
 * Each one is a single 64-bit word (link-layer address, port, state), so that the thread that
 * listens to the kernel's neighbours replaces it at once while workers read it, and a neighbour
 * that moves needs no new snapshot. Slots are found by address and counted by the control thread:
 * snapshots acquire those of their backends and release them when they are freed, which is after
 * the last worker has let go of them. */
#ifndef DATAPLANE_NEXTHOP_H
#define DATAPLANE_NEXTHOP_H

#include "common/addr.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NEXTHOP_NONE 0     /* A slot that never resolves. */
#define NEXTHOPS_MAX 65536 /* Slots, NEXTHOP_NONE included. */

enum nexthop_state {
	NEXTHOP_UNKNOWN = 0, /* No link-layer address yet, or lost: packets are dropped. */
	NEXTHOP_READY = 1,
};

/* One next hop, unpacked. */
struct nexthop {
	uint8_t mac[6];
	uint8_t port;  /* Index into the port table. */
	uint8_t state; /* enum nexthop_state */
};

static_assert(sizeof(struct nexthop) == 8, "a next hop is one word");

struct nexthop_slot;

struct nexthop_table {
	uint64_t *words; /* control: writes, workers: read; relaxed atomic. */
	/* Control thread only. */
	struct nexthop_slot *slots; /* As many as words. */
	uint32_t *chains;           /* Hash of addresses: first slot of each chain. */
	uint32_t first_free;        /* List of slots that were used before; 0: none. */
	uint32_t n_used;            /* Slots from here on were never used. */
};

int nexthop_table_new(struct nexthop_table **out);
void nexthop_table_free(struct nexthop_table *table);

/* Returns the slot of 'addr', a new one in state NEXTHOP_UNKNOWN if there is none, and counts one
 * more user; or -ENOSPC. */
int nexthop_acquire(struct nexthop_table *table, const struct addr *addr);

/* Counts one user less; the last one resets the slot. */
void nexthop_release(struct nexthop_table *table, uint16_t index);

/* Stores what the kernel said about slot 'index'. */
void nexthop_set(struct nexthop_table *table, uint16_t index, const struct nexthop *hop);

/* Walks the slots in use. Start with '*cursor' 0; returns the index of the next one and its
 * address, or NEXTHOP_NONE at the end. */
uint16_t nexthop_next(const struct nexthop_table *table, uint32_t *cursor, struct addr *addr);

/* Any thread. */
static inline struct nexthop
nexthop_get(const struct nexthop_table *table, uint16_t index)
{
	uint64_t word = __atomic_load_n(&table->words[index], __ATOMIC_RELAXED);
	struct nexthop hop;

	memcpy(&hop, &word, sizeof(hop));
	return hop;
}

#endif /* DATAPLANE_NEXTHOP_H */
