/* SPDX-License-Identifier: BSD-3-Clause */
/* Server, client and loop; see rpc_fixture.h. */
#include "tests/common/rpc_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static json_t *
handle_echo(void *ctx, json_t *params, struct err *err)
{
	(void)ctx;
	(void)err;
	return json_incref(params);
}

static json_t *
handle_fail(void *ctx, json_t *params, struct err *err)
{
	(void)ctx;
	(void)params;
	err_set(err, -EINVAL, "no luck");
	return NULL;
}

static json_t *
handle_later(void *ctx, json_t *params, struct err *err)
{
	struct fixture *fixture = ctx;

	(void)params;
	(void)err;
	fixture->pending = rpc_defer(fixture->server);
	return NULL;
}

const struct rpc_method fixture_methods[] = {
	{"echo", handle_echo, RPC_CHANGE},
	{"fail", handle_fail, RPC_CHANGE},
	{"later", handle_later, RPC_CHANGE},
	{NULL, NULL, RPC_READ},
};

int
set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct err err = {""};

	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/rpc_test.XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->path, sizeof(fixture->path), "%s/sock", fixture->folder);
	uv_loop_init(&fixture->loop);
	assert_int_equal(rpc_server_new(&fixture->server, &fixture->loop, fixture->path,
				 fixture_methods, fixture, &err),
		0);
	*state = fixture;
	return 0;
}

int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	rpc_client_free(fixture->client);
	rpc_server_free(fixture->server);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	json_decref(fixture->result);
	assert_int_equal(access(fixture->path, F_OK), -1);
	assert_int_equal(rmdir(fixture->folder), 0);
	free(fixture);
	return 0;
}

void
on_timeout(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

void
run_until(struct fixture *fixture, const int *value, int wanted)
{
	uv_timer_t timer;

	fixture->timed_out = false;
	uv_timer_init(&fixture->loop, &timer);
	timer.data = &fixture->timed_out;
	uv_timer_start(&timer, on_timeout, DEADLINE_MS, 0);
	while (*value < wanted && !fixture->timed_out)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	assert_false(fixture->timed_out);
}

void
on_state(void *ctx, bool connected)
{
	struct fixture *fixture = ctx;

	if (connected)
		fixture->n_connects++;
	else
		fixture->n_disconnects++;
	assert_true(rpc_client_is_connected(fixture->client) == connected);
}

void
on_reply(void *ctx, json_t *result, const char *error)
{
	struct fixture *fixture = ctx;

	assert_true((result == NULL) != (error == NULL));
	json_decref(fixture->result);
	fixture->result = json_incref(result);
	snprintf(fixture->error, sizeof(fixture->error), "%s", error ? error : "");
	if (result)
		fixture->n_results++;
	else
		fixture->n_errors++;
}

void
connect_client(struct fixture *fixture)
{
	assert_int_equal(rpc_client_new(&fixture->client, &fixture->loop, fixture->path, 10,
				 on_state, fixture, NULL),
		0);
	run_until(fixture, &fixture->n_connects, 1);
}
