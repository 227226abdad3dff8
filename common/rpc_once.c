/* SPDX-License-Identifier: BSD-3-Clause */
/* The asking end of rpc.h for commands: one request, one reply, no loop. */
#include "common/rpc.h"

#include "common/clock.h"
#include "common/rpc_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_ID 1

struct exchange {
	const char *path;
	int fd;
	uint64_t deadline_ns;
	uint32_t timeout_ms;
	struct err *err;
};

static int
open_socket(struct exchange *exchange)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *advice;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", exchange->path);
	exchange->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (exchange->fd < 0)
		return err_set(
			exchange->err, -errno, "cannot make a UNIX socket: %s", strerror(errno));
	if (connect(exchange->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	if (errno == ENOENT || errno == ECONNREFUSED)
		advice = "start the process that listens there, or give the right path";
	else if (errno == EACCES || errno == EPERM)
		advice = "run this as the user that owns the socket, or as root";
	else
		advice = "try again";
	return err_set(exchange->err, -errno, "%s: cannot connect: %s: %s", exchange->path,
		strerror(errno), advice);
}

/* Waits until the socket is ready for 'events' or the deadline has passed. */
static int
await(struct exchange *exchange, short events)
{
	for (;;) {
		uint64_t now_ns = clock_now_ns();
		struct pollfd pollfd = {.fd = exchange->fd, .events = events};
		int rc;

		if (now_ns >= exchange->deadline_ns)
			return err_set(exchange->err, -ETIMEDOUT,
				"%s: no answer within %u ms: the process that listens there hangs "
				"or is overloaded",
				exchange->path, exchange->timeout_ms);
		rc = poll(&pollfd, 1, (int)((exchange->deadline_ns - now_ns) / NS_PER_MS) + 1);
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return err_set(
				exchange->err, -errno, "%s: %s", exchange->path, strerror(errno));
	}
}

static int
send_all(struct exchange *exchange, const char *line, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(exchange->fd, line, size, MSG_NOSIGNAL);
		int rc;

		if (sent >= 0) {
			line += sent;
			size -= (size_t)sent;
			continue;
		}
		/* A server that refuses an oversize line has said so before it closed. */
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return err_set(exchange->err, -errno, "%s: cannot send: %s", exchange->path,
				strerror(errno));
		rc = await(exchange, POLLOUT);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Receives one line into 'wire'. */
static int
receive_line(struct exchange *exchange, struct rpc_wire *wire, const char **line, size_t *line_size)
{
	for (;;) {
		char *space;
		size_t room;
		ssize_t size;
		int rc = rpc_wire_next(wire, line, line_size);

		if (rc > 0)
			return 0;
		if (rc < 0)
			return err_set(
				exchange->err, rc, "%s: the answer is too long", exchange->path);
		rc = await(exchange, POLLIN);
		if (rc < 0)
			return rc;
		room = rpc_wire_reserve(wire, &space);
		if (room == 0)
			return err_set(exchange->err, -ENOMEM, "out of memory");
		size = recv(exchange->fd, space, room, 0);
		if (size == 0 || (size < 0 && errno == ECONNRESET))
			return err_set(exchange->err, -ECONNRESET,
				"%s: the connection was closed without an answer: look at the log "
				"of the process that listens there",
				exchange->path);
		if (size > 0)
			rpc_wire_received(wire, (size_t)size);
		else if (errno != EAGAIN && errno != EINTR)
			return err_set(
				exchange->err, -errno, "%s: %s", exchange->path, strerror(errno));
	}
}

static json_t *
read_reply(struct exchange *exchange, const char *line, size_t size)
{
	json_t *reply = rpc_wire_parse(line, size, exchange->err);
	const char *error = json_string_value(json_object_get(reply, "error"));
	json_t *result = json_incref(json_object_get(reply, "result"));

	if (error)
		err_set(exchange->err, -EIO, "%s", error);
	else if (reply && !result)
		err_set(exchange->err, -EIO, "%s: the answer has neither a result nor an error",
			exchange->path);
	else if (!reply)
		err_prefix(exchange->err, "%s: the answer", exchange->path);
	if (error) {
		json_decref(result);
		result = NULL;
	}
	json_decref(reply);
	return result;
}

json_t *
rpc_call_once(
	const char *path, const char *method, json_t *params, uint32_t timeout_ms, struct err *err)
{
	struct exchange exchange = {
		.path = path,
		.fd = -1,
		.deadline_ns = clock_now_ns() + timeout_ms * NS_PER_MS,
		.timeout_ms = timeout_ms,
		.err = err,
	};
	struct rpc_wire wire = {0};
	json_t *result = NULL;
	json_t *request = json_pack("{s:i, s:s, s:o}", "id", REQUEST_ID, "method", method, "params",
		params ? params : json_object());
	const char *answer;
	size_t size = 0;
	char *line = request ? rpc_wire_encode(request, &size) : NULL;

	json_decref(request);
	if (!line)
		err_set(err, -ENOMEM, "out of memory");
	else if (rpc_wire_check_path(path, err) == 0 && open_socket(&exchange) == 0 &&
		 send_all(&exchange, line, size) == 0 &&
		 receive_line(&exchange, &wire, &answer, &size) == 0)
		result = read_reply(&exchange, answer, size);
	if (exchange.fd >= 0)
		close(exchange.fd);
	rpc_wire_fini(&wire);
	free(line);
	return result;
}
