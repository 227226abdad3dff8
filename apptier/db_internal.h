/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the database layer (db.c, db_job.c, db_tx.c) share; nobody else includes it. */
#ifndef APPTIER_DB_INTERNAL_H
#define APPTIER_DB_INTERNAL_H

#include "apptier/db.h"
#include "apptier/db_lag.h"
#include "apptier/db_pool.h"
#include "apptier/db_probe.h"
#include "apptier/db_router.h"
#include "common/model.h"

struct db_server {
	struct db *db;
	struct db_account reader; /* Reads, and looks after the server. */
	struct db_account writer;
	struct db_pool *readers;
	struct db_pool *writers; /* The same one if there is one account. */
	struct db_probe *probe;
	bool configured; /* The cluster file calls it the primary. */
	bool up;
	bool writable;
	struct db_lag_replica lag; /* How far it is behind the primary, as a replica. */
	bool stale;                /* Too far, when it was looked at last. */
	struct gtid reached;       /* What a wait has shown to be applied here. */
	uint64_t lags_until_ns;    /* A wait timed out: do not ask again before. */
	uint64_t n_queries;
	uint64_t n_errors;
	uint64_t n_retries;
	uint64_t n_waits;
	uint64_t n_wait_timeouts;
};

/* A piece of work whose answer came before the call that asked for it returned: it is given when
 * the loop comes round. */
struct db_deferred {
	void (*run)(struct db_deferred *deferred);
	struct db_deferred *next;
};

struct db {
	uv_loop_t *loop;
	const struct model *model;
	struct db_server servers[DB_SERVERS_MAX];
	size_t n_servers;
	int primary; /* Index, or DB_ROUTER_NONE. */
	int former;  /* The last primary that there was; what 'history' is of. */
	struct db_lag_history history;
	bool split; /* Several servers claim to be writable. */
	bool ready;
	bool shut;
	uint32_t turn;   /* Rises with every read. */
	uint32_t n_open; /* Jobs and transactions that hold or wait for a connection. */
	uv_idle_t idle;  /* Active while something is deferred. */
	struct db_deferred *deferred;
	struct db_deferred **deferred_end;
	struct db_watcher *watchers;
};

void db_defer(struct db *db, struct db_deferred *deferred);

/* Where a read goes now; see db_router.h. */
struct db_route db_route_read(struct db *db, bool fresh, uint32_t tried);

/* The server to write to, or NULL: none, not ready, or shutting down. */
struct db_server *db_route_write(struct db *db);

/* Counts a result, and has the server looked at again when it hints at a change of its state. */
void db_server_note(struct db_server *server, const struct db_result *result);

#endif /* APPTIER_DB_INTERNAL_H */
