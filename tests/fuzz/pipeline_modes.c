/* SPDX-License-Identifier: BSD-3-Clause */
/* What leaves, mode by mode; see pipeline_modes.h. The mode of a plain TCP or UDP packet is that of
 * its service. Of fragments and of ICMP errors it is told by what has become of them. */
#include "pipeline_modes.h"

#include "fuzz.h"
#include "pipeline_tuple.h"

#define OUTER_TTL 64
#define LOCAL_PORT_MIN 1024
#define UDP_GUE_BYTES 12

/* The frame before and after, and what is known of it. */
struct change {
	const struct fuzz_world *world;
	const struct packet *packet;
	const uint8_t *before; /* The IP packets. */
	const uint8_t *after;
	const struct control_service *service; /* NULL: it is not plain. */
	struct tuple tuple;                    /* Of a plain one. */
};

/* The link-layer address of a backend, and the port that it is behind, as the world has them. */
static struct nexthop
hop_of(const struct fuzz_world *world, const struct addr *addr)
{
	size_t n;
	const struct snapshot_backend *backends = snapshot_backends(world->now->snapshot, &n);

	for (size_t i = 0; i < n; i++)
		if (addr_equal(&backends[i].addr, addr))
			return nexthop_get(world->nexthops, backends[i].nexthop);
	fuzz_require(false, "a backend of the state is in the snapshot");
	return (struct nexthop){.state = NEXTHOP_UNKNOWN};
}

/* The usable backend of the pool to which the frame goes, by its link-layer address and, unless
 * NULL, by its address; NULL: none. */
static const struct control_backend *
backend_in(const struct change *change, const struct control_pool *pool, const struct addr *address)
{
	for (size_t i = 0; i < pool->n_backends; i++) {
		const struct control_backend *backend = &pool->backends[i];
		struct nexthop hop;

		if (!backend->up || (address && !addr_equal(&backend->addr, address)))
			continue;
		hop = hop_of(change->world, &backend->addr);
		if (hop.state == NEXTHOP_READY && hop.port == change->packet->out_port &&
			memcmp(hop.mac, change->packet->data, sizeof(hop.mac)) == 0)
			return backend;
	}
	return NULL;
}

static const struct control_backend *
find_backend(const struct change *change, const struct addr *address)
{
	const struct control_state *state = &change->world->now->state;
	const struct control_backend *found = NULL;

	if (change->service)
		found = backend_in(change, &state->pools[change->service->pool], address);
	else
		for (size_t i = 0; i < state->n_pools && !found; i++)
			found = backend_in(change, &state->pools[i], address);
	fuzz_require(found != NULL, "it goes to a usable backend of the service's pool");
	return found;
}

static bool
is_tcp_syn(const uint8_t *ip)
{
	return ip_protocol(ip) == PROTOCOL_TCP && ip[ip_header_size(ip) + 13] & TCP_FLAG_SYN;
}

/* Where the bytes begin that no mode may change: behind the ports and the checksum, and, of a SYN
 * whose MSS may be clamped, behind the header. */
static size_t
fixed_from(const struct change *change, bool translated)
{
	const uint8_t *ip = change->before;
	size_t l4 = ip_header_size(ip);
	bool is_tcp = ip_protocol(ip) == PROTOCOL_TCP;

	if (change->service && change->service->mss && is_tcp_syn(ip))
		return l4 + (ip[l4 + 12] >> 4) * 4u;
	if (!translated)
		return l4;
	return l4 + (is_tcp ? sizeof(struct wire_tcp) : sizeof(struct wire_udp));
}

/* One hop less, a right checksum still right, and the rest of the IP header as it was, but for the
 * addresses if 'translated'. 'after' may be inside of another packet. */
static void
check_ip(const uint8_t *before, const uint8_t *after, bool translated)
{
	size_t ttl = before[0] >> 4 == 4 ? 8 : 7;
	size_t addresses = before[0] >> 4 == 4 ? 12 : 8;
	size_t size = before[0] >> 4 == 4 ? 8 : 32;

	fuzz_require(before[ttl] > 1 && after[ttl] == before[ttl] - 1, "it has one hop less");
	/* Translated fragments of IPv4 have an identification of the balancer's. */
	if (translated && before[0] >> 4 == 4 &&
		u16_at(before + 6) & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK))
		fuzz_require(memcmp(after, before, 4) == 0 && memcmp(after + 6, before + 6, 2) == 0,
			"the IP header is the same but for the identification");
	else
		fuzz_require(
			memcmp(after, before, ttl) == 0, "the IP header is the same before that");
	if (!translated)
		fuzz_require(memcmp(after + addresses, before + addresses, size) == 0,
			"the addresses are the same");
	if (before[0] >> 4 == 4)
		fuzz_require(after[9] == before[9] && memcmp(after + 20, before + 20,
							      ip_header_size(before) - 20) == 0,
			"protocol and options are the same");
	fuzz_require(!ip_checksum_good(before) || ip_checksum_good(after),
		"a right IPv4 checksum stays right");
}

/* IPv6 extension headers, behind which there may be anything. */
static bool
has_extensions(const uint8_t *ip)
{
	static const uint8_t kinds[] = {
		IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS, IPPROTO_AH};

	return ip[0] >> 4 == 6 && memchr(kinds, ip_protocol(ip), sizeof(kinds));
}

/* Behind the IP header: the same, but for what is translated and clamped. */
static void
check_rest(const struct change *change, const uint8_t *after, bool translated)
{
	const uint8_t *before = change->before;
	size_t begin = fixed_from(change, translated);
	size_t l4 = ip_header_size(before);
	size_t n_between = ip_protocol(before) == PROTOCOL_TCP ? 12 : 2;
	size_t size = ip_size(before);

	if (has_extensions(before))
		return;
	if (translated)
		fuzz_require(memcmp(after + l4 + 4, before + l4 + 4, n_between) == 0,
			"between ports and checksum all is the same");
	if (begin < size)
		fuzz_require(memcmp(after + begin, before + begin, size - begin) == 0,
			"the payload is the same");
	if (change->service && l4_checksum_good(before))
		fuzz_require(l4_checksum_good(after), "a right checksum stays right");
}

/* Mode dr: but for the link-layer addresses and the time to live nothing changes. */
static void
check_direct(const struct change *change)
{
	const struct passage *passage = change->packet->buffer;

	fuzz_require(change->packet->size == passage->size, "a forwarded packet has the same size");
	fuzz_require(memcmp(change->packet->data + 12, passage->before + 12, 2) == 0,
		"... and the same type");
	check_ip(change->before, change->after, false);
	check_rest(change, change->after, false);
	find_backend(change, NULL);
}

static bool
is_gue(const uint8_t *ip)
{
	const uint8_t *udp = ip + ip_header_size(ip);

	return ip_protocol(ip) == PROTOCOL_UDP && u16_at(udp + 2) == WORLD_GUE_PORT &&
	       u16_at(udp) >= 49152;
}

/* UDP and GUE headers; returns the inner packet's protocol. Of IPv6 the checksum is there, and is
 * right unless that of the packet inside, by which it is worked out, was not. */
static uint8_t
check_gue(const struct change *change)
{
	const uint8_t *outer = change->after;
	const uint8_t *udp = outer + ip_header_size(outer);
	bool inside_good = !change->service || l4_checksum_good(change->before);

	fuzz_require(is_gue(outer), "UDP from a dynamic port to GUE's");
	fuzz_require(u16_at(udp + 4) == ip_size(outer) - ip_header_size(outer),
		"UDP has the whole length");
	fuzz_require(udp[8] == 0 && u16_at(udp + 10) == 0, "GUE: variant 0, no flags");
	if (outer[0] >> 4 == 4)
		fuzz_require(u16_at(udp + 6) == 0, "UDP has no checksum in IPv4");
	else
		fuzz_require(u16_at(udp + 6) != 0 && (!inside_good || l4_checksum_good(outer)),
			"UDP has a right checksum in IPv6");
	return udp[9];
}

static void
check_outer(const struct change *change)
{
	const uint8_t *outer = change->after;
	const uint8_t *inner = change->before;
	bool v4 = outer[0] >> 4 == 4;
	bool inner_v4 = inner[0] >> 4 == 4;
	uint8_t tos = inner_v4 ? inner[1] : (uint8_t)(u16_at(inner) >> 4);
	bool inner_df = inner_v4 && inner[6] & 0x40;
	uint8_t outer_tos = v4 ? outer[1] : (uint8_t)(u16_at(outer) >> 4);

	fuzz_require(u16_at(change->packet->data + 12) == (v4 ? ETHER_IPV4 : ETHER_IPV6),
		"the frame says which outer packet it has");
	fuzz_require(ip_size(outer) + FRAME_L3 == change->packet->size,
		"the outer packet is the frame, without padding");
	fuzz_require(ip_size(outer) <= 1500, "it does not exceed the MTU");
	fuzz_require(outer[v4 ? 8 : 7] == OUTER_TTL, "it has hops of its own");
	fuzz_require(ip_checksum_good(outer), "its header sums up");
	fuzz_require(outer_tos == tos, "DSCP and ECN are the inner ones");
	if (v4)
		fuzz_require(outer[0] == 0x45 && u16_at(outer + 6) == (inner_df ? 0x4000 : 0) &&
				     (!inner_df || u16_at(outer + 4) == 0),
			"DF is the inner one, and then there is no id");
}

static void
check_source(const struct control_service *service, const struct addr *source)
{
	const struct tunnel_source *wanted = tunnel_source_of(&service->tunnel, source->family);
	bool is_prefix = wanted->prefix != (source->family == ADDR_V4 ? 32 : 128);

	fuzz_require(tunnel_source_covers(wanted, source), "the source is the tunnel's");
	fuzz_require(!is_prefix || !addr_equal(&wanted->addr, source),
		"it is not the first of its prefix");
}

/* Mode tunnel: the packet, one hop less, is inside another. */
static void
check_wrapped(const struct change *change)
{
	const uint8_t *outer = change->after;
	struct addr source = ip_source(outer);
	struct addr destination = ip_destination(outer);
	size_t overhead = ip_header_size(outer);
	uint8_t protocol = ip_protocol(outer);

	check_outer(change);
	if (protocol == PROTOCOL_UDP) {
		protocol = check_gue(change);
		overhead += UDP_GUE_BYTES;
	}
	fuzz_require(protocol == (change->before[0] >> 4 == 4 ? IPPROTO_IPIP : IPPROTO_IPV6),
		"the outer packet says what it has inside");
	fuzz_require(ip_size(outer) == ip_size(change->before) + overhead, "all of it");
	check_ip(change->before, outer + overhead, false);
	check_rest(change, outer + overhead, false);
	find_backend(change, &destination);
	if (change->service)
		check_source(change->service, &source);
}

static bool
is_local(const struct change *change, const struct addr *addr)
{
	struct addr local = world_local(change->packet->out_port, addr->family == ADDR_V6);

	return addr_equal(&local, addr);
}

/* Modes nat and fullnat: the packet has the backend's address. */
static void
check_translated(const struct change *change)
{
	const struct passage *passage = change->packet->buffer;
	const struct control_service *service = change->service;
	const struct control_backend *backend;
	struct addr destination = ip_destination(change->after);
	struct tuple sent;

	fuzz_require(
		change->packet->size == passage->size, "a translated packet has the same size");
	backend = find_backend(change, &destination);
	check_ip(change->before, change->after, true);
	if (!service)
		return;
	check_rest(change, change->after, true);
	fuzz_require(read_tuple(change->packet->data, &sent), "it is a plain packet still");
	fuzz_require(sent.vip_port == (backend->port ? backend->port : change->tuple.vip_port),
		"it goes to the backend's port");
	if (service->mode == MODE_FULLNAT)
		fuzz_require(is_local(change, &sent.client) && sent.client_port >= LOCAL_PORT_MIN,
			"it comes from a local address and port");
	else
		fuzz_require(addr_equal(&sent.client, &change->tuple.client) &&
				     sent.client_port == change->tuple.client_port,
			"it comes from the client");
}

static struct change
change_of(const struct fuzz_world *world, const struct packet *packet)
{
	const struct passage *passage = packet->buffer;
	struct change change = {
		.world = world,
		.packet = packet,
		.before = passage->before + FRAME_L3,
		.after = packet->data + FRAME_L3,
	};

	fuzz_require(is_v4(passage->before) || u16_at(passage->before + 12) == ETHER_IPV6,
		"only IP is forwarded");
	return change;
}

void
check_forwarded(const struct fuzz_world *world, const struct packet *packet)
{
	struct change change = change_of(world, packet);
	struct addr was = ip_destination(change.before);
	struct addr is = ip_destination(change.after);
	const struct passage *passage = packet->buffer;

	if (read_tuple(passage->before, &change.tuple)) {
		change.service = find_service(&world->now->state, &change.tuple);
		fuzz_require(change.service != NULL, "what is forwarded is for a service");
	}
	if (change.service ? change.service->mode == MODE_DR : addr_equal(&was, &is))
		check_direct(&change);
	else if (change.service
			 ? change.service->mode == MODE_TUNNEL
			 : is_gue(change.after) || ip_protocol(change.after) == IPPROTO_IPIP ||
				   ip_protocol(change.after) == IPPROTO_IPV6)
		check_wrapped(&change);
	else
		check_translated(&change);
}

void
check_returned(const struct fuzz_world *world, const struct packet *packet)
{
	struct change change = change_of(world, packet);
	const struct passage *passage = packet->buffer;
	struct addr from = ip_source(change.after);
	struct tuple sent, turned;

	fuzz_require(packet->size == passage->size, "a returned packet has the same size");
	check_ip(change.before, change.after, true);
	if (!read_tuple(packet->data, &sent)) {
		bool is_vip = false;

		for (size_t i = 0; i < world->now->state.n_services; i++)
			is_vip |= addr_equal(&world->now->state.services[i].address, &from);
		fuzz_require(is_vip, "an error comes from a service's address");
		return;
	}
	turned = (struct tuple){
		.vip = sent.client, .vip_port = sent.client_port, .protocol = sent.protocol};
	change.service = find_service(&world->now->state, &turned);
	fuzz_require(change.service && change.service->mode >= MODE_NAT,
		"what is returned comes from a service that translates");
	check_rest(&change, change.after, true);
}

void
check_too_big(const struct fuzz_world *world, const struct packet *packet)
{
	struct change change = change_of(world, packet);
	struct addr was_from = ip_source(change.before), was_to = ip_destination(change.before);
	struct addr from = ip_source(change.after), to = ip_destination(change.after);
	const uint8_t *icmp = change.after + ip_header_size(change.after);
	bool v4 = change.after[0] >> 4 == 4;
	size_t size = ip_size(change.after);
	size_t quoted = size - ip_header_size(change.after) - sizeof(struct wire_icmp);

	fuzz_require(size + FRAME_L3 == packet->size && size <= (v4 ? 576 : 1280),
		"the answer is small enough");
	fuzz_require(addr_equal(&from, &was_to) && addr_equal(&to, &was_from),
		"the sender is told, by whom it sent to");
	fuzz_require(icmp[0] == (v4 ? 3 : 2) && icmp[1] == (v4 ? 4 : 0), "that it is too big");
	fuzz_require(ip_checksum_good(change.after) && l4_checksum_good(change.after),
		"its checksums are right");
	fuzz_require(memcmp(icmp + sizeof(struct wire_icmp), change.before, quoted) == 0,
		"it quotes the packet");
	fuzz_require(packet->out_port == packet->in_port, "it goes back where that came from");
}
