/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows in words; see sync_entry.h. */
#include "dataplane/sync_entry.h"

#include "dataplane/snapshot_former.h"
#include "dataplane/snapshot_nat.h"

#include <string.h>

static_assert(SYNC_HOP_SIZE == 3 * sizeof(uint16_t), "in three parts, see struct flow_entry");

static struct addr
addr_of(const uint8_t *bytes, uint8_t family)
{
	struct addr addr = {.family = family};

	memcpy(addr.bytes, bytes, sizeof(addr.bytes));
	return addr;
}

bool
sync_entry_write_key(
	const struct snapshot *snapshot, const struct flow_key *key, struct sync_flow *out)
{
	const struct snapshot_vip *vip = snapshot->vips_by_id[key->vip];

	if (!vip)
		return false;
	*out = (struct sync_flow){
		.client = addr_of(key->client, key->family),
		.vip = vip->addr,
		.client_port = be16_to(key->client_port),
		.vip_port = be16_to(key->vip_port),
		.protocol = key->protocol,
		.state = FLOW_TCP_CLOSED,
	};
	return true;
}

/* What there is of a flow of two entries. */
static bool
write_pair(const struct snapshot *snapshot, const struct flow_copy *copy, struct sync_flow *out)
{
	const struct flow_key *key = &copy->second.key;
	const struct snapshot_vip *vip = snapshot->vips_by_id[copy->entry.key.vip];
	const uint16_t parts[3] = {copy->entry.hop, copy->second.backend, copy->second.hop};

	out->paired = true;
	/* Where packets come from by another link than the VIP's, only this node knows. */
	if ((copy->entry.link & FLOW_LINK_PORT_MASK) == vip->port)
		memcpy(out->hop, parts, sizeof(out->hop));
	if (!(key->family & FLOW_LOCAL))
		return true;
	if (!snapshot->vips_by_id[key->vip])
		return false;
	out->local = snapshot->vips_by_id[key->vip]->addr;
	out->local_port = be16_to(key->vip_port);
	return true;
}

/* How long no packet has come. Ticks wrap before seconds do. */
static uint64_t
idle_ns(const struct flow_copy *copy, uint64_t now_ns)
{
	return (uint64_t)flow_age(copy->seen, flow_tick(now_ns)) << FLOW_TICK_SHIFT;
}

bool
sync_entry_write(const struct snapshot *snapshot, const struct flow_copy *copy, uint64_t now_ns,
	struct sync_flow *out)
{
	const struct snapshot_backend *backend = snapshot->backends_by_id[copy->entry.backend];

	if (!backend || !sync_entry_write_key(snapshot, &copy->entry.key, out))
		return false;
	out->backend = maglev_seed(&backend->addr, backend->name);
	out->sequence = copy->sequence;
	out->state = copy->state;
	out->idle_s = (uint16_t)(idle_ns(copy, now_ns) / NS_PER_S);
	return !copy->paired || write_pair(snapshot, copy, out);
}

bool
sync_entry_read_key(
	const struct snapshot *snapshot, const struct sync_flow *flow, struct flow_key *out)
{
	const struct snapshot_vip *vip = snapshot_vip_by_addr(snapshot, &flow->vip);

	if (!vip || vip->local || flow->client.family != flow->vip.family)
		return false;
	*out = (struct flow_key){
		.client_port = be16_from(flow->client_port),
		.vip_port = be16_from(flow->vip_port),
		.vip = vip->id,
		.protocol = flow->protocol,
		.family = flow->vip.family,
	};
	memcpy(out->client, flow->client.bytes, sizeof(out->client));
	return true;
}

static bool
is_possible(const struct sync_flow *flow)
{
	if (flow->protocol == PROTOCOL_UDP)
		return flow->state == FLOW_UDP_STREAM;
	return flow->protocol == PROTOCOL_TCP &&
	       (flow->state == FLOW_TCP_ESTABLISHED || flow->state == FLOW_TCP_FIN);
}

/* The key that the backend's packets have here. */
static enum sync_outcome
read_second(const struct snapshot *snapshot, const struct sync_flow *flow, uint8_t mode,
	const struct flow_copy *copy, struct flow_key *second)
{
	const struct nat_real *real = &snapshot->nat->reals[copy->entry.backend];
	be16 real_port = be16_to(real->port) ? real->port : copy->entry.key.vip_port;
	const struct snapshot_vip *local;

	*second = copy->entry.key;
	second->family |= FLOW_REVERSE;
	if (mode == MODE_NAT) {
		second->vip_port = real_port;
		second->vip = real->id;
		return SYNC_APPLIED;
	}
	local = snapshot_vip_by_addr(snapshot, &flow->local);
	if (!local || !local->local || local->lease == LEASE_NONE)
		return SYNC_UNKNOWN_LOCAL;
	second->family |= FLOW_LOCAL;
	memcpy(second->client, real->address, sizeof(second->client));
	second->client_port = real_port;
	second->vip_port = be16_from(flow->local_port);
	second->vip = local->id;
	return SYNC_APPLIED;
}

static enum sync_outcome
read_pair(const struct snapshot *snapshot, const struct sync_flow *flow, uint8_t mode,
	struct flow_copy *copy)
{
	uint16_t parts[3];
	enum sync_outcome outcome;

	if (!flow->paired)
		return SYNC_MALFORMED;
	outcome = read_second(snapshot, flow, mode, copy, &copy->second.key);
	if (outcome != SYNC_APPLIED)
		return outcome;
	memcpy(parts, flow->hop, sizeof(parts));
	copy->entry.hop = parts[0];
	copy->entry.link = snapshot->vips_by_id[copy->entry.key.vip]->port & FLOW_LINK_PORT_MASK;
	copy->second.backend = parts[1];
	copy->second.hop = parts[2];
	/* Established it is, so the backend has spoken. */
	copy->second.link = FLOW_LINK_ANSWERED;
	copy->paired = true;
	return SYNC_APPLIED;
}

enum sync_outcome
sync_entry_read(const struct snapshot *snapshot, const struct sync_flow *flow, uint64_t now_ns,
	struct flow_copy *out)
{
	struct flow_copy copy = {.seen = flow_tick(now_ns - flow->idle_s * NS_PER_S),
		.state = flow->state,
		.sequence = flow->sequence};
	const struct service_slot *service;
	enum sync_outcome outcome = SYNC_APPLIED;
	uint8_t mode;

	if (!is_possible(flow))
		return SYNC_MALFORMED;
	if (!sync_entry_read_key(snapshot, flow, &copy.entry.key))
		return SYNC_UNKNOWN_SERVICE;
	service = former_service(snapshot, &copy.entry.key);
	if (!service)
		return SYNC_UNKNOWN_SERVICE;
	copy.entry.backend = snapshot_backend_by_seed(
		snapshot, snapshot->services[service->service].pool, flow->backend);
	if (!copy.entry.backend)
		return SYNC_UNKNOWN_BACKEND;
	mode = snapshot->services[service->service].mode;
	if (mode_translates(mode))
		outcome = read_pair(snapshot, flow, mode, &copy);
	if (outcome == SYNC_APPLIED)
		*out = copy;
	return outcome;
}
