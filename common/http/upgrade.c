/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections that have become streams; see upgrade.h. */
#include "common/http/upgrade.h"

#include "common/http/connection.h"
#include "common/http/core.h"
#include "common/http/mhd.h"
#include "common/http/shim.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

struct upgrade {
	const struct http_stream *stream;
	void *ctx;
	struct MHD_UpgradeResponseHandle *handle; /* NULL: not begun, or given back. */
	bool has_begun;
	uint64_t sent;
	size_t early_done;
	size_t early_size;
	char early[]; /* What came with the request; at most as much as a header may be. */
};

/* Takes the socket out of the library's set, where it would go on waking it. */
static void
take_socket(struct connection *connection, struct MHD_Connection *mhd)
{
	struct MHD_Daemon *daemon =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_DAEMON)->daemon;
	int set = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	struct epoll_event none = {0};

	if (connection->readiness.registered)
		shim_epoll_ctl(set, EPOLL_CTL_DEL, connection->fd, &none);
	connection->readiness = (struct readiness){.muted = true};
}

static void
tell(struct connection *connection)
{
	struct http_request *req = connection->request;

	req->upgrade->stream->ready(req->upgrade->ctx);
}

/* The library has sent the 101. */
static void
begin(void *ctx, struct MHD_Connection *mhd, void *context, const char *extra, size_t extra_size,
	MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
	struct http_request *req = ctx;
	struct connection *connection = req->connection;
	struct upgrade *upgrade = req->upgrade;

	(void)context;
	(void)fd;
	take_socket(connection, mhd);
	connection_set_phase(connection, CONNECTION_UPGRADED);
	if (extra_size > 0)
		upgrade = realloc(upgrade, sizeof(*upgrade) + extra_size);
	if (!upgrade) {
		req->upgrade->handle = handle;
		http_request_abort(req);
		return;
	}
	req->upgrade = upgrade;
	upgrade->handle = handle;
	upgrade->has_begun = true;
	upgrade->early_size = extra_size;
	if (extra_size > 0)
		memcpy(upgrade->early, extra, extra_size);
	if (connection->dead)
		upgrade_close(req);
	else
		tell(connection);
}

struct MHD_Response *
upgrade_response(
	struct http_request *req, const struct answer *answer, const struct response_frame *frame)
{
	struct upgrade *upgrade = calloc(1, sizeof(*upgrade));
	struct MHD_Response *response;

	if (!upgrade)
		return NULL;
	upgrade->stream = answer->stream;
	upgrade->ctx = answer->source_ctx;
	req->upgrade = upgrade;
	response = MHD_create_response_for_upgrade(begin, req);
	if (response)
		mhd_response_add_headers(response, answer->headers, answer->n_headers, frame);
	return response;
}

bool
upgrade_has_begun(const struct http_request *req)
{
	return req->upgrade && req->upgrade->has_begun;
}

void
upgrade_close(struct http_request *req)
{
	struct upgrade *upgrade = req->upgrade;

	if (!upgrade || !upgrade->handle)
		return;
	connection_unwatch(req->connection);
	MHD_upgrade_action(upgrade->handle, MHD_UPGRADE_ACTION_CLOSE);
	upgrade->handle = NULL;
	mhd_wake(req->server->mhd);
}

uint64_t
upgrade_sent(const struct http_request *req)
{
	return req->upgrade->sent;
}

void
upgrade_fini(struct http_request *req)
{
	free(req->upgrade);
	req->upgrade = NULL;
}

/* --- What handlers call (http.h) --- */

bool
http_request_can_upgrade(const struct http_request *req)
{
	return !req->connection->h2 && strcmp(req->version, MHD_HTTP_VERSION_1_1) == 0 &&
	       req->body_size == 0;
}

ssize_t
http_stream_recv(struct http_request *req, void *buf, size_t size)
{
	struct upgrade *upgrade = req->upgrade;
	size_t early = upgrade->early_size - upgrade->early_done;

	if (early == 0)
		return connection_recv(req->connection, buf, size, 0);
	if (size > early)
		size = early;
	memcpy(buf, upgrade->early + upgrade->early_done, size);
	upgrade->early_done += size;
	return (ssize_t)size;
}

ssize_t
http_stream_send(struct http_request *req, const void *buf, size_t size)
{
	ssize_t n = connection_send(req->connection, buf, size, MSG_NOSIGNAL);

	if (n > 0)
		req->upgrade->sent += (uint64_t)n;
	return n;
}

void
http_stream_wait(struct http_request *req, bool to_read, bool to_write)
{
	const int events = (to_read ? UV_READABLE : 0) | (to_write ? UV_WRITABLE : 0);

	assert(upgrade_has_begun(req));
	if (connection_watch(req->connection, events, tell) < 0)
		http_request_abort(req);
}

void
http_stream_end(struct http_request *req)
{
	connection_shutdown(req->connection, SHUT_WR);
}

void
http_stream_close(struct http_request *req)
{
	upgrade_close(req);
}
