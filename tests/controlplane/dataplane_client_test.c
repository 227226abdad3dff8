/* SPDX-License-Identifier: BSD-3-Clause */
/* The client against a real RPC server that answers as a dataplane would, over a UNIX socket. */
#include "controlplane/dataplane_client.h"

#include "common/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 60000

struct fixture {
	uv_loop_t loop;
	struct model *model;
	struct cluster *cluster;
	struct dataplane_client *client;
	struct rpc_server *server;
	char folder[64];
	char path[96];
	unsigned int n_changes;
	unsigned int n_lease_done;
	/* What the server was asked, and how it answers. */
	unsigned int n_state, n_ready, n_lease, n_stats;
	struct control_state *state; /* The last one. */
	uint64_t until_ns;
	size_t n_held;
	int version;
	const char *node;
	const char *refusal; /* Of states; NULL: accepts. */
	bool ready;
	struct rpc_pending *pending_lease; /* Held back when 'hold_lease'. */
	bool hold_lease;
	struct rpc_pending *pending[64]; /* Held back when 'silent'. */
	unsigned int n_pending;
	bool silent;
	bool has_sign;           /* To be told. */
	unsigned int n_on_signs; /* Calls. */
	uv_timer_t patience;
	bool timed_out;
};

static json_t *
hold_back(struct fixture *fixture)
{
	assert_true(fixture->n_pending < 64);
	fixture->pending[fixture->n_pending++] = rpc_defer(fixture->server);
	return NULL;
}

static json_t *
serve_hello(void *ctx, json_t *params, struct err *err)
{
	struct fixture *fixture = ctx;

	(void)err;
	assert_int_equal(json_integer_value(json_object_get(params, "version")), CONTROL_VERSION);
	if (fixture->silent)
		return hold_back(fixture);
	return json_pack(
		"{s:i, s:s, s:[]}", "version", fixture->version, "node", fixture->node, "ports");
}

static json_t *
serve_state(void *ctx, json_t *params, struct err *err)
{
	struct fixture *fixture = ctx;
	struct control_state *state;

	fixture->n_state++;
	if (control_state_decode(params, &state, err) < 0)
		return NULL;
	control_state_free(fixture->state);
	fixture->state = state;
	if (fixture->refusal) {
		err_set(err, -EINVAL, "%s", fixture->refusal);
		return NULL;
	}
	return json_pack("{s:I}", "generation", (json_int_t)state->generation);
}

static json_t *
serve_lease(void *ctx, json_t *params, struct err *err)
{
	struct fixture *fixture = ctx;
	struct control_lease lease;

	fixture->n_lease++;
	if (control_lease_decode(params, &lease, err) < 0)
		return NULL;
	fixture->until_ns = lease.until_ns;
	fixture->n_held = lease.n_held;
	control_lease_fini(&lease);
	if (fixture->hold_lease) {
		fixture->pending_lease = rpc_defer(fixture->server);
		return NULL;
	}
	return json_object();
}

static json_t *
serve_ready(void *ctx, json_t *params, struct err *err)
{
	struct fixture *fixture = ctx;

	(void)params;
	(void)err;
	fixture->n_ready++;
	if (fixture->ready)
		return json_pack("{s:b, s:[]}", "ready", 1, "waiting");
	return json_pack("{s:b, s:[s, s]}", "ready", 0, "waiting", "next hop of web1 (192.0.2.1)",
		"next hop of web2 (192.0.2.2)");
}

static json_t *
serve_stats(void *ctx, json_t *params, struct err *err)
{
	struct fixture *fixture = ctx;

	(void)params;
	(void)err;
	if (fixture->silent)
		return hold_back(fixture);
	return json_pack("{s:i}", "flows", ++fixture->n_stats);
}

static json_t *
serve_signs(void *ctx, json_t *params, struct err *err)
{
	struct fixture *fixture = ctx;
	bool has_news = fixture->has_sign;

	(void)params;
	(void)err;
	if (fixture->silent)
		return hold_back(fixture);
	fixture->has_sign = false;
	return has_news ? json_pack("{s:[{s:s}]}", "backends", "name", "web1")
			: json_pack("{s:[]}", "backends");
}

static const struct rpc_method methods[] = {
	{"hello", serve_hello},
	{"state", serve_state},
	{"lease", serve_lease},
	{"ready", serve_ready},
	{"stats", serve_stats},
	{"signs", serve_signs},
	{NULL, NULL},
};

static void
on_change(void *ctx)
{
	((struct fixture *)ctx)->n_changes++;
}

static void
on_lease_done(void *ctx)
{
	((struct fixture *)ctx)->n_lease_done++;
}

static void
on_signs(void *ctx, json_t *backends)
{
	struct fixture *fixture = ctx;

	assert_int_equal(json_array_size(backends), 1);
	fixture->n_on_signs++;
}

static void
on_timeout(uv_timer_t *timer)
{
	((struct fixture *)timer->data)->timed_out = true;
}

/* Runs the loop until 'condition' holds. */
static void
await(struct fixture *fixture, bool (*condition)(struct fixture *fixture), const char *what)
{
	fixture->timed_out = false;
	uv_timer_start(&fixture->patience, on_timeout, PATIENCE_MS, 0);
	while (!condition(fixture) && !fixture->timed_out)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	uv_timer_stop(&fixture->patience);
	if (fixture->timed_out)
		fail_msg("did not come: %s", what);
}

#define AWAIT(fixture, condition) await(fixture, condition, #condition)

static bool
is_connected(struct fixture *fixture)
{
	return cluster_dataplane(fixture->cluster)->connected;
}

static bool
is_disconnected(struct fixture *fixture)
{
	return !cluster_dataplane(fixture->cluster)->connected;
}

static bool
is_accepted(struct fixture *fixture)
{
	return cluster_dataplane(fixture->cluster)->accepted;
}

static bool
is_ready(struct fixture *fixture)
{
	return cluster_dataplane(fixture->cluster)->ready;
}

static bool
has_problem(struct fixture *fixture)
{
	return cluster_dataplane(fixture->cluster)->problem[0] != '\0';
}

static bool
has_version_problem(struct fixture *fixture)
{
	return strstr(cluster_dataplane(fixture->cluster)->problem, "version") != NULL;
}

static bool
has_stats(struct fixture *fixture)
{
	return dataplane_client_stats(fixture->client) != NULL;
}

static bool
has_signs(struct fixture *fixture)
{
	return fixture->n_on_signs > 0;
}

static bool
sees_backend_up(struct fixture *fixture)
{
	return fixture->state && fixture->state->pools[0].backends[0].up;
}

static bool
has_held_back_lease(struct fixture *fixture)
{
	return fixture->pending_lease != NULL;
}

static bool
has_lease_done(struct fixture *fixture)
{
	return fixture->n_lease_done > 0;
}

static void
serve(struct fixture *fixture)
{
	struct err err = {""};

	if (rpc_server_new(
		    &fixture->server, &fixture->loop, fixture->path, methods, fixture, &err) < 0)
		fail_msg("%s", err.text);
}

static int
set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dataplane_client_config config = {.on_change = on_change,
		.on_lease_done = on_lease_done,
		.on_signs = on_signs,
		.ctx = fixture};

	if (!fixture || config_load(getenv("WEIR_SAMPLE"), &fixture->model, NULL) < 0)
		return -1;
	*state = fixture;
	fixture->version = CONTROL_VERSION;
	fixture->node = "lb1";
	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/weir-test-XXXXXX");
	if (!mkdtemp(fixture->folder) || uv_loop_init(&fixture->loop) < 0)
		return -1;
	uv_timer_init(&fixture->loop, &fixture->patience);
	fixture->patience.data = fixture;
	snprintf(fixture->path, sizeof(fixture->path), "%s/dataplane.sock", fixture->folder);
	cluster_new(&fixture->cluster, fixture->model, model_node(fixture->model, "lb1"), 0);
	config.path = fixture->path;
	config.cluster = fixture->cluster;
	return dataplane_client_new(&fixture->client, &fixture->loop, &config, NULL);
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;
	int rc;

	dataplane_client_free(fixture->client);
	rpc_server_free(fixture->server);
	uv_close((uv_handle_t *)&fixture->patience, NULL);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	rc = uv_loop_close(&fixture->loop);
	control_state_free(fixture->state);
	cluster_free(fixture->cluster);
	model_free(fixture->model);
	rmdir(fixture->folder);
	free(fixture);
	return rc;
}

static void
it_connects_pushes_and_asks_until_ready(void **state)
{
	struct fixture *fixture = *state;

	serve(fixture);
	dataplane_client_start_pushing(fixture->client);
	AWAIT(fixture, is_accepted);
	assert_int_equal(fixture->n_state, 1);
	assert_int_equal(fixture->state->n_services, 4);
	assert_int_equal(cluster_dataplane(fixture->cluster)->generation, 1);
	AWAIT(fixture, has_problem);
	assert_string_equal(cluster_dataplane(fixture->cluster)->problem,
		"waiting for next hop of web1 (192.0.2.1) and 1 more");
	assert_false(is_ready(fixture));
	fixture->ready = true;
	AWAIT(fixture, is_ready);
	assert_string_equal(cluster_dataplane(fixture->cluster)->problem, "");
	AWAIT(fixture, has_stats);
	assert_true(fixture->n_changes >= 3);
}

static void
nothing_is_pushed_before_it_may(void **state)
{
	struct fixture *fixture = *state;

	serve(fixture);
	AWAIT(fixture, is_connected);
	AWAIT(fixture, has_stats);
	assert_int_equal(fixture->n_state, 0);
	dataplane_client_start_pushing(fixture->client);
	AWAIT(fixture, is_accepted);
}

static void
many_changes_at_once_are_few_pushes(void **state)
{
	struct fixture *fixture = *state;

	serve(fixture);
	dataplane_client_start_pushing(fixture->client);
	AWAIT(fixture, is_accepted);
	for (int i = 0; i < 99; i++) {
		cluster_backend_set_health(
			fixture->cluster, 0, 0, i % 2 ? HEALTH_DOWN : HEALTH_UP, "", 1);
		dataplane_client_push(fixture->client);
	}
	AWAIT(fixture, sees_backend_up);
	assert_true(fixture->n_state <= 3);
	assert_int_equal(fixture->state->generation, fixture->n_state);
}

static void
after_a_lost_connection_everything_is_sent_again(void **state)
{
	struct fixture *fixture = *state;

	fixture->ready = true;
	serve(fixture);
	dataplane_client_start_pushing(fixture->client);
	AWAIT(fixture, is_ready);
	rpc_server_free(fixture->server);
	fixture->server = NULL;
	AWAIT(fixture, is_disconnected);
	assert_false(is_accepted(fixture));
	assert_false(is_ready(fixture));
	assert_true(has_problem(fixture));
	assert_null(dataplane_client_stats(fixture->client));
	serve(fixture);
	AWAIT(fixture, is_connected);
	AWAIT(fixture, has_stats);
	assert_int_equal(fixture->n_state, 1); /* Held back again. */
	dataplane_client_start_pushing(fixture->client);
	AWAIT(fixture, is_ready);
	assert_int_equal(fixture->n_state, 2);
	assert_int_equal(fixture->state->generation, 2);
}

static void
a_refused_state_is_told_and_tried_again(void **state)
{
	struct fixture *fixture = *state;

	fixture->refusal = "service 'http4': no memory for its table";
	serve(fixture);
	dataplane_client_start_pushing(fixture->client);
	AWAIT(fixture, has_problem);
	assert_string_equal(cluster_dataplane(fixture->cluster)->problem, fixture->refusal);
	assert_false(is_accepted(fixture));
	fixture->refusal = NULL;
	AWAIT(fixture, is_accepted);
	assert_true(fixture->n_state >= 2);
}

static void
on_no_reply(void *ctx, json_t *result, const char *error)
{
	(void)ctx;
	(void)result;
	fail_msg("an answer came: %s", error);
}

static void
the_dataplane_of_another_node_or_version_is_not_used(void **state)
{
	struct fixture *fixture = *state;

	fixture->node = "lb2";
	serve(fixture);
	dataplane_client_start_pushing(fixture->client);
	AWAIT(fixture, has_problem);
	assert_non_null(strstr(cluster_dataplane(fixture->cluster)->problem, "'lb2'"));
	assert_false(is_connected(fixture));
	assert_int_equal(fixture->n_state, 0);
	rpc_server_free(fixture->server);
	fixture->node = "lb1";
	fixture->version = CONTROL_VERSION + 1;
	serve(fixture);
	AWAIT(fixture, has_version_problem);
	assert_false(is_connected(fixture));
	assert_int_equal(dataplane_client_call(fixture->client, "stats", NULL, on_no_reply, NULL),
		-ENOTCONN);
}

static void
one_lease_at_a_time_is_unanswered(void **state)
{
	struct fixture *fixture = *state;
	char held[2][CONTROL_NAME_SIZE] = {"front4", "front6"};
	struct control_lease lease = {.until_ns = 250, .held = held, .n_held = 2};

	assert_int_equal(dataplane_client_lease(fixture->client, &lease), -ENOTCONN);
	serve(fixture);
	AWAIT(fixture, is_connected);
	fixture->hold_lease = true;
	assert_int_equal(dataplane_client_lease(fixture->client, &lease), 0);
	AWAIT(fixture, has_held_back_lease);
	assert_int_equal(fixture->until_ns, 250);
	assert_int_equal(fixture->n_held, 2);
	assert_int_equal(dataplane_client_lease(fixture->client, &lease), -EBUSY);
	rpc_answer(fixture->pending_lease, json_object(), NULL);
	AWAIT(fixture, has_lease_done);
	fixture->hold_lease = false;
	assert_int_equal(dataplane_client_lease(fixture->client, &lease), 0);
}

static void
a_dataplane_that_answers_nothing_counts_as_gone(void **state)
{
	struct fixture *fixture = *state;
	unsigned int n_state;

	fixture->ready = true;
	serve(fixture);
	AWAIT(fixture, is_connected);
	dataplane_client_start_pushing(fixture->client);
	AWAIT(fixture, is_ready);
	AWAIT(fixture, has_stats);
	n_state = fixture->n_state;
	fixture->silent = true;
	AWAIT(fixture, is_disconnected);
	assert_non_null(strstr(cluster_dataplane(fixture->cluster)->problem, "no answer"));
	fixture->silent = false;
	for (unsigned int i = 0; i < fixture->n_pending; i++)
		rpc_answer(fixture->pending[i], json_object(), NULL);
	AWAIT(fixture, is_connected);
	assert_int_equal(fixture->n_state, n_state); /* Not before the checks know. */
	dataplane_client_start_pushing(fixture->client);
	AWAIT(fixture, is_ready);
	assert_true(fixture->n_state > n_state);
}

static void
signs_of_trouble_are_told_once(void **state)
{
	struct fixture *fixture = *state;
	json_int_t n_stats;

	serve(fixture);
	AWAIT(fixture, is_connected);
	assert_int_equal(fixture->n_on_signs, 0);
	fixture->has_sign = true;
	AWAIT(fixture, has_signs);
	/* Many ticks later there were still no others. */
	n_stats = fixture->n_stats;
	while (fixture->n_stats < n_stats + 2)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	assert_int_equal(fixture->n_on_signs, 1);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest cases[] = {
		CASE(it_connects_pushes_and_asks_until_ready),
		CASE(nothing_is_pushed_before_it_may),
		CASE(many_changes_at_once_are_few_pushes),
		CASE(after_a_lost_connection_everything_is_sent_again),
		CASE(a_refused_state_is_told_and_tried_again),
		CASE(the_dataplane_of_another_node_or_version_is_not_used),
		CASE(one_lease_at_a_time_is_unanswered),
		CASE(signs_of_trouble_are_told_once),
		CASE(a_dataplane_that_answers_nothing_counts_as_gone),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
