/* SPDX-License-Identifier: BSD-3-Clause */
/* What a module of the app tier is: business logic behind a table of routes.
 *
 * A module is a constant of type 'struct app_module' that modules.c lists. Each worker thread
 * starts its own instance, which belongs to that worker's loop: no locks, nothing shared, and
 * nothing may block. Handlers are plain HTTP handlers (common/http/http.h) whose 'ctx' is the
 * worker's 'struct app'; they answer by the functions of reply.h and reach the databases by db.h:
 *
 *   static void
 *   handle_greeting(struct http_request *req, void *ctx)
 *   {
 *           struct greeter *greeter = app_module_state(ctx, &greeter_module);
 *
 *           reply_json(ctx, req, 200, json_pack("{s:s}", "greeting", greeter->text), NULL);
 *   }
 */
#ifndef APPTIER_MODULE_H
#define APPTIER_MODULE_H

#include "apptier/db.h"
#include "common/err.h"
#include "common/http/http.h"
#include "common/metrics.h"
#include "common/model.h"

#include <stdint.h>
#include <uv.h>

struct app; /* One worker. */

uv_loop_t *app_loop(const struct app *app);
struct db *app_db(const struct app *app);
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
	const char *name;
	const struct http_route *routes;  /* Ends with a NULL path. */
	const struct app_metric *metrics; /* Ends with a NULL name; or NULL. */

	/* Makes an instance for the worker 'app'. Returns 0, or a negative errno with 'err' set.
	 * The databases may be down and the schema not be there yet. */
	int (*start)(void **state, struct app *app, struct err *err);

	/* No more requests come. Saves what is only in memory, by 'deadline_ns' at the latest, and
	 * calls 'done', perhaps at once. NULL: there is nothing to save. */
	void (*drain)(void *state, uint64_t deadline_ns, void (*done)(void *ctx), void *ctx);

	/* Ends the instance. Memory that open libuv handles are in goes with their close callbacks.
	 */
	void (*stop)(void *state);

	/* Fills in the current value of each metric, in their order. NULL without metrics. */
	void (*measure)(const void *state, double *values);
};

/* The instance of 'module' in this worker. */
void *app_module_state(const struct app *app, const struct app_module *module);

#endif /* APPTIER_MODULE_H */
