/* SPDX-License-Identifier: BSD-3-Clause */
/* The generator around its threads: DPDK, ports and tables from the settings, the next hop's
 * address, and trials. Main thread. */
#ifndef DATAPLANE_PKTGEN_SESSION_H
#define DATAPLANE_PKTGEN_SESSION_H

#include "common/err.h"
#include "dataplane/pktgen/result.h"
#include "dataplane/pktgen/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct session;

/* Starts DPDK and the ports and finds the next hop. Returns 0, or a negative errno with 'err' set
 * (-EINTR: a signal came, which is no error to speak of). SIGINT and SIGTERM are blocked from here
 * on and end trials. */
int session_new(struct session **out, const struct settings *settings, struct err *err);
void session_free(struct session *session); /* NULL is allowed. */

/* What 'rate' means on the port that sends. Returns 0, or -EINVAL with 'err' set. */
int session_pacing(const struct session *session, const struct rate *rate, struct pacing *out,
	struct err *err);

/* Sends for 'duration_ns' and waits for the last packets. Returns 0, or a negative errno with 'err'
 * set. */
int session_trial(struct session *session, const struct pacing *pacing, uint64_t duration_ns,
	struct result *out, struct err *err);

/* Whether a signal has asked for the end. The last trial then was cut short. */
bool session_interrupted(const struct session *session);

#endif /* DATAPLANE_PKTGEN_SESSION_H */
