/* SPDX-License-Identifier: BSD-3-Clause */
/* Signs of trouble with a backend that packets show by themselves: it resets connections, or cannot
 * be reached. They are counted for each backend; that they say anything is the health checks'
 * business, which look sooner than they would have (controlplane/passive.h).
 *
 * Only modes nat and fullnat see what backends send. */
#ifndef DATAPLANE_SIGNS_H
#define DATAPLANE_SIGNS_H

#include "dataplane/flow_table.h"
#include "dataplane/packet.h"
#include "dataplane/parse.h"

#include <stdbool.h>

struct pipeline;

/* Whether a backend's packet could be one. */
static inline bool
signs_may_be(const struct parsed *parsed)
{
	return parsed->kind == PARSED_ICMP_ERROR || parsed->signal == FLOW_SIGNAL_RST;
}

/* Counts such a packet, which is of the flow whose second entry is at 'flow'. Worker only. */
void signs_count(struct pipeline *pipeline, struct flow_slot flow, const struct packet *packet,
	const struct parsed *parsed);

#endif /* DATAPLANE_SIGNS_H */
