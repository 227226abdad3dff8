/* SPDX-License-Identifier: BSD-3-Clause */
/* Client of the dataplane's control socket; see dataplane_client.h. */
#include "controlplane/dataplane_client.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/timer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("dataplane");

#define RETRY_MS 100       /* Between attempts to connect. */
#define READY_MS 50        /* Between questions whether the dataplane is ready. */
#define STATS_MS 1000      /* Between questions for statistics. */
#define PUSH_DELAY_MS 1    /* Changes of one moment are one push. */
#define PUSH_RETRY_MS 1000 /* After a rejected push. */

/* A dataplane that answers nothing in so many ticks has stopped. That is told before the checks,
 * which go through it, can say that all backends are down. A large state may keep it busy for
 * longer. Ticks are counted, not time: after a stop of our own there is one, and then the answers
 * are read. */
#define TICK_MS 100
#define SILENT_TICKS 6
#define SILENT_TICKS_PUSHING 100
#define SILENT_TICKS_NO_PUSH 2 /* It could only be read when it is no longer true. */

struct dataplane_client {
	struct dataplane_client_config config;
	struct rpc_client *rpc;
	uv_timer_t push_timer; /* Runs when a push is due. */
	uv_timer_t ready_timer;
	uv_timer_t stats_timer;
	uv_timer_t tick_timer;
	size_t n_handles;      /* Timers whose close callback has not run. */
	unsigned int n_silent; /* Ticks since the last answer, while one is owed. */
	uint64_t generation;   /* Of the last push. */
	uint64_t pushed;       /* Generation under way; 0: none. */
	bool pushing;          /* Pushes are allowed. */
	bool dirty;            /* The cluster has changed since the last push. */
	bool lease_open;       /* A lease is unanswered. */
	bool ready_open;       /* A question is unanswered. */
	bool stats_open;
	bool signs_open;
	json_t *stats;
};

static struct cluster_dataplane
known(const struct dataplane_client *client)
{
	return *cluster_dataplane(client->config.cluster);
}

static void
set_known(struct dataplane_client *client, const struct cluster_dataplane *dataplane)
{
	cluster_dataplane_set(client->config.cluster, dataplane);
	if (client->config.on_change)
		client->config.on_change(client->config.ctx);
}

/* Logs a problem when it is a new one. */
static void
set_problem(struct dataplane_client *client, struct cluster_dataplane *dataplane, const char *text)
{
	if (strncmp(dataplane->problem, text, sizeof(dataplane->problem) - 1) != 0)
		LOG_WARNING("%s: %s", client->config.path, text);
	snprintf(dataplane->problem, sizeof(dataplane->problem), "%s", text);
}

/* --- Ready --- */

/* The first thing it waits for, and how many more. */
static void
describe_waiting(json_t *reply, char *text, size_t size)
{
	json_t *waiting = json_object_get(reply, "waiting");
	const char *first = json_string_value(json_array_get(waiting, 0));
	size_t n = json_array_size(waiting);

	if (n > 1)
		snprintf(text, size, "waiting for %s and %zu more", first ? first : "?", n - 1);
	else
		snprintf(text, size, "waiting for %s", first ? first : "?");
}

static void
on_ready_reply(void *ctx, json_t *result, const char *error)
{
	struct dataplane_client *client = ctx;
	struct cluster_dataplane dataplane = known(client);

	client->ready_open = false;
	client->n_silent = 0;
	if (error || !dataplane.accepted || (dataplane.ready && !dataplane.behind))
		return;
	dataplane.behind = json_is_false(json_object_get(result, "synced"));
	if (json_is_true(json_object_get(result, "ready"))) {
		if (!dataplane.ready)
			LOG_INFORM("%s: ready", client->config.path);
		dataplane.ready = true;
		dataplane.problem[0] = '\0';
		if (!dataplane.behind)
			uv_timer_stop(&client->ready_timer);
	} else if (!dataplane.ready) {
		describe_waiting(result, dataplane.problem, sizeof(dataplane.problem));
	}
	set_known(client, &dataplane);
}

static void
ask_ready(uv_timer_t *timer)
{
	struct dataplane_client *client = timer->data;

	if (!client->ready_open)
		client->ready_open =
			rpc_call(client->rpc, "ready", NULL, on_ready_reply, client) == 0;
}

/* --- State --- */

static void
on_state_reply(void *ctx, json_t *result, const char *error)
{
	struct dataplane_client *client = ctx;
	struct cluster_dataplane dataplane = known(client);
	uint64_t generation = client->pushed;

	(void)result;
	client->pushed = 0;
	client->n_silent = 0;
	if (!dataplane.connected)
		return;
	if (error) {
		set_problem(client, &dataplane, error);
		client->dirty = true;
		timer_set(&client->push_timer, PUSH_RETRY_MS);
		set_known(client, &dataplane);
		return;
	}
	dataplane.generation = generation;
	if (!dataplane.accepted) {
		dataplane.accepted = true;
		dataplane.problem[0] = '\0';
		LOG_INFORM("%s: accepted the desired state", client->config.path);
		timer_set(&client->ready_timer, READY_MS);
	}
	if (dataplane.ready)
		dataplane.problem[0] = '\0';
	if (client->dirty)
		timer_set(&client->push_timer, PUSH_DELAY_MS);
	set_known(client, &dataplane);
}

static void
push(uv_timer_t *timer)
{
	struct dataplane_client *client = timer->data;
	struct control_state *state;
	json_t *json;
	int rc;

	uv_timer_stop(timer);
	if (!client->pushing || client->pushed || !known(client).connected)
		return;
	if (client->n_silent >= SILENT_TICKS_NO_PUSH) {
		timer_set(timer, TICK_MS);
		return;
	}
	state = cluster_build_state(client->config.cluster, client->generation + 1);
	json = state ? control_state_encode(state) : NULL;
	control_state_free(state);
	rc = json ? rpc_call(client->rpc, "state", json, on_state_reply, client) : -ENOMEM;
	if (rc < 0) {
		LOG_WARNING("%s: cannot push the desired state: %s", client->config.path,
			strerror(-rc));
		timer_set(&client->push_timer, PUSH_RETRY_MS);
		return;
	}
	client->pushed = ++client->generation;
	client->dirty = false;
}

/* --- Connection --- */

static void
on_stats_reply(void *ctx, json_t *result, const char *error)
{
	struct dataplane_client *client = ctx;

	client->stats_open = false;
	client->n_silent = 0;
	if (error)
		return;
	json_decref(client->stats);
	client->stats = json_incref(result);
}

static void
ask_stats(uv_timer_t *timer)
{
	struct dataplane_client *client = timer->data;

	if (!client->stats_open)
		client->stats_open =
			rpc_call(client->rpc, "stats", NULL, on_stats_reply, client) == 0;
}

static void
on_signs_reply(void *ctx, json_t *result, const char *error)
{
	struct dataplane_client *client = ctx;
	json_t *backends = json_object_get(result, "backends");

	client->signs_open = false;
	client->n_silent = 0;
	if (!error && json_array_size(backends) > 0 && client->config.on_signs)
		client->config.on_signs(client->config.ctx, backends);
}

/* Asks for signs of trouble with backends. That is something small, and a silence of the dataplane
 * is noticed by it on a backup, too. */
static void
on_tick(uv_timer_t *timer)
{
	struct dataplane_client *client = timer->data;
	bool is_owed = client->lease_open || client->ready_open || client->stats_open ||
		       client->signs_open || client->pushed;
	struct cluster_dataplane dataplane;
	char text[CLUSTER_WHY_SIZE];

	if (!client->signs_open && (!is_owed || client->n_silent == 0))
		client->signs_open =
			rpc_call(client->rpc, "signs", NULL, on_signs_reply, client) == 0;
	client->n_silent = is_owed ? client->n_silent + 1 : 0;
	if (client->n_silent < (client->pushed ? SILENT_TICKS_PUSHING : SILENT_TICKS))
		return;
	snprintf(text, sizeof(text), "no answer for %u ms", client->n_silent * TICK_MS);
	rpc_client_reconnect(client->rpc, text);
	dataplane = known(client);
	snprintf(dataplane.problem, sizeof(dataplane.problem), "%s", text);
	set_known(client, &dataplane);
}

/* Says why the dataplane that sent this hello is not ours, in 'text'; true if it is. */
static bool
check_hello(struct dataplane_client *client, json_t *hello, char *text, size_t size)
{
	json_t *version = json_object_get(hello, "version");
	const char *node = json_string_value(json_object_get(hello, "node"));
	const char *own = cluster_node(client->config.cluster)->name;

	if (json_integer_value(version) != CONTROL_VERSION) {
		snprintf(text, size,
			"the dataplane speaks version %lld of the control messages, this control "
			"plane %d: install both from one release",
			(long long)json_integer_value(version), CONTROL_VERSION);
		return false;
	}
	if (!node || strcmp(node, own) != 0) {
		snprintf(text, size,
			"the dataplane is that of node '%s', this is the control plane of '%s': "
			"give "
			"each node its own control_socket",
			node ? node : "?", own);
		return false;
	}
	return true;
}

static void
on_hello_reply(void *ctx, json_t *result, const char *error)
{
	struct dataplane_client *client = ctx;
	struct cluster_dataplane dataplane = known(client);
	char text[CLUSTER_WHY_SIZE];

	if (error && !rpc_client_is_connected(client->rpc))
		return;
	if (error || !check_hello(client, result, text, sizeof(text))) {
		set_problem(client, &dataplane, error ? error : text);
		set_known(client, &dataplane);
		return;
	}
	LOG_INFORM("%s: connected", client->config.path);
	dataplane = (struct cluster_dataplane){.connected = true, .since_ns = clock_now_ns()};
	client->dirty = true;
	timer_set(&client->push_timer, PUSH_DELAY_MS);
	timer_set(&client->stats_timer, STATS_MS);
	timer_set(&client->tick_timer, TICK_MS);
	client->n_silent = 0;
	ask_stats(&client->stats_timer);
	set_known(client, &dataplane);
}

static void
on_rpc_state(void *ctx, bool connected)
{
	struct dataplane_client *client = ctx;
	struct cluster_dataplane dataplane = known(client);

	if (connected) {
		rpc_call(client->rpc, "hello", json_pack("{s:i}", "version", CONTROL_VERSION),
			on_hello_reply, client);
		return;
	}
	uv_timer_stop(&client->push_timer);
	uv_timer_stop(&client->ready_timer);
	uv_timer_stop(&client->stats_timer);
	uv_timer_stop(&client->tick_timer);
	json_decref(client->stats);
	client->stats = NULL;
	client->pushing = false;
	if (dataplane.connected)
		dataplane = (struct cluster_dataplane){.since_ns = clock_now_ns()};
	snprintf(dataplane.problem, sizeof(dataplane.problem), "the connection was lost");
	set_known(client, &dataplane);
}

static void
on_lease_reply(void *ctx, json_t *result, const char *error)
{
	struct dataplane_client *client = ctx;

	(void)result;
	client->lease_open = false;
	client->n_silent = 0;
	if (error && rpc_client_is_connected(client->rpc))
		LOG_LIMITED(LOG_WARN, "%s: lease refused: %s", client->config.path, error);
	if (client->config.on_lease_done)
		client->config.on_lease_done(client->config.ctx);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct dataplane_client *client = handle->data;

	if (--client->n_handles == 0)
		free(client);
}

int
dataplane_client_new(struct dataplane_client **out, uv_loop_t *loop,
	const struct dataplane_client_config *config, struct err *err)
{
	struct dataplane_client *client = calloc(1, sizeof(*client));
	int rc;

	if (!client)
		return err_set(err, -ENOMEM, "%s: out of memory", config->path);
	client->config = *config;
	rc = rpc_client_new(&client->rpc, loop, config->path, RETRY_MS, on_rpc_state, client, err);
	if (rc < 0) {
		free(client);
		return rc;
	}
	timer_init(loop, &client->push_timer, push, client);
	timer_init(loop, &client->ready_timer, ask_ready, client);
	timer_init(loop, &client->stats_timer, ask_stats, client);
	timer_init(loop, &client->tick_timer, on_tick, client);
	client->n_handles = 4;
	*out = client;
	return 0;
}

void
dataplane_client_free(struct dataplane_client *client)
{
	if (!client)
		return;
	/* Open calls are answered by rpc_client_free(): nobody is to hear of it any more. */
	client->config.on_change = NULL;
	client->config.on_lease_done = NULL;
	client->config.on_signs = NULL;
	rpc_client_free(client->rpc);
	json_decref(client->stats);
	client->stats = NULL;
	uv_close((uv_handle_t *)&client->push_timer, on_timer_closed);
	uv_close((uv_handle_t *)&client->ready_timer, on_timer_closed);
	uv_close((uv_handle_t *)&client->stats_timer, on_timer_closed);
	uv_close((uv_handle_t *)&client->tick_timer, on_timer_closed);
}

void
dataplane_client_start_pushing(struct dataplane_client *client)
{
	if (client->pushing)
		return;
	client->pushing = true;
	if (client->dirty)
		timer_set(&client->push_timer, PUSH_DELAY_MS);
}

void
dataplane_client_push(struct dataplane_client *client)
{
	client->dirty = true;
	if (!client->pushed)
		timer_set(&client->push_timer, PUSH_DELAY_MS);
}

int
dataplane_client_lease(struct dataplane_client *client, const struct control_lease *lease)
{
	json_t *json;
	int rc;

	if (!known(client).connected)
		return -ENOTCONN;
	if (client->lease_open)
		return -EBUSY;
	json = control_lease_encode(lease);
	if (!json)
		return -ENOMEM;
	rc = rpc_call(client->rpc, "lease", json, on_lease_reply, client);
	client->lease_open = rc == 0;
	return rc;
}

json_t *
dataplane_client_stats(const struct dataplane_client *client)
{
	return client->stats;
}

int
dataplane_client_call(struct dataplane_client *client, const char *method, json_t *params,
	rpc_reply_fn on_reply, void *ctx)
{
	/* Before the hello nobody knows whose dataplane it is, or whether it answers at all. */
	if (!known(client).connected) {
		json_decref(params);
		return -ENOTCONN;
	}
	return rpc_call(client->rpc, method, params, on_reply, ctx);
}
