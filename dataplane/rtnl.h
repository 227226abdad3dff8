/* SPDX-License-Identifier: BSD-3-Clause */
/* The few rtnetlink messages that netlink.c needs, and nothing of what they are for.
 *
 * Requests are answered within the call (the kernel does so at once); events are read from a
 * second, non-blocking socket. One thread. */
#ifndef DATAPLANE_RTNL_H
#define DATAPLANE_RTNL_H

#include "common/addr.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

struct rtnl {
	struct mnl_socket *requests;
	struct mnl_socket *events;
	uint32_t sequence;
	uint32_t port_id; /* Of 'requests'. */
};

/* The way to an address. */
struct rtnl_route {
	unsigned int ifindex;
	struct addr neighbour; /* Gateway, or the address itself when it is on the link. */
};

struct rtnl_neighbour {
	unsigned int ifindex;
	struct addr addr;
	uint8_t mac[6];
	bool usable;  /* 'mac' is known and was not found wrong. */
	bool pinned;  /* Static, or needs no resolution. */
	bool managed; /* The kernel keeps it fresh by itself. */
};

/* What events tell. */
struct rtnl_handler {
	void (*on_neighbour)(void *ctx, const struct rtnl_neighbour *neighbour, bool is_gone);
	void (*on_change)(void *ctx); /* Routes, links or addresses, or events were lost. */
	void *ctx;
};

/* Returns 0, or a negative errno with 'err' set. */
int rtnl_init(struct rtnl *rtnl, struct err *err);
void rtnl_fini(struct rtnl *rtnl);

/* Each returns 0 or a negative errno: what the kernel answered. */
int rtnl_get_route(struct rtnl *rtnl, const struct addr *addr, struct rtnl_route *out);
int rtnl_get_neighbour(struct rtnl *rtnl, unsigned int ifindex, const struct addr *addr,
	struct rtnl_neighbour *out);

/* Makes the kernel resolve the neighbour now and, if 'managed', keep it fresh from now on; kernels
 * before 5.16 only do the former. */
int rtnl_manage_neighbour(
	struct rtnl *rtnl, unsigned int ifindex, const struct addr *addr, bool managed);

/* Descriptor of the events, for a poll; reads what there is. */
int rtnl_events_fd(const struct rtnl *rtnl);
void rtnl_read_events(struct rtnl *rtnl, const struct rtnl_handler *handler);

#endif /* DATAPLANE_RTNL_H */
