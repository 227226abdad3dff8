/* SPDX-License-Identifier: BSD-3-Clause */
/* The short ways through the packet path beside the thorough one: two worlds that differ in a limit
 * too high to be met, which makes one of them look at each packet, do the same to the same bursts.
 */
#include "common/clock.h"
#include "dataplane/pipeline_data.h"
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BACK_PORT 8080
#define N_BURSTS 3000
#define PACKETS_PER_S 10000000

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};

/* What a case is about. */
struct way {
	const char *name;
	enum forward_mode mode;
	enum tunnel_type tunnel;
	const char *source; /* Of the outer header. */
	enum client_address client_address;
	uint16_t mss;
	uint16_t back_port; /* 0: the service's. */
};

static const struct way ways[] = {
	{.name = "dr", .mode = MODE_DR},
	{.name = "dr with an MSS", .mode = MODE_DR, .mss = 1300},
	{.name = "ipip", .mode = MODE_TUNNEL, .source = "10.9.8.7"},
	{.name = "ipip from a prefix", .mode = MODE_TUNNEL, .source = "10.9.0.0/16"},
	{.name = "gue", .mode = MODE_TUNNEL, .tunnel = TUNNEL_GUE, .source = "10.9.0.0/16"},
	{.name = "nat", .mode = MODE_NAT, .back_port = BACK_PORT},
	{.name = "nat by the service's port", .mode = MODE_NAT},
	{.name = "fullnat", .mode = MODE_FULLNAT, .back_port = BACK_PORT},
	{.name = "fullnat with TOA", .mode = MODE_FULLNAT, .client_address = CLIENT_ADDRESS_TOA},
};

struct side {
	struct world world;
	struct control_local local;
	struct addr addresses[2];
	struct frame frames[PACKET_BURST_MAX];
	struct packet packets[PACKET_BURST_MAX];
};

struct sides {
	struct side quick, thorough;
	uint64_t random;
};

static uint32_t
draw(struct sides *sides, uint32_t n)
{
	sides->random = sides->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(sides->random >> 33) % n;
}

static void
begin(struct side *side, const struct way *way, uint32_t packets_per_s)
{
	struct world *world = &side->world;

	world_init(world, 1000);
	for (int i = 0; i < WORLD_SERVICES; i++) {
		struct control_service *service = &world->services[i];

		service->mode = (uint8_t)way->mode;
		service->client_address = (uint8_t)way->client_address;
		service->mss = service->protocol == PROTOCOL_TCP ? way->mss : 0;
		service->limits.packets_per_s = packets_per_s;
		if (way->mode != MODE_TUNNEL)
			continue;
		service->tunnel.type = way->tunnel;
		service->tunnel.gue_port = way->tunnel == TUNNEL_GUE ? TUNNEL_GUE_PORT : 0;
		assert_int_equal(
			tunnel_source_parse(way->source, &service->tunnel.sources[0], NULL), 0);
		assert_int_equal(
			tunnel_source_parse("2001:db8:9::/64", &service->tunnel.sources[1], NULL),
			0);
	}
	for (int p = 0; p < WORLD_POOLS && mode_translates((uint8_t)way->mode); p++)
		for (int b = 0; b < WORLD_BACKENDS; b++)
			world->backends[p][b].port = way->back_port;
	side->addresses[0] = frame_addr("192.0.2.5");
	side->addresses[1] = frame_addr("2001:db8::5");
	snprintf(side->local.port, sizeof(side->local.port), "back");
	side->local.addresses = side->addresses;
	side->local.n_addresses = 2;
	world->state.locals = &side->local;
	world->state.n_locals = 1;
	world_apply(world);
}

/* Spoils one thing, or changes one that is carried along. */
static void
change(struct sides *sides, struct frame *frame, int family)
{
	struct wire_ipv4 *ip = frame_ipv4(frame);
	uint32_t at = draw(sides, frame->packet.size);

	switch (draw(sides, 8)) {
	case 0:
		frame->packet.data[at] ^= (uint8_t)(1 << draw(sides, 8));
		break;
	case 1:
		frame->packet.size += draw(sides, 20); /* Padding. */
		break;
	case 2:
		frame->packet.size -= draw(sides, 20);
		break;
	case 3:
		if (family == 0)
			ip->ttl = (uint8_t)draw(sides, 4);
		else
			frame_ipv6(frame)->hop_limit = (uint8_t)draw(sides, 4);
		break;
	case 4:
		if (family == 0)
			ip->tos = (uint8_t)draw(sides, 256);
		break;
	case 5:
		if (family == 0)
			ip->fragment ^= be16_from(IPV4_DONT_FRAGMENT);
		break;
	case 6:
		frame->packet.headroom = (uint16_t)draw(sides, 40);
		break;
	default:
		frame->packet.flags = PACKET_CHECKSUM_GOOD;
		break;
	}
	if (family == 0 && draw(sides, 4) > 0)
		frame_fix_ipv4(frame);
}

static void
any_frame(struct sides *sides, struct frame *frame)
{
	/* Mostly data, so that flows are steady. */
	static const uint8_t flags[] = {TCP_FLAG_ACK, TCP_FLAG_ACK, TCP_FLAG_ACK, TCP_FLAG_ACK,
		TCP_FLAG_ACK, TCP_FLAG_SYN, TCP_FLAG_ACK | TCP_FLAG_FIN, TCP_FLAG_RST};
	int family = (int)draw(sides, 2);
	uint16_t port = (uint16_t)(4000 + draw(sides, 100));

	if (draw(sides, 3) == 0)
		frame_udp(frame, clients[family], port, vips[family], 53);
	else
		frame_tcp(frame, clients[family], port, vips[family], 80,
			flags[draw(sides, sizeof(flags))]);
	frame->buffer[FRAME_HEADROOM + 11] = (uint8_t)draw(sides, 8) ? 0xc1 : 0xc2; /* Router. */
	if (family == 0) {
		frame_ipv4(frame)->id = be16_from((uint16_t)draw(sides, 65536));
		frame_fix_ipv4(frame);
	}
	frame_fix_transport(frame);
	if (draw(sides, 4) == 0)
		change(sides, frame, family);
}

static void
run(struct side *side, unsigned int n)
{
	struct world *world = &side->world;

	for (unsigned int i = 0; i < n; i++)
		side->packets[i] = side->frames[i].packet;
	pipeline_run(world->pipeline, world->snapshot, side->packets, n, world->now_ns);
}

static void
assert_same(const struct packet *is, const struct packet *should, const char *name)
{
	if (is->verdict != should->verdict)
		fail_msg("%s: %s, not %s", name, verdict_name(is->verdict),
			verdict_name(should->verdict));
	assert_int_equal(is->size, should->size);
	assert_int_equal(is->headroom, should->headroom);
	assert_int_equal(is->tailroom, should->tailroom);
	assert_int_equal(is->out_port, should->out_port);
	assert_int_equal(is->backend, should->backend);
	assert_memory_equal(is->data, should->data, is->size);
}

static void
run_burst(struct sides *sides, const char *name)
{
	struct side *quick = &sides->quick, *thorough = &sides->thorough;
	unsigned int n = 1 + draw(sides, PACKET_BURST_MAX);

	for (unsigned int i = 0; i < n; i++) {
		any_frame(sides, &quick->frames[i]);
		thorough->frames[i] = quick->frames[i];
		thorough->frames[i].packet.data =
			thorough->frames[i].buffer +
			(quick->frames[i].packet.data - quick->frames[i].buffer);
	}
	run(quick, n);
	run(thorough, n);
	for (unsigned int i = 0; i < n; i++)
		assert_same(&quick->packets[i], &thorough->packets[i], name);
	for (int i = 0; i < 2; i++)
		(i ? thorough : quick)->world.now_ns += 20 * NS_PER_MS;
}

static void
assert_same_counters(const struct world *is, const struct world *should)
{
	const struct stats *a = pipeline_stats(is->pipeline), *b = pipeline_stats(should->pipeline);

	assert_int_equal(a->n_packets, b->n_packets);
	assert_int_equal(a->n_bytes, b->n_bytes);
	assert_memory_equal(a->verdicts, b->verdicts, sizeof(a->verdicts));
	assert_memory_equal(a->flow_events, b->flow_events, sizeof(a->flow_events));
	assert_memory_equal(a->services, b->services, 16 * sizeof(*a->services));
	assert_memory_equal(a->backends, b->backends, 16 * sizeof(*a->backends));
}

static void
the_short_way_does_what_the_thorough_one_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct sides *sides = calloc(1, sizeof(*sides));

		assert_non_null(sides);
		sides->random = i + 1;
		begin(&sides->quick, &ways[i], 0);
		begin(&sides->thorough, &ways[i], PACKETS_PER_S);
		for (int n = 0; n < N_BURSTS; n++)
			run_burst(sides, ways[i].name);
		assert_same_counters(&sides->quick.world, &sides->thorough.world);
		assert_true(pipeline_stats(sides->quick.world.pipeline)->verdicts[V_FORWARD] >
			    N_BURSTS);
		world_fini(&sides->quick.world);
		world_fini(&sides->thorough.world);
		free(sides);
	}
}

static uint8_t
tcp_header_words(const struct packet *packet)
{
	return ((const struct wire_tcp *)(packet->data + FRAME_L3 + sizeof(struct wire_ipv4)))
		       ->offset >>
	       4;
}

/* Each of a client's packets has the option until the backend has answered, and none after. */
static void
the_option_is_in_all_packets_until_the_answer(void **state)
{
	static const struct way way = {.mode = MODE_FULLNAT, .client_address = CLIENT_ADDRESS_TOA};
	static const uint8_t flags[] = {TCP_FLAG_SYN, TCP_FLAG_ACK, TCP_FLAG_ACK, TCP_FLAG_ACK};
	struct side *side = calloc(1, sizeof(*side));
	const struct wire_tcp *tcp;
	struct frame frame, answer;
	char backend[ADDR_TEXT_SIZE];

	(void)state;
	assert_non_null(side);
	begin(side, &way, 0);
	for (size_t i = 0; i < sizeof(flags); i++) {
		frame_tcp(&frame, clients[0], 4000, WORLD_VIP4, 80, flags[i]);
		world_assert_verdict(&side->world, &frame, V_FORWARD);
		assert_int_equal(tcp_header_words(&frame.packet), 7);
	}
	tcp = (const struct wire_tcp *)(frame.packet.data + FRAME_L3 + sizeof(struct wire_ipv4));
	snprintf(backend, sizeof(backend), "192.0.2.%d", 11 + world_backend_of(&frame.packet));
	frame_tcp(&answer, backend, 80, "192.0.2.5", be16_to(tcp->source_port), TCP_FLAG_ACK);
	world_assert_verdict(&side->world, &answer, V_RETURN);
	frame_tcp(&frame, clients[0], 4000, WORLD_VIP4, 80, TCP_FLAG_ACK);
	world_assert_verdict(&side->world, &frame, V_FORWARD);
	assert_int_equal(tcp_header_words(&frame.packet), 5);
	world_fini(&side->world);
	free(side);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_short_way_does_what_the_thorough_one_does),
		cmocka_unit_test(the_option_is_in_all_packets_until_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
