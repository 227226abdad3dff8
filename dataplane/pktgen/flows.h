/* SPDX-License-Identifier: BSD-3-Clause */
/* Which flow the next packet belongs to, and what it does there.
 *
 * A fixed number of flows is open at a time and they take turns, which is the worst order for a
 * table of flows. The first turn opens each of them. With a share of new flows the one that has
 * been open longest is closed (of TCP with a FIN) and replaced by one that has not been there for
 * as long as the space of flows allows. All of it is decided by counting: two runs send the same.
 * One thread. */
#ifndef DATAPLANE_PKTGEN_FLOWS_H
#define DATAPLANE_PKTGEN_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#define FLOWS_SHARE_ALL 1000000u /* A share of 100 %. */
#define FLOWS_MAX 16000000u
#define FLOWS_SPACE_MAX (UINT32_C(1) << 31)

enum flow_act {
	ACT_OPEN,
	ACT_DATA,
	ACT_CLOSE
};

struct flows_config {
	uint32_t n;         /* Open at a time, at least 1. */
	uint32_t space;     /* Different flows there are, at least 'n'. */
	uint32_t new_share; /* Of the packets, which open a flow; of FLOWS_SHARE_ALL. */
	bool closes;        /* A flow's last packet is a ACT_CLOSE. */
};

struct flow_packet {
	uint32_t flow; /* Below 'space'. */
	enum flow_act act;
};

struct flows;

/* Returns 0 or -ENOMEM. */
int flows_new(struct flows **out, const struct flows_config *config);
void flows_free(struct flows *flows); /* NULL is allowed. */

struct flow_packet flows_next(struct flows *flows);

/* Whether each of the flows has been opened. */
bool flows_all_open(const struct flows *flows);

#endif /* DATAPLANE_PKTGEN_FLOWS_H */
