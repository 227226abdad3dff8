/* SPDX-License-Identifier: BSD-3-Clause */
/* What dataplane and control plane say to each other.
 *
 * The dataplane listens on a UNIX stream socket (rpc.h: one JSON object a line); the control
 * plane connects. Requests and their replies:
 *
 *   hello   {version}            -> {version, node, ports: [{name, mac, host_interface, up}]}
 *   state   struct control_state -> {generation}      desired state, whole, replaces the old
 *   lease   struct control_lease -> {}                which virtual routers this node holds
 *   ready   {}                   -> {ready, synced, waiting: ["next hop of web1 (192.0.2.1)", ...]}
 *   stats   {service?, backend?} -> {generation, flows: {active, capacity},
 *                                    verdicts: {NAME: packets}, flow_events: {NAME: n},
 *                                    path_events: {NAME: n},
 *                                    services: [{name, packets, bytes, new_flows, drops,
 *                                                return_packets, return_bytes}],
 *                                    backends: [{pool, name, address, packets, bytes, new_flows,
 *                                                active_flows}],
 *                                    ports: [{name, up, rx_packets, rx_bytes, rx_missed,
 *                                             tx_packets, tx_bytes, tx_errors,
 *                                             host_rx_packets, host_tx_packets, host_drops}],
 *                                    routers: [{name, held}],
 *                                    lists: [{name, file, ranges4, ranges6, bytes}],
 *                                    flow_timeouts: {NAME: ms},
 *                                    workers: [{name, port, queue, socket, packets,
 *                                               returns_home, steered_in, steered_out,
 *                                               steer_drops}],
 *                                    probes: {sent, answered, dropped}, sync}
 *   signs   {}                   -> {backends: [{pool, name, resets, unreachables}]}
 *   sync    {}                   -> {sync}
 *   flows   {limit, service?, client?, backend?, protocol?, state?} -> {total,
 *                                    flows: [{service, protocol, client,
 *                                    virtual, pool, backend, address, state, idle_ms}]}
 *   trace   {protocol, from, to, flags?, size?, icmp?, fragment?} -> {in_port,
 *                                    vip: {address, router, held},
 *                                    service: {name, mode, scheduler},
 *                                    flow: {worker, state, idle_ms}, choice,
 *                                    backend: {pool, name, address}, next_hop: {port, mac},
 *                                    sent: {protocol, from, to, about: {from, to}, bytes},
 *                                    verdict, meaning}
 *   capture_start {service?, client?, protocol?, backend?, port?, before?, after?, snap?, count?}
 *   capture_read  {id}         -> {id, pcapng, frames, lost, done}
 *   capture_stop  {id}            all three answer so
 *
 * A capture keeps frames that all filters want: 'port' is one of the dataplane's, 'before' and
 * 'after' (true or missing; without either both) are as they came in and as they leave; at most
 * 'snap' bytes of each, and no more than 'count' of them. 'pcapng' is the next piece of the file in
 * base64, 'frames' and 'lost' are how many are in all pieces and have found no room so far, 'done'
 * says that no more will come. There is one capture at a time, and it ends by itself when nobody
 * has read from it for ten seconds.
 *
 * A trace tells what would become of a packet: 'protocol' is tcp, udp or icmp (an echo request),
 * 'from' and 'to' are endpoints (of icmp addresses), 'flags' syn (default), ack, fin or rst, 'size'
 * that of the IP packet, 'icmp' (unreachable, too-big, time-exceeded) an ICMP error about a packet
 * from 'to' to 'from', 'fragment' (first, later, lost) a part of the packet; of "lost" the first
 * part does not come. What the packet does not get to is null. 'choice' says who names the backend:
 * "flow", "scheduler", or "moved", the scheduler because the flow's backend is gone; 'sent' is the
 * outermost packet that leaves, 'about' the one that an ICMP error is about.
 *
 * A service in mode tunnel has the member 'tunnel' {type, source4?, source6?, gue_port?, mtu?}
 * (tunnel.h), one that clamps the MSS of SYNs has 'mss'.
 *
 * A service with 'probe_port' has its backends probed by its address: what this node's own host
 * sends to it from that port goes to its pool's first backend, from the next one to the second, and
 * so on, in the service's mode, whoever holds the address and whether the backend is up or not.
 *
 * A router may have 'local_addresses' beside its 'addresses'.
 *
 * A state's 'lists' are of prefixes that clients come from: {name, prefixes} or {name, file,
 * stamp}, a file that the dataplane reads when the stamp is another than before. A service's
 * 'block' and 'allow' are indices of them. A state's 'flow_timeouts' has the members of struct
 * flow_timeouts.
 *
 * A state's 'sync' is {listen, peers: [ENDPOINT], keys: [{id, secret}]} of flow_sync.h, a secret in
 * hexadecimal digits; in a reply to ready 'synced' says that this node knows the flows that the
 * others know, or that there is nobody to tell them. 'sync' of stats is null without flow sync,
 * else {listen, synced, remote_flows, counters: {NAME: n}, peers: [{name, address, state, synced,
 * counters: {NAME: n}}]}.
 *
 * A worker's name is its number; 'returns_home' are packets from backends to translated services
 * that came to it and whose flow it has, 'steered_in' and 'steered_out' those taken over from and
 * handed to other workers, 'steer_drops' those for which the other had no room.
 *
 * Signs are of trouble with backends: connections that they have reset, and ICMP errors that say
 * that they cannot be reached. Listed are backends whose counts have changed since they were listed
 * last, at most 64 of them in an answer.
 *
 * Stats about a 'service' or the 'backend's of one name have only these of all services and
 * backends: of ten thousand it would take both ends long to tell.
 *
 * Counters count from the start of the process, or, for a service or backend, from when it first
 * appeared in a state. In a flow 'client' and 'virtual' are endpoints ("192.0.2.1:80") and
 * 'service' and 'backend' are null when they are no longer in the state; as filters they are a
 * service's name, a client's address or prefix, a backend's name, tcp or udp, and a state's name,
 * all of which a flow must match. 'total' is how many do, of which at most 'limit' (1 to 10000)
 * are listed.
 *
 * A router with 'vrid' has the virtual MAC of that number (RFC 9568 7.3), one without the port's
 * own; 'accept' (true if missing) is whether echo requests to its addresses are answered. Routers
 * in 'announce' of a lease that are held are announced again, because somebody else was heard who
 * believed to hold them; so rarely that this cannot become a storm.
 *
 * A rejected state leaves the old one in force; the reply's error says why. The reply to a state
 * comes when it is in force or refused; requests that follow it are answered meanwhile, by the old
 * one. A state that waits for another to come into force gives way to a newer one, and its reply's
 * error says so. A virtual router
 * missing from a lease is let go at once; one that is named stays held until 'until_ns' and is
 * announced (gratuitous ARP, unsolicited NA) when it was not held before. That is a time of
 * CLOCK_MONOTONIC, which both ends share, and no duration: so a lease that a stopped dataplane
 * finds in its socket later is over by then, and does not begin anew.
 * When the connection closes nothing changes but that leases run out.
 *
 * This file owns the structs and their JSON form; it does no I/O. */
#ifndef COMMON_CONTROL_H
#define COMMON_CONTROL_H

#include "common/addr.h"
#include "common/err.h"
#include "common/flow_sync.h"
#include "common/model.h"

#include <jansson.h>

#define CONTROL_VERSION 1
#define CONTROL_NAME_SIZE (MODEL_NAME_MAX + 1)
#define CONTROL_SERVICES_MAX 10000
#define CONTROL_BACKENDS_MAX 1000 /* Of one pool. */

struct control_router {
	char name[CONTROL_NAME_SIZE];
	char port[CONTROL_NAME_SIZE]; /* Dataplane port that answers for its addresses. */
	struct addr *addresses;
	size_t n_addresses;
	uint8_t vrid; /* Its virtual MAC's; 0: it has the port's. */
	bool accept;
	struct addr
		*locals; /* Mode fullnat speaks from them; held and announced with the others. */
	size_t n_locals;
};

struct control_backend {
	char name[CONTROL_NAME_SIZE];
	struct addr addr;
	uint16_t weight;    /* Effective: 0 takes no new flows but keeps its old ones (drain). */
	bool up;            /* false: takes nothing; its flows are scheduled anew. */
	uint32_t max_flows; /* At once; 0: any number. */
	uint16_t port;      /* 0: the service's. */
};

struct control_pool {
	char name[CONTROL_NAME_SIZE];
	struct control_backend *backends;
	size_t n_backends;
};

/* Indices into the state's lists. */
struct control_lists {
	uint8_t lists[MODEL_SERVICE_LISTS_MAX];
	uint8_t n;
};

static_assert(MODEL_LISTS_MAX <= UINT8_MAX, "an index fits");

struct control_service {
	char name[CONTROL_NAME_SIZE];
	struct addr address;
	uint16_t port;     /* Host order; 0: all ports that no other service has. */
	uint8_t protocol;  /* IANA number. */
	uint8_t mode;      /* enum forward_mode */
	uint8_t scheduler; /* enum scheduler_kind */
	uint32_t pool;     /* Index into the state's pools. */
	/* How long a client, which is 'persistence_prefix' bits of an address, is kept with its
	 * backend after its last new flow; 0: not at all. */
	uint32_t persistence_timeout_s;
	uint8_t persistence_prefix;
	struct service_limits limits;
	uint16_t mss;           /* TCP: the largest that a SYN may offer; 0: any. */
	struct tunnel tunnel;   /* Mode tunnel only. */
	uint8_t client_address; /* enum client_address; mode fullnat only. */
	bool syn_cookies;       /* TCP in modes nat and fullnat only. */
	struct control_lists block, allow;
	uint16_t probe_port; /* Modes dr and tunnel; 0: none. */
};

/* Prefixes that clients come from. */
struct control_list {
	char name[CONTROL_NAME_SIZE];
	char *file;                    /* Absolute path; NULL: the content was given. */
	char stamp[PREFIX_STAMP_SIZE]; /* Of the file. */
	struct prefix_list content;    /* Of a file: empty until somebody reads it. */
};

/* Addresses of this node's own that mode fullnat speaks from, by a port. */
struct control_local {
	char port[CONTROL_NAME_SIZE];
	struct addr *addresses;
	size_t n_addresses;
};

struct control_state {
	uint64_t generation; /* Rises with every push of one control plane. */
	struct control_router *routers;
	size_t n_routers;
	struct control_pool *pools;
	size_t n_pools;
	struct control_service *services;
	size_t n_services;
	struct control_local *locals; /* May be missing in JSON: none. */
	size_t n_locals;
	struct control_list *lists; /* May be missing in JSON: none. */
	size_t n_lists;
	struct flow_timeouts flow_timeouts; /* 0, or missing in JSON: the default. */
	struct flow_sync sync;              /* May be missing in JSON: none. */
};

struct control_lease {
	uint64_t until_ns;
	char (*held)[CONTROL_NAME_SIZE]; /* Names of virtual routers. */
	size_t n_held;
	char (*announce)[CONTROL_NAME_SIZE]; /* Of those held. */
	size_t n_announce;
};

/* Frees the state and all in it. NULL is allowed. */
void control_state_free(struct control_state *state);
void control_lease_fini(struct control_lease *lease);

/* Returns a new JSON object (the caller's), or NULL when memory is short. */
json_t *control_state_encode(const struct control_state *state);
json_t *control_lease_encode(const struct control_lease *lease);

/* Decodes and checks types, ranges, limits and indices. Returns 0 and what the caller frees, or
 * -EINVAL with 'err' naming the offending member. '*out' is untouched on failure. */
int control_state_decode(json_t *json, struct control_state **out, struct err *err);
int control_lease_decode(json_t *json, struct control_lease *out, struct err *err);

const char *forward_mode_name(enum forward_mode mode);
const char *scheduler_name(enum scheduler_kind scheduler);
const char *protocol_name(enum protocol protocol);
const char *client_address_name(enum client_address client_address);
int forward_mode_parse(const char *text, enum forward_mode *out, struct err *err);
int scheduler_parse(const char *text, enum scheduler_kind *out, struct err *err);
int protocol_parse(const char *text, enum protocol *out, struct err *err);
int client_address_parse(const char *text, enum client_address *out, struct err *err);

#endif /* COMMON_CONTROL_H */
