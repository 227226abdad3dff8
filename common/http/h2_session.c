/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's reading and writing; see h2_session.h. */
#include "common/http/h2_session.h"

#include "common/http/h2_stream.h"
#include "common/http/linger.h"
#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

LOG_MODULE("http");

#define READ_BYTES 16384
#define READS_MAX 16        /* In one turn; then others get theirs. */
#define OUT_BYTES 65536u    /* Four full TLS records. */
#define TURN_BYTES 262144u  /* Written in one turn. */
#define QUEUE_MAX 1000u     /* Frames that wait for a client before more of it is read. */
#define WINDOWS_FIRST 1000u /* See n_windows. */
#define STREAM_WINDOW 262144
#define CONNECTION_WINDOW 1048576

char *
h2_session_reserve(struct h2_session *session, size_t size)
{
	char *at;

	if (!session->out) {
		session->out = malloc(OUT_BYTES);
		session->out_used = 0;
		session->out_sent = 0;
	}
	if (!session->out || size > OUT_BYTES - session->out_used)
		return NULL;
	at = session->out + session->out_used;
	session->out_used += size;
	return at;
}

static bool
has_output(const struct h2_session *session)
{
	return session->out && session->out_sent < session->out_used;
}

static void
drop_output(struct h2_session *session)
{
	free(session->out);
	session->out = NULL;
	session->out_used = 0;
	session->out_sent = 0;
}

/* Writes what there is. Returns false if the socket takes no more now, or never will. */
static bool
write_output(struct h2_session *session)
{
	while (has_output(session)) {
		ssize_t n = connection_send(session->connection, session->out + session->out_sent,
			session->out_used - session->out_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				session->connection->dead = true;
			return false;
		}
		session->out_sent += (size_t)n;
		session->slow_out_ms -=
			(size_t)n < session->slow_out_ms ? (uint32_t)n : session->slow_out_ms;
	}
	session->out_used = 0;
	session->out_sent = 0;
	return true;
}

void
h2_session_mark(struct h2_session *session)
{
	if (session->is_marked)
		return;
	session->is_marked = true;
	TAILQ_INSERT_TAIL(&session->h2->marked, session, in_marked);
}

static void
unmark(struct h2_session *session)
{
	if (session->is_marked)
		TAILQ_REMOVE(&session->h2->marked, session, in_marked);
	session->is_marked = false;
}

void
h2_session_fail(struct h2_session *session, uint32_t error)
{
	if (session->is_closing)
		return;
	session->is_closing = true;
	session->must_linger = error != NGHTTP2_NO_ERROR;
	nghttp2_session_terminate_session(session->nghttp2, error);
	h2_session_mark(session);
}

void
h2_session_free(struct h2_session *session)
{
	struct h2_stream *stream;

	session->is_closing = true;
	while ((stream = TAILQ_FIRST(&session->streams)) != NULL)
		h2_stream_end(stream);
	unmark(session);
	nghttp2_session_del(session->nghttp2);
	drop_output(session);
	session->connection->h2 = NULL;
	free(session);
}

/* Ends the connection. What a client that broke the rules still sends is read for a while, so that
 * it learns why: a reset would take the message from it. */
static void
finish(struct h2_session *session)
{
	struct connection *connection = session->connection;
	bool lingers = session->must_linger && !connection->dead && !connection->ended;

	h2_session_free(session);
	if (!connection->dead && connection->ssl)
		SSL_shutdown(connection->ssl);
	if (!lingers || linger_start(connection) < 0)
		connection_free(connection);
}

/* What comes while too much waits for the client is left in the socket. */
static bool
is_choked(const struct h2_session *session)
{
	return has_output(session) &&
	       nghttp2_session_get_outbound_queue_size(session->nghttp2) > QUEUE_MAX;
}

static void
take_input(struct h2_session *session, const uint8_t *data, size_t size)
{
	ssize_t n = nghttp2_session_mem_recv(session->nghttp2, data, size);
	bool is_flood;

	if (n >= 0 || session->is_closing)
		return;
	is_flood = n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
	session->h2->server->stats.n_h2_floods += is_flood;
	session->h2->server->stats.n_refused += n == NGHTTP2_ERR_BAD_CLIENT_MAGIC;
	LOG_LIMITED(LOG_DEBUG, "HTTP/2: %s", nghttp2_strerror((int)n));
	h2_session_fail(session, is_flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
}

/* Reads what has come. Returns true if there may be more in OpenSSL, where no epoll sees it. */
static bool
read_input(struct h2_session *session)
{
	struct connection *connection = session->connection;
	uint8_t data[READ_BYTES];

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n;

		if (session->is_closing || is_choked(session))
			return true;
		n = connection_recv(connection, data, sizeof(data), 0);
		if (n > 0)
			take_input(session, data, (size_t)n);
		if (n < (ssize_t)sizeof(data))
			return false;
	}
	return true;
}

/* Lets nghttp2 fill, and the socket take, what there is. Returns true if there is more to write
 * than fits in one turn. */
static bool
write_frames(struct h2_session *session)
{
	size_t written = 0;

	while (write_output(session)) {
		if (written >= TURN_BYTES)
			return true;
		if (nghttp2_session_send(session->nghttp2) != 0) {
			session->connection->dead = true;
			return false;
		}
		if (session->out_used == 0) {
			drop_output(session);
			return false;
		}
		written += session->out_used;
	}
	return false;
}

/* True if the session has nothing left to do. */
static bool
is_over(const struct h2_session *session)
{
	const struct connection *connection = session->connection;

	if (connection->dead || connection->ended || session->is_closing)
		return true;
	return !has_output(session) && !nghttp2_session_want_read(session->nghttp2) &&
	       !nghttp2_session_want_write(session->nghttp2);
}

/* Writing is waited for also to come back soon: the socket can nearly always be written to. */
static bool
wait_for(struct h2_session *session, bool soon)
{
	int events = 0;

	if (!is_choked(session))
		events |= UV_READABLE;
	if (soon || has_output(session))
		events |= UV_WRITABLE;
	return connection_watch(session->connection, events, session->ready) == 0;
}

static void
take_turn(struct h2_session *session, bool reads)
{
	struct h2_stream *stream;
	bool soon;

	if (reads)
		session->has_unread = read_input(session);
	while ((stream = TAILQ_FIRST(&session->woken)) != NULL) {
		TAILQ_REMOVE(&session->woken, stream, in_woken);
		stream->is_woken = false;
		h2_stream_go_on(stream);
	}
	soon = write_frames(session) || session->has_unread;
	unmark(session);
	if (!TAILQ_EMPTY(&session->woken))
		h2_session_mark(session); /* A source went on while it was read. */
	if (!session->is_closing && !nghttp2_session_want_read(session->nghttp2))
		session->must_linger = !session->h2->server->draining;
	if (is_over(session) || !wait_for(session, soon))
		finish(session);
}

static void
ready(struct connection *connection)
{
	take_turn(connection->h2, true);
}

void
h2_session_run(struct h2_session *session)
{
	take_turn(session, false);
}

static int
announce(struct h2_session *session)
{
	const struct http_server *server = session->h2->server;
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, server->http2.max_streams},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, server->max_header_bytes},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};
	size_t n = sizeof(settings) / sizeof(settings[0]);

	if (nghttp2_submit_settings(session->nghttp2, NGHTTP2_FLAG_NONE, settings, n) != 0 ||
		nghttp2_session_set_local_window_size(
			session->nghttp2, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) != 0)
		return -ENOMEM;
	return 0;
}

int
h2_session_new(struct h2 *h2, struct connection *connection)
{
	struct h2_session *session = calloc(1, sizeof(*session));

	if (!session)
		return -ENOMEM;
	session->h2 = h2;
	session->connection = connection;
	session->ready = ready;
	session->n_windows = WINDOWS_FIRST;
	session->since_ms = h2_now_ms(session);
	TAILQ_INIT(&session->streams);
	TAILQ_INIT(&session->woken);
	if (nghttp2_session_server_new2(&session->nghttp2, h2->callbacks, session, h2->option) !=
			0 ||
		announce(session) < 0) {
		nghttp2_session_del(session->nghttp2);
		free(session);
		return -ENOMEM;
	}
	connection->h2 = session;
	return 0;
}
