/* SPDX-License-Identifier: BSD-3-Clause */
/* Leases; see lease.h. There are few, so names are found by looking at all of them. */
#include "dataplane/lease.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
lease_table_new(struct lease_table **out)
{
	struct lease_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	*out = table;
	return 0;
}

void
lease_table_free(struct lease_table *table)
{
	free(table);
}

uint16_t
lease_find(const struct lease_table *table, const char *name)
{
	for (unsigned int i = LEASE_NONE + 1; i < LEASES_MAX; i++)
		if (table->slots[i].n_users && strcmp(table->slots[i].name, name) == 0)
			return (uint16_t)i;
	return LEASE_NONE;
}

int
lease_acquire(struct lease_table *table, const char *name)
{
	unsigned int i = lease_find(table, name);

	if (i == LEASE_NONE) {
		for (i = LEASE_NONE + 1; i < LEASES_MAX && table->slots[i].n_users; i++)
			;
		if (i == LEASES_MAX)
			return -ENOSPC;
		snprintf(table->slots[i].name, sizeof(table->slots[i].name), "%s", name);
	}
	table->slots[i].n_users++;
	return (int)i;
}

void
lease_release(struct lease_table *table, uint16_t index)
{
	if (index == LEASE_NONE)
		return;
	assert(table->slots[index].n_users > 0);
	if (--table->slots[index].n_users == 0)
		lease_set(table, index, 0);
}

void
lease_begin(struct lease_table *table, uint16_t index, uint64_t now_ns)
{
	assert(index != LEASE_NONE && index < LEASES_MAX);
	__atomic_store_n(&table->since_ns[index], now_ns, __ATOMIC_RELAXED);
}

void
lease_set_elsewhere(struct lease_table *table, uint16_t index, uint64_t now_ns)
{
	assert(index != LEASE_NONE && index < LEASES_MAX);
	__atomic_store_n(&table->elsewhere_ns[index], now_ns, __ATOMIC_RELAXED);
}

void
lease_set(struct lease_table *table, uint16_t index, uint64_t until_ns)
{
	assert(index != LEASE_NONE && index < LEASES_MAX);
	__atomic_store_n(&table->until_ns[index], until_ns, __ATOMIC_RELAXED);
}
