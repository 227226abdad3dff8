/* SPDX-License-Identifier: BSD-3-Clause */
/* Watches one network interface of the host by its name: is it there, is it up, and which address
 * do packets of a family leave it from. The interface may vanish and come back; rtnetlink tells.
 * Belongs to a libuv loop and its thread. */
#ifndef CONTROLPLANE_HOST_INTERFACE_H
#define CONTROLPLANE_HOST_INTERFACE_H

#include "common/addr.h"
#include "common/err.h"

#include <uv.h>

struct host_interface_state {
	unsigned int index; /* 0: not there. */
	bool up;            /* Administratively, and with carrier. */
	struct addr v4;     /* Its first IPv4 address; ADDR_NONE: none. */
	uint64_t addresses; /* Changes when any of its addresses does. */
	struct addr v6;     /* Its IPv6 link-local address, once usable; ADDR_NONE: none. */
};

struct host_interface;

/* Called when the state has changed. */
typedef void (*host_interface_fn)(void *ctx, const struct host_interface_state *state);

/* Reads the state once, without a call of 'on_change', and watches it from then on. Returns 0, or
 * a negative errno with 'err' set; that there is no such interface is not an error. */
int host_interface_new(struct host_interface **out, uv_loop_t *loop, const char *name,
	host_interface_fn on_change, void *ctx, struct err *err);
/* NULL is allowed; memory goes when the loop has run its close callback. */
void host_interface_free(struct host_interface *host);

const char *host_interface_name(const struct host_interface *host);
const struct host_interface_state *host_interface_state(const struct host_interface *host);

#endif /* CONTROLPLANE_HOST_INTERFACE_H */
