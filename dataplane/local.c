/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that belong to no service; see local.h. */
#include "dataplane/local.h"

#include "dataplane/icmp.h"
#include "dataplane/neighbour.h"
#include "dataplane/snapshot_data.h"

/* News that another station has the VIP is the host's to know while the VIP is not held, and a
 * conflict while it is (RFC 5227 2.4): then the network is told again who has it. */
static enum verdict
run_claim(const struct local *local, const struct snapshot_vip *vip, const struct packet *packet,
	bool held)
{
	const uint8_t *source = packet->data + 6;
	bool own = memcmp(source, vip->mac, sizeof(vip->mac)) == 0;

	if (!held)
		return V_HOST;
	if (!own)
		lease_claim(local->leases, vip->lease);
	return V_DROP_VIP_CLAIMED;
}

static enum verdict
run_arp(const struct local *local, const struct snapshot_vip *vip, struct packet *packet,
	const struct parsed *parsed, bool held)
{
	if (arp_is_announcement(packet, parsed))
		return run_claim(local, vip, packet, held);
	return held ? arp_answer(packet, parsed, vip->mac) : V_DROP_NOT_HELD;
}

static enum verdict
run_echo(const struct local *local, const struct snapshot_vip *vip, struct packet *packet,
	const struct parsed *parsed, bool held)
{
	if (!local_is_to_port(local->ports, packet))
		return V_DROP_OTHER_STATION;
	if (!held)
		return V_DROP_NOT_HELD;
	return vip->accept ? icmp_echo_answer(packet, parsed, vip->mac) : V_DROP_NOT_ACCEPTED;
}

/* A packet about a VIP. */
static enum verdict
run_vip(const struct local *local, const struct snapshot_vip *vip, struct packet *packet,
	const struct parsed *parsed, uint64_t now_ns)
{
	bool is_own = vip->local && vip->lease == LEASE_NONE;
	bool held = (is_own || lease_held(local->leases, vip->lease, now_ns)) &&
		    vip->port == packet->in_port;

	switch ((enum parsed_kind)parsed->kind) {
	case PARSED_ARP:
		return run_arp(local, vip, packet, parsed, held);
	case PARSED_ND_SOLICIT:
		return held ? nd_answer(packet, parsed, vip->mac) : V_DROP_NOT_HELD;
	case PARSED_ND_ADVERT:
		return nd_is_advert(packet, parsed) ? run_claim(local, vip, packet, held)
						    : V_DROP_BAD_NEIGHBOUR;
	case PARSED_ECHO:
		return run_echo(local, vip, packet, parsed, held);
	case PARSED_FLOW:
	case PARSED_FRAGMENT:
	case PARSED_IP:
		return local_is_to_port(local->ports, packet) ? V_DROP_NO_SERVICE
							      : V_DROP_OTHER_STATION;
	case PARSED_ICMP_ERROR:
	case PARSED_ICMP:
		return V_DROP_ICMP;
	case PARSED_BAD:
		return (enum verdict)parsed->problem;
	case PARSED_OTHER:
		break;
	}
	return V_HOST;
}

enum verdict
local_run(const struct local *local, const struct snapshot *snapshot, struct packet *packet,
	const struct parsed *parsed, uint64_t now_ns)
{
	const struct service_slot *slot;

	/* Nothing could be read of it, not even for whom it is. */
	if (parsed->kind == PARSED_BAD && parsed->target.family == ADDR_NONE)
		return (enum verdict)parsed->problem;
	if (!(packet->data[0] & 1) && !local_is_to_port(local->ports, packet))
		return V_DROP_OTHER_STATION;
	if (parsed->target.family == ADDR_NONE)
		return V_HOST;
	slot = service_find_vip(&snapshot->table, parsed->target.address, parsed->target.family);
	if (!slot)
		return V_HOST;
	packet->out_port = packet->in_port;
	return run_vip(local, snapshot->vips_by_id[slot->vip], packet, parsed, now_ns);
}
