/* SPDX-License-Identifier: BSD-3-Clause */
/* Leases: until when this node may answer for the addresses of a virtual router.
 *
 * A lease is one deadline. The control thread moves it forward, workers compare it with the time
 * of their burst; so when the control plane dies the node falls silent by itself, and no thread
 * has to notice. Slots are found by the router's name and counted by the snapshots using them. */
#ifndef DATAPLANE_LEASE_H
#define DATAPLANE_LEASE_H

#include "common/model.h"

#include <stdbool.h>
#include <stdint.h>

#define LEASE_NONE 0 /* The slot of addresses without a router: never held. */
#define LEASES_MAX (2 * MODEL_ROUTERS_MAX + 1) /* Old and new snapshot, and LEASE_NONE. */

struct lease_slot {
	char name[MODEL_NAME_MAX + 1];
	uint32_t n_users;
};

struct lease_table {
	uint64_t until_ns[LEASES_MAX];       /* control: writes, workers: read; relaxed atomic. */
	bool claimed[LEASES_MAX];            /* workers: set, control: clears; relaxed atomic. */
	uint64_t since_ns[LEASES_MAX];       /* As 'until_ns': when it was gained last. */
	uint64_t elsewhere_ns[LEASES_MAX];   /* Likewise: when another node was known to hold it. */
	struct lease_slot slots[LEASES_MAX]; /* Control thread only. */
};

int lease_table_new(struct lease_table **out);
void lease_table_free(struct lease_table *table);

/* Returns the slot of the router 'name' and counts one more user, or -ENOSPC. A new one is not
 * held. */
int lease_acquire(struct lease_table *table, const char *name);

/* Counts one user less; the last one lets go of the lease. */
void lease_release(struct lease_table *table, uint16_t index);

/* The slot of the router 'name', or LEASE_NONE. */
uint16_t lease_find(const struct lease_table *table, const char *name);

/* Held while the time is less than 'until_ns'; 0 lets go at once. */
void lease_set(struct lease_table *table, uint16_t index, uint64_t until_ns);

/* Another station says that it has an address of the router. Any thread. */
static inline void
lease_claim(struct lease_table *table, uint16_t index)
{
	__atomic_store_n(&table->claimed[index], true, __ATOMIC_RELAXED);
}

/* Returns whether lease_claim() was called since the last time. Control thread. */
static inline bool
lease_take_claim(struct lease_table *table, uint16_t index)
{
	return __atomic_load_n(&table->claimed[index], __ATOMIC_RELAXED) &&
	       __atomic_exchange_n(&table->claimed[index], false, __ATOMIC_RELAXED);
}

/* Notes that a lease that was not held is from 'now_ns' on. */
void lease_begin(struct lease_table *table, uint16_t index, uint64_t now_ns);

/* Notes that another node holds the lease's router at 'now_ns'. */
void lease_set_elsewhere(struct lease_table *table, uint16_t index, uint64_t now_ns);

/* When another node was last known to hold it; 0: never. Any thread. */
static inline uint64_t
lease_elsewhere(const struct lease_table *table, uint16_t index)
{
	return __atomic_load_n(&table->elsewhere_ns[index], __ATOMIC_RELAXED);
}

/* When it was gained last. Any thread. */
static inline uint64_t
lease_since(const struct lease_table *table, uint16_t index)
{
	return __atomic_load_n(&table->since_ns[index], __ATOMIC_RELAXED);
}

/* How long a lease that is held has been so. Any thread. */
static inline uint64_t
lease_age(const struct lease_table *table, uint16_t index, uint64_t now_ns)
{
	uint64_t since_ns = lease_since(table, index);

	return now_ns > since_ns ? now_ns - since_ns : 0;
}

/* Any thread. */
static inline bool
lease_held(const struct lease_table *table, uint16_t index, uint64_t now_ns)
{
	return now_ns < __atomic_load_n(&table->until_ns[index], __ATOMIC_RELAXED);
}

#endif /* DATAPLANE_LEASE_H */
