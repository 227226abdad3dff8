/* SPDX-License-Identifier: BSD-3-Clause */
/* VRRP's sockets: adverts of one address family through one interface of the host.
 *
 * Opens a raw socket on the interface when it is there, up and has an address to send from (for
 * IPv6 its link-local one, RFC 9568 5.1.2.1), closes it when one of these is lost, and opens it
 * again. Joins the group, sends with TTL 255, by multicast or to single peers, checks what comes in
 * and hands on what is valid.
 * Several virtual routers share it. Belongs to a libuv loop and its thread. */
#ifndef CONTROLPLANE_VRRP_IO_H
#define CONTROLPLANE_VRRP_IO_H

#include "common/addr.h"
#include "common/err.h"
#include "controlplane/host_interface.h"
#include "controlplane/vrrp_packet.h"

#include <uv.h>

struct vrrp_io;

struct vrrp_io_handler {
	/* A valid advert of another router, and the datagram it came in. */
	void (*on_advert)(
		void *ctx, const struct vrrp_advert *advert, const struct vrrp_datagram *datagram);
	/* What vrrp_io_is_up(), vrrp_io_source() and vrrp_io_has() say may have changed. */
	void (*on_change)(void *ctx);
	void *ctx;
};

/* Statistics: [VRRP_OK] counts valid adverts, the others those dropped for that reason. */
struct vrrp_io_stats {
	uint64_t n_received[N_VRRP_RESULTS];
	uint64_t n_sent;
	uint64_t n_send_failed;
};

/* Begins to watch 'interface'. Returns 0, or a negative errno with 'err' set: no right to open raw
 * sockets, for example. That there is no such interface yet is not an error. */
int vrrp_io_new(struct vrrp_io **out, uv_loop_t *loop, const char *interface,
	enum addr_family family, const struct vrrp_io_handler *handler, struct err *err);
/* NULL is allowed; memory goes when the loop has run its close callbacks. */
void vrrp_io_free(struct vrrp_io *io);

/* True if adverts can be sent; if not, '*why' (may be NULL) says what is missing. */
bool vrrp_io_is_up(const struct vrrp_io *io, const char **why);
/* What adverts are sent from; ADDR_NONE if not up. */
const struct addr *vrrp_io_source(const struct vrrp_io *io);
const struct vrrp_io_stats *vrrp_io_stats(const struct vrrp_io *io);

/* Where adverts of a router go. */
struct vrrp_route {
	struct addr source;       /* ADDR_NONE: what vrrp_io_source() says. */
	const struct addr *peers; /* Each is sent one; without any the group is. */
	size_t n_peers;
};

/* Sends an advert. Returns 0, or a negative errno if it could be sent to nobody. */
int vrrp_io_send(struct vrrp_io *io, const struct vrrp_route *route,
	const struct vrrp_advert *advert, const struct addr *addresses);

/* Whether the host can send from 'addr' by the interface. */
bool vrrp_io_has(const struct vrrp_io *io, const struct addr *addr);

/* Hands on what has come in already: a process that was stopped hears its peers before it acts on
 * its timers. */
void vrrp_io_receive(struct vrrp_io *io);

#endif /* CONTROLPLANE_VRRP_IO_H */
