/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP check: a datagram is answered, by the expected bytes if there are any; see check.h. */
#include "controlplane/check_socket.h"
#include "controlplane/datagram.h"

#include <string.h>
#include <sys/socket.h>

static enum datagram_verdict
judge(const struct check *check, const struct datagram_question *question, const uint8_t *bytes,
	size_t size, char *why, size_t why_size)
{
	const struct check_bytes *expect = &check->udp.expect;
	bool good = expect->size == 0 || memmem(bytes, size, expect->data, expect->size);

	(void)question;
	snprintf(why, why_size, "answer of %zu bytes%s", size,
		good ? "" : " without what is expected");
	return good ? DATAGRAM_GOOD : DATAGRAM_BAD;
}

static void *
start(void *engine, const struct check_target *target, check_done_fn done, void *ctx,
	struct err *err)
{
	const struct check_bytes *send = &target->check->udp.send;
	struct datagram_question question = {.size = send->size};
	int fd = check_socket_connect(target, SOCK_DGRAM, 0);

	(void)engine;
	if (fd < 0) {
		err_set(err, fd, "%s", strerror(-fd));
		return NULL;
	}
	memcpy(question.bytes, send->data, send->size);
	return datagram_start(target, fd, &question, judge, done, ctx, err);
}

const struct check_kind check_udp = {
	.start = start,
	.cancel = datagram_cancel,
};
