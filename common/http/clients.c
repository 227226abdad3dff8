/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients; see clients.h.
 *
 * Rates are kept by GCRA: of each client the table knows when its next request would be due if they
 * came evenly; one that comes too early by more than the burst allows is refused. */
#include "common/http/clients.h"

#include "common/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define N_SHARDS 64u /* A power of two. */
#define WAYS 8u      /* Places in which a client may be. */
#define V6_BYTES 8   /* Of an IPv6 address that make a client. */

struct client {
	struct addr addr; /* Family ADDR_NONE: a free place. */
	uint32_t n_connections;
	uint64_t due_ns; /* Of the next request. */
};

struct shard {
	pthread_mutex_t lock; /* Of all below. */
	struct client *places;
};

struct clients {
	struct clients_config config;
	uint64_t step_ns;   /* Between requests at the rate. */
	uint64_t credit_ns; /* How early a request may come. */
	uint32_t n_sets;    /* Of WAYS places, in each shard. */
	atomic_uint_fast64_t n_untracked;
	struct shard shards[N_SHARDS];
};

int
clients_new(struct clients **out, const struct clients_config *config)
{
	struct clients *clients = calloc(1, sizeof(*clients));

	if (!clients)
		return -ENOMEM;
	clients->config = *config;
	clients->n_sets = config->n_places / (N_SHARDS * WAYS) + 1;
	if (config->requests_per_s > 0) {
		clients->step_ns = NS_PER_S / config->requests_per_s;
		clients->credit_ns = clients->step_ns * (config->burst ? config->burst - 1 : 0);
	}
	for (size_t i = 0; i < N_SHARDS; i++) {
		struct shard *shard = &clients->shards[i];

		pthread_mutex_init(&shard->lock, NULL);
		shard->places = calloc((size_t)clients->n_sets * WAYS, sizeof(*shard->places));
		if (!shard->places) {
			clients_free(clients);
			return -ENOMEM;
		}
	}
	*out = clients;
	return 0;
}

void
clients_free(struct clients *clients)
{
	if (!clients)
		return;
	for (size_t i = 0; i < N_SHARDS; i++) {
		/* Shards behind the one that found no memory have neither lock nor places. */
		if (!clients->shards[i].places)
			continue;
		pthread_mutex_destroy(&clients->shards[i].lock);
		free(clients->shards[i].places);
	}
	free(clients);
}

/* The address under which a client is known. */
static struct addr
key_of(const struct addr *addr)
{
	struct addr key = *addr;

	if (key.family == ADDR_V6)
		memset(key.bytes + V6_BYTES, 0, sizeof(key.bytes) - V6_BYTES);
	return key;
}

static bool
is_exempt(const struct clients *clients, const struct addr *addr)
{
	for (size_t i = 0; i < clients->config.n_exempt; i++)
		if (prefix_covers(&clients->config.exempt[i], addr))
			return true;
	return false;
}

static uint32_t
hash_of(const struct addr *key)
{
	const unsigned char *bytes = (const unsigned char *)key;
	uint32_t hash = 2166136261u; /* FNV-1a, then mixed: neighbours shall not share a set. */

	for (size_t i = 0; i < sizeof(*key); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	hash ^= hash >> 16;
	hash *= 0x85ebca6bu;
	return hash ^ hash >> 13;
}

static struct shard *
lock_shard(struct clients *clients, uint32_t hash)
{
	struct shard *shard = &clients->shards[hash & (N_SHARDS - 1)];

	pthread_mutex_lock(&shard->lock);
	return shard;
}

static struct client *
set_of(const struct clients *clients, const struct shard *shard, uint32_t hash)
{
	return &shard->places[(size_t)(hash / N_SHARDS % clients->n_sets) * WAYS];
}

static struct client *
find(struct client *set, const struct addr *key)
{
	for (size_t i = 0; i < WAYS; i++)
		if (addr_equal(&set[i].addr, key))
			return &set[i];
	return NULL;
}

/* The client's place, or one whose client means nothing any more: it has no connection and could
 * send a whole burst. NULL if there is none. */
static struct client *
find_or_take(struct client *set, const struct addr *key, uint64_t now_ns)
{
	struct client *client = find(set, key);

	for (size_t i = 0; !client && i < WAYS; i++) {
		if (set[i].n_connections > 0 || set[i].due_ns > now_ns)
			continue;
		client = &set[i];
		*client = (struct client){.addr = *key};
	}
	return client;
}

bool
clients_enter(struct clients *clients, const struct addr *addr, uint64_t now_ns)
{
	struct addr key = key_of(addr);
	uint32_t hash = hash_of(&key);
	struct client *client;
	struct shard *shard;
	bool may = true;

	if (clients->config.max_connections == 0 || is_exempt(clients, addr))
		return true;
	shard = lock_shard(clients, hash);
	client = find_or_take(set_of(clients, shard, hash), &key, now_ns);
	if (client) {
		may = client->n_connections < clients->config.max_connections;
		client->n_connections += may;
	}
	pthread_mutex_unlock(&shard->lock);
	if (!client)
		atomic_fetch_add_explicit(&clients->n_untracked, 1, memory_order_relaxed);
	return may;
}

/* A client that was let in without a place may have got one since, of which connections that were
 * not counted must not be taken; the count then ends at zero a little early, never below. */
void
clients_leave(struct clients *clients, const struct addr *addr)
{
	struct addr key = key_of(addr);
	uint32_t hash = hash_of(&key);
	struct client *client;
	struct shard *shard;

	if (clients->config.max_connections == 0 || is_exempt(clients, addr))
		return;
	shard = lock_shard(clients, hash);
	client = find(set_of(clients, shard, hash), &key);
	if (client && client->n_connections > 0)
		client->n_connections--;
	pthread_mutex_unlock(&shard->lock);
}

bool
clients_request(struct clients *clients, const struct addr *addr, uint64_t now_ns)
{
	struct addr key = key_of(addr);
	uint32_t hash = hash_of(&key);
	struct client *client;
	struct shard *shard;
	bool may = true;

	if (clients->step_ns == 0 || is_exempt(clients, addr))
		return true;
	shard = lock_shard(clients, hash);
	client = find_or_take(set_of(clients, shard, hash), &key, now_ns);
	if (client) {
		uint64_t due_ns = client->due_ns > now_ns ? client->due_ns : now_ns;

		may = due_ns - now_ns <= clients->credit_ns;
		if (may)
			client->due_ns = due_ns + clients->step_ns;
	}
	pthread_mutex_unlock(&shard->lock);
	if (!client)
		atomic_fetch_add_explicit(&clients->n_untracked, 1, memory_order_relaxed);
	return may;
}

uint64_t
clients_n_untracked(const struct clients *clients)
{
	return atomic_load_explicit(&clients->n_untracked, memory_order_relaxed);
}
