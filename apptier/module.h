/* SPDX-License-Identifier: BSD-3-Clause */
/* What a module of the app tier is: business logic behind a table of routes. This header is all
 * that a module needs; docs/apptier.md explains it with an example.
 *
 * A module is a constant of type 'struct app_module', compiled in (modules.c lists those) or in a
 * shared object that exports it by APP_MODULE_EXPORT; weir.yaml names which are used. Each worker
 * thread starts its own instance, which belongs to that worker's loop: no locks, nothing shared,
 * and nothing may block; long work goes to the thread pool (request.h). Handlers are plain HTTP
 * handlers (common/http/http.h) whose 'ctx' is the worker's 'struct app'. Most of them begin with
 * app_request_new() and use the functions of request.h and input.h:
 *
 *   static void
 *   handle_greeting(struct http_request *req, void *ctx)
 *   {
 *           struct app_request *request = app_request_new(req, ctx, 0);
 *
 *           if (request)
 *                   app_reply_json(request, 200, json_pack("{s:s}", "greeting", "hello"));
 *   }
 *
 * What a module does itself with db.h, db_tx.h and reply.h is its own to clean up when the client
 * leaves. */
#ifndef APPTIER_MODULE_H
#define APPTIER_MODULE_H

#include "apptier/db.h"
#include "apptier/input.h"
#include "apptier/request.h"
#include "common/err.h"
#include "common/http/http.h"
#include "common/metrics.h"

#include <stdint.h>
#include <uv.h>

/* Rises whenever something that modules are compiled with changes: a shared object that was built
 * with another one is refused. */
#define APP_MODULE_VERSION 1

struct app; /* One worker. */
struct model;
struct node;

uv_loop_t *app_loop(const struct app *app);
struct db *app_db(const struct app *app);
const char *app_public_url(const struct app *app); /* "https://www.example.org" */
const char *app_node_name(const struct app *app);

/* For modules that are compiled in alone: what these point to may change with every version. */
const struct model *app_model(const struct app *app);
const struct node *app_node(const struct app *app);

/* A metric of a module; the page shows the sum over all workers. */
struct app_metric {
	const char *name;
	enum metric_type type;
	const char *help;
};

#define APP_METRICS_MAX 16 /* Of one module. */

struct app_module {
	const char *name;                 /* a-z, 0-9, '-' and '_'. */
	const struct http_route *routes;  /* Ends with a NULL path. */
	const struct app_metric *metrics; /* Ends with a NULL name; or NULL. */

	/* Makes an instance for the worker 'app'. Returns 0, or a negative errno with 'err' set.
	 * The databases may be down and the schema not be there yet. NULL: there is no state. */
	int (*start)(void **state, struct app *app, struct err *err);

	/* No more requests come. Saves what is only in memory, by 'deadline_ns' at the latest, and
	 * calls 'done', perhaps at once. NULL: there is nothing to save. */
	void (*drain)(void *state, uint64_t deadline_ns, void (*done)(void *ctx), void *ctx);

	/* Ends the instance. Memory that open libuv handles are in goes with their close callbacks.
	 * NULL: there is nothing to end. */
	void (*stop)(void *state);

	/* Fills in the current value of each metric, in their order. NULL without metrics. */
	void (*measure)(const void *state, double *values);
};

/* Makes 'module' the module of this shared object. Once, at file level. */
#define APP_MODULE_EXPORT(module)                                                    \
	__attribute__((visibility("default"))) const uint32_t app_exported_version = \
		APP_MODULE_VERSION;                                                  \
	__attribute__((visibility("default")))                                       \
	const struct app_module *const app_exported_module = &(module)

/* The instance of 'module' in this worker; NULL if it has no state. */
void *app_module_state(const struct app *app, const struct app_module *module);

#endif /* APPTIER_MODULE_H */
