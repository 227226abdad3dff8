/* SPDX-License-Identifier: BSD-3-Clause */
/* Fragments through the packet path: what follows its first fragment, what waits, what is refused.
 */
#include "dataplane/fragment.h"
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};

/* What a fragment is made of; 0 in 'sport': a later one. */
struct spec {
	int family; /* Index into clients and vips. */
	uint32_t id;
	uint16_t sport;
	uint16_t offset; /* Bytes. */
	uint16_t size;
	bool more;
	bool tcp;
};

static int
set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		return -1;
	world_init(world, 1000);
	*state = world;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *world = *state;

	while (pipeline_abandon(world->pipeline))
		continue;
	world_fini(world);
	free(world);
	return 0;
}

/* 'size' bytes of a datagram of 4000 bytes to port 53, or of a TCP packet to port 80. */
static void
build(struct frame *frame, const struct spec *spec)
{
	uint8_t payload[1500] = {0};
	size_t at = spec->family == 0 ? 0 : sizeof(struct wire_fragment);
	uint8_t protocol = spec->tcp ? IPPROTO_TCP : IPPROTO_UDP;
	struct wire_udp udp = {
		be16_from(spec->sport), be16_from(53), be16_from(4000), be16_from(0)};
	struct wire_tcp tcp = {
		.source_port = udp.source_port, .destination_port = be16_from(80), .offset = 0x50};

	if (spec->sport && spec->tcp)
		memcpy(payload + at, &tcp, sizeof(tcp));
	else if (spec->sport)
		memcpy(payload + at, &udp, sizeof(udp));
	if (spec->family == 1) {
		struct wire_fragment header = {.next_header = protocol,
			.offset = be16_from((uint16_t)(spec->offset | spec->more)),
			.id = be32_from(spec->id)};

		memcpy(payload, &header, sizeof(header));
		protocol = IPPROTO_FRAGMENT;
	}
	frame_ip(frame, clients[spec->family], vips[spec->family], protocol, payload,
		at + spec->size);
	if (spec->family == 0) {
		frame_ipv4(frame)->id = be16_from((uint16_t)spec->id);
		frame_ipv4(frame)->fragment = be16_from(
			(uint16_t)(spec->offset / 8 | (spec->more ? IPV4_MORE_FRAGMENTS : 0)));
		frame_fix_ipv4(frame);
	}
	frame->packet.buffer = frame;
}

static enum verdict
pass(struct world *world, struct frame *frame, struct spec spec)
{
	build(frame, &spec);
	return world_run(world, &frame->packet);
}

static void
expect(struct world *world, struct spec spec, enum verdict verdict)
{
	struct frame frame;

	assert_string_equal(verdict_name(pass(world, &frame, spec)), verdict_name(verdict));
}

static unsigned int
release(struct world *world, struct packet *packets)
{
	return pipeline_release(world->pipeline, world->snapshot, packets, world->now_ns);
}

static uint64_t
event(const struct world *world, enum path_event which)
{
	return pipeline_stats(world->pipeline)->path_events[which];
}

/* The backend that whole datagrams from a port go to. */
static int
backend_of(struct world *world, int family, uint16_t sport)
{
	struct frame frame;

	frame_udp(&frame, clients[family], sport, vips[family], 53);
	assert_int_equal(world_run(world, &frame.packet), V_FORWARD);
	return world_backend_of(&frame.packet);
}

static void
later_fragments_follow_their_first(void **state)
{
	struct world *world = *state;
	struct frame frame;
	bool used[WORLD_BACKENDS] = {false};

	for (uint16_t i = 0; i < 200; i++) {
		int family = i % 2;
		uint16_t sport = (uint16_t)(2000 + i);
		int backend = backend_of(world, family, sport);

		used[backend] = true;
		for (uint16_t at = 0; at < 4000; at += 1000) {
			struct spec spec = {
				family, i, at == 0 ? sport : 0, at, 1000, at < 3000, false};

			assert_int_equal(pass(world, &frame, spec), V_FORWARD);
			assert_int_equal(world_backend_of(&frame.packet), backend);
		}
	}
	for (int b = 0; b < WORLD_BACKENDS; b++)
		assert_true(used[b]);
	assert_int_equal(event(world, PATH_FRAGMENTS_FIRST), 200);
	assert_int_equal(event(world, PATH_FRAGMENTS_FOLLOWED), 600);
	assert_int_equal(event(world, PATH_FRAGMENTS_FORGOTTEN), 0);
}

static void
only_addresses_and_ttl_of_a_fragment_change(void **state)
{
	struct frame frame, sent;

	for (int family = 0; family < 2; family++) {
		size_t ttl_at = family == 0 ? 22 : 21;

		expect(*state, (struct spec){family, 1, 4711, 0, 800, true, false}, V_FORWARD);
		build(&sent, &(struct spec){family, 1, 0, 800, 77, false, false});
		assert_int_equal(
			pass(*state, &frame, (struct spec){family, 1, 0, 800, 77, false, false}),
			V_FORWARD);
		assert_int_equal(frame.packet.data[ttl_at], 63);
		frame.packet.data[ttl_at] = 64;
		if (family == 0)
			frame_fix_ipv4(&frame);
		assert_memory_equal(frame.packet.data + 12, sent.buffer + FRAME_HEADROOM + 12,
			sent.packet.size - 12);
	}
}

static void
fragments_that_overtook_their_first_wait_for_it(void **state)
{
	struct world *world = *state;

	for (int family = 0; family < 2; family++) {
		int backend = backend_of(world, family, 4711);
		struct packet back[PACKET_BURST_MAX];
		struct frame late[2], first;

		assert_int_equal(
			pass(world, &late[0], (struct spec){family, 9, 0, 1600, 400, false, false}),
			V_HOLD);
		assert_int_equal(
			pass(world, &late[1], (struct spec){family, 9, 0, 800, 800, true, false}),
			V_HOLD);
		assert_int_equal(release(world, back), 0);
		assert_int_equal(
			pass(world, &first, (struct spec){family, 9, 4711, 0, 800, true, false}),
			V_FORWARD);
		assert_int_equal(world_backend_of(&first.packet), backend);
		assert_int_equal(release(world, back), 2);
		for (int i = 0; i < 2; i++) {
			assert_ptr_equal(back[i].buffer, &late[i]);
			assert_int_equal(world_backend_of(&back[i]), backend);
		}
		assert_int_equal(release(world, back), 0);
	}
	assert_int_equal(event(world, PATH_FRAGMENTS_HELD), 4);
	assert_int_equal(event(world, PATH_FRAGMENTS_FOLLOWED), 4);
}

static void
fragments_do_not_wait_for_ever(void **state)
{
	struct world *world = *state;
	struct packet back[PACKET_BURST_MAX];
	struct frame frame;

	assert_int_equal(
		pass(world, &frame, (struct spec){0, 9, 0, 800, 800, true, false}), V_HOLD);
	world->now_ns += FRAGMENT_HOLD_NS - 1;
	assert_int_equal(release(world, back), 0);
	world->now_ns++;
	assert_int_equal(release(world, back), 1);
	assert_int_equal(back[0].verdict, V_DROP_FRAGMENT_LOST);
	assert_ptr_equal(back[0].buffer, &frame);
	/* The first one is welcome also now. */
	expect(world, (struct spec){0, 9, 4711, 0, 800, true, false}, V_FORWARD);
}

static void
every_packet_ends_in_one_verdict(void **state)
{
	struct world *world = *state;
	const struct stats *stats = pipeline_stats(world->pipeline);
	struct packet back[PACKET_BURST_MAX];
	struct frame frames[10];
	uint64_t n = 0;

	for (uint16_t i = 0; i < 10; i++)
		assert_int_equal(
			pass(world, &frames[i], (struct spec){i % 2, i, 0, 800, 800, i > 4, false}),
			V_HOLD);
	for (unsigned int v = 0; v < N_VERDICTS; v++)
		n += stats->verdicts[v];
	assert_int_equal(n, 0);
	world->now_ns += FRAGMENT_HOLD_NS;
	assert_int_equal(release(world, back), 10);
	assert_int_equal(stats->verdicts[V_DROP_FRAGMENT_LOST], 10);
	assert_int_equal(stats->n_packets, 10);
}

static void
overlapping_fragments_are_refused_with_all_that_belongs_to_them(void **state)
{
	static const struct {
		uint16_t offset, size;
		bool more;
	} bad[] = {
		{0, 16, true},     /* Inside the first. */
		{792, 16, true},   /* Over its end. */
		{0, 808, true},    /* Around it. */
		{8, 792, true},    /* Its tail. */
		{1600, 16, true},  /* Behind the end. */
		{1592, 16, false}, /* A second end. */
		{800, 8, false},   /* An end before what came. */
	};
	struct world *world = *state;

	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (int family = 0; family < 2; family++) {
			uint16_t sport = bad[i].offset == 0 ? 4711 : 0;

			expect(world, (struct spec){family, i, 4711, 0, 800, true, false},
				V_FORWARD);
			expect(world, (struct spec){family, i, 0, 1504, 96, false, false},
				V_FORWARD);
			expect(world,
				(struct spec){family, i, sport, bad[i].offset, bad[i].size,
					bad[i].more, false},
				V_DROP_FRAGMENT_OVERLAP);
			/* One that fits, but whose datagram is no longer trusted. */
			expect(world, (struct spec){family, i, 0, 1000, 16, true, false},
				V_DROP_FRAGMENT_OVERLAP);
		}
	}
}

static void
what_waits_is_refused_when_fragments_overlap(void **state)
{
	struct world *world = *state;
	struct packet back[PACKET_BURST_MAX];
	struct frame frame;

	assert_int_equal(
		pass(world, &frame, (struct spec){0, 9, 0, 800, 800, true, false}), V_HOLD);
	expect(world, (struct spec){0, 9, 0, 808, 800, true, false}, V_DROP_FRAGMENT_OVERLAP);
	assert_int_equal(release(world, back), 1);
	assert_int_equal(back[0].verdict, V_DROP_FRAGMENT_OVERLAP);
	expect(world, (struct spec){0, 9, 4711, 0, 800, true, false}, V_DROP_FRAGMENT_OVERLAP);
}

static void
a_duplicate_is_dropped_alone(void **state)
{
	struct world *world = *state;

	expect(world, (struct spec){0, 9, 4711, 0, 800, true, false}, V_FORWARD);
	expect(world, (struct spec){0, 9, 0, 800, 800, true, false}, V_FORWARD);
	expect(world, (struct spec){0, 9, 0, 800, 800, true, false}, V_DROP_FRAGMENT_DUPLICATE);
	expect(world, (struct spec){0, 9, 4711, 0, 800, true, false}, V_DROP_FRAGMENT_DUPLICATE);
	expect(world, (struct spec){0, 9, 0, 1600, 80, false, false}, V_FORWARD);
}

static void
tiny_fragments_are_refused(void **state)
{
	for (int family = 0; family < 2; family++) {
		/* Eight bytes of a TCP header, and the attempts to bring the rest (RFC 1858). */
		expect(*state, (struct spec){family, 1, 4711, 0, 8, true, true},
			V_DROP_FRAGMENT_TINY);
		expect(*state, (struct spec){family, 2, 0, 8, 80, true, true},
			V_DROP_FRAGMENT_TINY);
		expect(*state, (struct spec){family, 2, 0, 16, 80, false, true},
			V_DROP_FRAGMENT_TINY);
		expect(*state, (struct spec){family, 3, 4711, 0, 24, true, true}, V_FORWARD);
		expect(*state, (struct spec){family, 3, 0, 24, 80, false, true}, V_FORWARD);
		/* A UDP header fits into the smallest fragment there is. */
		expect(*state, (struct spec){family, 4, 4711, 0, 8, true, false}, V_FORWARD);
		expect(*state, (struct spec){family, 4, 0, 8, 80, false, false}, V_FORWARD);
	}
}

static void
impossible_sizes_are_refused(void **state)
{
	for (int family = 0; family < 2; family++) {
		expect(*state, (struct spec){family, 1, 4711, 0, 801, true, false},
			V_DROP_FRAGMENT_BAD);
		expect(*state, (struct spec){family, 1, 0, 800, 0, true, false},
			V_DROP_FRAGMENT_BAD);
		expect(*state, (struct spec){family, 1, 0, 800, 0, false, false},
			V_DROP_FRAGMENT_BAD);
		/* Past the 64 KB that a packet may have. */
		expect(*state, (struct spec){family, 1, 0, 65528, 8, false, false},
			V_DROP_FRAGMENT_BAD);
		expect(*state, (struct spec){family, 1, 4711, 0, 800, true, false}, V_FORWARD);
		expect(*state, (struct spec){family, 1, 0, 65528, 7, false, false}, V_FORWARD);
	}
}

static void
every_part_of_the_key_tells_packets_apart(void **state)
{
	struct world *world = *state;
	struct packet back[PACKET_BURST_MAX];
	struct frame frames[4];

	expect(world, (struct spec){0, 9, 4711, 0, 800, true, false}, V_FORWARD);
	for (int i = 0; i < 4; i++) {
		struct wire_ipv4 *ip;

		build(&frames[i], &(struct spec){0, 9, 0, 800, 800, true, false});
		ip = frame_ipv4(&frames[i]);
		if (i == 0)
			ip->id = be16_from(10);
		else if (i == 1)
			ip->source[3]++;
		else if (i == 2)
			ip->protocol = IPPROTO_TCP;
		else
			build(&frames[i], &(struct spec){1, 9, 0, 800, 800, true, false});
		if (i < 3)
			frame_fix_ipv4(&frames[i]);
		assert_int_equal(world_run(world, &frames[i].packet), V_HOLD);
	}
	world->now_ns += FRAGMENT_HOLD_NS;
	assert_int_equal(release(world, back), 4);
	expect(world, (struct spec){0, 9, 0, 800, 800, true, false}, V_FORWARD);
}

static void
an_identification_may_be_used_again_when_its_packet_is_complete(void **state)
{
	struct world *world = *state;
	struct packet back[PACKET_BURST_MAX];
	struct frame frame;

	for (uint16_t sport = 1000; sport < 1010; sport++) {
		expect(world, (struct spec){0, 9, sport, 0, 800, true, false}, V_FORWARD);
		expect(world, (struct spec){0, 9, 0, 800, 5, false, false}, V_FORWARD);
	}
	/* The next one's second fragment is first: it must not follow the one before. */
	assert_int_equal(pass(world, &frame, (struct spec){0, 9, 0, 800, 5, false, false}), V_HOLD);
	expect(world, (struct spec){0, 9, 2000, 0, 800, true, false}, V_FORWARD);
	assert_int_equal(release(world, back), 1);
	assert_int_equal(back[0].verdict, V_FORWARD);
	/* And an incomplete one is forgotten after a while. */
	expect(world, (struct spec){0, 8, 2000, 0, 800, true, false}, V_FORWARD);
	world->now_ns += FRAGMENT_LIFE_NS;
	expect(world, (struct spec){0, 8, 2001, 0, 800, true, false}, V_FORWARD);
}

static void
no_more_wait_than_there_is_room_for(void **state)
{
	struct world *world = *state;
	static struct frame frames[FRAGMENT_HELD_MAX];
	struct packet back[PACKET_BURST_MAX];

	expect(world, (struct spec){0, 9999, 4711, 0, 800, true, false}, V_FORWARD);
	for (uint16_t i = 0; i < FRAGMENT_HELD_MAX; i++)
		assert_int_equal(
			pass(world, &frames[i], (struct spec){0, i, 0, 800, 800, true, false}),
			V_HOLD);
	/* Those beyond are dropped, and push nobody out of the table. */
	for (uint16_t i = 100; i < 5000; i++)
		expect(world, (struct spec){0, i, 0, 800, 800, true, false}, V_DROP_FRAGMENT_FULL);
	expect(world, (struct spec){0, 9999, 0, 800, 800, false, false}, V_FORWARD);
	assert_int_equal(event(world, PATH_FRAGMENTS_FORGOTTEN), 0);
	world->now_ns += FRAGMENT_HOLD_NS;
	for (unsigned int n = 0; n < FRAGMENT_HELD_MAX; n += PACKET_BURST_MAX)
		assert_int_equal(release(world, back), PACKET_BURST_MAX);
	assert_int_equal(release(world, back), 0);
}

static void
a_packet_of_too_many_fragments_is_cut_off(void **state)
{
	expect(*state, (struct spec){0, 1, 4711, 0, 8, true, false}, V_FORWARD);
	for (uint16_t i = 1; i < FRAGMENT_PIECES_MAX; i++)
		expect(*state, (struct spec){0, 1, 0, (uint16_t)(16 * i), 8, true, false},
			V_FORWARD);
	expect(*state, (struct spec){0, 1, 0, 16 * FRAGMENT_PIECES_MAX, 8, true, false},
		V_DROP_FRAGMENT_FULL);
}

static void
a_full_table_forgets_the_longest_idle(void **state)
{
	struct world *world = *state;
	struct packet back[PACKET_BURST_MAX];
	struct frame waiting;

	assert_int_equal(
		pass(world, &waiting, (struct spec){0, 9, 0, 800, 800, true, false}), V_HOLD);
	for (uint32_t i = 0; i < 20 * FRAGMENT_PACKETS; i++) {
		world->now_ns++;
		expect(world, (struct spec){1, i, 4711, 0, 800, true, false}, V_FORWARD);
	}
	assert_true(event(world, PATH_FRAGMENTS_FORGOTTEN) >= 19 * FRAGMENT_PACKETS);
	/* What waited for a forgotten one does so no longer. */
	assert_int_equal(release(world, back), 1);
	assert_int_equal(back[0].verdict, V_DROP_FRAGMENT_LOST);
	expect(world, (struct spec){1, 20 * FRAGMENT_PACKETS - 1, 0, 800, 800, true, false},
		V_FORWARD);
}

static void
fragments_of_the_host_and_of_other_stations_are_left_alone(void **state)
{
	struct frame frame;

	build(&frame, &(struct spec){0, 9, 0, 800, 800, true, false});
	frame_ipv4(&frame)->destination[3] ^= 1;
	frame_fix_ipv4(&frame);
	assert_int_equal(world_run(*state, &frame.packet), V_HOST);
	build(&frame, &(struct spec){0, 9, 4711, 0, 800, true, false});
	frame_ipv4(&frame)->destination[3] ^= 1;
	frame_fix_ipv4(&frame);
	assert_int_equal(world_run(*state, &frame.packet), V_HOST);
	build(&frame, &(struct spec){0, 9, 0, 800, 800, true, false});
	memset(frame_ethernet(&frame)->destination, 0xff, 6);
	assert_int_equal(world_run(*state, &frame.packet), V_DROP_OTHER_STATION);
	assert_int_equal(event(*state, PATH_FRAGMENTS_FIRST), 0);
	assert_int_equal(event(*state, PATH_FRAGMENTS_HELD), 0);
}

static void
a_burst_may_have_a_packet_whole(void **state)
{
	struct world *world = *state;
	struct packet packets[4], back[PACKET_BURST_MAX];
	struct frame frames[4];

	build(&frames[0], &(struct spec){0, 9, 0, 1600, 8, false, false});
	build(&frames[1], &(struct spec){0, 9, 4711, 0, 800, true, false});
	build(&frames[2], &(struct spec){0, 9, 0, 800, 800, true, false});
	frame_udp(&frames[3], clients[0], 4711, vips[0], 53);
	for (int i = 0; i < 4; i++)
		packets[i] = frames[i].packet;
	pipeline_run(world->pipeline, world->snapshot, packets, 4, world->now_ns);
	assert_int_equal(packets[0].verdict, V_HOLD);
	assert_int_equal(release(world, back), 1);
	for (int i = 1; i < 4; i++)
		assert_int_equal(world_backend_of(&packets[i]), world_backend_of(&back[0]));
	assert_true(world_backend_of(&back[0]) >= 0);
}

static void
what_waits_at_the_end_is_given_back(void **state)
{
	struct world *world = *state;
	struct frame frames[2];

	assert_int_equal(
		pass(world, &frames[0], (struct spec){0, 1, 0, 800, 800, true, false}), V_HOLD);
	assert_int_equal(
		pass(world, &frames[1], (struct spec){0, 2, 0, 800, 800, true, false}), V_HOLD);
	assert_ptr_equal(pipeline_abandon(world->pipeline), &frames[0]);
	assert_ptr_equal(pipeline_abandon(world->pipeline), &frames[1]);
	assert_null(pipeline_abandon(world->pipeline));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(later_fragments_follow_their_first),
		CASE(only_addresses_and_ttl_of_a_fragment_change),
		CASE(fragments_that_overtook_their_first_wait_for_it),
		CASE(fragments_do_not_wait_for_ever),
		CASE(every_packet_ends_in_one_verdict),
		CASE(overlapping_fragments_are_refused_with_all_that_belongs_to_them),
		CASE(what_waits_is_refused_when_fragments_overlap),
		CASE(a_duplicate_is_dropped_alone),
		CASE(tiny_fragments_are_refused),
		CASE(impossible_sizes_are_refused),
		CASE(every_part_of_the_key_tells_packets_apart),
		CASE(an_identification_may_be_used_again_when_its_packet_is_complete),
		CASE(no_more_wait_than_there_is_room_for),
		CASE(a_packet_of_too_many_fragments_is_cut_off),
		CASE(a_full_table_forgets_the_longest_idle),
		CASE(fragments_of_the_host_and_of_other_stations_are_left_alone),
		CASE(a_burst_may_have_a_packet_whole),
		CASE(what_waits_at_the_end_is_given_back),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
