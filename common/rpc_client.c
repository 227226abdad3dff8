/* SPDX-License-Identifier: BSD-3-Clause */
/* The asking end of rpc.h for processes with a loop: connects, reconnects, matches replies. */
#include "common/rpc.h"

#include "common/log.h"
#include "common/rpc_wire.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("rpc");

/* A server that is asked and never reads is given up when so much waits for it. */
#define UNREAD_MAX RPC_LINE_MAX

struct call {
	struct call *next;
	json_int_t id;
	rpc_reply_fn on_reply;
	void *ctx;
};

struct rpc_client {
	uv_pipe_t pipe;
	uv_connect_t connect;
	uv_timer_t retry;
	uv_loop_t *loop;
	struct rpc_wire wire;
	char *path;
	rpc_state_fn on_state;
	void *ctx;
	struct call *calls; /* Open, oldest first. */
	struct call **last; /* Where the next one is linked. */
	json_int_t next_id;
	size_t n_handles; /* Open handles that refer to this memory. */
	bool pipe_open;   /* 'pipe' is a handle that must be closed. */
	bool connected;
	bool freed;
};

static void
release(struct rpc_client *client)
{
	if (--client->n_handles > 0 || !client->freed)
		return;
	rpc_wire_fini(&client->wire);
	free(client->path);
	free(client);
}

static void
fail_calls(struct rpc_client *client, const char *error)
{
	while (client->calls) {
		struct call *call = client->calls;

		client->calls = call->next;
		if (!client->calls)
			client->last = &client->calls;
		call->on_reply(call->ctx, NULL, error);
		free(call);
	}
}

static void
on_pipe_closed(uv_handle_t *handle)
{
	struct rpc_client *client = handle->data;

	if (!client->freed)
		uv_timer_again(&client->retry);
	release(client);
}

static void
close_pipe(struct rpc_client *client)
{
	if (!client->pipe_open)
		return;
	client->pipe_open = false;
	client->connected = false;
	uv_close((uv_handle_t *)&client->pipe, on_pipe_closed);
}

/* The connection is lost, or broken by us for the reason 'why'. */
static void
lose(struct rpc_client *client, const char *why)
{
	bool was_connected = client->connected;
	char error[256];

	close_pipe(client);
	if (!was_connected)
		return;
	rpc_wire_fini(&client->wire);
	snprintf(error, sizeof(error), "%s: the connection was lost: %s", client->path, why);
	LOG_LIMITED(LOG_WARN, "%s", error);
	fail_calls(client, error);
	if (client->on_state && !client->freed)
		client->on_state(client->ctx, false);
}

/* Takes the open call with 'id' out of the list; NULL if there is none. */
static struct call *
take_call(struct rpc_client *client, json_int_t id)
{
	for (struct call **link = &client->calls; *link; link = &(*link)->next) {
		struct call *call = *link;

		if (call->id != id)
			continue;
		*link = call->next;
		if (!*link)
			client->last = link;
		return call;
	}
	return NULL;
}

static void
handle_line(struct rpc_client *client, const char *line, size_t size)
{
	struct err err = {""};
	json_t *reply = rpc_wire_parse(line, size, &err);
	json_t *id = json_object_get(reply, "id");
	json_t *result = json_object_get(reply, "result");
	const char *error = json_string_value(json_object_get(reply, "error"));
	struct call *call;

	if (!reply) {
		lose(client, err.text);
	} else if (!json_is_integer(id) && error) {
		lose(client, error);
	} else if (!json_is_integer(id) || (result == NULL) == (error == NULL)) {
		lose(client, "a reply needs an integer \"id\" and either a result or an error");
	} else if ((call = take_call(client, json_integer_value(id))) != NULL) {
		call->on_reply(call->ctx, error ? NULL : result, error);
		free(call);
	} else {
		lose(client, "a reply to nothing that was asked");
	}
	json_decref(reply);
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct rpc_client *client = handle->data;

	(void)suggested;
	buf->len = rpc_wire_reserve(&client->wire, &buf->base);
}

static void
on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
	struct rpc_client *client = stream->data;
	const char *line;
	size_t line_size;
	int rc;

	(void)buf;
	if (size < 0) {
		lose(client, uv_strerror((int)size));
		return;
	}
	rpc_wire_received(&client->wire, (size_t)size);
	while (client->connected && (rc = rpc_wire_next(&client->wire, &line, &line_size)) != 0) {
		if (rc < 0)
			lose(client, "a line is too long");
		else
			handle_line(client, line, line_size);
	}
}

static void
on_connect(uv_connect_t *req, int status)
{
	struct rpc_client *client = req->data;

	if (client->freed || status == UV_ECANCELED)
		return;
	if (status < 0 || uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) < 0) {
		LOG_DBG("%s: cannot connect: %s", client->path, uv_strerror(status));
		close_pipe(client);
		return;
	}
	client->connected = true;
	if (client->on_state)
		client->on_state(client->ctx, true);
}

static void
start_connecting(uv_timer_t *timer)
{
	struct rpc_client *client = timer->data;

	uv_timer_stop(timer); /* Until uv_timer_again(), when this attempt has failed. */
	uv_pipe_init(client->loop, &client->pipe, 0);
	client->pipe.data = client;
	client->pipe_open = true;
	client->n_handles++;
	client->connect.data = client;
	uv_pipe_connect(&client->connect, &client->pipe, client->path, on_connect);
}

int
rpc_client_new(struct rpc_client **out, uv_loop_t *loop, const char *path, uint32_t retry_ms,
	rpc_state_fn on_state, void *ctx, struct err *err)
{
	struct rpc_client *client;
	int rc = rpc_wire_check_path(path, err);

	if (rc < 0)
		return rc;
	client = calloc(1, sizeof(*client));
	if (client)
		client->path = strdup(path);
	if (!client || !client->path) {
		free(client);
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	}
	/* A peer that left must be an error of write(), not the end of the process. */
	signal(SIGPIPE, SIG_IGN);
	client->loop = loop;
	client->on_state = on_state;
	client->ctx = ctx;
	client->last = &client->calls;
	client->n_handles = 1;
	uv_timer_init(loop, &client->retry);
	client->retry.data = client;
	uv_timer_start(&client->retry, start_connecting, 0, retry_ms > 0 ? retry_ms : 1);
	*out = client;
	return 0;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	release(handle->data);
}

void
rpc_client_free(struct rpc_client *client)
{
	if (!client || client->freed)
		return;
	client->freed = true;
	close_pipe(client);
	fail_calls(client, "the connection was closed");
	uv_close((uv_handle_t *)&client->retry, on_timer_closed);
}

bool
rpc_client_is_connected(const struct rpc_client *client)
{
	return client->connected;
}

void
rpc_client_reconnect(struct rpc_client *client, const char *why)
{
	lose(client, why);
}

int
rpc_call(struct rpc_client *client, const char *method, json_t *params, rpc_reply_fn on_reply,
	void *ctx)
{
	uv_stream_t *stream = (uv_stream_t *)&client->pipe;
	struct call *call;
	int rc;

	if (!client->connected || uv_stream_get_write_queue_size(stream) > UNREAD_MAX) {
		json_decref(params);
		return -ENOTCONN;
	}
	call = calloc(1, sizeof(*call));
	if (!call) {
		json_decref(params);
		return -ENOMEM;
	}
	call->id = ++client->next_id;
	call->on_reply = on_reply;
	call->ctx = ctx;
	rc = rpc_wire_send(stream, json_pack("{s:I, s:s, s:o}", "id", call->id, "method", method,
					   "params", params ? params : json_object()));
	if (rc < 0) {
		free(call);
		return rc == -ENOMEM || rc == -EMSGSIZE ? rc : -ENOTCONN;
	}
	*client->last = call;
	client->last = &call->next;
	return 0;
}
