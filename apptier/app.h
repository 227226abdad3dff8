/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of 'struct app': what one worker has, for the tier's own files. Modules use module.h.
 */
#ifndef APPTIER_APP_H
#define APPTIER_APP_H

#include "apptier/module.h"
#include "apptier/modules.h"
#include "apptier/session.h"
#include "common/http/server.h"
#include "common/model.h"

struct app {
	uv_loop_t loop;
	const struct model *model;
	const struct node *node;
	struct db *db;
	struct session_signer *signer;
	struct http_server *server;
	const struct app_modules *modules;
	struct http_route *routes;     /* The tier's own and all modules'. */
	void *states[APP_MODULES_MAX]; /* Of the modules, in their order. */
	size_t n_started;              /* Modules that have been started. */
	uint32_t n_works;              /* Pieces of long work that wait or are under way. */
	uint64_t n_works_refused;
};

#endif /* APPTIER_APP_H */
