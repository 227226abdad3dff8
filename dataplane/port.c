/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports; see port.h. */
#include "dataplane/port.h"

#include "common/log.h"
#include "dataplane/port_rss.h"
#include "dataplane/port_sockets.h"
#include "dataplane/vlan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_spinlock.h>

LOG_MODULE("port");

/* Descriptors of a queue where the driver has no preference. */
#define SLOTS_DEFAULT 1024

/* Of a transmit queue that several workers use. */
struct port_lock {
	rte_spinlock_t lock;
} __rte_cache_aligned;

/* Writes 'value' to a setting of the interface; one that does not exist is no loss. */
static void
set_sysctl(const char *family, const char *interface, const char *key, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, interface, key);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		LOG_DBG("%s: %s", path, strerror(errno));
	close(fd);
}

/* Leaves the tags of received frames where they are: one that the driver of the interface has put
 * aside does not reach a socket of AF_XDP. */
static int
keep_tags(int fd, struct ifreq *ifr)
{
	struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};

	ifr->ifr_data = (char *)&value;
	if (ioctl(fd, SIOCETHTOOL, ifr) < 0)
		return -errno;
	if (!(value.data & ETH_FLAG_RXVLAN))
		return 0;
	value.cmd = ETHTOOL_SFLAGS;
	value.data &= ~(unsigned int)ETH_FLAG_RXVLAN;
	return ioctl(fd, SIOCETHTOOL, ifr) < 0 ? -errno : 0;
}

/* The kernel's interface under a virtual device is now the dataplane's: it must be up, and the
 * kernel must neither speak nor answer there, also not while no dataplane runs. The host has its
 * own interface to the same network, the exception TAP. */
static int
take_interface(const struct lb_port *config, struct err *err)
{
	struct ifreq ifr = {0};
	char name[IFNAMSIZ];
	int fd, tags, rc = 0;

	if (strncmp(config->device, "net_tap", 7) == 0 ||
		!eal_device_argument(config->device, "iface", name, sizeof(name)))
		return 0;
	set_sysctl("ipv6", name, "disable_ipv6", "1");
	set_sysctl("ipv4", name, "arp_ignore", "8"); /* 8: answer for no address. */
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "port %s: %s", config->name, strerror(errno));
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0) {
		rc = -errno;
	} else if (!(ifr.ifr_flags & IFF_UP)) {
		ifr.ifr_flags |= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
			rc = -errno;
	}
	if (config->vlan && rc == 0 && (tags = keep_tags(fd, &ifr)) < 0)
		LOG_WARNING("port %s: interface %s may put VLAN tags aside, and frames then count "
			    "as untagged (ethtool -K %s rxvlan off): %s",
			config->name, name, name, strerror(-tags));
	close(fd);
	if (rc < 0)
		return err_set(err, rc, "port %s: cannot bring interface %s up: %s", config->name,
			name, strerror(-rc));
	return 0;
}

/* Some drivers do not ask the kernel's interface under a virtual device how much it takes. */
static void
lower_mtu(struct port *port, const struct lb_port *config)
{
	struct ifreq ifr = {0};
	char name[IFNAMSIZ];
	int fd;

	if (!eal_device_argument(config->device, "iface", name, sizeof(name)))
		return;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (ioctl(fd, SIOCGIFMTU, &ifr) == 0 && ifr.ifr_mtu < port->mtu)
		port->mtu = (uint16_t)ifr.ifr_mtu;
	close(fd);
}

/* The driver that holds a PCI device, "none" without one. */
static void
pci_driver(const char *device, char *buf, size_t size)
{
	char path[128], target[PATH_MAX];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s%.32s/driver",
		strlen(device) < 12 ? "0000:" : "", device);
	n = readlink(path, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = '\0';
		name = strrchr(target, '/');
		snprintf(buf, size, "%s", name ? name + 1 : target);
	} else {
		snprintf(buf, size, "none");
	}
}

static int
refuse_device(const struct lb_port *config, const struct eal *eal, int rc, struct err *err)
{
	const char *why = eal_first_error(eal);
	char driver[PATH_MAX];

	if (eal_device_is_pci(config->device)) {
		pci_driver(config->device, driver, sizeof(driver));
		return err_set(err, -ENODEV,
			"port %s: DPDK has no driver for %s, which is bound to the driver '%s': "
			"bind it to vfio-pci (dpdk-devbind.py -b vfio-pci %s)",
			config->name, config->device, driver, config->device);
	}
	return err_set(err, rc,
		"port %s: DPDK cannot make the device '%s': %s (%s): check the driver's name and "
		"its arguments",
		config->name, config->device, *why ? why : "no such driver", strerror(-rc));
}

/* Finds a PCI device, or makes a virtual one. */
static int
find_device(struct port *port, const struct lb_port *config, struct eal *eal, struct err *err)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	int rc;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(config->device, ","), config->device);
	if (eal_device_is_pci(config->device)) {
		/* ethdev names always have the domain. */
		snprintf(name, sizeof(name), "%s%s", strlen(config->device) < 12 ? "0000:" : "",
			config->device);
	} else {
		eal_try_begin(eal);
		rc = rte_dev_probe(config->device);
		eal_try_end(eal);
		if (rc < 0)
			return refuse_device(config, eal, rc, err);
	}
	if (rte_eth_dev_get_port_by_name(name, &port->id) < 0)
		return refuse_device(config, eal, -ENODEV, err);
	return 0;
}

int
port_open(struct port *port, const struct lb_port *config, unsigned int n_workers, struct eal *eal,
	struct err *err)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	fd_set sockets;
	int rc = take_interface(config, err);

	if (rc < 0)
		return rc;
	port_sockets_list(&sockets);
	*port = (struct port){.name = config->name, .device = config->device, .rx_fd = -1};
	rc = find_device(port, config, eal, err);
	if (rc < 0)
		return rc;
	rc = rte_eth_dev_info_get(port->id, &info);
	if (rc == 0)
		rc = rte_eth_macaddr_get(port->id, &mac);
	if (rc == 0)
		rc = rte_eth_dev_get_mtu(port->id, &port->mtu);
	if (rc < 0) {
		rte_eth_dev_close(port->id);
		return err_set(err, rc, "port %s: the driver does not answer: %s", port->name,
			strerror(-rc));
	}
	lower_mtu(port, config);
	if (strncmp(config->device, "net_tap", 7) != 0)
		eal_device_argument(
			config->device, "iface", port->interface, sizeof(port->interface));
	if (config->n_queues > info.max_rx_queues) {
		rte_eth_dev_close(port->id);
		return err_set(err, -EINVAL,
			"port %s: queues: %u is more than the device's %u (of a virtual device its "
			"arguments may set them): lower queues",
			port->name, config->n_queues, info.max_rx_queues);
	}
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	port_sockets_join(&port->rx_fd, &sockets, config->n_queues); /* Packet sockets. */
	port->vlan = config->vlan;
	port->n_workers = n_workers;
	port->n_rx_queues = config->n_queues;
	port->n_own_workers = config->n_workers;
	/* AF_XDP's queues go both ways. */
	port->n_tx_queues = strcmp(info.driver_name, "net_af_xdp") == 0
				    ? port->n_rx_queues
				    : (uint16_t)RTE_MIN(n_workers, info.max_tx_queues);
	port->n_rx_slots = info.default_rxportconf.ring_size;
	port->n_tx_slots = info.default_txportconf.ring_size;
	if (port->n_rx_slots == 0)
		port->n_rx_slots = SLOTS_DEFAULT;
	if (port->n_tx_slots == 0)
		port->n_tx_slots = SLOTS_DEFAULT;
	return 0;
}

void
port_n_buffers(const struct port *port, uint32_t *n_rx, uint32_t *n_tx)
{
	/* AF_XDP has two rings for each direction, both full at worst. */
	*n_rx = 2u * port->n_rx_queues * port->n_rx_slots;
	*n_tx = 2u * port->n_tx_queues * port->n_tx_slots;
}

static int
configure(struct port *port, const struct rte_eth_dev_info *info, bool interrupts)
{
	struct rte_eth_conf conf = {0};

	conf.rxmode.mtu = port->mtu;
	if (port->n_rx_queues > 1 && info->flow_type_rss_offloads != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
			info->flow_type_rss_offloads &
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
		if (port_rss_make_key(port->rss_key, info->hash_key_size, info->reta_size) == 0) {
			conf.rx_adv_conf.rss_conf.rss_key = port->rss_key;
			conf.rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
		}
	}
	conf.rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	/* All buffers have one owner; but they must come from one pool as well. */
	if (!port->mixes_pools)
		conf.txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	conf.intr_conf.rxq = interrupts;
	port->rx_interrupts = interrupts;
	return rte_eth_dev_configure(port->id, port->n_rx_queues, port->n_tx_queues, &conf);
}

static int
setup_queues(struct port *port)
{
	unsigned int socket = (unsigned int)rte_eth_dev_socket_id(port->id);
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &port->n_rx_slots, &port->n_tx_slots);

	for (uint16_t q = 0; q < port->n_rx_queues && rc == 0; q++)
		rc = rte_eth_rx_queue_setup(
			port->id, q, port->n_rx_slots, socket, NULL, port->pool);
	for (uint16_t q = 0; q < port->n_tx_queues && rc == 0; q++)
		rc = rte_eth_tx_queue_setup(port->id, q, port->n_tx_slots, socket, NULL);
	return rc;
}

static int
try_start(struct port *port, const struct rte_eth_dev_info *info, bool interrupts)
{
	int rc = configure(port, info, interrupts);

	if (rc == 0)
		rc = setup_queues(port);
	if (rc == 0)
		rc = rte_eth_dev_start(port->id);
	return rc;
}

/* Solicited-node groups of the VIPs, VRRP's groups and what the host joins: all multicast must
 * come in, and where a driver cannot do that everything has to. */
static void
receive_multicast(struct port *port)
{
	if (rte_eth_allmulticast_enable(port->id) == 0 || rte_eth_promiscuous_enable(port->id) == 0)
		return;
	LOG_WARNING("port %s: the driver has neither all-multicast nor promiscuous mode: IPv6 "
		    "addresses may not be found by their clients",
		port->name);
}

static int
make_locks(struct port *port)
{
	if (port->n_workers <= port->n_tx_queues)
		return 0;
	port->tx_locks = rte_zmalloc(
		"tx_locks", port->n_tx_queues * sizeof(*port->tx_locks), RTE_CACHE_LINE_SIZE);
	return port->tx_locks ? 0 : -ENOMEM;
}

int
port_start(struct port *port, struct eal *eal, struct err *err)
{
	struct rte_eth_dev_info info;
	fd_set sockets;
	int rc = rte_eth_dev_info_get(port->id, &info);

	port_sockets_list(&sockets);
	if (rc == 0)
		rc = make_locks(port);
	if (rc == 0) {
		/* Drivers say only by failing that they have no RX interrupts. */
		eal_try_begin(eal);
		rc = try_start(port, &info, true);
		if (rc < 0)
			rc = try_start(port, &info, false);
		else if (rte_eth_dev_rx_intr_ctl_q_get_fd(port->id, 0) < 0)
			port->rx_interrupts = false;
		eal_try_end(eal);
	}
	if (rc < 0)
		return err_set(err, rc, "port %s: device '%s' does not start: %s (%s)", port->name,
			port->device, eal_first_error(eal), strerror(-rc));
	/* Its interrupts need no switching on: they are the descriptors that it reads from. */
	port->rx_readable = port->rx_interrupts && strcmp(info.driver_name, "net_tap") == 0;
	port->started = true;
	port_sockets_join(&port->rx_fd, &sockets, port->n_rx_queues); /* AF_XDP's. */
	receive_multicast(port);
	return 0;
}

void
port_close(struct port *port)
{
	if (port->started)
		rte_eth_dev_stop(port->id);
	rte_eth_dev_close(port->id);
	if (port->rx_fd >= 0)
		close(port->rx_fd);
	port->rx_fd = -1;
	rte_free(port->tx_locks);
	port->tx_locks = NULL;
	port->started = false;
}

int
port_stats(const struct port *port, struct port_stats *out)
{
	struct rte_eth_stats stats;
	int rc = rte_eth_stats_get(port->id, &stats);

	if (rc < 0)
		return rc;
	*out = (struct port_stats){
		.rx_packets = stats.ipackets,
		.rx_bytes = stats.ibytes,
		.rx_missed = stats.imissed + stats.rx_nombuf,
		.tx_packets = stats.opackets,
		.tx_bytes = stats.obytes,
		.tx_errors = stats.oerrors,
	};
	return 0;
}

void
port_describe(const struct port *port, struct port_info *info)
{
	snprintf(info->name, sizeof(info->name), "%s", port->name);
	memcpy(info->mac, port->mac, sizeof(info->mac));
	info->mtu = port->mtu;
}

bool
port_tag(const struct port *port, struct rte_mbuf *mbuf)
{
	char *data;

	if (port->vlan == 0)
		return true;
	data = rte_pktmbuf_prepend(mbuf, VLAN_TAG_SIZE);
	if (data)
		vlan_put((uint8_t *)data, port->vlan);
	return data != NULL;
}

uint16_t
port_transmit(struct port *port, unsigned int worker, struct rte_mbuf **mbufs, uint16_t n)
{
	uint16_t queue = (uint16_t)(worker % port->n_tx_queues);
	uint16_t n_sent;

	if (!port->tx_locks)
		return rte_eth_tx_burst(port->id, queue, mbufs, n);
	rte_spinlock_lock(&port->tx_locks[queue].lock);
	n_sent = rte_eth_tx_burst(port->id, queue, mbufs, n);
	rte_spinlock_unlock(&port->tx_locks[queue].lock);
	return n_sent;
}
