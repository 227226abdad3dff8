/* SPDX-License-Identifier: BSD-3-Clause */
/* Reloads; see reload.h. */
#include "controlplane/reload.h"

#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/plan.h"
#include "common/source_lists.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

LOG_MODULE("reload");

struct reload {
	struct reload_config config;
	struct cluster *next;   /* Under way; NULL: nothing is. */
	struct model *model;    /* Of 'next'; then the one in force. */
	struct model *in_force; /* NULL: the one of the start. */
	struct plan *plan;
	unsigned int restart; /* Processes that are to be restarted then. */
	reload_done_fn on_done;
	void *ctx;
	bool again; /* Was asked for meanwhile. */
};

static void
note(struct reload *reload, const char *error)
{
	struct cluster_reload state = *cluster_reload(reload->config.cluster);

	snprintf(state.problem, sizeof(state.problem), "%s", error ? error : "");
	if (error) {
		state.n_failed++;
		LOG_ERR("not reloaded, nothing has changed: %s", error);
	} else {
		state.n_done++;
		state.since_ns = clock_now_ns();
		state.restart = reload->restart;
	}
	cluster_set_reload(reload->config.cluster, &state);
}

/* Ends the reload under way: with 'error', or NULL when it has been carried out. */
static void
finish(struct reload *reload, const char *error)
{
	reload_done_fn on_done = reload->on_done;
	struct plan *plan = reload->plan;
	json_t *json = error ? NULL : plan_json(plan);

	note(reload, error);
	cluster_free(reload->next);
	model_free(reload->model);
	reload->next = NULL;
	reload->model = NULL;
	reload->plan = NULL;
	reload->on_done = NULL;
	if (on_done)
		on_done(reload->ctx, json, error ? error : json ? NULL : "out of memory");
	json_decref(json);
	plan_free(plan);
	if (reload->again) {
		reload->again = false;
		reload_request(reload);
	}
}

static void
adopt(struct reload *reload)
{
	const struct reload_config *config = &reload->config;
	struct model *former = reload->in_force;

	plan_log(reload->plan, cluster_node(reload->next));
	cluster_inherit(reload->next, config->cluster);
	config->on_adopt(config->ctx, reload->next, reload->model);
	/* The former content goes before the model that it points to. */
	cluster_free(reload->next);
	reload->next = NULL;
	reload->in_force = reload->model;
	reload->model = former;
	LOG_INFORM(
		"reloaded %s: %zu changes", config->options->config_path, reload->plan->n_changes);
	finish(reload, NULL);
}

static void
on_tried(void *ctx, const char *error)
{
	struct reload *reload = ctx;

	if (error)
		finish(reload, error);
	else
		adopt(reload);
}

/* --- Getting there --- */

static const struct model *
in_force(const struct reload *reload)
{
	return reload->in_force ? reload->in_force : reload->config.options->model;
}

static int
plan_all(struct reload *reload, struct model *model, const struct node *node, struct err *err)
{
	const struct model *start = reload->config.options->model;
	struct plan *since_start = NULL;
	int rc = plan_new(&reload->plan, in_force(reload), model);

	if (rc == 0)
		rc = plan_new(&since_start, start, model);
	if (rc < 0)
		return err_set(err, rc, "out of memory");
	reload->restart = plan_restart(since_start, node);
	plan_free(since_start);
	return 0;
}

static int
make_next(struct reload *reload, const struct node *node, struct err *err)
{
	struct flow_sync sync = {.n_peers = 0};
	int rc = flow_sync_read(&sync, reload->model, node, err);

	if (rc < 0)
		return rc;
	rc = cluster_new(&reload->next, reload->model, node, clock_now_ns());
	if (rc < 0)
		err_set(err, rc, "out of memory");
	else
		cluster_set_sync(reload->next, &sync);
	flow_sync_fini(&sync);
	if (rc == 0)
		cluster_inherit(reload->next, reload->config.cluster);
	return rc;
}

static int
prepare(struct reload *reload, struct err *err)
{
	const struct options *options = reload->config.options;
	const struct node *node;
	int rc = options_reload(options, &reload->model, &node, err);

	if (rc < 0) {
		reload->model = NULL;
		return rc;
	}
	rc = source_lists_read(reload->model, err);
	if (rc == 0)
		rc = plan_all(reload, reload->model, node, err);
	if (rc == 0)
		rc = reload_pin(reload->model, node, options->model, err);
	if (rc == 0)
		rc = make_next(reload, node, err);
	return rc;
}

int
reload_start(struct reload *reload, reload_done_fn on_done, void *ctx, struct err *err)
{
	struct err why = {""};

	if (reload->next)
		return err_set(err, -EBUSY,
			"a reload is under way: try again when it has ended ('weirctl status')");
	reload->on_done = on_done;
	reload->ctx = ctx;
	if (prepare(reload, &why) < 0) {
		finish(reload, why.text);
		return 0;
	}
	/* Without a dataplane there is nobody to refuse it; one that comes is told then. */
	if (dataplane_client_try(reload->config.client, reload->next, on_tried, reload) < 0)
		adopt(reload);
	return 0;
}

void
reload_request(struct reload *reload)
{
	if (reload->next)
		reload->again = true;
	else
		reload_start(reload, NULL, NULL, NULL);
}

int
reload_new(struct reload **out, const struct reload_config *config)
{
	struct reload *reload = calloc(1, sizeof(*reload));

	if (!reload)
		return -ENOMEM;
	reload->config = *config;
	*out = reload;
	return 0;
}

void
reload_free(struct reload *reload, struct model **model)
{
	if (!reload)
		return;
	reload->again = false;
	if (reload->next)
		finish(reload, "the control plane is stopping");
	*model = reload->in_force;
	free(reload);
}
