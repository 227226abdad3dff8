/* SPDX-License-Identifier: BSD-3-Clause */
/* The trials of a run: the warm-up, then one for each rate, or a search. */
#ifndef DATAPLANE_PKTGEN_CAMPAIGN_H
#define DATAPLANE_PKTGEN_CAMPAIGN_H

#include "dataplane/pktgen/report.h"
#include "dataplane/pktgen/session.h"

/* Runs them all, and prints each result's row to 'table' (NULL: nowhere). Returns 0, or a negative
 * errno with 'err' set; 'out' has what was measured until then. */
int campaign_run(struct report *out, const struct settings *settings, struct session *session,
	FILE *table, struct err *err);

#endif /* DATAPLANE_PKTGEN_CAMPAIGN_H */
