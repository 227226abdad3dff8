/* SPDX-License-Identifier: BSD-3-Clause */
/* Probes by datagrams; see datagram.h. */
#include "controlplane/datagram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The largest datagram that there is. */
#define ANSWER_MAX 65536

/* Answers taken in one go: a peer that floods shall not keep the loop. */
#define BURST 16

struct datagram {
	uv_poll_t poll;
	int fd;
	const struct check *check;
	struct datagram_question question;
	datagram_judge_fn judge;
	check_done_fn done;
	void *ctx;
};

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
end_probe(struct datagram *probe)
{
	uv_close((uv_handle_t *)&probe->poll, on_closed);
	close(probe->fd);
}

static void
finish(struct datagram *probe, bool ok, const char *why)
{
	check_done_fn done = probe->done;
	void *ctx = probe->ctx;

	end_probe(probe);
	done(ctx, ok, why);
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	static _Thread_local uint8_t bytes[ANSWER_MAX];
	struct datagram *probe = poll->data;
	char why[256] = "";

	(void)status;
	(void)events;
	for (unsigned int i = 0; i < BURST; i++) {
		ssize_t size = recv(probe->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		enum datagram_verdict verdict;

		if (size < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (size < 0) {
			finish(probe, false, strerror(errno));
			return;
		}
		verdict = probe->judge(
			probe->check, &probe->question, bytes, (size_t)size, why, sizeof(why));
		if (verdict != DATAGRAM_IGNORE) {
			finish(probe, verdict == DATAGRAM_GOOD, why);
			return;
		}
	}
}

void *
datagram_start(const struct check_target *target, int fd, const struct datagram_question *question,
	datagram_judge_fn judge, check_done_fn done, void *ctx, struct err *err)
{
	struct datagram *probe = calloc(1, sizeof(*probe));
	int rc = -ENOMEM;

	if (probe) {
		probe->fd = fd;
		probe->check = target->check;
		probe->question = *question;
		probe->judge = judge;
		probe->done = done;
		probe->ctx = ctx;
		probe->poll.data = probe;
		rc = send(fd, question->bytes, question->size, 0) < 0 ? -errno : 0;
	}
	if (rc == 0)
		rc = uv_poll_init(target->loop, &probe->poll, fd);
	if (rc < 0) {
		err_set(err, rc, "%s", strerror(-rc));
		close(fd);
		free(probe);
		return NULL;
	}
	uv_poll_start(&probe->poll, UV_READABLE, on_readable);
	return probe;
}

const char *
datagram_cancel(void *probe)
{
	end_probe(probe);
	return "answer";
}
