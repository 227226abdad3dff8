/* SPDX-License-Identifier: BSD-3-Clause */
/* Next hops from the kernel's own tables, by rtnetlink.
 *
 * For every slot in use of the next hop table the kernel is asked for the route; the neighbour at
 * its end (a gateway or the backend itself) becomes a managed entry, which the kernel resolves and
 * keeps fresh by itself; and what the kernel learns is stored in the table. Routes, links and
 * neighbours are watched, so a change arrives without being asked for.
 *
 * A neighbour that stops answering keeps its last link-layer address: whether a backend lives is
 * for health checks to say, and a lost answer must not stop traffic. Main thread. */
#ifndef DATAPLANE_NETLINK_H
#define DATAPLANE_NETLINK_H

#include "common/err.h"
#include "dataplane/nexthop.h"
#include "dataplane/port_table.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct netlink;

struct netlink_config {
	struct nexthop_table *nexthops;          /* Outlives the object. */
	unsigned int ifindexes[MODEL_PORTS_MAX]; /* Host interface behind each port. */
	uint16_t n_ports;
};

/* Returns 0, or a negative errno with 'err' set. */
int netlink_new(struct netlink **out, uv_loop_t *loop, const struct netlink_config *config,
	struct err *err);

/* Memory goes when the loop has run its close callbacks. NULL is allowed. */
void netlink_free(struct netlink *netlink);

/* Looks at slots that came and went: after every change of the snapshot. */
void netlink_refresh(struct netlink *netlink);

/* Says why slot 'index' has no link-layer address; returns 'buf'. */
const char *netlink_explain(const struct netlink *netlink, uint16_t index, char *buf, size_t size);

#endif /* DATAPLANE_NETLINK_H */
