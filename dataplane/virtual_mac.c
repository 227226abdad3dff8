/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual MAC addresses; see virtual_mac.h. */
#include "dataplane/virtual_mac.h"

#include "dataplane/wire.h"

#include <string.h>

#define PROTOCOL_VRRP 112

static const uint8_t prefix[4] = {0x00, 0x00, 0x5e, 0x00};

void
virtual_mac_make(uint8_t mac[static 6], enum addr_family family, uint8_t vrid)
{
	memcpy(mac, prefix, sizeof(prefix));
	mac[4] = family == ADDR_V4 ? 1 : 2;
	mac[5] = vrid;
}

void
virtual_mac_receive(const struct virtual_macs *macs, const struct lease_table *leases,
	const struct port_table *ports, struct packet *packets, unsigned int n, uint64_t now_ns)
{
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *mac = packets[i].data;
		uint16_t port = packets[i].in_port;
		uint16_t lease;

		if (packets[i].size < 6 || memcmp(mac, prefix, sizeof(prefix)) != 0 || mac[4] < 1 ||
			mac[4] > 2)
			continue;
		lease = macs->leases[port][mac[4] - 1][mac[5]];
		if (lease != LEASE_NONE && lease_held(leases, lease, now_ns))
			memcpy(mac, ports->ports[port].mac, sizeof(ports->ports[port].mac));
	}
}

bool
virtual_mac_is_advert(const uint8_t *frame, size_t size, struct virtual_advert *out)
{
	const struct wire_ethernet *ethernet = (const struct wire_ethernet *)frame;
	const uint8_t *ip = frame + sizeof(*ethernet);
	size_t header;
	uint8_t protocol;

	if (size < sizeof(*ethernet) + sizeof(struct wire_ipv4))
		return false;
	if (be16_to(ethernet->type) == ETHER_IPV4) {
		header = (size_t)(ip[0] & 15) * 4;
		protocol = ((const struct wire_ipv4 *)ip)->protocol;
	} else if (be16_to(ethernet->type) == ETHER_IPV6) {
		header = sizeof(struct wire_ipv6);
		protocol = ((const struct wire_ipv6 *)ip)->next_header;
	} else {
		return false;
	}
	/* The second byte is the VRID (RFC 9568 5.1). */
	if (protocol != PROTOCOL_VRRP || size < sizeof(*ethernet) + header + 2)
		return false;
	out->family = be16_to(ethernet->type) == ETHER_IPV4 ? ADDR_V4 : ADDR_V6;
	out->vrid = ip[header + 1];
	return true;
}

void
virtual_mac_send(const struct virtual_macs *macs, uint16_t port,
	const struct virtual_advert *advert, uint8_t *frame)
{
	struct wire_ethernet *ethernet = (struct wire_ethernet *)frame;

	if (macs->leases[port][advert->family == ADDR_V6][advert->vrid] != LEASE_NONE)
		virtual_mac_make(ethernet->source, advert->family, advert->vrid);
}
