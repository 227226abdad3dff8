/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection of HTTP/2, from the first byte to its end, with handlers of every kind behind it.
 * The first byte says into which pieces the rest is cut, the second whether the client takes what
 * it is sent, opens with the preface, and leaves at the end. Whatever comes, the server must answer
 * in whole frames of HTTP/2 and forget the connection when it is over. */
#include "common/http/connection.h"
#include "common/http/core.h"
#include "common/http/h2.h"
#include "common/http/h2_session.h"
#include "fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\0\0\0\x04\0\0\0\0\0"
#define HEAD_SIZE 9u
#define FRAME_MAX 16384u
#define TYPE_MAX 9u
#define GOAWAY 7u
#define INPUT_MAX 8192u /* What a socket takes at once. */
#define SOURCE_BYTES 200000u
#define TURNS_MAX 1000

enum {
	NO_PREFACE = 1,
	DEAF = 2,   /* Takes nothing until all is sent. */
	STAYS = 4,  /* Is there when the server ends it. */
	DRAINS = 8, /* The server takes its leave meanwhile. */
};

/* What the client has been sent, frame by frame. */
struct reader {
	uint8_t head[HEAD_SIZE];
	size_t head_size;
	size_t left; /* Of the frame's payload. */
	bool has_settings;
};

struct world {
	uv_loop_t loop;
	struct http_server *server;
	struct reader reader;
	size_t n_sunk;
	unsigned int n_ended;
};

static void
handle_bytes(struct http_request *req, void *ctx)
{
	(void)ctx;
	http_respond_text(req, 200, "text/plain", "hello");
}

static void
handle_echo(struct http_request *req, void *ctx)
{
	size_t size;
	const char *body = http_request_body(req, &size);

	(void)ctx;
	http_respond(req, 200, NULL, 0, body, size);
}

/* Takes half of what it is offered, so that there is always a rest. */
static size_t
sink_write(void *ctx, struct http_request *req, const char *data, size_t size)
{
	struct world *world = ctx;

	(void)data;
	world->n_sunk += size;
	if (size > 1)
		http_request_resume(req);
	return size > 1 ? size / 2 : size;
}

static void
sink_end(void *ctx, struct http_request *req)
{
	(void)ctx;
	http_respond_text(req, 201, "text/plain", "taken");
}

static void
handle_sink(struct http_request *req, void *ctx)
{
	static const struct http_sink sink = {sink_write, sink_end};

	http_request_set_sink(req, &sink, ctx);
}

static ssize_t
source_read(void *ctx, char *out, size_t size)
{
	size_t *left = ctx;
	size_t n = *left < size ? *left : size;

	memset(out, 's', n);
	*left -= n;
	return n > 0 ? (ssize_t)n : HTTP_SOURCE_END;
}

static void
drop_left(struct http_request *req, void *left)
{
	(void)req;
	free(left);
}

static void
handle_source(struct http_request *req, void *ctx)
{
	static const struct http_source source = {.read = source_read};
	size_t *left = malloc(sizeof(*left));

	(void)ctx;
	fuzz_require(left != NULL, "memory for the test");
	*left = SOURCE_BYTES;
	http_request_set_data(req, left, drop_left);
	http_respond_source(req, 200, NULL, 0, HTTP_SIZE_UNKNOWN, &source, left);
}

static const struct http_route routes[] = {
	{"GET", "/bytes", HTTP_BODY_NONE, 0, handle_bytes, "Some bytes."},
	{"POST", "/echo", HTTP_BODY_BUFFERED, 4096, handle_echo, "What came."},
	{"*", "/sink*", HTTP_BODY_STREAMED, 0, handle_sink, "Takes everything."},
	{"GET", "/source", HTTP_BODY_NONE, 0, handle_source, "Much."},
	{0},
};

static void
on_request_end(void *ctx, const struct http_request *req, unsigned int status, uint64_t sent)
{
	struct world *world = ctx;

	(void)status;
	(void)sent;
	fuzz_require(http_request_target(req) != NULL, "a request that ends had a target");
	world->n_ended++;
}

static void
make_world(struct world *world)
{
	const struct http_server_config config = {
		.routes = routes,
		.ctx = world,
		.max_connections = 8,
		.max_body_bytes = 65536,
		.max_header_bytes = 2048,
		.header_timeout_ms = 60000,
		.idle_timeout_ms = 60000,
		.http2 = {8, 20, 20},
		.on_request_end = on_request_end,
	};
	struct err err;

	*world = (struct world){.n_sunk = 0};
	fuzz_require(uv_loop_init(&world->loop) == 0, "a loop for the test");
	fuzz_require(http_server_new(&world->server, &world->loop, &config, &err) == 0,
		"a server for the test");
}

static void
end_world(struct world *world)
{
	http_server_free(world->server);
	uv_run(&world->loop, UV_RUN_DEFAULT);
	fuzz_require(uv_loop_close(&world->loop) == 0, "nothing is left in the loop");
}

/* Returns how much of 'data' it has looked at. */
static size_t
read_piece(struct reader *reader, const uint8_t *data, size_t size)
{
	size_t n = HEAD_SIZE - reader->head_size;

	if (reader->left > 0) {
		n = size < reader->left ? size : reader->left;
		reader->left -= n;
		return n;
	}
	if (n > size)
		n = size;
	memcpy(reader->head + reader->head_size, data, n);
	reader->head_size += n;
	if (reader->head_size < HEAD_SIZE)
		return n;
	reader->head_size = 0;
	reader->left =
		(size_t)reader->head[0] << 16 | (size_t)reader->head[1] << 8 | reader->head[2];
	fuzz_require(reader->left <= FRAME_MAX, "no frame is longer than a client must take");
	fuzz_require(reader->head[3] <= TYPE_MAX, "a frame is of a known type");
	fuzz_require(reader->has_settings || reader->head[3] == 4 || reader->head[3] == GOAWAY,
		"SETTINGS come first");
	reader->has_settings = true;
	return n;
}

/* Takes what there is. Returns false at the end of the connection. */
static bool
take(struct world *world, int client)
{
	uint8_t data[65536];
	ssize_t n;

	while ((n = recv(client, data, sizeof(data), MSG_DONTWAIT)) > 0) {
		for (size_t at = 0; at < (size_t)n;)
			at += read_piece(&world->reader, data + at, (size_t)n - at);
	}
	return n < 0;
}

static void
give(struct world *world, int client, const uint8_t *data, size_t size, bool is_deaf)
{
	for (size_t sent = 0; sent < size;) {
		ssize_t n = send(client, data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		sent += n > 0 ? (size_t)n : 0;
		uv_run(&world->loop, UV_RUN_NOWAIT);
		if (!is_deaf && !take(world, client))
			return;
		if (n <= 0)
			return; /* It reads no more, or has gone. */
	}
}

static int
connect_to(struct world *world)
{
	const struct endpoint peer = {.port = 1};
	struct connection *connection;
	int ends[2];

	fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0,
		"sockets for the test");
	connection = connection_new(world->server, ends[0], NULL, &peer);
	fuzz_require(connection != NULL, "memory for the test");
	h2_add(world->server->h2, connection);
	return ends[1];
}

static void
converse(struct world *world, struct fuzz_input *input, size_t step, uint8_t how)
{
	int client = connect_to(world);
	int n_turns = 0;

	if (!(how & NO_PREFACE))
		give(world, client, (const uint8_t *)PREFACE SETTINGS, sizeof(PREFACE SETTINGS) - 1,
			false);
	while (input->size > 0) {
		size_t n;
		const uint8_t *piece = fuzz_bytes(input, step, &n);

		give(world, client, piece, n, how & DEAF);
	}
	if (how & DRAINS)
		http_server_drain(world->server, 60000, NULL, NULL);
	while (n_turns++ < TURNS_MAX && take(world, client) && world->reader.left > 0)
		uv_run(&world->loop, UV_RUN_NOWAIT);
	if (how & STAYS)
		end_world(world);
	close(client);
	if (how & STAYS)
		return;
	n_turns = 0;
	while (world->server->connections && n_turns++ < TURNS_MAX)
		uv_run(&world->loop, UV_RUN_NOWAIT);
	fuzz_require(!world->server->connections, "a connection ends with its client");
	end_world(world);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size < INPUT_MAX ? size : INPUT_MAX};
	size_t step = (size_t)fuzz_byte(&input) * 4 + 1;
	uint8_t how = fuzz_byte(&input);
	struct world world;

	make_world(&world);
	converse(&world, &input, step, how);
	return 0;
}
