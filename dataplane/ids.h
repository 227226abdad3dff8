/* SPDX-License-Identifier: BSD-3-Clause */
/* Small numbers for things that have long names, the same from one snapshot to the next.
 *
 * A set of ids is built by asking for each key in turn. A key that the previous set knows keeps
 * its id; a new key gets one that neither set uses, taken round robin, so that whoever still
 * remembers a freed id (a flow) meets nobody for as long as possible. */
#ifndef DATAPLANE_IDS_H
#define DATAPLANE_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDS_KEY_MAX 92 /* Bytes of a key. */

struct ids;

/* Makes an empty set for up to 'n_keys' keys with ids from 1 to 'id_max'. 'previous' (NULL: none)
 * must stay while keys are asked for; it is not changed. Returns 0 or -ENOMEM. */
int ids_new(struct ids **out, uint32_t n_keys, uint16_t id_max, const struct ids *previous);
void ids_free(struct ids *ids);

/* Gives 'key' its id. '*is_new' tells whether the previous set did not have it. Returns 0, or
 * -EEXIST if this set has the key already, or -ENOSPC. */
int ids_assign(struct ids *ids, const void *key, size_t size, uint16_t *id, bool *is_new);

/* The id of 'key', or 0. */
uint16_t ids_find(const struct ids *ids, const void *key, size_t size);

/* Forgets the previous set, which may then be freed. */
void ids_seal(struct ids *ids);

#endif /* DATAPLANE_IDS_H */
