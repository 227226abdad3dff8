/* SPDX-License-Identifier: BSD-3-Clause */
/* Both directions of a translated flow; see nat.h.
 *
 * Packets to the client go back to the station that the client's last packet came from, by the
 * same port: the balancer keeps no routes to clients, and so the path is symmetric here too. */
#include "dataplane/nat.h"

#include "dataplane/client_address.h"
#include "dataplane/nat_pair.h"
#include "dataplane/nat_rewrite.h"
#include "dataplane/pipeline_data.h"
#include "dataplane/rewrite.h"
#include "dataplane/snapshot_data.h"
#include "dataplane/snapshot_nat.h"
#include "dataplane/syn_proxy.h"
#include "dataplane/sync_path.h"

#include <errno.h>

#define LOCAL_TRIES 32

/* What a packet of the backend tells about the flow. Its SYN answers the client's and is no sign
 * of a new connection. */
static const uint8_t return_signals[N_FLOW_SIGNALS] = {
	[FLOW_SIGNAL_NONE] = FLOW_SIGNAL_NONE,
	[FLOW_SIGNAL_SYN] = FLOW_SIGNAL_NONE,
	[FLOW_SIGNAL_DATA] = FLOW_SIGNAL_DATA,
	[FLOW_SIGNAL_FIN] = FLOW_SIGNAL_FIN,
	[FLOW_SIGNAL_RST] = FLOW_SIGNAL_RST,
	[FLOW_SIGNAL_UDP] = FLOW_SIGNAL_UDP,
};

/* A packet to a local address has the key of the flow's second entry but for the id. */
static const struct service_slot *
find_local(const struct snapshot_nat *nat, struct parsed *parsed)
{
	uint8_t family = parsed->target.family | FLOW_REVERSE | FLOW_LOCAL;
	struct service_key to = {.rest = service_key_rest(0, 0, family)};
	const struct service_slot *slot;

	memcpy(to.address, parsed->target.address, sizeof(to.address));
	slot = service_find_exact(&nat->returns, &to, service_hash(&to));
	if (slot)
		parsed->key.rest |= flow_key_rest(0, slot->vip, 0, FLOW_REVERSE | FLOW_LOCAL);
	return slot;
}

const struct service_slot *
nat_find_return(const struct snapshot *snapshot, struct parsed *parsed)
{
	const struct snapshot_nat *nat = snapshot->nat;
	const struct service_slot *local = nat->any_local ? find_local(nat, parsed) : NULL;
	const struct flow_key *sent = &parsed->key;
	uint8_t family = sent->family | FLOW_REVERSE;
	struct service_key from = {
		.rest = service_key_rest((uint16_t)sent->rest, sent->protocol, family)};
	const struct service_slot *slot;
	uint32_t ports;

	if (local)
		return local;
	memcpy(from.address, sent->client, sizeof(from.address));
	slot = service_find(&nat->returns, &from, service_hash(&from));
	if (!slot)
		return NULL;
	ports = (uint32_t)sent->rest;
	parsed->key.client_words[0] = parsed->target.address_words[0];
	parsed->key.client_words[1] = parsed->target.address_words[1];
	parsed->key.rest =
		flow_key_rest(ports << 16 | ports >> 16, slot->vip, from.protocol, family);
	return slot;
}

bool
nat_is_backend(const struct snapshot *snapshot, const struct parsed *parsed)
{
	struct service_key from = {
		.rest = service_key_rest(0, 0, parsed->key.family | FLOW_REVERSE)};

	memcpy(from.address, parsed->key.client, sizeof(from.address));
	return service_find_exact(&snapshot->nat->returns, &from, service_hash(&from));
}

static struct nexthop
last_hop(struct flow_slot flow, struct flow_slot other)
{
	const struct flow_entry *first = flow_entry_at(flow);
	const struct flow_entry *second = flow_entry_at(other);
	const uint16_t parts[3] = {first->hop, second->backend, second->hop};
	struct nexthop hop = {.port = (uint8_t)(first->link & FLOW_LINK_PORT_MASK),
		/* Of a flow that was another node's it may not be known before the client speaks.
		 */
		.state = parts[0] | parts[1] | parts[2] ? NEXTHOP_READY : NEXTHOP_UNKNOWN};

	memcpy(hop.mac, parts, sizeof(parts));
	return hop;
}

/* Another second entry of a flow that may have been told of already. */
static void
note_pair(const struct nat_job *job, struct flow_slot flow)
{
	if (pipeline_sync(job->pipeline))
		job->pipeline->news |= flow_state_at(flow) != FLOW_TCP_EMBRYONIC &&
				       flow_state_at(flow) != FLOW_UDP_NEW;
}

/* Sees to it that the flow has the second entry 'key'. Returns V_FORWARD or why not. */
static enum verdict
keep_pair(const struct nat_job *job, struct flow_slot flow, const struct flow_key *key)
{
	struct flow_slot other = flow_other(job->flows, flow);
	int rc;

	if (other.bucket && flow_key_equal(&flow_entry_at(other)->key, key))
		return V_FORWARD;
	/* Its backend is another one now. */
	flow_unpair(job->flows, flow);
	rc = flow_pair(job->flows, flow, key, job->now_ns);
	if (rc == -EEXIST) {
		flow_remove(job->flows, flow);
		return V_DROP_NAT_CLASH;
	}
	if (rc < 0)
		return V_DROP_NO_FLOW;
	note_pair(job, flow);
	return V_FORWARD;
}

static const struct nat_locals *
locals_of(const struct snapshot *snapshot, uint8_t family, uint8_t port)
{
	return family == ADDR_V4 ? &snapshot->nat->locals4[port] : &snapshot->nat->locals6[port];
}

static const struct nat_local *
local_by_id(const struct nat_locals *locals, uint16_t id)
{
	for (uint32_t i = 0; i < locals->n; i++)
		if (locals->locals[i].id == id)
			return &locals->locals[i];
	return NULL;
}

/* Whether another node has given a flow this second key: it may come here yet. */
static bool
is_remote(const struct nat_job *job, const struct flow_key *key)
{
	const struct sync_path *sync = pipeline_sync(job->pipeline);

	return sync && flow_may_have(sync->remote, flow_hash(sync->remote, key));
}

/* The local addresses that a new flow may have, as indices. Those of the virtual router that has
 * the service's address come first, as they go where it goes; then those of other routers that are
 * held here; then the node's own, with which the flow ends when another node takes over. */
static uint32_t
list_locals(const struct nat_job *job, const struct nat_locals *locals,
	uint8_t out[static MODEL_LOCALS_MAX])
{
	const struct lease_table *leases = job->pipeline->local.leases;
	uint16_t lease = job->snapshot->vips_by_id[job->parsed->key.vip]->lease;
	uint32_t n = 0;
	uint8_t best = 0;

	for (uint32_t i = 0; i < locals->n; i++) {
		uint16_t of = locals->locals[i].lease;
		uint8_t rank = of == LEASE_NONE ? 1 : of == lease ? 3 : 2;

		if (rank < best || (of != LEASE_NONE && !lease_held(leases, of, job->now_ns)))
			continue;
		if (rank > best)
			n = 0;
		best = rank;
		out[n++] = (uint8_t)i;
	}
	return n;
}

/* Gives the flow, whose packets leave by 'port', a local address and port with which answers come
 * back to this worker. Counting on and on uses a port again as late as can be: what the backend
 * remembers of its last connection (TIME_WAIT) is gone then, as is the flow. */
static enum verdict
take_local(const struct nat_job *job, struct flow_slot flow, uint8_t port,
	const struct nat_locals *locals, struct flow_key *key)
{
	struct rss_flow answer = {.family = key->family & (uint8_t) ~(FLOW_REVERSE | FLOW_LOCAL),
		.protocol = key->protocol,
		.source = key->client,
		.ports = (uint16_t)key->rest};
	uint8_t usable[MODEL_LOCALS_MAX];
	uint32_t n_usable = locals->any_leased ? list_locals(job, locals, usable) : locals->n;

	for (unsigned int n = 0; n_usable > 0 && n < LOCAL_TRIES; n++) {
		uint32_t i = (*job->next_local)++;
		uint32_t which = i % n_usable;
		const struct nat_local *local =
			&locals->locals[locals->any_leased ? usable[which] : which];
		uint16_t local_port;
		int rc;

		answer.destination = local->address;
		local_port = steer_local_port(job->steering, port, &answer, i / n_usable);
		if (local_port == 0)
			continue;
		key->vip = local->id;
		key->vip_port = be16_from(local_port);
		if (is_remote(job, key))
			continue;
		rc = flow_pair(job->flows, flow, key, job->now_ns);
		if (rc == 0)
			return V_FORWARD;
		if (rc != -EEXIST)
			return V_DROP_NO_FLOW;
	}
	flow_remove(job->flows, flow);
	return V_DROP_NO_LOCAL;
}

/* Sees to it that the flow has a second entry of mode fullnat with this backend, by a local address
 * of the 'port' that leads there, and sets where its packets come from. */
static enum verdict
keep_local(const struct nat_job *job, struct flow_slot flow, uint8_t port, struct nat_ends *ends)
{
	const struct nat_locals *locals = locals_of(job->snapshot, job->parsed->key.family, port);
	struct flow_slot other = flow_other(job->flows, flow);
	const struct flow_key *is = other.bucket ? &flow_entry_at(other)->key : NULL;
	const struct nat_local *local = is ? local_by_id(locals, is->vip) : NULL;
	struct flow_key key = {.client_port = ends->destination_port,
		.protocol = job->parsed->key.protocol,
		.family = job->parsed->key.family | FLOW_REVERSE | FLOW_LOCAL};
	enum verdict verdict;

	memcpy(key.client, ends->destination, sizeof(key.client));
	if (local) {
		key.vip = is->vip;
		key.vip_port = is->vip_port;
	}
	if (!local || !flow_key_equal(is, &key)) {
		if (job->parsed->kind == PARSED_ICMP_ERROR)
			return V_DROP_ICMP;
		flow_unpair(job->flows, flow);
		verdict = take_local(job, flow, port, locals, &key);
		if (verdict != V_FORWARD)
			return verdict;
		note_pair(job, flow);
		local = local_by_id(locals, key.vip);
	}
	memcpy(ends->source, local->address, sizeof(ends->source));
	ends->source_port = key.vip_port;
	return V_FORWARD;
}

static inline enum verdict __attribute__((always_inline))
leave(const struct nat_job *job, const struct nexthop *hop)
{
	job->packet->out_port = hop->port;
	return rewrite_dr(job->packet, job->parsed, hop, &job->ports->ports[hop->port]);
}

/* As keep_local(), of mode nat: packets still come from the client. */
static enum verdict
keep_client(const struct nat_job *job, struct flow_slot flow, uint16_t real, struct nat_ends *ends)
{
	struct flow_key second = job->parsed->key;

	memcpy(ends->source, second.client, sizeof(ends->source));
	ends->source_port = second.client_port;
	if (job->parsed->kind == PARSED_ICMP_ERROR)
		return V_FORWARD;
	second.vip_port = ends->destination_port;
	second.vip = real;
	second.family |= FLOW_REVERSE;
	return keep_pair(job, flow, &second);
}

enum verdict
nat_forward(const struct nat_job *job, uint8_t mode, uint16_t backend, struct flow_slot flow)
{
	const struct flow_key *key = &job->parsed->key;
	const struct nat_real *real = &job->snapshot->nat->reals[backend];
	struct nexthop hop = nexthop_get(job->nexthops, real->id);
	bool is_error = job->parsed->kind == PARSED_ICMP_ERROR;
	struct nat_ends ends = {
		.destination_port = be16_to(real->port) ? real->port : key->vip_port};
	struct address_plan plan;
	enum verdict verdict;

	if (is_error && (!flow.bucket || !flow_other(job->flows, flow).bucket))
		return V_DROP_ICMP;
	if (!flow.bucket)
		return V_DROP_NO_FLOW;
	if (hop.state != NEXTHOP_READY)
		return V_DROP_NO_NEIGHBOUR;
	memcpy(ends.destination, real->address, sizeof(ends.destination));
	if (mode == MODE_FULLNAT)
		verdict = keep_local(job, flow, hop.port, &ends);
	else
		verdict = keep_client(job, flow, real->id, &ends);
	if (verdict != V_FORWARD)
		return verdict;
	if (!is_error)
		nat_remember_hop(job->packet, flow, flow_other(job->flows, flow));
	verdict = client_address_plan(job, flow, &job->ports->ports[hop.port], &plan);
	if (verdict == V_FORWARD)
		verdict = leave(job, &hop);
	if (verdict != V_FORWARD)
		return verdict;
	if (is_error) {
		nat_rewrite_error(job->packet, job->parsed, &ends, NULL);
		client_address_quote(job, flow, job->client_address, false);
	} else {
		nat_rewrite_flow(job->packet, job->parsed, &ends);
		client_address_apply(job, &plan);
		syn_proxy_apply_forth(job, flow);
	}
	return V_FORWARD;
}

/* Whether translating a backend's packet is all that there is to do. 'told' is what backends of its
 * service are told of clients. */
static inline bool
is_plain(const struct nat_job *job, uint8_t told)
{
	return job->parsed->kind == PARSED_FLOW && !job->parsed->fragment &&
	       told == CLIENT_ADDRESS_NONE && !flow_keeps_sequences(job->flows);
}

/* Whether a packet with the key 'key' comes from the backend 'real'. Ids are given anew. */
static bool
sends(const struct nat_real *real, const struct flow_key *key)
{
	if (key->family & FLOW_LOCAL)
		return memcmp(real->address, key->client, sizeof(real->address)) == 0;
	return real->id == key->vip;
}

/* The service of the flow, if it is still there and the flow's backend is the one that sends. */
static const struct service_slot *
service_of(const struct nat_job *job, const struct flow_entry *first, struct nat_ends *ends)
{
	const struct nat_real *real = &job->snapshot->nat->reals[first->backend];
	const struct snapshot_vip *vip = job->snapshot->vips_by_id[first->key.vip];
	struct service_key key = {.port = first->key.vip_port,
		.protocol = first->key.protocol,
		.family = first->key.family};

	if (!vip || !sends(real, &job->parsed->key))
		return NULL;
	memcpy(key.address, vip->addr.bytes, sizeof(key.address));
	memcpy(ends->source, vip->addr.bytes, sizeof(ends->source));
	ends->source_port = first->key.vip_port;
	return service_find(&job->snapshot->table, &key, service_hash(&key));
}

enum verdict
nat_return(const struct nat_job *job, struct flow_slot flow, const struct service_slot **service)
{
	struct flow_slot first = flow_other(job->flows, flow);
	enum flow_signal signal = (enum flow_signal)return_signals[job->parsed->signal];
	struct nat_ends ends = {0};
	const struct flow_key *key;
	struct nexthop hop;
	enum verdict verdict;
	uint8_t state, told;

	if (!first.bucket)
		return V_HOST;
	key = &flow_entry_at(first)->key;
	ends.destination_port = key->client_port;
	hop = last_hop(first, flow);
	*service = service_of(job, flow_entry_at(first), &ends);
	if (!*service)
		return V_DROP_NO_SERVICE;
	memcpy(ends.destination, key->client, sizeof(ends.destination));
	/* Both entries have the same state and time. */
	state = first.bucket->states[first.i];
	if (!flow_is_steady(job->flows, flow, signal, flow_tick(job->now_ns)) &&
		!flow_advance(job->flows, first, signal, job->now_ns))
		return V_HOST;
	if (__builtin_expect(state != first.bucket->states[first.i], 0))
		job->pipeline->news = pipeline_sync(job->pipeline);
	if (hop.state != NEXTHOP_READY)
		return V_DROP_NO_NEIGHBOUR;
	verdict = leave(job, &hop);
	if (verdict != V_FORWARD)
		return verdict;
	told = job->snapshot->path_encaps[(*service)->service].client_address;
	if (is_plain(job, told)) {
		nat_rewrite_flow(job->packet, job->parsed, &ends);
		return V_RETURN;
	}
	if (job->parsed->kind == PARSED_ICMP_ERROR) {
		nat_rewrite_error(job->packet, job->parsed, &ends, ends.source);
		client_address_quote(job, first, told, true);
	} else {
		nat_rewrite_flow(job->packet, job->parsed, &ends);
		if (!job->parsed->headless) {
			client_address_return(job, first, told);
			syn_proxy_apply_back(job, first);
		}
	}
	return V_RETURN;
}
