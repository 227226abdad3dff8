/* SPDX-License-Identifier: BSD-3-Clause */
/* Next hops; see nexthop.h. Addresses are found by a chained hash, freed slots by a free list;
 * both belong to the control thread. */
#include "dataplane/nexthop.h"

#include "dataplane/hash.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define N_CHAINS 65536u

struct nexthop_slot {
	struct addr addr;
	uint32_t n_users; /* 0: free. */
	uint32_t next;    /* In its chain, or in the free list; 0: the end. */
};

static uint32_t *
chain_of(const struct nexthop_table *table, const struct addr *addr)
{
	return &table->chains[hash_bytes(0, addr, sizeof(*addr)) % N_CHAINS];
}

static void
set_word(struct nexthop_table *table, uint16_t index, uint64_t word)
{
	__atomic_store_n(&table->words[index], word, __ATOMIC_RELAXED);
}

int
nexthop_table_new(struct nexthop_table **out)
{
	struct nexthop_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->words = calloc(NEXTHOPS_MAX, sizeof(*table->words));
	table->slots = calloc(NEXTHOPS_MAX, sizeof(*table->slots));
	table->chains = calloc(N_CHAINS, sizeof(*table->chains));
	table->n_used = 1; /* NEXTHOP_NONE */
	if (!table->words || !table->slots || !table->chains) {
		nexthop_table_free(table);
		return -ENOMEM;
	}
	*out = table;
	return 0;
}

void
nexthop_table_free(struct nexthop_table *table)
{
	if (!table)
		return;
	free(table->words);
	free(table->slots);
	free(table->chains);
	free(table);
}

int
nexthop_acquire(struct nexthop_table *table, const struct addr *addr)
{
	uint32_t *chain = chain_of(table, addr);
	struct nexthop_slot *slot;
	uint32_t i;

	for (i = *chain; i; i = table->slots[i].next) {
		if (addr_equal(&table->slots[i].addr, addr)) {
			table->slots[i].n_users++;
			return (int)i;
		}
	}
	if (table->first_free) {
		i = table->first_free;
		table->first_free = table->slots[i].next;
	} else if (table->n_used < NEXTHOPS_MAX) {
		i = table->n_used++;
	} else {
		return -ENOSPC;
	}
	slot = &table->slots[i];
	slot->addr = *addr;
	slot->n_users = 1;
	slot->next = *chain;
	*chain = i;
	return (int)i;
}

void
nexthop_release(struct nexthop_table *table, uint16_t index)
{
	struct nexthop_slot *slot = &table->slots[index];
	uint32_t *link;

	if (index == NEXTHOP_NONE)
		return;
	assert(slot->n_users > 0);
	if (--slot->n_users)
		return;
	for (link = chain_of(table, &slot->addr); *link != index;)
		link = &table->slots[*link].next;
	*link = slot->next;
	slot->next = table->first_free;
	table->first_free = index;
	set_word(table, index, 0);
}

void
nexthop_set(struct nexthop_table *table, uint16_t index, const struct nexthop *hop)
{
	uint64_t word;

	assert(index != NEXTHOP_NONE && table->slots[index].n_users > 0);
	memcpy(&word, hop, sizeof(word));
	set_word(table, index, word);
}

uint16_t
nexthop_next(const struct nexthop_table *table, uint32_t *cursor, struct addr *addr)
{
	for (uint32_t i = *cursor + 1; i < table->n_used; i++) {
		if (table->slots[i].n_users == 0)
			continue;
		*cursor = i;
		*addr = table->slots[i].addr;
		return (uint16_t)i;
	}
	*cursor = table->n_used;
	return NEXTHOP_NONE;
}
