/* SPDX-License-Identifier: BSD-3-Clause */
/* Which database server a statement goes to. Pure decisions on a view of the servers; db.c makes
 * the view and acts.
 *
 *   writes  to the server that says it is writable (read_only=0), whatever the cluster file calls
 *           it, so that a promotion is followed; to none if there is no such server
 *   reads   to a replica, by turns; to the primary when no replica is usable
 *   fresh   reads (that must see a certain write) likewise, but a replica that was just found to
 *           lag is passed over; only if nothing else is left is it read as it is, because an old
 *           answer is better than none while the primary is down
 *
 * A replica that is further behind than the configured limit is not read at all. */
#ifndef APPTIER_DB_ROUTER_H
#define APPTIER_DB_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_ROUTER_NONE (-1)
#define DB_SERVERS_MAX 16

/* One server, as its last probe saw it. */
struct db_view {
	bool up;         /* Answers. */
	bool writable;   /* Said read_only=0; meaningless unless up. */
	bool lags;       /* A wait for a write timed out there a moment ago. */
	bool stale;      /* Too far behind the primary to be read at all. */
	bool configured; /* The cluster file calls it the primary. */
};

/* The server to write to, or DB_ROUTER_NONE. 'current' is the last answer: if several servers claim
 * to be writable it is kept, so that writes do not spread over two histories. */
int db_router_primary(const struct db_view *views, size_t n_views, int current);

/* True if more than one server that is up claims to be writable: someone has to intervene. */
bool db_router_is_split(const struct db_view *views, size_t n_views);

struct db_route {
	int server; /* Index, or DB_ROUTER_NONE. */
	bool wait;  /* Wait there for the write before reading. */
};

/* Where to read. 'primary' is what db_router_primary() said; servers whose bit is set in 'tried'
 * are left out; 'turn' rises by one with every read. */
struct db_route db_router_read(const struct db_view *views, size_t n_views, int primary, bool fresh,
	uint32_t tried, uint32_t turn);

#endif /* APPTIER_DB_ROUTER_H */
