/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of 'struct app': what one worker has, for the tier's own files. Modules use module.h.
 */
#ifndef APPTIER_APP_H
#define APPTIER_APP_H

#include "apptier/module.h"
#include "apptier/modules.h"
#include "apptier/session.h"
#include "common/http/server.h"

struct app {
	uv_loop_t loop;
	const struct model *model;
	const struct node *node;
	struct db *db;
	struct session_signer *signer;
	struct http_server *server;
	struct http_route *routes;     /* The tier's own and all modules'. */
	void *states[APP_MODULES_MAX]; /* Of app_modules, in their order. */
	size_t n_started;              /* Modules that have a state. */
};

#endif /* APPTIER_APP_H */
