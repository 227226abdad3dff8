/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that belong to no service; see local.h. */
#include "dataplane/local.h"

#include "dataplane/icmp.h"
#include "dataplane/neighbour.h"
#include "dataplane/snapshot_data.h"

/* ARP for a VIP. News that another station has it is the host's to know while the VIP is not held,
 * and a conflict while it is (RFC 5227 2.4). */
static enum verdict
run_arp(struct packet *packet, const struct parsed *parsed, bool held, const uint8_t *mac)
{
	if (arp_is_announcement(packet, parsed))
		return held ? V_DROP_VIP_CLAIMED : V_HOST;
	return held ? arp_answer(packet, parsed, mac) : V_DROP_NOT_HELD;
}

/* A packet about a VIP. */
static enum verdict
run_vip(const struct local *local, const struct snapshot_vip *vip, struct packet *packet,
	const struct parsed *parsed, uint64_t now_ns)
{
	const uint8_t *mac = local->ports->ports[packet->in_port].mac;
	bool is_own = vip->local && vip->lease == LEASE_NONE;
	bool held = (is_own || lease_held(local->leases, vip->lease, now_ns)) &&
		    vip->port == packet->in_port;

	switch ((enum parsed_kind)parsed->kind) {
	case PARSED_ARP:
		return run_arp(packet, parsed, held, mac);
	case PARSED_ND_SOLICIT:
		return held ? nd_answer(packet, parsed, mac) : V_DROP_NOT_HELD;
	case PARSED_ECHO:
		if (!local_is_to_port(local->ports, packet))
			return V_DROP_OTHER_STATION;
		return held ? icmp_echo_answer(packet, parsed, mac) : V_DROP_NOT_HELD;
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
