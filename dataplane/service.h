/* SPDX-License-Identifier: BSD-3-Clause */
/* Which service, if any, a packet is for: a hash of (address, port, protocol), and in the same
 * table the VIPs themselves (protocol 0, port 0).
 *
 * One slot is half a cache line and holds the whole key, so a lookup costs one line however many
 * services there are; the packet path prefetches it a pass ahead. Built once with a snapshot, then
 * constant. */
#ifndef DATAPLANE_SERVICE_H
#define DATAPLANE_SERVICE_H

#include "common/addr.h"
#include "dataplane/hash.h"
#include "dataplane/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct service_key {
	union {
		uint8_t address[16]; /* As in struct addr. */
		uint64_t address_words[2];
	};
	union {
		struct {
			be16 port;        /* 0: all ports of the protocol. */
			uint8_t protocol; /* 0: the VIP itself. */
			uint8_t family;   /* enum addr_family */
		};
		uint32_t rest; /* service_key_rest() */
	};
	uint32_t beside; /* No part of the key: SERVICE_* of a slot, else 0. */
};

/* A service's slot has all that a packet needs to know of it whose flow goes on as it is: with
 * thousands of services another line is another wait. */
struct service_slot {
	struct service_key key; /* family 0: empty. */
	uint16_t vip;           /* Id. */
	uint16_t service;       /* Index of a service; unused for a VIP. */
	uint16_t id;            /* Its id, for the counters; unused for a VIP. */
	uint16_t pool;          /* Index of its pool; unused for a VIP. */
};

/* Bits of a slot's 'key.beside'. */
#define SERVICE_THOROUGH 0x01u /* Each packet is looked at: limits, lists, cookies, answers. */
#define SERVICE_SPECIAL 0x02u  /* More is done to packets than in mode dr. */
/* Addresses are translated, and backends told nothing of clients: nat_steady(). */
#define SERVICE_NAT 0x04u
#define SERVICE_FULLNAT 0x08u
#define SERVICE_TUNNEL 0x10u /* Packets are wrapped: tunnel_steady(). */
#define SERVICE_NOTED 0x20u  /* SYNs of new flows are noted, not entered: syn_notes.h. */

static_assert(sizeof(struct service_key) == 24, "three words");
static_assert(sizeof(struct service_slot) == 32, "two in a cache line");

struct service_table {
	struct service_slot *slots;
	uint32_t mask; /* Slots are a power of two, at most half of them used. */
	bool any_port; /* There are services for all ports. */
};

/* Makes an empty table for 'n' services and VIPs together. Returns 0 or -ENOMEM. */
int service_table_init(struct service_table *table, size_t n);
void service_table_fini(struct service_table *table);

/* Adds a service or a VIP: a copy of 'slot'. Returns 0 or -EEXIST. */
int service_table_add(struct service_table *table, const struct service_slot *slot);

/* By whole words, for the reason given at struct flow_key. 'port' is as on the wire. */
static inline uint32_t
service_key_rest(uint16_t port, uint8_t protocol, uint8_t family)
{
	return port | (uint32_t)protocol << 16 | (uint32_t)family << 24;
}

/* Of the three words two are enough: the address's halves, one of them with the rest in it. */
static inline uint32_t
service_hash(const struct service_key *key)
{
	return (uint32_t)hash_fold(
		key->address_words[0] ^ (uint64_t)key->rest << 32 ^ UINT64_C(0x8ebc6af09c88c6e3),
		key->address_words[1] ^ UINT64_C(0xa0761d6478bd642f));
}

static inline const struct service_slot *
service_slot_at(const struct service_table *table, uint32_t hash)
{
	return &table->slots[hash & table->mask];
}

static inline bool
service_key_equal(const struct service_key *a, const struct service_key *b)
{
	return ((a->address_words[0] ^ b->address_words[0]) |
		       (a->address_words[1] ^ b->address_words[1]) |
		       (uint64_t)(a->rest ^ b->rest)) == 0;
}

/* The slot of just this key, or NULL. 'hash' is service_hash(key). */
static inline const struct service_slot *
service_find_exact(const struct service_table *table, const struct service_key *key, uint32_t hash)
{
	for (uint32_t i = hash & table->mask;; i = (i + 1) & table->mask) {
		const struct service_slot *slot = &table->slots[i];

		if (service_key_equal(&slot->key, key))
			return slot;
		if (slot->key.family == ADDR_NONE)
			return NULL;
	}
}

/* The service for the key: the one of its port, else the one of all ports, else NULL. */
static inline const struct service_slot *
service_find(const struct service_table *table, const struct service_key *key, uint32_t hash)
{
	const struct service_slot *slot = service_find_exact(table, key, hash);

	if (__builtin_expect(!slot && table->any_port, 0)) {
		struct service_key any = *key;

		any.port = 0;
		slot = service_find_exact(table, &any, service_hash(&any));
	}
	return slot;
}

/* The slot of the VIP 'address' (16 bytes), or NULL. */
static inline const struct service_slot *
service_find_vip(const struct service_table *table, const uint8_t *address, uint8_t family)
{
	struct service_key key = {.family = family};

	memcpy(key.address, address, sizeof(key.address));
	return service_find_exact(table, &key, service_hash(&key));
}

#endif /* DATAPLANE_SERVICE_H */
