/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of JSON on a stream; see rpc_wire.h. */
#include "common/rpc_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define ROOM_MIN 16384u

/* An empty buffer larger than this is given back: one big answer must not cost for ever. */
#define KEEP_MAX (1u << 20)

void
rpc_wire_fini(struct rpc_wire *wire)
{
	free(wire->data);
	memset(wire, 0, sizeof(*wire));
}

size_t
rpc_wire_reserve(struct rpc_wire *wire, char **space)
{
	if (wire->start == wire->end && wire->capacity > KEEP_MAX)
		rpc_wire_fini(wire);
	if (wire->start > 0) {
		if (wire->end > wire->start)
			memmove(wire->data, wire->data + wire->start, wire->end - wire->start);
		wire->end -= wire->start;
		wire->scanned -= wire->start;
		wire->start = 0;
	}
	if (wire->capacity - wire->end < ROOM_MIN) {
		size_t capacity = wire->capacity > 0 ? wire->capacity * 2 : ROOM_MIN;
		char *grown = realloc(wire->data, capacity);

		if (!grown)
			return 0;
		wire->data = grown;
		wire->capacity = capacity;
	}
	*space = wire->data + wire->end;
	return wire->capacity - wire->end;
}

void
rpc_wire_received(struct rpc_wire *wire, size_t size)
{
	wire->end += size;
}

int
rpc_wire_next(struct rpc_wire *wire, const char **line, size_t *size)
{
	const char *newline = NULL;

	if (wire->end > wire->scanned)
		newline = memchr(wire->data + wire->scanned, '\n', wire->end - wire->scanned);
	wire->scanned = newline ? (size_t)(newline - wire->data) + 1 : wire->end;
	*size = wire->scanned - wire->start - (newline ? 1 : 0);
	if (*size > RPC_LINE_MAX)
		return -EMSGSIZE;
	if (!newline)
		return 0;
	*line = wire->data + wire->start;
	wire->start = wire->scanned;
	return 1;
}

json_t *
rpc_wire_parse(const char *line, size_t size, struct err *err)
{
	json_error_t why;
	json_t *message = json_loadb(line, size, JSON_REJECT_DUPLICATES, &why);

	if (!message) {
		err_set(err, -EINVAL, "not a line of JSON: %s at byte %d", why.text, why.position);
		return NULL;
	}
	if (!json_is_object(message)) {
		json_decref(message);
		err_set(err, -EINVAL, "not a JSON object");
		return NULL;
	}
	return message;
}

char *
rpc_wire_encode(json_t *message, size_t *size)
{
	char *text = json_dumps(message, JSON_COMPACT);
	size_t length = text ? strlen(text) : 0;
	char *line = text ? realloc(text, length + 2) : NULL;

	if (!line) {
		free(text);
		return NULL;
	}
	line[length] = '\n';
	line[length + 1] = '\0';
	*size = length + 1;
	return line;
}

struct write {
	uv_write_t req;
	char *line;
};

static void
on_written(uv_write_t *req, int status)
{
	struct write *write = req->data;

	(void)status; /* A broken connection is noticed by its reader. */
	free(write->line);
	free(write);
}

int
rpc_wire_send(uv_stream_t *stream, json_t *message)
{
	size_t size = 0;
	char *line = message ? rpc_wire_encode(message, &size) : NULL;
	struct write *write;
	uv_buf_t buf;
	int rc;

	json_decref(message);
	if (!line)
		return -ENOMEM;
	write = size - 1 <= RPC_LINE_MAX ? calloc(1, sizeof(*write)) : NULL;
	if (!write) {
		free(line);
		return size - 1 <= RPC_LINE_MAX ? -ENOMEM : -EMSGSIZE;
	}
	write->line = line;
	write->req.data = write;
	buf = uv_buf_init(line, (unsigned int)size);
	rc = uv_write(&write->req, stream, &buf, 1, on_written);
	if (rc < 0)
		on_written(&write->req, rc);
	return rc;
}

int
rpc_wire_check_path(const char *path, struct err *err)
{
	size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (strlen(path) <= max)
		return 0;
	return err_set(err, -ENAMETOOLONG,
		"%s: the path of a socket may have %zu bytes: choose a shorter one", path, max);
}
