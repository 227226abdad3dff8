/* SPDX-License-Identifier: BSD-3-Clause */
/* Building the service table; see service.h. */
#include "dataplane/service.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define LINE_BYTES 64

int
service_table_init(struct service_table *table, size_t n)
{
	uint32_t n_slots = 16;

	while (n_slots < 2 * n)
		n_slots *= 2;
	table->slots = aligned_alloc(LINE_BYTES, n_slots * sizeof(*table->slots));
	if (!table->slots)
		return -ENOMEM;
	memset(table->slots, 0, n_slots * sizeof(*table->slots));
	table->mask = n_slots - 1;
	table->any_port = false;
	return 0;
}

void
service_table_fini(struct service_table *table)
{
	free(table->slots);
	table->slots = NULL;
}

int
service_table_add(struct service_table *table, const struct service_slot *slot)
{
	const struct service_key *key = &slot->key;
	uint32_t i;

	assert(key->family != ADDR_NONE);
	for (i = service_hash(key) & table->mask; table->slots[i].key.family != ADDR_NONE;
		i = (i + 1) & table->mask)
		if (service_key_equal(&table->slots[i].key, key))
			return -EEXIST;
	table->slots[i] = *slot;
	if (key->port == 0 && key->protocol != 0)
		table->any_port = true;
	return 0;
}
