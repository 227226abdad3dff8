/* SPDX-License-Identifier: BSD-3-Clause */
/* The databases as one worker uses them: statements go to the right server and come back as
 * results.
 *
 *   db_read    from a replica that has what the client wrote before, else from the primary; tried
 *              again elsewhere if a server fails
 *   db_write   one statement on the primary, which is a transaction of its own; never repeated
 *   db_begin   a transaction of several statements on the primary (db_tx.h)
 *
 * Results come by a callback, never before the call returns. Everything belongs to the worker's
 * loop and its thread. */
#ifndef APPTIER_DB_H
#define APPTIER_DB_H

#include "apptier/db_value.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct db;
struct db_job;
struct model;

struct db_passwords {
	const char *writer; /* Of database.user. */
	const char *reader; /* Of database.read_user; NULL if there is none. */
};

/* 'model' and what 'passwords' points to outlive it. No server is waited for. Returns 0, or a
 * negative errno with 'err' set. */
int db_new(struct db **out, uv_loop_t *loop, const struct model *model,
	const struct db_passwords *passwords, struct err *err);

/* Takes nothing more: new statements are DB_UNAVAILABLE, open ones go on to their answer or their
 * deadline. Before db_free() let the loop go on until db_is_idle(). */
void db_shut(struct db *db);
bool db_is_idle(const struct db *db);
void db_free(struct db *db);

/* Lets statements through; before (the schema may not be there yet) all are DB_UNAVAILABLE. */
void db_set_ready(struct db *db);

struct db_want {
	struct gtid after;    /* The client's last write; unset: any state will do. */
	bool primary;         /* From the primary alone. */
	uint64_t deadline_ns; /* clock_now_ns() until which the answer is of use. */
};

/* Runs a SELECT. The call's values are copied. Returns a handle, valid until 'fn' is called, or
 * NULL if memory is short ('fn' is then not called). */
struct db_job *db_read(struct db *db, const struct db_call *call, const struct db_want *want,
	db_result_fn fn, void *ctx);

/* Runs an INSERT, UPDATE or DELETE on the primary. As db_read(). */
struct db_job *db_write(struct db *db, const struct db_call *call, uint64_t deadline_ns,
	db_result_fn fn, void *ctx);

/* 'fn' will not be called: whoever wanted the result is gone. A write may still happen. NULL is
 * allowed. */
void db_job_detach(struct db_job *job);

/* True if writes would find a primary now. */
bool db_is_writable(const struct db *db);

/* Called whenever a server went up or down or changed its role. The caller's storage. */
struct db_watcher {
	void (*changed)(void *ctx);
	void *ctx;
	struct db_watcher *next; /* The database layer's. */
};

void db_watch(struct db *db, struct db_watcher *watcher);

struct db_health {
	bool ready;    /* Statements are let through. */
	bool readable; /* Some server may be read. */
	bool primary;  /* A writable server answers. */
	bool replica;  /* Another one may be read. */
};

void db_health(const struct db *db, struct db_health *out);

/* Figures of one server, as this worker sees it. */
struct db_server_stats {
	const char *server; /* Node name. */
	bool up;
	bool writable;
	uint64_t lag_ms; /* How far it is behind the primary, at most. */
	uint64_t n_queries;
	uint64_t n_errors;        /* Failed, lost, refused. */
	uint64_t n_retries;       /* Writes tried again by themselves. */
	uint64_t n_waits;         /* Reads that had to wait for the client's write. */
	uint64_t n_wait_timeouts; /* Of them, those that went to the primary instead. */
	uint64_t n_opened;        /* Connections made. */
	uint64_t n_lost;          /* Of them, those that broke ... */
	uint64_t n_retired;       /* ... and those closed for their age or idleness. */
	uint64_t n_killed;        /* Statements ended at the server after their deadline. */
	uint64_t n_refused;       /* Statements that found the queue full or too slow. */
	uint32_t n_connections;
	uint32_t n_waiting; /* Statements waiting for a connection. */
};

size_t db_n_servers(const struct db *db);
void db_server_stats(const struct db *db, size_t index, struct db_server_stats *out);

#endif /* APPTIER_DB_H */
