/* SPDX-License-Identifier: BSD-3-Clause */
/* Taps: what they keep of which packets, and that their ring loses and mixes up nothing. */
#include "dataplane/capture.h"

#include "dataplane/capture_ring.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define CLIENT4 "198.51.100.7"
#define CLIENT6 "2001:db8:c::7"
#define RING_BYTES 4096

/* --- The ring --- */

static void
a_ring_gives_back_what_was_put_in_whatever_its_size(void **state)
{
	enum {
		N = 20000
	};
	struct capture_ring ring;
	uint64_t n_in = 0, n_out = 0;
	uint8_t bytes[700];

	(void)state;
	srand(4711);
	assert_int_equal(capture_ring_init(&ring, RING_BYTES), 0);
	assert_null(capture_ring_peek(&ring));
	while (n_out < N) {
		uint32_t size = (uint32_t)rand() % sizeof(bytes);
		struct capture_record record = {.id = n_in, .size = size};
		const struct capture_record *oldest;

		memset(bytes, (int)(n_in % 251), size);
		if (rand() % 2 && capture_ring_put(&ring, &record, bytes))
			n_in++;
		oldest = rand() % 2 ? capture_ring_peek(&ring) : NULL;
		if (!oldest)
			continue;
		assert_int_equal(oldest->id, n_out);
		for (uint32_t i = 0; i < oldest->size; i++)
			assert_int_equal(capture_bytes(oldest)[i], n_out % 251);
		capture_ring_drop(&ring);
		n_out++;
	}
	capture_ring_fini(&ring);
}

static void
a_full_ring_refuses_until_there_is_room(void **state)
{
	static const uint8_t bytes[100];
	const struct capture_record record = {.size = sizeof(bytes)};
	struct capture_ring ring;
	size_t n = 0;

	(void)state;
	assert_int_equal(capture_ring_init(&ring, RING_BYTES), 0);
	while (capture_ring_put(&ring, &record, bytes))
		n++;
	assert_int_equal(n, RING_BYTES / (sizeof(record) + 104));
	capture_ring_drop(&ring);
	assert_true(capture_ring_put(&ring, &record, bytes));
	assert_false(capture_ring_put(&ring, &record, bytes));
	capture_ring_fini(&ring);
}

/* --- Taps --- */

struct tapped {
	struct world world;
	struct capture_tap *tap;
};

static int
set_up(void **state)
{
	struct tapped *tapped = calloc(1, sizeof(*tapped));

	world_init(&tapped->world, 1000);
	*state = tapped;
	return 0;
}

static int
tear_down(void **state)
{
	struct tapped *tapped = *state;

	world_fini(&tapped->world);
	capture_tap_free(tapped->tap);
	free(tapped);
	return 0;
}

static struct capture_filter
any(void)
{
	return (struct capture_filter){
		.port = CAPTURE_ANY_PORT, .before = true, .after = true, .snap = CAPTURE_SNAP_MAX};
}

static void
tap(struct tapped *tapped, const struct capture_filter *filter, uint32_t ring_bytes)
{
	pipeline_tap(tapped->world.pipeline, NULL);
	capture_tap_free(tapped->tap);
	assert_int_equal(capture_tap_new(&tapped->tap, filter, ring_bytes), 0);
	pipeline_tap(tapped->world.pipeline, tapped->tap);
}

/* Takes the oldest record out, which is to have this verdict, port and side. */
static struct capture_record
take(struct tapped *tapped, enum verdict verdict, uint16_t port, bool after)
{
	const struct capture_record *oldest = capture_peek(tapped->tap);
	struct capture_record record;

	assert_non_null(oldest);
	record = *oldest;
	assert_int_equal(record.verdict, verdict);
	assert_int_equal(record.port, port);
	assert_int_equal(record.after, after);
	capture_drop(tapped->tap);
	return record;
}

static void
both_frames_of_a_packet_have_its_id_and_backend(void **state)
{
	struct tapped *tapped = *state;
	const struct capture_filter filter = any();
	const struct capture_record *oldest;
	struct capture_record before, after;
	struct frame frame;
	uint8_t sent[64];
	int backend;

	tap(tapped, &filter, RING_BYTES);
	frame_tcp(&frame, CLIENT6, 4711, WORLD_VIP6, 80, TCP_FLAG_SYN);
	memcpy(sent, frame.packet.data, sizeof(sent));
	world_assert_verdict(&tapped->world, &frame, V_FORWARD);
	oldest = capture_peek(tapped->tap);
	assert_memory_equal(capture_bytes(oldest), sent, sizeof(sent));
	before = take(tapped, V_FORWARD, 0, false);
	oldest = capture_peek(tapped->tap);
	assert_memory_equal(capture_bytes(oldest), frame.packet.data, frame.packet.size);
	after = take(tapped, V_FORWARD, 1, true);
	assert_null(capture_peek(tapped->tap));
	backend = world_backend_of(&frame.packet);
	assert_true(before.id == after.id && before.backend == after.backend);
	assert_string_equal(snapshot_backend_by_id(tapped->world.snapshot, before.backend)->name,
		tapped->world.backends[WORLD_POOL6][backend].name);
	/* Of the next packet, which belongs to no service, nothing of this one is said. */
	frame_tcp(&frame, CLIENT6, 4711, WORLD_VIP6, 81, TCP_FLAG_SYN);
	world_assert_verdict(&tapped->world, &frame, V_DROP_NO_SERVICE);
	after = take(tapped, V_DROP_NO_SERVICE, 0, false);
	assert_true(after.id == before.id + 1 && after.backend == 0);
}

/* Sends a packet to each service, and an echo request; returns how many frames were kept. */
static int
count_kept(struct tapped *tapped, const struct capture_filter *filter)
{
	struct frame frame;
	int n = 0;

	tap(tapped, filter, 2 * RING_BYTES);
	frame_tcp(&frame, CLIENT4, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	world_assert_verdict(&tapped->world, &frame, V_FORWARD);
	frame_udp(&frame, CLIENT4, 4711, WORLD_VIP4, 53);
	world_assert_verdict(&tapped->world, &frame, V_FORWARD);
	frame_tcp(&frame, CLIENT6, 4711, WORLD_VIP6, 80, TCP_FLAG_SYN);
	world_assert_verdict(&tapped->world, &frame, V_FORWARD);
	frame_echo(&frame, CLIENT4, WORLD_VIP4);
	world_assert_verdict(&tapped->world, &frame, V_REPLY);
	for (; capture_peek(tapped->tap); n++)
		capture_drop(tapped->tap);
	return n;
}

static void
filters_choose_by_all_that_they_name(void **state)
{
	struct tapped *tapped = *state;
	struct capture_filter filter = any();

	assert_int_equal(count_kept(tapped, &filter), 8);
	filter.protocol = IPPROTO_TCP;
	assert_int_equal(count_kept(tapped, &filter), 4);
	filter.before = false;
	assert_int_equal(count_kept(tapped, &filter), 2);
	snprintf(filter.service, sizeof(filter.service), "http4");
	assert_int_equal(count_kept(tapped, &filter), 1);
	filter = any();
	filter.protocol = IPPROTO_ICMP;
	assert_int_equal(count_kept(tapped, &filter), 2);
	filter = any();
	assert_int_equal(prefix_parse("198.51.100.0/24", &filter.client, NULL), 0);
	assert_int_equal(count_kept(tapped, &filter), 6);
	filter.port = 0; /* There answers to clients leave as well. */
	assert_int_equal(count_kept(tapped, &filter), 4);
	filter = any();
	snprintf(filter.backend, sizeof(filter.backend), "b9");
	assert_int_equal(count_kept(tapped, &filter), 0);
}

static void
an_error_about_a_flow_is_its_clients(void **state)
{
	struct tapped *tapped = *state;
	struct capture_filter filter = any();
	struct frame frame;

	assert_int_equal(prefix_parse(CLIENT4, &filter.client, NULL), 0);
	snprintf(filter.service, sizeof(filter.service), "http4");
	tap(tapped, &filter, RING_BYTES);
	frame_icmp_error(&frame, "203.0.113.1", CLIENT4, 4711, WORLD_VIP4, 80);
	world_assert_verdict(&tapped->world, &frame, V_FORWARD);
	take(tapped, V_FORWARD, 0, false);
	take(tapped, V_FORWARD, 1, true);
}

static void
what_finds_no_room_is_counted(void **state)
{
	struct tapped *tapped = *state;
	const struct capture_filter filter = any();
	size_t room = RING_BYTES / (sizeof(struct capture_record) + 56);
	struct capture_record record;
	struct frame frame;

	tap(tapped, &filter, RING_BYTES);
	for (size_t i = 0; i < room; i++) {
		frame_tcp(&frame, CLIENT4, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
		assert_int_equal(frame.packet.size, 54);
		world_assert_verdict(&tapped->world, &frame, V_FORWARD);
	}
	/* A packet has two frames, and there was room for half of them. */
	assert_int_equal(capture_n_lost(tapped->tap, 0) + capture_n_lost(tapped->tap, 3), room);
	while (capture_peek(tapped->tap))
		capture_drop(tapped->tap);
	frame_tcp(&frame, CLIENT4, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	world_assert_verdict(&tapped->world, &frame, V_FORWARD);
	record = take(tapped, V_FORWARD, 0, false);
	assert_int_equal(record.n_lost, room);
	record = take(tapped, V_FORWARD, 1, true);
	assert_int_equal(record.n_lost, 0);
}

static void
a_packet_that_is_held_is_kept_when_it_is_decided_about(void **state)
{
	struct tapped *tapped = *state;
	const struct capture_filter filter = any();
	struct packet released[PACKET_BURST_MAX];
	struct capture_record record;
	struct frame frame;
	uint8_t payload[64] = {0};

	tap(tapped, &filter, RING_BYTES);
	frame_ip(&frame, CLIENT4, WORLD_VIP4, IPPROTO_UDP, payload, sizeof(payload));
	frame_ipv4(&frame)->fragment = be16_from(100);
	frame_fix_ipv4(&frame);
	frame.packet.buffer = &frame;
	world_assert_verdict(&tapped->world, &frame, V_HOLD);
	assert_null(capture_peek(tapped->tap));
	tapped->world.now_ns += UINT64_C(60000000000);
	assert_int_equal(pipeline_release(tapped->world.pipeline, tapped->world.snapshot, released,
				 tapped->world.now_ns),
		1);
	record = take(tapped, V_DROP_FRAGMENT_LOST, 0, false);
	assert_int_equal(record.whole_size, frame.packet.size);
	assert_null(capture_peek(tapped->tap));
}

static void
before_the_first_state_everything_is_the_hosts(void **state)
{
	struct tapped *tapped = *state;
	const struct capture_filter filter = any();
	struct frame frame;

	tap(tapped, &filter, RING_BYTES);
	frame_tcp(&frame, CLIENT4, 4711, WORLD_VIP4, 80, TCP_FLAG_SYN);
	pipeline_run(tapped->world.pipeline, NULL, &frame.packet, 1, tapped->world.now_ns);
	take(tapped, V_HOST, 0, false);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_ring_gives_back_what_was_put_in_whatever_its_size),
		cmocka_unit_test(a_full_ring_refuses_until_there_is_room),
		cmocka_unit_test_setup_teardown(
			both_frames_of_a_packet_have_its_id_and_backend, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			filters_choose_by_all_that_they_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_error_about_a_flow_is_its_clients, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_finds_no_room_is_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_packet_that_is_held_is_kept_when_it_is_decided_about, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			before_the_first_state_everything_is_the_hosts, set_up, tear_down),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
