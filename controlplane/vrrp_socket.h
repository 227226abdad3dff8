/* SPDX-License-Identifier: BSD-3-Clause */
/* Raw VRRP sockets of both families behind one form. Used by vrrp_io.c alone. */
#ifndef CONTROLPLANE_VRRP_SOCKET_H
#define CONTROLPLANE_VRRP_SOCKET_H

#include "common/addr.h"
#include "controlplane/vrrp_packet.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vrrp_socket {
	int fd; /* -1: closed. */
	enum addr_family family;
	unsigned int index; /* Of the interface. */
	struct addr source;
};

/* Opens a non-blocking socket on the interface 'name' with number 'index', which sends from
 * 'source' and has joined the group. Returns 0 or a negative errno. */
int vrrp_socket_open(struct vrrp_socket *sock, enum addr_family family, const char *name,
	unsigned int index, const struct addr *source);
void vrrp_socket_close(struct vrrp_socket *sock);

/* Sends a message from 'source' to 'destination'. Returns 0 or a negative errno. */
int vrrp_socket_send(const struct vrrp_socket *sock, const struct addr *source,
	const struct addr *destination, const uint8_t *data, size_t size);

/* Receives one message into 'buf' and describes it in '*out', which points into 'buf'. Returns 0,
 * -EAGAIN when there is none, -EBADMSG for one that has no whole IP header, or another negative
 * errno. */
int vrrp_socket_receive(
	const struct vrrp_socket *sock, uint8_t *buf, size_t size, struct vrrp_datagram *out);

#endif /* CONTROLPLANE_VRRP_SOCKET_H */
