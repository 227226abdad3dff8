/* SPDX-License-Identifier: BSD-3-Clause */
/* Mode tunnel and packet too big: whole frames through the packet path. */
#include "common/checksum.h"
#include "common/clock.h"
#include "dataplane/too_big.h"
#include "frames.h"
#include "world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};
static const char *const sources[] = {"192.0.2.1", "2001:db8::1"};
static const int http_services[] = {WORLD_HTTP4, WORLD_HTTP6};
static const int dns_services[] = {WORLD_DNS4, WORLD_DNS6};

/* Where an inner packet is in a frame. */
struct outer {
	uint16_t type;
	uint8_t protocol;
	size_t size; /* Of all outer headers with Ethernet's. */
};

/* Puts the services of VIP 'vip' (0: IPv4) into mode tunnel to the backends of 'pool'. */
static void
use_tunnel(struct world *world, int vip, int pool, enum tunnel_type type)
{
	struct tunnel tunnel = {.type = type, .gue_port = type == TUNNEL_GUE ? 6080 : 0};

	for (int i = 0; i < 2; i++)
		assert_int_equal(tunnel_source_parse(sources[i], &tunnel.sources[i], NULL), 0);
	for (int i = 0; i < 2; i++) {
		struct control_service *service =
			&world->services[i == 0 ? http_services[vip] : dns_services[vip]];

		service->mode = MODE_TUNNEL;
		service->pool = (uint32_t)pool;
		service->tunnel = tunnel;
	}
	world_apply(world);
}

static uint32_t
sum_v6(const struct wire_ipv6 *ip, uint8_t protocol)
{
	struct addr from = addr_from_v6(ip->source), to = addr_from_v6(ip->destination);
	size_t size = be16_to(ip->payload_size);

	return checksum_add(checksum_add_pseudo(0, &from, &to, protocol, size), ip + 1, size);
}

/* Checks all that an outer header must be and returns where it ends. */
static struct outer
check_outer(const struct packet *packet, bool v6, bool gue, uint8_t tos)
{
	const struct wire_ethernet *ethernet = (const struct wire_ethernet *)packet->data;
	struct outer outer = {.type = be16_to(ethernet->type), .size = sizeof(*ethernet)};
	struct addr source = frame_addr(sources[v6]);

	assert_int_equal(outer.type, v6 ? ETHER_IPV6 : ETHER_IPV4);
	if (v6) {
		const struct wire_ipv6 *ip = (const struct wire_ipv6 *)(ethernet + 1);

		outer.size += sizeof(*ip);
		outer.protocol = ip->next_header;
		assert_int_equal(be32_to(ip->version_class_label) >> 28, 6);
		assert_int_equal((be32_to(ip->version_class_label) >> 20) & 0xff, tos);
		assert_int_equal(ip->hop_limit, 64);
		assert_int_equal(be16_to(ip->payload_size), packet->size - 14 - sizeof(*ip));
		assert_memory_equal(ip->source, source.bytes, 16);
		if (gue)
			assert_int_equal(checksum_finish(sum_v6(ip, IPPROTO_UDP)), 0);
	} else {
		const struct wire_ipv4 *ip = (const struct wire_ipv4 *)(ethernet + 1);

		outer.size += sizeof(*ip);
		outer.protocol = ip->protocol;
		assert_int_equal(ip->version_ihl, 0x45);
		assert_int_equal(ip->tos, tos);
		assert_int_equal(ip->ttl, 64);
		assert_int_equal(be16_to(ip->total_size), packet->size - 14);
		assert_int_equal(checksum_finish(checksum_add(0, ip, sizeof(*ip))), 0);
		assert_memory_equal(ip->source, source.bytes, 4);
	}
	if (gue) {
		const struct wire_udp *udp = (const struct wire_udp *)(packet->data + outer.size);
		const struct wire_gue *header = (const struct wire_gue *)(udp + 1);

		assert_int_equal(outer.protocol, IPPROTO_UDP);
		assert_true(be16_to(udp->source_port) >= 49152);
		assert_int_equal(be16_to(udp->destination_port), 6080);
		assert_int_equal(be16_to(udp->size), packet->size - outer.size);
		assert_int_equal(header->variant_control_size, 0);
		assert_int_equal(be16_to(header->flags), 0);
		outer.protocol = header->protocol;
		outer.size += sizeof(*udp) + sizeof(*header);
	}
	return outer;
}

static void
make_flow(struct frame *frame, bool v6, bool tcp, uint16_t port)
{
	if (tcp)
		frame_tcp(frame, clients[v6], port, vips[v6], 80, TCP_FLAG_SYN);
	else
		frame_udp(frame, clients[v6], port, vips[v6], 53);
	if (v6)
		frame_ipv6(frame)->version_class_label = be32_from(6u << 28 | 0xbau << 20);
	else
		frame_ipv4(frame)->tos = 0xba;
	if (!v6)
		frame_fix_ipv4(frame);
}

static void
packets_arrive_whole_in_every_kind_of_tunnel(void **state)
{
	for (int kind = 0; kind < 32; kind++) {
		bool v6 = kind & 1, outer_v6 = kind & 2, gue = kind & 4, tcp = kind & 8;
		struct frame frame, sent;
		struct outer outer;

		use_tunnel(*state, v6, outer_v6 ? WORLD_POOL6 : WORLD_POOL4,
			gue ? TUNNEL_GUE : TUNNEL_IPIP);
		make_flow(&frame, v6, tcp, (uint16_t)(1000 + kind));
		/* With a checksum of its own and, of UDP in IPv4, without. */
		if (v6 || tcp || kind & 16)
			frame_fix_transport(&frame);
		sent = frame;
		sent.packet.data = sent.buffer + FRAME_HEADROOM;
		assert_string_equal(verdict_name(world_run(*state, &frame.packet)), "forward");
		assert_true(world_backend_of(&frame.packet) >= 0);
		outer = check_outer(&frame.packet, outer_v6, gue, 0xba);
		assert_int_equal(outer.protocol, v6 ? IPPROTO_IPV6 : IPPROTO_IPIP);
		assert_int_equal(outer.size - 14, tunnel_overhead(gue ? TUNNEL_GUE : TUNNEL_IPIP,
							  outer_v6 ? ADDR_V6 : ADDR_V4));
		/* Inside, one hop less and nothing else. */
		if (v6)
			frame_ipv6(&sent)->hop_limit--;
		else
			frame_ipv4(&sent)->ttl--;
		if (!v6)
			frame_fix_ipv4(&sent);
		assert_int_equal(frame.packet.size - outer.size, sent.packet.size - 14);
		assert_memory_equal(frame.packet.data + outer.size,
			sent.buffer + FRAME_HEADROOM + 14, sent.packet.size - 14);
		assert_ptr_equal(frame.packet.data - frame.packet.headroom, frame.buffer);
		assert_int_equal(frame.packet.headroom + frame.packet.size + frame.packet.tailroom,
			FRAME_BUFFER_SIZE);
	}
}

static void
padding_is_left_behind(void **state)
{
	struct frame frame;

	use_tunnel(*state, 0, WORLD_POOL6, TUNNEL_GUE);
	make_flow(&frame, false, true, 4711);
	frame_fix_transport(&frame);
	memset(frame.packet.data + frame.packet.size, 0xee, 6);
	frame.packet.size += 6;
	frame.packet.tailroom -= 6;
	assert_int_equal(world_run(*state, &frame.packet), V_FORWARD);
	check_outer(&frame.packet, true, true, 0xba);
	assert_int_equal(frame.packet.size, 14 + 52 + 40);
}

static void
flows_differ_in_what_receivers_hash(void **state)
{
	struct world *world = *state;
	uint32_t seen[3] = {0};

	use_tunnel(world, 0, WORLD_POOL6, TUNNEL_GUE);
	for (uint16_t port = 1; port <= 64; port++) {
		uint32_t first[2] = {0};

		for (int again = 0; again < 2; again++) {
			struct frame frame;
			const struct wire_udp *udp;

			make_flow(&frame, false, true, port);
			assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
			udp = (const struct wire_udp *)(frame.packet.data + 54);
			if (again == 0) {
				first[0] = be16_to(udp->source_port);
				first[1] = be32_to(frame_ipv6(&frame)->version_class_label);
			}
			assert_int_equal(first[0], be16_to(udp->source_port));
			assert_int_equal(
				first[1], be32_to(frame_ipv6(&frame)->version_class_label));
		}
		seen[0] |= 1u << (first[0] & 31);
		seen[1] |= 1u << (first[1] & 31);
	}
	assert_true(__builtin_popcount(seen[0]) > 16);
	assert_true(__builtin_popcount(seen[1]) > 16);
}

static void
a_source_prefix_gives_each_flow_an_address_inside_it(void **state)
{
	static const char *const prefixes[] = {"198.18.40.0/22", "2001:db8:e::/64"};
	struct world *world = *state;

	for (int v6 = 0; v6 < 2; v6++) {
		struct tunnel_source *source = &world->services[WORLD_HTTP4].tunnel.sources[v6];
		uint32_t seen = 0;

		use_tunnel(world, 0, v6 ? WORLD_POOL6 : WORLD_POOL4, TUNNEL_IPIP);
		assert_int_equal(tunnel_source_parse(prefixes[v6], source, NULL), 0);
		world_apply(world);
		for (uint16_t port = 1; port <= 64; port++) {
			struct addr from = {.family = v6 ? ADDR_V6 : ADDR_V4};
			struct frame frame;

			make_flow(&frame, false, true, port);
			assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
			memcpy(from.bytes, frame.packet.data + 14 + (v6 ? 8 : 12), v6 ? 16 : 4);
			assert_true(tunnel_source_covers(source, &from));
			assert_false(addr_equal(&from, &source->addr));
			seen |= 1u << (from.bytes[v6 ? 15 : 3] & 31);
		}
		assert_true(__builtin_popcount(seen) > 16);
	}
}

static void
only_packets_that_may_be_fragmented_may_be_so_outside(void **state)
{
	uint16_t ids[2];

	use_tunnel(*state, 0, WORLD_POOL4, TUNNEL_IPIP);
	for (int i = 0; i < 4; i++) {
		struct frame frame;

		make_flow(&frame, false, true, 4711);
		frame_ipv4(&frame)->fragment = be16_from(i < 2 ? IPV4_DONT_FRAGMENT : 0);
		frame_fix_ipv4(&frame);
		assert_int_equal(world_run(*state, &frame.packet), V_FORWARD);
		assert_int_equal(be16_to(frame_ipv4(&frame)->fragment), i < 2 ? 0x4000 : 0);
		if (i >= 2)
			ids[i - 2] = be16_to(frame_ipv4(&frame)->id);
	}
	assert_int_not_equal(ids[0], ids[1]);
}

static void
icmp_errors_about_a_flow_go_into_its_tunnel(void **state)
{
	for (int kind = 0; kind < 8; kind++) {
		bool v6 = kind & 1, outer_v6 = kind & 2, gue = kind & 4;
		struct frame frame;
		struct outer outer;
		int backend;

		use_tunnel(*state, v6, outer_v6 ? WORLD_POOL6 : WORLD_POOL4,
			gue ? TUNNEL_GUE : TUNNEL_IPIP);
		make_flow(&frame, v6, true, (uint16_t)(2000 + kind));
		world_run(*state, &frame.packet);
		backend = world_backend_of(&frame.packet);
		frame_icmp_error(&frame, v6 ? "2001:db8:f::1" : "203.0.113.1", clients[v6],
			(uint16_t)(2000 + kind), vips[v6], 80);
		assert_int_equal(world_run(*state, &frame.packet), V_FORWARD);
		assert_int_equal(world_backend_of(&frame.packet), backend);
		outer = check_outer(&frame.packet, outer_v6, gue, 0);
		assert_int_equal(outer.protocol, v6 ? IPPROTO_IPV6 : IPPROTO_IPIP);
	}
}

static void
a_used_up_ttl_and_a_full_buffer_are_counted(void **state)
{
	struct frame frame;

	use_tunnel(*state, 0, WORLD_POOL6, TUNNEL_GUE);
	make_flow(&frame, false, true, 1);
	frame_ipv4(&frame)->ttl = 1;
	frame_fix_ipv4(&frame);
	assert_int_equal(world_run(*state, &frame.packet), V_DROP_TTL);
	make_flow(&frame, false, true, 1);
	frame.packet.headroom = 51;
	assert_int_equal(world_run(*state, &frame.packet), V_DROP_NO_ROOM);
	make_flow(&frame, false, true, 1);
	frame.packet.headroom = 52;
	assert_int_equal(world_run(*state, &frame.packet), V_FORWARD);
	assert_int_equal(frame.packet.headroom, 0);
}

/* A UDP packet whose IP packet has 'size' bytes. */
static void
make_large(struct frame *frame, bool v6, size_t size)
{
	uint8_t payload[1600] = {0};
	struct wire_udp *udp = (struct wire_udp *)payload;

	size -= v6 ? 40 : 20;
	*udp = (struct wire_udp){
		be16_from(4711), be16_from(53), be16_from((uint16_t)size), be16_from(0)};
	frame_ip(frame, clients[v6], vips[v6], IPPROTO_UDP, payload, size);
}

static void
check_too_big(const struct frame *frame, const struct frame *sent, bool v6, uint32_t mtu)
{
	const uint8_t *data = frame->packet.data;
	const struct wire_icmp *icmp = (const struct wire_icmp *)(data + 14 + (v6 ? 40 : 20));
	const uint8_t *was = sent->buffer + FRAME_HEADROOM;
	size_t n_quoted = frame->packet.size - (size_t)((const uint8_t *)(icmp + 1) - data);

	assert_memory_equal(data, frame_client_mac, 6);
	assert_memory_equal(data + 6, frame_port_mac, 6);
	assert_int_equal(frame->packet.out_port, frame->packet.in_port);
	assert_int_equal(be32_to(icmp->rest), mtu);
	assert_int_equal(icmp->type, v6 ? 2 : 3);
	assert_int_equal(icmp->code, v6 ? 0 : 4);
	assert_memory_equal(icmp + 1, was + 14, n_quoted);
	if (v6) {
		const struct wire_ipv6 *ip = (const struct wire_ipv6 *)(data + 14);

		assert_int_equal(frame->packet.size, 14 + 1280);
		assert_memory_equal(ip->source, frame_addr(WORLD_VIP6).bytes, 16);
		assert_memory_equal(ip->destination, frame_addr(clients[1]).bytes, 16);
		assert_int_equal(checksum_finish(sum_v6(ip, IPPROTO_ICMPV6)), 0);
	} else {
		const struct wire_ipv4 *ip = (const struct wire_ipv4 *)(data + 14);

		assert_int_equal(frame->packet.size, 14 + 576);
		assert_memory_equal(ip->source, frame_addr(WORLD_VIP4).bytes, 4);
		assert_memory_equal(ip->destination, frame_addr(clients[0]).bytes, 4);
		assert_int_equal(checksum_finish(checksum_add(0, ip, 20)), 0);
		assert_int_equal(checksum_finish(checksum_add(0, icmp, n_quoted + 8)), 0);
	}
}

static void
the_largest_packet_passes_and_a_larger_one_is_answered(void **state)
{
	for (int kind = 0; kind < 8; kind++) {
		bool v6 = kind & 1, outer_v6 = kind & 2, gue = kind & 4;
		struct frame frame, sent;
		uint32_t mtu;

		use_tunnel(*state, v6, outer_v6 ? WORLD_POOL6 : WORLD_POOL4,
			gue ? TUNNEL_GUE : TUNNEL_IPIP);
		mtu = 1500u -
		      tunnel_overhead(gue ? TUNNEL_GUE : TUNNEL_IPIP, outer_v6 ? ADDR_V6 : ADDR_V4);
		make_large(&frame, v6, mtu);
		assert_int_equal(world_run(*state, &frame.packet), V_FORWARD);
		assert_int_equal(frame.packet.size, 1514);
		make_large(&frame, v6, mtu + 1);
		sent = frame;
		assert_int_equal(world_run(*state, &frame.packet), V_REPLY_TOO_BIG);
		check_too_big(&frame, &sent, v6, mtu);
	}
}

static void
the_smaller_of_port_and_tunnel_mtu_counts(void **state)
{
	struct world *world = *state;
	struct frame frame;

	use_tunnel(world, 0, WORLD_POOL4, TUNNEL_IPIP);
	world->services[WORLD_DNS4].tunnel.mtu = 1400;
	world_apply(world);
	make_large(&frame, false, 1380);
	assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
	make_large(&frame, false, 1381);
	assert_int_equal(world_run(world, &frame.packet), V_REPLY_TOO_BIG);
	world->ports.ports[1].mtu = 1000;
	make_large(&frame, false, 981);
	assert_int_equal(world_run(world, &frame.packet), V_REPLY_TOO_BIG);
}

static void
answers_are_limited_and_come_again(void **state)
{
	struct world *world = *state;
	struct frame frame;
	int n = 0;

	use_tunnel(world, 0, WORLD_POOL4, TUNNEL_IPIP);
	for (int i = 0; i < 2 * TOO_BIG_BURST; i++) {
		make_large(&frame, false, 1500);
		n += world_run(world, &frame.packet) == V_REPLY_TOO_BIG;
	}
	assert_int_equal(n, TOO_BIG_BURST);
	assert_int_equal(pipeline_stats(world->pipeline)->verdicts[V_DROP_TOO_BIG], TOO_BIG_BURST);
	world->now_ns += NS_PER_S / TOO_BIG_RATE;
	for (int i = 0; i < 2; i++) {
		make_large(&frame, false, 1500);
		assert_int_equal(
			world_run(world, &frame.packet), i == 0 ? V_REPLY_TOO_BIG : V_DROP_TOO_BIG);
	}
}

static void
no_answer_goes_where_none_may_go(void **state)
{
	struct world *world = *state;
	struct frame frame;

	use_tunnel(world, 0, WORLD_POOL4, TUNNEL_IPIP);
	use_tunnel(world, 1, WORLD_POOL4, TUNNEL_IPIP);
	/* To an error. */
	frame_icmp_error(&frame, "203.0.113.1", clients[0], 4711, WORLD_VIP4, 80);
	world->ports.ports[1].mtu = 60;
	assert_int_equal(world_run(world, &frame.packet), V_DROP_TOO_BIG);
	/* To no station's address. */
	world->ports.ports[1].mtu = 1500;
	make_large(&frame, false, 1500);
	frame_ipv4(&frame)->source[0] = 230;
	frame_fix_ipv4(&frame);
	assert_int_equal(world_run(world, &frame.packet), V_DROP_TOO_BIG);
	make_large(&frame, false, 1500);
	frame.packet.data[6] |= 1;
	assert_int_equal(world_run(world, &frame.packet), V_DROP_TOO_BIG);
	/* Of less than every link must carry. */
	world->ports.ports[1].mtu = 1299;
	make_large(&frame, true, 1280);
	assert_int_equal(world_run(world, &frame.packet), V_DROP_TOO_BIG);
	/* Without room for it. */
	world->ports.ports[1].mtu = 1500;
	make_large(&frame, true, 1500);
	frame.packet.headroom = 47;
	assert_int_equal(world_run(world, &frame.packet), V_DROP_NO_ROOM);
}

static void
services_count_packets_as_they_came(void **state)
{
	struct world *world = *state;
	const struct service_stats *stats;
	struct frame frame;
	size_t n;

	use_tunnel(world, 0, WORLD_POOL6, TUNNEL_GUE);
	stats = &pipeline_stats(world->pipeline)
			 ->services[snapshot_services(world->snapshot, &n)[WORLD_HTTP4].id];
	make_flow(&frame, false, true, 1);
	world_run(world, &frame.packet);
	assert_int_equal(stats->n_packets, 1);
	assert_int_equal(stats->n_bytes, 54);
}

static void
the_clamp_works_in_a_tunnel(void **state)
{
	const struct {
		struct wire_tcp tcp;
		uint8_t options[4];
	} WIRE segment = {
		.tcp = {.destination_port = be16_from(80), .offset = 6 << 4, .flags = TCP_FLAG_SYN},
		.options = {2, 4, 5, 180},
	};
	struct world *world = *state;
	struct frame frame;

	world->services[WORLD_HTTP4].mss = 1400;
	use_tunnel(world, 0, WORLD_POOL6, TUNNEL_GUE);
	frame_ip(&frame, clients[0], vips[0], IPPROTO_TCP, &segment, sizeof(segment));
	frame_fix_transport(&frame);
	assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
	check_outer(&frame.packet, true, true, 0);
	assert_int_equal(frame.packet.data[frame.packet.size - 2] << 8 |
				 frame.packet.data[frame.packet.size - 1],
		1400);
}

/* --- States --- */

static void
assert_refused(struct world *world, const char *says)
{
	const struct snapshot_tables tables = {
		.ports = &world->ports, .nexthops = world->nexthops, .leases = world->leases};
	struct snapshot *snapshot = NULL;
	struct err err = {""};

	assert_int_equal(
		snapshot_new(&snapshot, &world->state, world->snapshot, &tables, &err), -EINVAL);
	if (!strstr(err.text, says))
		fail_msg("expected '%s' in: %s", says, err.text);
}

static void
states_that_cannot_work_are_refused(void **state)
{
	struct world *world = *state;
	struct tunnel *tunnel = &world->services[WORLD_HTTP4].tunnel;
	struct tunnel good;

	use_tunnel(world, 0, WORLD_POOL6, TUNNEL_IPIP);
	good = *tunnel;
	tunnel->sources[1] = (struct tunnel_source){.prefix = 0};
	assert_refused(world, "service http4: the tunnel has no source of IPv6");
	*tunnel = good;
	tunnel->sources[0].addr = frame_addr(WORLD_VIP4);
	assert_refused(world, "192.0.2.100, an address of virtual router front4");
	world->state.n_routers = 0;
	assert_refused(world, "the service's own address");
	world->state.n_routers = 2;
	*tunnel = good;
	tunnel->mtu = 1279;
	assert_refused(world, "the tunnel's mtu 1279 is too small: give at least 1280");
	tunnel->mtu = 0;
	world->ports.ports[0].mtu = world->ports.ports[1].mtu = 1279;
	assert_refused(world, "the MTU 1279 is too small");
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test_setup_teardown(packets_arrive_whole_in_every_kind_of_tunnel,
			world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			padding_is_left_behind, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			flows_differ_in_what_receivers_hash, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			a_source_prefix_gives_each_flow_an_address_inside_it, world_set_up,
			world_tear_down),
		cmocka_unit_test_setup_teardown(
			only_packets_that_may_be_fragmented_may_be_so_outside, world_set_up,
			world_tear_down),
		cmocka_unit_test_setup_teardown(
			icmp_errors_about_a_flow_go_into_its_tunnel, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			a_used_up_ttl_and_a_full_buffer_are_counted, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			the_largest_packet_passes_and_a_larger_one_is_answered, world_set_up,
			world_tear_down),
		cmocka_unit_test_setup_teardown(
			the_smaller_of_port_and_tunnel_mtu_counts, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			answers_are_limited_and_come_again, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			no_answer_goes_where_none_may_go, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			services_count_packets_as_they_came, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			the_clamp_works_in_a_tunnel, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			states_that_cannot_work_are_refused, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
