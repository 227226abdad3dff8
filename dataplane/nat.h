/* SPDX-License-Identifier: BSD-3-Clause */
/* Modes in which a backend's packets come back through here: 'nat' gives the client's packets the
 * backend's address and port and takes them back from the backend's; 'fullnat' also lets them come
 * from a local address, to which the backend answers wherever it is.
 *
 * A flow has two entries in the worker's flow table: the usual one, and one under the key that
 * the backend's packets have: (client's address and port, backend's address and port, protocol).
 * The address of the backend stands in that key as its next hop's slot, which is the same for as
 * long as anybody uses the address. In fullnat it is (backend's address and port, local address's
 * id and port, protocol), and that key being free is what makes a local port free. */
#ifndef DATAPLANE_NAT_H
#define DATAPLANE_NAT_H

#include "dataplane/flow_table.h"
#include "dataplane/nexthop.h"
#include "dataplane/packet.h"
#include "dataplane/parse.h"
#include "dataplane/port_table.h"
#include "dataplane/service.h"
#include "dataplane/snapshot.h"
#include "dataplane/steer.h"
#include "dataplane/too_big.h"

#include <stdbool.h>

struct pipeline;

/* A packet and what is needed to decide about it. */
struct nat_job {
	struct flow_table *flows;
	const struct snapshot *snapshot;
	const struct port_table *ports;
	const struct nexthop_table *nexthops;
	struct packet *packet;
	const struct parsed *parsed;
	uint64_t now_ns;
	uint32_t *next_local; /* The worker's: counts through local addresses and ports. */
	struct stats *stats;
	struct too_big *too_big;
	uint8_t client_address; /* The service's, of packets to a backend. */
	uint16_t mss;           /* The same; 0: any. */
	bool is_handshake;      /* A backend's SYN that has become something else (syn_proxy.h). */
	const struct steering *steering;
	struct pipeline *pipeline; /* That the above are of, for what few packets need. */
};

/* Whether a backend of a nat service sends such packets. Then 'parsed' has the key of the flow's
 * second entry, and the slot returned says so (nat_is_return()); else NULL and nothing changes.
 * The flow need not exist. */
const struct service_slot *nat_find_return(const struct snapshot *snapshot, struct parsed *parsed);

/* Whether a backend of a nat service is the sender, by its address alone, as a fragment tells. */
bool nat_is_backend(const struct snapshot *snapshot, const struct parsed *parsed);

static inline bool
nat_is_return(const struct service_slot *slot)
{
	return slot->key.family & FLOW_REVERSE;
}

/* Sends the client's packet to 'backend', which its flow at 'flow' (may be nowhere) has. 'mode' is
 * MODE_NAT or MODE_FULLNAT. */
enum verdict nat_forward(
	const struct nat_job *job, uint8_t mode, uint16_t backend, struct flow_slot flow);

/* Sends the backend's packet, whose flow's second entry is at 'flow', to the client. '*service' is
 * set with V_RETURN. V_HOST: there is no such flow (any more). */
enum verdict nat_return(
	const struct nat_job *job, struct flow_slot flow, const struct service_slot **service);

#endif /* DATAPLANE_NAT_H */
