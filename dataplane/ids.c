/* SPDX-License-Identifier: BSD-3-Clause */
/* Stable ids; see ids.h. Keys are kept in a table with linear probing, at most half full. */
#include "dataplane/ids.h"

#include "dataplane/hash.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct ids_slot {
	uint8_t key[IDS_KEY_MAX];
	uint16_t size;
	uint16_t id; /* 0: empty. */
};

struct ids {
	const struct ids *previous;
	struct ids_slot *slots;
	uint32_t n_slots; /* A power of two. */
	uint32_t n_keys;  /* Still to come. */
	uint16_t id_max;
	uint16_t last; /* The last new id that was given. */
	uint8_t *used; /* By id. */
};

/* The slot of the key, or the empty one where it belongs. */
static struct ids_slot *
slot_of(const struct ids *ids, const void *key, size_t size)
{
	uint32_t i = (uint32_t)hash_bytes(0, key, size) & (ids->n_slots - 1);

	while (ids->slots[i].id &&
		(ids->slots[i].size != size || memcmp(ids->slots[i].key, key, size) != 0))
		i = (i + 1) & (ids->n_slots - 1);
	return &ids->slots[i];
}

static uint16_t
new_id(struct ids *ids)
{
	for (uint32_t n = 0; n < ids->id_max; n++) {
		ids->last = ids->last < ids->id_max ? ids->last + 1 : 1;
		if (!ids->used[ids->last] && !(ids->previous && ids->previous->used[ids->last]))
			return ids->last;
	}
	return 0;
}

int
ids_new(struct ids **out, uint32_t n_keys, uint16_t id_max, const struct ids *previous)
{
	struct ids *ids = calloc(1, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	assert(!previous || previous->id_max == id_max);
	ids->previous = previous;
	ids->n_keys = n_keys;
	ids->id_max = id_max;
	ids->last = previous ? previous->last : 0;
	for (ids->n_slots = 16; ids->n_slots < 2 * n_keys;)
		ids->n_slots *= 2;
	ids->slots = calloc(ids->n_slots, sizeof(*ids->slots));
	ids->used = calloc((size_t)id_max + 1, sizeof(*ids->used));
	if (!ids->slots || !ids->used) {
		ids_free(ids);
		return -ENOMEM;
	}
	*out = ids;
	return 0;
}

void
ids_free(struct ids *ids)
{
	if (!ids)
		return;
	free(ids->slots);
	free(ids->used);
	free(ids);
}

int
ids_assign(struct ids *ids, const void *key, size_t size, uint16_t *id, bool *is_new)
{
	struct ids_slot *slot;
	uint16_t known;

	assert(size <= IDS_KEY_MAX);
	slot = slot_of(ids, key, size);
	if (slot->id)
		return -EEXIST;
	if (ids->n_keys == 0)
		return -ENOSPC;
	known = ids->previous ? ids_find(ids->previous, key, size) : 0;
	*is_new = known == 0;
	if (!known)
		known = new_id(ids);
	if (!known)
		return -ENOSPC;
	memcpy(slot->key, key, size);
	slot->size = (uint16_t)size;
	slot->id = known;
	ids->used[known] = 1;
	ids->n_keys--;
	*id = known;
	return 0;
}

uint16_t
ids_find(const struct ids *ids, const void *key, size_t size)
{
	return slot_of(ids, key, size)->id;
}

void
ids_seal(struct ids *ids)
{
	ids->previous = NULL;
}
