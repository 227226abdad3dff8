/* SPDX-License-Identifier: BSD-3-Clause */
/* A probe by datagrams: one goes out, and the first that counts as an answer decides. What UDP, DNS
 * and ICMP checks share. */
#ifndef CONTROLPLANE_DATAGRAM_H
#define CONTROLPLANE_DATAGRAM_H

#include "controlplane/check.h"

#include <stdint.h>

enum datagram_verdict {
	DATAGRAM_IGNORE, /* It has nothing to do with the question. */
	DATAGRAM_GOOD,
	DATAGRAM_BAD
};

/* What is sent, and what a judge needs to know of it. */
struct datagram_question {
	uint8_t bytes[MODEL_CHECK_BYTES_MAX];
	size_t size;
	uint16_t id; /* That an answer repeats; host order. */
	enum addr_family family;
};

/* Judges what has come; 'why' says what was found. */
typedef enum datagram_verdict (*datagram_judge_fn)(const struct check *check,
	const struct datagram_question *question, const uint8_t *bytes, size_t size, char *why,
	size_t why_size);

/* Sends the question by 'fd', which the probe owns from now on, even when this fails. As
 * check_kind.start(). */
void *datagram_start(const struct check_target *target, int fd,
	const struct datagram_question *question, datagram_judge_fn judge, check_done_fn done,
	void *ctx, struct err *err);

/* As check_kind.cancel(). */
const char *datagram_cancel(void *probe);

#endif /* CONTROLPLANE_DATAGRAM_H */
