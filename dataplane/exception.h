/* SPDX-License-Identifier: BSD-3-Clause */
/* The exception path: a TAP interface by which the host's kernel sees the network behind a port.
 *
 * What is not the dataplane's (ssh, VRRP, health probes, ARP for the host's own addresses) crosses
 * to the kernel here and back. The interface has the port's link-layer address, so the kernel is
 * an ordinary host on that network. It is persistent: the addresses and routes that an
 * administrator gave it outlive the process. Main thread. */
#ifndef DATAPLANE_EXCEPTION_H
#define DATAPLANE_EXCEPTION_H

#include "common/err.h"
#include "dataplane/port.h"
#include "dataplane/worker.h"

#include <stdint.h>
#include <uv.h>

struct exception;

struct exception_stats {
	uint64_t n_to_host;
	uint64_t n_from_host;
	uint64_t n_drops; /* Either way: interface down, ring full, no buffer. */
};

/* Opens the interface 'name', or makes it if there is none, gives it the address and MTU of 'port'
 * and brings it up. What the kernel sends through it goes to 'worker', the port's first one, in
 * buffers of 'pool'. Returns 0, or a negative errno with 'err' set. */
int exception_new(struct exception **out, const char *name, const struct port *port,
	struct rte_mempool *pool, struct err *err);

/* Makes the interface persistent and begins to read. Returns 0 or a negative errno. */
int exception_start(struct exception *exception, uv_loop_t *loop, struct worker *worker);

/* Asks 'pass' about each frame that the host sends, which it may change; those refused are
 * dropped. */
void exception_set_guard(struct exception *exception,
	bool (*pass)(void *ctx, uint16_t port, uint8_t *frame, size_t size), void *ctx,
	uint16_t port);

/* Offers 'divert' each frame that the host sends and that may pass. Where it returns true, it has
 * taken the buffer over, and the frame goes no further. */
void exception_set_diversion(struct exception *exception,
	bool (*divert)(void *ctx, uint16_t port, struct rte_mbuf *mbuf), void *ctx, uint16_t port);

/* Reads all that the host has sent so far. */
void exception_read(struct exception *exception);

/* Tells the host whether the port has a link: without one the interface has no carrier. */
void exception_set_carrier(struct exception *exception, bool carrier);

/* Closes the interface, which stays; memory goes when the loop has run its close callbacks. NULL
 * is allowed. */
void exception_free(struct exception *exception);

/* Hands a frame to the kernel and frees it. */
void exception_write(struct exception *exception, struct rte_mbuf *mbuf);

/* The kernel's number of the interface. */
unsigned int exception_ifindex(const struct exception *exception);

void exception_stats(const struct exception *exception, struct exception_stats *out);

#endif /* DATAPLANE_EXCEPTION_H */
