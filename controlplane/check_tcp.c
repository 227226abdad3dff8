/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP check: a connection can be made; see check.h. */
#include "controlplane/check_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct tcp_probe {
	uv_poll_t poll;
	int fd;
	check_done_fn done;
	void *ctx;
};

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
end_probe(struct tcp_probe *probe)
{
	uv_close((uv_handle_t *)&probe->poll, on_closed);
	close(probe->fd);
}

static void
on_writable(uv_poll_t *poll, int status, int events)
{
	struct tcp_probe *probe = poll->data;
	check_done_fn done = probe->done;
	void *ctx = probe->ctx;
	int error = 0;
	socklen_t size = sizeof(error);

	(void)status;
	(void)events;
	getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	end_probe(probe);
	done(ctx, error == 0, error == 0 ? "connected" : strerror(error));
}

static void *
start(void *engine, const struct check_target *target, check_done_fn done, void *ctx,
	struct err *err)
{
	struct tcp_probe *probe = calloc(1, sizeof(*probe));
	int rc;

	(void)engine;
	if (!probe) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	probe->fd = check_socket_connect(target, SOCK_STREAM, 0);
	if (probe->fd < 0) {
		err_set(err, probe->fd, "%s", strerror(-probe->fd));
		free(probe);
		return NULL;
	}
	rc = uv_poll_init(target->loop, &probe->poll, probe->fd);
	if (rc < 0) {
		err_set(err, rc, "%s", uv_strerror(rc));
		close(probe->fd);
		free(probe);
		return NULL;
	}
	probe->poll.data = probe;
	probe->done = done;
	probe->ctx = ctx;
	uv_poll_start(&probe->poll, UV_WRITABLE, on_writable);
	return probe;
}

static const char *
cancel(void *probe)
{
	end_probe(probe);
	return "connection";
}

const struct check_kind check_tcp = {
	.start = start,
	.cancel = cancel,
};
