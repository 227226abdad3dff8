/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the cluster file again while the node works.
 *
 * The file is read and validated; what it asks for is planned (plan.h) and offered to the
 * dataplane, which may refuse it; only then it takes the place of what was in force, all at once.
 * At every step before that a failure leaves everything as it was. What needs a restart of a
 * process stays as it is until then. Belongs to the control plane's loop and its thread. */
#ifndef CONTROLPLANE_RELOAD_H
#define CONTROLPLANE_RELOAD_H

#include "common/options.h"
#include "controlplane/cluster.h"
#include "controlplane/dataplane_client.h"

#include <jansson.h>

struct reload;

struct reload_config {
	const struct options *options; /* Its model outlives the reload, as all here does. */
	struct cluster *cluster;
	struct dataplane_client *client;
	/* Puts 'next', made of 'model', in force: exchanges it with the cluster (cluster_swap())
	 * and has all parts go on with it. 'next' then holds what was in force before. */
	void (*on_adopt)(void *ctx, struct cluster *next, struct model *model);
	void *ctx;
};

/* Called once with the plan that was carried out (borrowed), or with what was wrong. */
typedef void (*reload_done_fn)(void *ctx, json_t *plan, const char *error);

/* Returns 0 or -ENOMEM. */
int reload_new(struct reload **out, const struct reload_config *config);
/* A reload under way ends without having changed anything. The model in force stays, for the caller
 * to free when nothing uses it any more: '*model' becomes it, or NULL if it is that of the options.
 * NULL is allowed. */
void reload_free(struct reload *reload, struct model **model);

/* Reloads; 'on_done' may be called before this returns. While another reload is under way returns
 * -EBUSY with 'err' set, and 'on_done' is not called. */
int reload_start(struct reload *reload, reload_done_fn on_done, void *ctx, struct err *err);

/* The same, or when the one that is under way has ended; the result goes to the log alone. */
void reload_request(struct reload *reload);

/* Keeps in 'model' what 'start', the model with which the processes were started, says of the node
 * and can only change with a restart. Returns 0; or -EINVAL with 'err' saying what in the model
 * does not work with it. 'start' must outlive 'model'. */
int reload_pin(
	struct model *model, const struct node *node, const struct model *start, struct err *err);

#endif /* CONTROLPLANE_RELOAD_H */
