/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual MAC addresses (RFC 9568 7.3): 00:00:5e:00:01:VRID of IPv4, 00:00:5e:00:02:VRID of IPv6.
 *
 * A virtual router may have one. Then frames to it are the node's that holds the router, and only
 * its: two nodes may both get a frame that a switch floods, and one of them has to be silent. The
 * addresses are answered and announced with it, and adverts of the router leave from it, so that
 * switches learn with each one where it is. Knows no I/O and no clock. */
#ifndef DATAPLANE_VIRTUAL_MAC_H
#define DATAPLANE_VIRTUAL_MAC_H

#include "common/addr.h"
#include "dataplane/lease.h"
#include "dataplane/packet.h"
#include "dataplane/port_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who has which; of a snapshot. */
struct virtual_macs {
	uint16_t leases[MODEL_PORTS_MAX][2][256]; /* By port, family (IPv6 is 1) and VRID. */
};

void virtual_mac_make(uint8_t mac[static 6], enum addr_family family, uint8_t vrid);

/* Turns frames to virtual MACs of routers that are held into frames to the port. */
void virtual_mac_receive(const struct virtual_macs *macs, const struct lease_table *leases,
	const struct port_table *ports, struct packet *packets, unsigned int n, uint64_t now_ns);

/* An advert of VRRP that the host sends. */
struct virtual_advert {
	enum addr_family family;
	uint8_t vrid;
};

/* Returns true if 'frame' is one, and describes it. */
bool virtual_mac_is_advert(const uint8_t *frame, size_t size, struct virtual_advert *out);

/* Lets it leave from its router's virtual MAC, if it has one. */
void virtual_mac_send(const struct virtual_macs *macs, uint16_t port,
	const struct virtual_advert *advert, uint8_t *frame);

#endif /* DATAPLANE_VIRTUAL_MAC_H */
