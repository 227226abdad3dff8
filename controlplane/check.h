/* SPDX-License-Identifier: BSD-3-Clause */
/* Kinds of checks: how a backend is probed once. A new kind is a struct check_kind and a line in
 * the table of health.c.
 *
 * Kinds decide nothing: whether a result changes a verdict is the rise/fall machine's business, and
 * how long a probe may take is the caller's, who cancels it. */
#ifndef CONTROLPLANE_CHECK_H
#define CONTROLPLANE_CHECK_H

#include "common/addr.h"
#include "common/err.h"
#include "common/model.h"

#include <stdbool.h>
#include <uv.h>

/* What is probed and how. Outlives its probes. */
struct check_target {
	uv_loop_t *loop;
	const struct check *check;
	const char *backend; /* Its name. */
	struct endpoint endpoint;
	uint16_t local_port; /* To be probed from; 0: any. */
};

/* The end of a probe; 'why' says what was found ("status 200", "Connection refused"). */
typedef void (*check_done_fn)(void *ctx, bool ok, const char *why);

struct check_kind {
	bool needs_no_port;
	/* Makes what all probes of this kind in one loop share; both are NULL if there is nothing.
	 * The engine is freed when no probe is under way. */
	int (*engine_new)(void **out, uv_loop_t *loop, struct err *err);
	void (*engine_free)(void *engine);
	/* Starts a probe. Returns it, and calls 'done' once from the loop, after which the probe is
	 * dead; or NULL with 'err' set if it failed at once. */
	void *(*start)(void *engine, const struct check_target *target, check_done_fn done,
		void *ctx, struct err *err);
	/* Ends a probe that is not done. Returns what it waited for ("connection"). */
	const char *(*cancel)(void *probe);
};

extern const struct check_kind check_tcp;     /* A connection can be made. */
extern const struct check_kind check_http;    /* An answer of HTTP(S), or a handshake of TLS. */
extern const struct check_kind check_udp;     /* A datagram is answered as expected. */
extern const struct check_kind check_dns;     /* A question is answered as expected. */
extern const struct check_kind check_icmp;    /* An echo request is answered. */
extern const struct check_kind check_mariadb; /* A login works, and the server is as expected. */
extern const struct check_kind check_script;  /* A program ends with status 0. */

#endif /* CONTROLPLANE_CHECK_H */
