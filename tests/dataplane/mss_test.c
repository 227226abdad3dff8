/* SPDX-License-Identifier: BSD-3-Clause */
/* The MSS clamp: which options it lowers, which it leaves alone, and its checksums. */
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};

/* A TCP segment with 'flags' and 'n' bytes of options; its checksum is right. */
static void
make_segment(struct frame *frame, bool v6, uint8_t flags, const uint8_t *options, size_t n)
{
	struct {
		struct wire_tcp tcp;
		uint8_t options[40];
	} WIRE segment = {
		.tcp = {.source_port = be16_from(4711),
			.destination_port = be16_from(80),
			.offset = (uint8_t)((5 + n / 4) << 4),
			.flags = flags},
	};

	memcpy(segment.options, options, n);
	frame_ip(frame, clients[v6], vips[v6], IPPROTO_TCP, &segment, sizeof(segment.tcp) + n);
	frame_fix_transport(frame);
}

static const struct mss_case {
	uint8_t flags;
	uint8_t options[12];
	size_t at; /* Of the value, 0: nothing changes. */
	const char *what;
} mss_cases[] = {
	{TCP_FLAG_SYN, {2, 4, 5, 180}, 2, "alone"},
	{TCP_FLAG_SYN | TCP_FLAG_ACK, {2, 4, 5, 180}, 2, "in an answer"},
	{TCP_FLAG_SYN, {1, 2, 4, 5, 180, 0}, 3, "at an odd offset"},
	{TCP_FLAG_SYN, {1, 3, 3, 7, 1, 2, 4, 0xff, 0xff, 1, 1, 0}, 7, "odd and large"},
	{TCP_FLAG_SYN, {4, 2, 3, 3, 7, 1, 2, 4, 0xff, 0xff}, 8, "behind others"},
	{TCP_FLAG_SYN, {2, 4, 4, 176}, 0, "just as large"},
	{TCP_FLAG_SYN, {2, 4, 2, 24}, 0, "smaller"},
	{TCP_FLAG_ACK, {2, 4, 5, 180}, 0, "without SYN"},
	{TCP_FLAG_SYN, {0, 2, 4, 5, 180}, 0, "behind the end"},
	{TCP_FLAG_SYN, {2, 3, 5, 180}, 0, "of wrong size"},
	{TCP_FLAG_SYN, {3, 0, 2, 4, 5, 180}, 0, "behind an option of size 0"},
	{TCP_FLAG_SYN, {3, 1, 2, 4, 5, 180}, 0, "behind an option of size 1"},
	{TCP_FLAG_SYN, {8, 13, 2, 4, 5, 180}, 0, "behind an option that is too long"},
	{TCP_FLAG_SYN, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4}, 0, "cut"},
	{TCP_FLAG_SYN, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2}, 0, "cut before its size"},
};

static void
only_a_larger_mss_of_a_syn_is_lowered(void **state)
{
	struct world *world = *state;

	for (int s = 0; s < WORLD_SERVICES; s++)
		world->services[s].mss = world->services[s].protocol == PROTOCOL_TCP ? 1200 : 0;
	world_apply(world);
	for (size_t i = 0; i < 2 * sizeof(mss_cases) / sizeof(mss_cases[0]); i++) {
		const struct mss_case *example = &mss_cases[i / 2];
		bool v6 = i % 2;
		size_t options_at = (size_t)FRAME_L3 + (v6 ? 40 : 20) + 20;
		uint8_t expected[12];
		struct frame frame, again;

		make_segment(&frame, v6, example->flags, example->options, 12);
		memcpy(expected, example->options, 12);
		if (example->at) {
			expected[example->at] = 1200 >> 8;
			expected[example->at + 1] = 1200 & 0xff;
		}
		if (world_run(world, &frame.packet) != V_FORWARD ||
			memcmp(frame.packet.data + options_at, expected, 12) != 0)
			fail_msg("MSS option %s", example->what);
		again = frame;
		again.packet.data = again.buffer + FRAME_HEADROOM;
		frame_fix_transport(&again);
		assert_memory_equal(frame.buffer, again.buffer, sizeof(frame.buffer));
	}
}

static void
every_mss_gives_a_right_checksum(void **state)
{
	struct world *world = *state;

	world->services[WORLD_HTTP4].mss = 536;
	world_apply(world);
	for (uint32_t mss = 536; mss <= UINT16_MAX; mss += 13) {
		uint8_t options[4] = {2, 4, (uint8_t)(mss >> 8), (uint8_t)mss};
		struct frame frame;
		be16 sum;
		uint16_t value;

		make_segment(&frame, false, TCP_FLAG_SYN, options, sizeof(options));
		world_run(world, &frame.packet);
		memcpy(&sum, frame.packet.data + 50, sizeof(sum));
		memcpy(&value, frame.packet.data + 56, sizeof(value));
		assert_int_equal(ntohs(value), 536);
		frame_fix_transport(&frame);
		assert_memory_equal(frame.packet.data + 50, &sum, sizeof(sum));
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test_setup_teardown(
			only_a_larger_mss_of_a_syn_is_lowered, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			every_mss_gives_a_right_checksum, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
