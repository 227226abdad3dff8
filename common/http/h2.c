/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP/2 of a server: what its sessions share, and their deadlines; see h2.h. */
#include "common/http/h2.h"

#include "common/http/h2_frames.h"
#include "common/http/h2_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ssl.h>

const char *
h2_date(struct h2 *h2)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now != h2->date_time) {
		h2->date_time = now;
		gmtime_r(&now, &tm);
		strftime(h2->date, sizeof(h2->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return h2->date;
}

static void
run_marked(uv_prepare_t *prepare)
{
	struct h2 *h2 = prepare->data;
	struct h2_session *session;

	while ((session = TAILQ_FIRST(&h2->marked)) != NULL)
		h2_session_run(session);
}

static void
prepare_closed(uv_handle_t *handle)
{
	struct h2 *h2 = handle->data;
	struct http_server *server = h2->server;

	nghttp2_session_callbacks_del(h2->callbacks);
	nghttp2_option_del(h2->option);
	free(h2);
	core_handle_closed(server);
}

/* Resets are counted here (h2_frames.c), by limits that may be larger than nghttp2's own. */
static bool
set_up(struct h2 *h2)
{
	if (nghttp2_session_callbacks_new(&h2->callbacks) != 0 ||
		nghttp2_option_new(&h2->option) != 0)
		return false;
	h2_frames_set_callbacks(h2->callbacks);
	nghttp2_option_set_no_auto_window_update(h2->option, 1);
	nghttp2_option_set_no_closed_streams(h2->option, 1);
	nghttp2_option_set_stream_reset_rate_limit(h2->option, UINT32_MAX, UINT32_MAX);
	return true;
}

int
h2_new(struct h2 **out, struct http_server *server)
{
	struct h2 *h2 = calloc(1, sizeof(*h2));

	if (!h2)
		return -ENOMEM;
	h2->server = server;
	TAILQ_INIT(&h2->marked);
	if (!set_up(h2)) {
		nghttp2_session_callbacks_del(h2->callbacks);
		nghttp2_option_del(h2->option);
		free(h2);
		return -ENOMEM;
	}
	uv_prepare_init(server->loop, &h2->prepare);
	h2->prepare.data = h2;
	core_handle_opened(server);
	uv_prepare_start(&h2->prepare, run_marked);
	*out = h2;
	return 0;
}

void
h2_free(struct h2 *h2)
{
	if (h2)
		uv_close((uv_handle_t *)&h2->prepare, prepare_closed);
}

bool
h2_is_chosen(const struct connection *connection)
{
	const unsigned char *name = NULL;
	unsigned int size = 0;

	if (!connection->ssl || !connection->server->h2)
		return false;
	SSL_get0_alpn_selected(connection->ssl, &name, &size);
	return size == 2 && memcmp(name, "h2", 2) == 0;
}

void
h2_add(struct h2 *h2, struct connection *connection)
{
	if (h2_session_new(h2, connection) < 0) {
		connection_free(connection);
		return;
	}
	h2->server->stats.n_h2_accepted++;
	if (connection_has_unseen(connection))
		connection->h2->ready(connection);
	else
		h2_session_run(connection->h2);
}

void
h2_end(struct connection *connection)
{
	h2_session_free(connection->h2);
	connection_free(connection);
}

/* --- Deadlines --- */

/* Takes its time off what a client may yet use up, as long as it is waited for. */
static bool
runs_out(uint32_t *slow_ms, bool is_awaited, uint32_t tick_ms, uint32_t limit_ms)
{
	*slow_ms = is_awaited ? *slow_ms + tick_ms : 0;
	return *slow_ms >= limit_ms;
}

/* Resets streams on which nothing moves because the client sends nothing of a body, or keeps the
 * window shut, though it may use the connection otherwise. Says which way the connection as a whole
 * must move. */
static void
cut_silent(struct h2_session *session, uint64_t now_ms, bool *receives, bool *sends)
{
	struct http_server *server = session->h2->server;
	struct h2_stream *stream;

	TAILQ_FOREACH(stream, &session->streams, in_all)
	{
		bool receiving = h2_stream_is_receiving(stream);
		bool sending = h2_stream_is_sending(stream);
		bool shut = sending && h2_stream_is_shut(stream);

		*receives |= receiving;
		*sends |= sending && !shut;
		if (!receiving && !shut)
			stream->moved_ms = now_ms; /* Whatever it waits for is not the client. */
		if (stream->is_cut || now_ms - stream->moved_ms < server->idle_timeout_ms)
			continue;
		server->stats.n_overdue++;
		h2_stream_cut(stream, NGHTTP2_CANCEL);
	}
}

/* Whether the client has been too slow for the connection to go on. */
static bool
is_slow(struct h2_session *session, uint64_t now_ms, uint32_t tick_ms)
{
	const struct http_server *server = session->h2->server;
	bool receives = false;
	bool sends = session->out != NULL;
	bool slow_in;
	bool slow_out;

	if (session->header_ms > 0 && now_ms - session->header_ms >= server->header_timeout_ms)
		return true;
	if (session->n_requests == 0)
		return now_ms - session->since_ms >= server->header_timeout_ms;
	cut_silent(session, now_ms, &receives, &sends);
	slow_in = runs_out(&session->slow_in_ms, receives, tick_ms, server->header_timeout_ms);
	slow_out = runs_out(&session->slow_out_ms, sends, tick_ms, server->idle_timeout_ms);
	return slow_in || slow_out;
}

/* RFC 9113 6.8: first that an end is near, then, when what was under way has arrived, which streams
 * are the last. The session ends with them. */
static void
say_goodbye(struct h2_session *session)
{
	nghttp2_session *nghttp2 = session->nghttp2;

	if (session->n_notices == 0)
		nghttp2_submit_shutdown_notice(nghttp2);
	else if (session->n_notices == 1)
		nghttp2_submit_goaway(nghttp2, NGHTTP2_FLAG_NONE,
			nghttp2_session_get_last_proc_stream_id(nghttp2), NGHTTP2_NO_ERROR, NULL,
			0);
	else
		return;
	session->n_notices++;
	h2_session_mark(session);
}

void
h2_tick(struct connection *connection, uint32_t tick_ms)
{
	struct h2_session *session = connection->h2;
	struct http_server *server = connection->server;
	uint64_t now_ms = h2_now_ms(session);

	if (is_slow(session, now_ms, tick_ms)) {
		server->stats.n_overdue++;
		h2_session_fail(session, NGHTTP2_NO_ERROR);
	} else if (TAILQ_EMPTY(&session->streams) &&
		   now_ms - session->since_ms >= server->idle_timeout_ms) {
		h2_session_fail(session, NGHTTP2_NO_ERROR);
	} else if (server->draining) {
		say_goodbye(session);
	}
	if (session->is_marked)
		h2_session_run(session);
}
