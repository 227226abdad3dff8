/* SPDX-License-Identifier: BSD-3-Clause */
/* One thread of the app tier: a loop, an HTTP server, database connections, module instances.
 *
 * Made and ended by the main thread. Nothing is shared between workers; the main thread asks one
 * for its figures and waits for the answer. */
#ifndef APPTIER_WORKER_H
#define APPTIER_WORKER_H

#include "apptier/db.h"
#include "apptier/db_router.h"
#include "apptier/modules.h"
#include "common/err.h"
#include "common/http/server.h"
#include "common/model.h"

struct worker;

struct worker_config {
	const struct model *model;
	const struct node *node;
	struct db_passwords passwords;
	const struct app_modules *modules;
	const char *session_keys; /* Sign cookies; see session.h. */
};

/* What a worker has counted. */
struct worker_stats {
	struct http_server_stats http;
	struct db_health health;
	struct db_server_stats servers[DB_SERVERS_MAX];
	size_t n_servers;
	uint32_t n_works; /* Long work that waits or is under way. */
	uint64_t n_works_refused;
	double modules[APP_MODULES_MAX][APP_METRICS_MAX]; /* As the modules and their metrics. */
};

/* The routes of the tier itself; ends with a NULL path. */
extern const struct http_route worker_routes[];

/* Binds its sockets and makes all it needs, but does not run. 'config' and what it points to
 * outlive it. Returns 0, or a negative errno with 'err' set. */
int worker_new(struct worker **out, const struct worker_config *config, struct err *err);

/* Starts its thread. Returns 0, or a negative errno with 'err' set. */
int worker_start(struct worker *worker, struct err *err);

/* The schema is there: let statements through. Any thread. */
void worker_set_ready(struct worker *worker);

/* The figures of now; if the worker does not answer in time, those of before. Main thread. */
void worker_measure(struct worker *worker, struct worker_stats *out);

/* Asks it to answer what is under way, save what is in memory and end. Any thread. */
void worker_stop(struct worker *worker);

/* Waits for its end, if it was started, and frees it. NULL is allowed. */
void worker_free(struct worker *worker);

#endif /* APPTIER_WORKER_H */
