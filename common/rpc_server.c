/* SPDX-License-Identifier: BSD-3-Clause */
/* The serving end of rpc.h. A connection lives until its peer leaves, breaks the format or the
 * server is freed; answers to requests that a handler put off are dropped with it. */
#include "common/rpc.h"

#include "common/log.h"
#include "common/rpc_access.h"
#include "common/rpc_listener.h"
#include "common/rpc_wire.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

LOG_MODULE("rpc");

/* A peer that asks and never reads is cut off when so much waits for it. */
#define UNREAD_MAX RPC_LINE_MAX

struct connection;

struct rpc_pending {
	struct connection *connection; /* NULL: gone before the answer. */
	struct rpc_pending *next;      /* Of the same connection. */
	json_int_t id;
};

struct connection {
	uv_pipe_t pipe;
	uv_shutdown_t shutdown;
	struct rpc_wire wire;
	struct rpc_server *server;
	struct connection *next;
	struct connection **back; /* What points here. */
	struct rpc_pending *pending;
	struct rpc_peer peer;
	bool is_known; /* It has made a routine change before. */
	bool ended;    /* Nothing more is read: closes when all answers are out. */
	bool draining; /* Shutdown asked for. */
};

struct rpc_server {
	uv_pipe_t listener;
	uv_loop_t *loop;
	const struct rpc_method *methods;
	void *ctx;
	char *path;
	struct rpc_access *access; /* NULL: the least. */
	struct connection *connections;
	size_t n_handles; /* Open handles that refer to the server's memory. */
	bool freed;
	/* The request whose handler runs, for rpc_defer(). */
	struct connection *current;
	json_int_t current_id;
	bool deferred;
};

static void
release(struct rpc_server *server)
{
	if (--server->n_handles > 0)
		return;
	rpc_access_free(server->access);
	free(server->path);
	free(server);
}

static void
on_connection_closed(uv_handle_t *handle)
{
	struct connection *connection = handle->data;

	rpc_wire_fini(&connection->wire);
	release(connection->server);
	free(connection);
}

static void
close_connection(struct connection *connection)
{
	if (uv_is_closing((uv_handle_t *)&connection->pipe))
		return;
	for (struct rpc_pending *pending = connection->pending; pending; pending = pending->next)
		pending->connection = NULL;
	connection->pending = NULL;
	*connection->back = connection->next;
	if (connection->next)
		connection->next->back = connection->back;
	uv_close((uv_handle_t *)&connection->pipe, on_connection_closed);
}

static void
on_shutdown(uv_shutdown_t *req, int status)
{
	struct connection *connection = req->data;

	(void)status;
	close_connection(connection);
}

/* Closes a connection that nothing more is read from, once what was written is out. */
static void
finish(struct connection *connection)
{
	if (!connection->ended || connection->pending || connection->draining)
		return;
	connection->draining = true;
	connection->shutdown.data = connection;
	if (uv_shutdown(&connection->shutdown, (uv_stream_t *)&connection->pipe, on_shutdown) < 0)
		close_connection(connection);
}

static void
end_reading(struct connection *connection)
{
	connection->ended = true;
	uv_read_stop((uv_stream_t *)&connection->pipe);
	finish(connection);
}

/* Takes over 'id' and 'result'. */
static void
answer(struct connection *connection, json_t *id, json_t *result, const char *error)
{
	uv_stream_t *stream = (uv_stream_t *)&connection->pipe;
	json_t *message = result ? json_pack("{s:O, s:o}", "id", id, "result", result)
				 : json_pack("{s:O, s:s}", "id", id, "error", error);
	int rc = rpc_wire_send(stream, message);

	if (rc == -EMSGSIZE)
		rc = rpc_wire_send(stream, json_pack("{s:O, s:s}", "id", id, "error",
						   "the answer is too long: ask for less"));
	json_decref(id);
	if (rc < 0 || uv_stream_get_write_queue_size(stream) > UNREAD_MAX)
		close_connection(connection);
}

/* Tells the peer what it did wrong and lets it go. */
static void
refuse(struct connection *connection, const char *error)
{
	LOG_LIMITED(LOG_WARN, "%s: closing a connection: %s", connection->server->path, error);
	answer(connection, json_null(), NULL, error);
	if (!uv_is_closing((uv_handle_t *)&connection->pipe))
		end_reading(connection);
}

static void
unknown_method(const struct rpc_server *server, const char *name, struct err *err)
{
	char known[256] = "";
	size_t size = 0;

	for (const struct rpc_method *method = server->methods; method->name; method++) {
		if (size < sizeof(known))
			size += (size_t)snprintf(
				known + size, sizeof(known) - size, " %s", method->name);
	}
	err_set(err, -ENOSYS, "there is no method '%.64s': choose one of%s", name, known);
}

/* Says in the log who asks for a change; what it is asked with may be long. */
static void
log_change(struct connection *connection, const struct rpc_method *method, json_t *params)
{
	const struct rpc_peer *peer = &connection->peer;
	char *text = NULL;

	if (method->kind == RPC_READ || (method->kind == RPC_ROUTINE && connection->is_known))
		return;
	if (method->kind == RPC_CHANGE)
		text = json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS);
	LOG_INFORM("%s: %s (uid %u, pid %d) asks for %s%s%.200s", connection->server->path,
		peer->user, (unsigned int)peer->uid, (int)peer->pid, method->name, text ? " " : "",
		text ? text : "");
	free(text);
	connection->is_known = connection->is_known || method->kind == RPC_ROUTINE;
}

static bool
may_call(struct connection *connection, const struct rpc_method *method, json_t *params,
	struct err *err)
{
	const struct rpc_peer *peer = &connection->peer;

	log_change(connection, method, params);
	if (method->kind == RPC_READ || peer->may_change)
		return true;
	err_set(err, -EPERM,
		"%s is not for %s (uid %u), who may only look here: root may, and whom the cluster "
		"file names in write_users or write_groups of this socket",
		method->name, peer->user, (unsigned int)peer->uid);
	LOG_LIMITED(LOG_WARN, "%s: %s (uid %u, pid %d) may not ask for %s",
		connection->server->path, peer->user, (unsigned int)peer->uid, (int)peer->pid,
		method->name);
	return false;
}

static void
dispatch(struct connection *connection, json_int_t id, const char *name, json_t *params)
{
	struct rpc_server *server = connection->server;
	const struct rpc_method *method = server->methods;
	struct err err = {""};
	json_t *result = NULL;

	while (method->name && strcmp(method->name, name) != 0)
		method++;
	if (method->name && !may_call(connection, method, params, &err)) {
		answer(connection, json_integer(id), NULL, err.text);
		return;
	}
	if (method->name) {
		server->current = connection;
		server->current_id = id;
		server->deferred = false;
		result = method->handle(server->ctx, params, &err);
		server->current = NULL;
		if (server->deferred)
			return;
	} else {
		unknown_method(server, name, &err);
	}
	if (uv_is_closing((uv_handle_t *)&connection->pipe)) {
		json_decref(result); /* The handler freed the server. */
		return;
	}
	if (!result && err.text[0] == '\0')
		err_set(&err, -EIO, "%s: failed for an unknown reason", name);
	answer(connection, json_integer(id), result, err.text);
}

static void
handle_line(struct connection *connection, const char *line, size_t size)
{
	struct err err = {""};
	json_t *request = rpc_wire_parse(line, size, &err);
	json_t *id = json_object_get(request, "id");
	json_t *params = json_object_get(request, "params");
	const char *method = json_string_value(json_object_get(request, "method"));
	json_t *empty = NULL;

	if (!request)
		refuse(connection, err.text);
	else if (!json_is_integer(id))
		refuse(connection, "a request needs an integer \"id\"");
	else if (!method)
		refuse(connection, "a request needs a \"method\" that is a string");
	else if (params && !json_is_object(params))
		refuse(connection, "\"params\" must be an object");
	else
		dispatch(connection, json_integer_value(id), method,
			params ? params : (empty = json_object()));
	json_decref(empty);
	json_decref(request);
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct connection *connection = handle->data;

	(void)suggested;
	buf->len = rpc_wire_reserve(&connection->wire, &buf->base);
}

static void
on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
	struct connection *connection = stream->data;
	const char *line;
	size_t line_size;
	int rc;

	(void)buf;
	if (size == UV_EOF) {
		end_reading(connection);
		return;
	}
	if (size < 0) {
		close_connection(connection);
		return;
	}
	rpc_wire_received(&connection->wire, (size_t)size);
	while (!connection->ended && !uv_is_closing((uv_handle_t *)stream) &&
		(rc = rpc_wire_next(&connection->wire, &line, &line_size)) != 0) {
		if (rc < 0)
			refuse(connection, "the line is too long");
		else
			handle_line(connection, line, line_size);
	}
}

static void
on_connection(uv_stream_t *listener, int status)
{
	struct rpc_server *server = listener->data;
	struct connection *connection = status < 0 ? NULL : calloc(1, sizeof(*connection));
	uv_os_fd_t fd;

	if (!connection) {
		LOG_LIMITED(LOG_WARN, "%s: cannot accept a connection: %s", server->path,
			status < 0 ? uv_strerror(status) : "out of memory");
		return;
	}
	connection->server = server;
	uv_pipe_init(server->loop, &connection->pipe, 0);
	connection->pipe.data = connection;
	connection->next = server->connections;
	connection->back = &server->connections;
	if (connection->next)
		connection->next->back = &connection->next;
	server->connections = connection;
	server->n_handles++;
	if (uv_accept(listener, (uv_stream_t *)&connection->pipe) < 0 ||
		uv_fileno((uv_handle_t *)&connection->pipe, &fd) < 0 ||
		uv_read_start((uv_stream_t *)&connection->pipe, on_alloc, on_read) < 0) {
		close_connection(connection);
		return;
	}
	rpc_access_identify(server->access, fd, &connection->peer);
}

static void
on_listener_closed(uv_handle_t *handle)
{
	release(handle->data);
}

int
rpc_server_new(struct rpc_server **out, uv_loop_t *loop, const char *path,
	const struct rpc_method *methods, void *ctx, struct err *err)
{
	struct rpc_server *server;
	int fd = rpc_wire_check_path(path, err);

	if (fd < 0)
		return fd;
	server = calloc(1, sizeof(*server));
	if (server)
		server->path = strdup(path);
	if (!server || !server->path) {
		free(server);
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	}
	server->loop = loop;
	server->methods = methods;
	server->ctx = ctx;
	fd = rpc_listen_at(path, err);
	if (fd < 0) {
		free(server->path);
		free(server);
		return fd;
	}
	/* A peer that left must be an error of write(), not the end of the process. */
	signal(SIGPIPE, SIG_IGN);
	server->n_handles = 1;
	uv_pipe_init(loop, &server->listener, 0);
	server->listener.data = server;
	uv_pipe_open(&server->listener, fd);
	uv_listen((uv_stream_t *)&server->listener, RPC_BACKLOG, on_connection);
	*out = server;
	return 0;
}

int
rpc_server_set_access(
	struct rpc_server *server, const struct socket_access *config, struct err *err)
{
	struct rpc_access *access;
	int rc = rpc_access_new(&access, config, err);

	if (rc == 0) {
		rc = rpc_access_apply(access, server->path, err);
		if (rc < 0)
			rpc_access_free(access);
	}
	if (rc < 0)
		return rc;
	rpc_access_free(server->access);
	server->access = access;
	return 0;
}

void
rpc_server_free(struct rpc_server *server)
{
	if (!server || server->freed)
		return;
	server->freed = true;
	while (server->connections)
		close_connection(server->connections);
	unlink(server->path);
	uv_close((uv_handle_t *)&server->listener, on_listener_closed);
}

struct rpc_pending *
rpc_defer(struct rpc_server *server)
{
	struct connection *connection = server->current;
	struct rpc_pending *pending = calloc(1, sizeof(*pending));

	if (!pending)
		return NULL;
	pending->connection = connection;
	pending->id = server->current_id;
	pending->next = connection->pending;
	connection->pending = pending;
	server->deferred = true;
	return pending;
}

void
rpc_answer(struct rpc_pending *pending, json_t *result, const char *error)
{
	struct connection *connection = pending->connection;

	if (connection) {
		struct rpc_pending **link = &connection->pending;

		while (*link != pending)
			link = &(*link)->next;
		*link = pending->next;
		answer(connection, json_integer(pending->id), result, error);
		if (!uv_is_closing((uv_handle_t *)&connection->pipe))
			finish(connection);
	} else {
		json_decref(result);
	}
	free(pending);
}
