/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits of backends; see limit.h. */
#include "dataplane/limit.h"

/* Places in the hash table that are tried for a backend with room. With one backend in two full,
 * one flow in 65 536 finds none. */
#define TRIES 16

/* This worker's part is rounded up: a limit lower than the number of workers lets pass one each. */
static bool
has_room(const struct limits *limits, const uint32_t *max_flows,
	const struct backend_stats *backends, uint16_t id)
{
	uint64_t part = ((uint64_t)max_flows[id] + limits->n_workers - 1) / limits->n_workers;

	return part == 0 || stats_read(&backends[id].n_active) < part;
}

uint16_t
limit_backend(const struct limits *limits, const uint32_t *max_flows,
	const struct backend_stats *backends, const struct maglev *maglev,
	const struct flow_key *key, uint16_t chosen)
{
	uint64_t hash;

	if (has_room(limits, max_flows, backends, chosen))
		return chosen;
	hash = maglev_flow_hash(key->client, key->client_port, key->vip_port, key->protocol);
	for (unsigned int i = 0; maglev && i < TRIES; i++) {
		hash = hash_mix(hash + 1);
		chosen = *maglev_entry(maglev, hash);
		if (has_room(limits, max_flows, backends, chosen))
			return chosen;
	}
	/* The rest of the table, from a place of the flow's own: nobody is refused for bad luck. */
	for (uint32_t i = 0; maglev && i < maglev->n_members; i++) {
		uint32_t at = hash_range((uint32_t)(hash >> 32), maglev->n_members) + i;

		chosen = maglev->members[at % maglev->n_members].id;
		if (has_room(limits, max_flows, backends, chosen))
			return chosen;
	}
	return 0;
}
