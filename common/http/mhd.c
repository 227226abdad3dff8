/* SPDX-License-Identifier: BSD-3-Clause */
/* The libmicrohttpd daemon and its place in the loop; see mhd.h. The callbacks that it makes for
 * requests are in mhd_request.c. */
#include "common/http/mhd.h"

#include "common/http/connection.h"
#include "common/http/core.h"
#include "common/http/mhd_pool.h"
#include "common/http/mhd_request.h"
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>
#include <uv.h>

LOG_MODULE("http");

#define RUNS_MAX 3 /* In a row, before the loop's other work gets its turn. */
/* Beside the client's header, a connection's memory holds its fields' descriptors and the
 * response's header. All of it is zeroed after every request, so it is kept small. */
#define POOL_EXTRA_BYTES 2048u
#define POOL_MIN_BYTES 4096u
#define LOG_TEXT_SIZE 256

struct mhd {
	struct http_server *server;
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	uv_prepare_t prepare; /* Runs what timers and pending callbacks have woken ... */
	uv_check_t check;     /* ... and what polled ones have. */
	uv_idle_t idle;       /* Active while the daemon has more to do at once. */
	unsigned int n_handles;
	bool dirty;
	struct MHD_Connection *newest; /* The one that is being added. */
};

/* libmicrohttpd reports every client that leaves early; of use only when searching for a fault. */
static __attribute__((format(printf, 2, 0))) void
log_message(void *ctx, const char *format, va_list args)
{
	char text[LOG_TEXT_SIZE];
	size_t size;

	(void)ctx;
	vsnprintf(text, sizeof(text), format, args);
	size = strlen(text);
	if (size > 0 && text[size - 1] == '\n')
		text[size - 1] = '\0';
	LOG_LIMITED(LOG_DEBUG, "libmicrohttpd: %s", text);
}

static void
idle_ready(uv_idle_t *idle)
{
	(void)idle; /* Only keeps the loop from waiting. */
}

static void
run(struct mhd *mhd)
{
	MHD_UNSIGNED_LONG_LONG timeout = 0;
	bool more = true;

	if (!mhd->dirty)
		return;
	mhd->dirty = false;
	for (int i = 0; more && i < RUNS_MAX; i++) {
		MHD_run(mhd->daemon);
		more = mhd->dirty;
		mhd->dirty = false;
		if (MHD_get_timeout(mhd->daemon, &timeout) == MHD_YES && timeout == 0)
			more = true;
	}
	mhd->dirty = more;
	if (more)
		uv_idle_start(&mhd->idle, idle_ready);
	else
		uv_idle_stop(&mhd->idle);
}

static void
poll_ready(uv_poll_t *poll, int status, int events)
{
	struct mhd *mhd = poll->data;

	(void)status;
	(void)events;
	mhd->dirty = true;
}

static void
prepare_ready(uv_prepare_t *prepare)
{
	run(prepare->data);
}

static void
check_ready(uv_check_t *check)
{
	run(check->data);
}

static void
handle_closed(uv_handle_t *handle)
{
	struct mhd *mhd = handle->data;
	struct http_server *server = mhd->server;

	if (--mhd->n_handles == 0)
		free(mhd);
	core_handle_closed(server);
}

static void
connection_begins(void *ctx, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct mhd *mhd = ctx;

	(void)context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		mhd->newest = connection;
}

/* Deadlines are the server's own (connection.c): the library's count seconds of silence, which a
 * byte now and then prolongs for ever. It uses sendfile() only if SIGPIPE is taken care of, which
 * the server does. */
static struct MHD_Daemon *
start_daemon(struct mhd *mhd, struct http_server *server)
{
	const unsigned int flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET |
				   MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG;
	size_t pool = server->max_header_bytes + POOL_EXTRA_BYTES;
	struct MHD_OptionItem options[] = {
		{MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_message, NULL},
		{MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)mhd_request_begin, server},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)mhd_request_completed, server},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_begins, mhd},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT,
			(intptr_t)(pool < POOL_MIN_BYTES ? POOL_MIN_BYTES : pool), NULL},
		{MHD_OPTION_CONNECTION_LIMIT, (intptr_t)server->max_connections + 1, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL},
		{MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
		{MHD_OPTION_END, 0, NULL},
	};

	return MHD_start_daemon(flags, 0, NULL, NULL, mhd_request_handle, server, MHD_OPTION_ARRAY,
		options, MHD_OPTION_END);
}

/* Opens a handle of the loop that can be closed by handle_closed(). */
static void
opened(struct mhd *mhd, uv_handle_t *handle)
{
	handle->data = mhd;
	mhd->n_handles++;
	core_handle_opened(mhd->server);
}

int
mhd_new(struct mhd **out, struct http_server *server, struct err *err)
{
	const union MHD_DaemonInfo *info;
	struct mhd *mhd = calloc(1, sizeof(*mhd));
	int result;

	if (!mhd)
		return err_set(err, -ENOMEM, "out of memory");
	mhd->server = server;
	mhd->daemon = start_daemon(mhd, server);
	if (!mhd->daemon) {
		free(mhd);
		return err_set(err, -EMFILE,
			"cannot start the HTTP server (libmicrohttpd): "
			"most likely out of file descriptors; raise 'ulimit -n'");
	}
	info = MHD_get_daemon_info(mhd->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	result = uv_poll_init(server->loop, &mhd->poll, info->epoll_fd);
	if (result < 0) {
		MHD_stop_daemon(mhd->daemon);
		free(mhd);
		return err_set(err, result, "cannot watch the HTTP server: %s", strerror(-result));
	}
	uv_prepare_init(server->loop, &mhd->prepare);
	uv_check_init(server->loop, &mhd->check);
	uv_idle_init(server->loop, &mhd->idle);
	opened(mhd, (uv_handle_t *)&mhd->poll);
	opened(mhd, (uv_handle_t *)&mhd->prepare);
	opened(mhd, (uv_handle_t *)&mhd->check);
	opened(mhd, (uv_handle_t *)&mhd->idle);
	uv_poll_start(&mhd->poll, UV_READABLE, poll_ready);
	uv_prepare_start(&mhd->prepare, prepare_ready);
	uv_check_start(&mhd->check, check_ready);
	*out = mhd;
	return 0;
}

void
mhd_free(struct mhd *mhd)
{
	if (!mhd)
		return;
	uv_close((uv_handle_t *)&mhd->poll, handle_closed);
	uv_close((uv_handle_t *)&mhd->prepare, handle_closed);
	uv_close((uv_handle_t *)&mhd->check, handle_closed);
	uv_close((uv_handle_t *)&mhd->idle, handle_closed);
	MHD_stop_daemon(mhd->daemon);
	mhd->daemon = NULL;
}

/* The library reads what epoll tells it of, and from a connection that is resumed. */
static void
make_it_read(struct MHD_Connection *added, struct connection *connection)
{
	MHD_suspend_connection(added);
	MHD_resume_connection(added);
	readiness_mute(&connection->readiness, false);
}

void
mhd_add(struct mhd *mhd, struct connection *connection)
{
	struct sockaddr_storage address;
	socklen_t size = endpoint_to_sockaddr(&connection->peer, &address);

	/* On failure the library closes the descriptor, and by that frees the connection. */
	if (MHD_add_connection(mhd->daemon, connection->fd, (struct sockaddr *)&address, size) !=
		MHD_YES)
		return;
	mhd_pool_claim(&connection->pool);
	if (connection_has_unseen(connection))
		make_it_read(mhd->newest, connection);
}

void
mhd_wake(struct mhd *mhd)
{
	mhd->dirty = true;
}
