/* SPDX-License-Identifier: BSD-3-Clause */
/* Maglev hashing: a table that maps any flow to a backend, evenly by weight, so that a change of
 * one backend moves few flows of the others (Eisenbud et al., "Maglev: A Fast and Reliable
 * Software Network Load Balancer", NSDI 2016, 3.4).
 *
 * Every node must build the same table from the same backends. So the result depends on nothing
 * but each backend's address, name and weight: not on their order, their ids or on history.
 *
 * The algorithm, part of the protocol between nodes:
 *   seed        = hash_bytes(MAGLEV_NAME_SEED ^ hash_bytes(0, address's 4 or 16 bytes), name)
 *   offset      = (seed >> 32) mod size
 *   skip        = (seed & 0xffffffff) mod (size - 1) + 1
 *   A backend prefers the slots offset, offset + skip, offset + 2 skip, ... (mod size), each once
 *   since size is prime. In turn k (0, 1, ...) a backend takes the first slot of its list that
 *   is still free; its turn k comes in round floor(k * W / weight), W being the largest weight.
 *   The turns of a round are taken in the order of the list that the previous rounds have left:
 *   before round 0 backends are sorted by falling seed and put in front of round 0's list one
 *   by one; after each turn the backend is put in front of the list of its next turn's round. */
#ifndef DATAPLANE_MAGLEV_H
#define DATAPLANE_MAGLEV_H

#include "common/addr.h"
#include "dataplane/hash.h"

#include <stdbool.h>
#include <stdint.h>

#define MAGLEV_SIZE_DEFAULT 65537u /* Prime, and 100 slots for each of 650 backends. */
#define MAGLEV_NAME_SEED UINT64_C(0x776569722d6d6776) /* "weir-mgv" */
#define MAGLEV_FLOW_SEED UINT64_C(0x776569722d666c77) /* "weir-flw" */

struct maglev_member {
	uint64_t seed;   /* maglev_seed() */
	uint16_t id;     /* What the table yields; not 0. */
	uint16_t weight; /* Not 0. */
};

struct maglev {
	uint32_t size;
	uint32_t n_users; /* Control thread only. */
	uint32_t n_members;
	struct maglev_member *members; /* Sorted by seed. */
	uint16_t entries[];            /* Ids of members. */
};

uint64_t maglev_seed(const struct addr *addr, const char *name);

/* Builds a table of 'size' entries, which must be prime; with one member a single entry does.
 * Returns 0 and a table with one user, or -ENOMEM, or -EINVAL for no members or a size that is
 * not prime. */
int maglev_new(struct maglev **out, const struct maglev_member *members, uint32_t n_members,
	uint32_t size);

/* True if the table was made of just these members, in any order. */
bool maglev_is_of(
	const struct maglev *maglev, const struct maglev_member *members, uint32_t n_members);

struct maglev *maglev_ref(struct maglev *maglev);

/* One user less; frees the table with the last one. NULL is allowed. */
void maglev_unref(struct maglev *maglev);

/* The hash of a flow that all nodes agree on. 'client' has 16 bytes, as in struct addr; the ports
 * are as on the wire. */
static inline uint64_t
maglev_flow_hash(const uint8_t *client, be16 client_port, be16 vip_port, uint8_t protocol)
{
	uint8_t bytes[24] = {0};

	memcpy(bytes, client, 16);
	memcpy(bytes + 16, &client_port, 2);
	memcpy(bytes + 18, &vip_port, 2);
	bytes[20] = protocol;
	return hash_bytes(MAGLEV_FLOW_SEED, bytes, sizeof(bytes));
}

/* The same of words, which is quicker than making bytes of them: the client's address as two, both
 * ports as struct flow_key has them. */
static inline uint64_t
maglev_flow_hash_words(const uint64_t *client, uint32_t ports, uint8_t protocol)
{
	uint64_t h = MAGLEV_FLOW_SEED ^ (3 * sizeof(uint64_t));

	h = hash_mix(h ^ le64toh(client[0]));
	h = hash_mix(h ^ le64toh(client[1]));
	return hash_mix(h ^ ((uint64_t)protocol << 32 | ports));
}

static inline const uint16_t *
maglev_entry(const struct maglev *maglev, uint64_t flow_hash)
{
	return &maglev->entries[hash_range((uint32_t)(flow_hash >> 32), maglev->size)];
}

#endif /* DATAPLANE_MAGLEV_H */
