/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports: NICs and virtual devices behind DPDK's ethdev interface, any driver.
 *
 * port_open() finds the device, port_start() configures its queues and starts it; between the two
 * the caller makes the pool of packet buffers, whose size depends on all ports. Everything runs in
 * the main thread but port_transmit(), which workers call. */
#ifndef DATAPLANE_PORT_H
#define DATAPLANE_PORT_H

#include "common/err.h"
#include "common/model.h"
#include "dataplane/eal.h"
#include "dataplane/port_table.h"

#include <stdbool.h>
#include <stdint.h>

#define PORT_RSS_KEY_MAX 64

struct port_lock;
struct rte_mbuf;
struct rte_mempool;

struct port {
	const char *name;       /* From the model. */
	const char *device;     /* From the model. */
	uint16_t id;            /* ethdev's number. */
	unsigned int n_workers; /* Of the whole node: all may send here. */
	uint16_t n_rx_queues;   /* One worker each. */
	uint16_t n_own_workers; /* Those, and others that get packets from them. */
	uint16_t n_tx_queues;   /* Worker w uses queue w % n_tx_queues. */
	uint16_t n_rx_slots;    /* Descriptors of a queue. */
	uint16_t n_tx_slots;
	struct rte_mempool *pool; /* Buffers that it receives into, on its NUMA node. */
	bool mixes_pools;         /* Frames in buffers of other pools may leave by it. */
	uint16_t mtu;             /* Largest IP packet. */
	uint16_t vlan;            /* That its frames are tagged with; 0: none. */
	uint8_t mac[6];
	bool rx_interrupts; /* The driver has them. */
	bool rx_readable;   /* What it says to be a queue's interrupt is readable while frames wait.
			     */
	int rx_fd;          /* Readable while frames wait; -1: there is no such descriptor. */
	bool started;
	char interface[16];                 /* The kernel's under a virtual device; "": none. */
	uint8_t macs[MODEL_ROUTERS_MAX][6]; /* Received beside 'mac'. */
	size_t n_macs;
	struct port_lock *tx_locks;        /* One a queue; NULL: each queue has one user. */
	uint8_t rss_key[PORT_RSS_KEY_MAX]; /* Of a port with several queues; see port_rss.h. */
};

struct port_stats {
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t rx_missed; /* Not received: no descriptor or no buffer. */
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t tx_errors;
};

/* Finds or makes the device of 'config' and learns its address, MTU and limits. 'n_workers' is
 * that of the whole node. Returns 0, or a negative errno with 'err' set. */
int port_open(struct port *port, const struct lb_port *config, unsigned int n_workers,
	struct eal *eal, struct err *err);

/* Packet buffers that the receive and the transmit queues may hold at once. */
void port_n_buffers(const struct port *port, uint32_t *n_rx, uint32_t *n_tx);

/* Configures and starts the port, receiving into buffers of its pool. Returns as port_open(). */
int port_start(struct port *port, struct eal *eal, struct err *err);

/* Stops what was started and closes the device. */
void port_close(struct port *port);

/* Whether there is a link. */
bool port_is_up(const struct port *port);

/* Receives frames to these addresses too, and to no others beside the port's own. A port that
 * cannot choose gets all. */
void port_set_macs(struct port *port, const uint8_t (*macs)[6], size_t n);

int port_stats(const struct port *port, struct port_stats *out);
void port_describe(const struct port *port, struct port_info *info);

/* Gives a frame that is to leave by the port the tag of its VLAN, if it has one. Returns false if
 * there is no room in front of it. */
bool port_tag(const struct port *port, struct rte_mbuf *mbuf);

/* Sends 'n' frames from worker 'worker'; returns how many the port took, from the first on. The
 * rest stays the caller's. */
uint16_t port_transmit(struct port *port, unsigned int worker, struct rte_mbuf **mbufs, uint16_t n);

#endif /* DATAPLANE_PORT_H */
