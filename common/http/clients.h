/* SPDX-License-Identifier: BSD-3-Clause */
/* What each client may do: how many connections at a time, and how many requests a second.
 *
 * A client is an IPv4 address or an IPv6 prefix of 64 bits. All workers share one table, so that
 * the limits are those of the process; each call takes one of many locks for a moment. The table
 * has a fixed size: a client that is not in it while all places are taken by others who
 * are at work is let in and counted as untracked. */
#ifndef COMMON_HTTP_CLIENTS_H
#define COMMON_HTTP_CLIENTS_H

#include "common/addr.h"
#include "common/prefix.h"

#include <stdbool.h>
#include <stdint.h>

struct clients_config {
	uint32_t max_connections; /* 0: any number. */
	uint32_t requests_per_s;  /* 0: any number. */
	uint32_t burst;           /* Requests that may come at once; at least 1. */
	const struct prefix *exempt;
	size_t n_exempt;
	uint32_t n_places; /* Clients that are known at a time. */
};

struct clients;

/* 'config' is copied, what it points to outlives the table. Returns 0 or -ENOMEM. */
int clients_new(struct clients **out, const struct clients_config *config);
void clients_free(struct clients *clients);

/* A connection of the client has come. Returns false if it has too many already; true makes
 * clients_leave() due. */
bool clients_enter(struct clients *clients, const struct addr *addr, uint64_t now_ns);
void clients_leave(struct clients *clients, const struct addr *addr);

/* A request of the client has come. Returns false if that is more than it may. */
bool clients_request(struct clients *clients, const struct addr *addr, uint64_t now_ns);

/* Calls about clients for whom there was no place. */
uint64_t clients_n_untracked(const struct clients *clients);

#endif /* COMMON_HTTP_CLIENTS_H */
