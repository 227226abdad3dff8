/* SPDX-License-Identifier: BSD-3-Clause */
/* A port's link and the addresses that it receives at; see port.h. */
#include "common/log.h"
#include "dataplane/port.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_ethdev.h>

LOG_MODULE("port");

/* Whether the kernel's interface has a carrier. The drivers on top of one say so at their start and
 * never look again; and the interface's flags follow the carrier up to a second late. */
static bool
interface_is_up(const char *name)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GLINK};
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up;

	if (fd < 0)
		return true;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	up = ioctl(fd, SIOCGIFFLAGS, &ifr) == 0 && (ifr.ifr_flags & IFF_UP);
	ifr.ifr_data = (char *)&value;
	/* Who cannot be asked is believed to have one. */
	if (up && ioctl(fd, SIOCETHTOOL, &ifr) == 0)
		up = value.data != 0;
	close(fd);
	return up;
}

bool
port_is_up(const struct port *port)
{
	struct rte_eth_link link;

	if (port->interface[0] && !interface_is_up(port->interface))
		return false;
	return rte_eth_link_get_nowait(port->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

static bool
has_mac(const uint8_t (*macs)[6], size_t n, const uint8_t *mac)
{
	for (size_t i = 0; i < n; i++) {
		if (memcmp(macs[i], mac, 6) == 0)
			return true;
	}
	return false;
}

static void
add_mac(struct port *port, const uint8_t *mac)
{
	struct rte_ether_addr addr;

	memcpy(addr.addr_bytes, mac, sizeof(addr.addr_bytes));
	if (rte_eth_dev_mac_addr_add(port->id, &addr, 0) == 0 ||
		rte_eth_promiscuous_get(port->id) == 1)
		return;
	if (rte_eth_promiscuous_enable(port->id) == 0)
		LOG_INFORM("port %s: promiscuous, as it cannot filter more addresses", port->name);
	else
		LOG_WARNING("port %s: the driver can receive at no virtual MAC: use mac: port",
			port->name);
}

void
port_set_macs(struct port *port, const uint8_t (*macs)[6], size_t n)
{
	for (size_t i = 0; i < port->n_macs; i++) {
		struct rte_ether_addr addr;

		memcpy(addr.addr_bytes, port->macs[i], sizeof(addr.addr_bytes));
		if (!has_mac(macs, n, port->macs[i]))
			rte_eth_dev_mac_addr_remove(port->id, &addr);
	}
	for (size_t i = 0; i < n; i++) {
		if (!has_mac((const uint8_t(*)[6])port->macs, port->n_macs, macs[i]))
			add_mac(port, macs[i]);
	}
	memcpy(port->macs, macs, n * sizeof(*macs));
	port->n_macs = n;
}
