/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/vlan.h"
#include "frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Puts a tag in front of what is a frame without one. */
static void
tag(struct frame *frame, uint16_t vlan)
{
	frame->packet.data -= VLAN_TAG_SIZE;
	frame->packet.size += VLAN_TAG_SIZE;
	frame->packet.headroom = (uint16_t)(frame->packet.headroom - VLAN_TAG_SIZE);
	vlan_put(frame->packet.data, vlan);
}

static void
golden_bytes_of_a_tagged_frame(void **state)
{
	static const uint8_t golden[18] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xc1, 0x81, 0x00, 0x0f, 0xfe, 0x08, 0x00};
	struct frame frame;

	(void)state;
	frame_udp(&frame, "198.51.100.7", 4711, "192.0.2.100", 53);
	tag(&frame, 4094);
	assert_memory_equal(frame.packet.data, golden, sizeof(golden));
}

static void
a_tag_comes_off_as_it_went_on(void **state)
{
	struct frame frame, plain;

	(void)state;
	for (uint16_t vlan = 1; vlan < 4095; vlan++) {
		frame_udp(&frame, "198.51.100.7", 4711, "192.0.2.100", 53);
		plain = frame;
		tag(&frame, vlan);
		frame.packet.data[VLAN_AT + 2] |= 0xf0; /* Priority and drop eligible. */
		assert_true(vlan_take(&frame.packet, vlan));
		assert_int_equal(frame.packet.size, plain.packet.size);
		assert_int_equal(frame.packet.headroom, plain.packet.headroom);
		assert_memory_equal(
			frame.packet.data, plain.buffer + FRAME_HEADROOM, plain.packet.size);
	}
}

static void
frames_of_other_vlans_are_left_alone(void **state)
{
	struct frame frame, sent;

	(void)state;
	frame_udp(&frame, "198.51.100.7", 4711, "192.0.2.100", 53);
	assert_false(vlan_take(&frame.packet, 7));
	tag(&frame, 0); /* Priority alone. */
	assert_false(vlan_take(&frame.packet, 7));
	frame_udp(&frame, "198.51.100.7", 4711, "192.0.2.100", 53);
	tag(&frame, 8);
	sent = frame;
	assert_false(vlan_take(&frame.packet, 7));
	assert_memory_equal(frame.buffer, sent.buffer, sizeof(sent.buffer));
	assert_int_equal(frame.packet.size, sent.packet.size);
}

static void
a_cut_tag_is_no_tag(void **state)
{
	static const uint8_t bytes[16] = {[12] = 0x81, [15] = 7};

	(void)state;
	for (uint32_t size = 0; size <= sizeof(bytes); size++) {
		uint8_t *copy = malloc(size ? size : 1);
		struct packet packet = {.data = copy, .size = size};

		assert_non_null(copy);
		memcpy(copy, bytes, size);
		assert_int_equal(vlan_take(&packet, 7), size == sizeof(bytes));
		assert_int_equal(packet.size, size == sizeof(bytes) ? 12 : size);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(golden_bytes_of_a_tagged_frame),
		cmocka_unit_test(a_tag_comes_off_as_it_went_on),
		cmocka_unit_test(frames_of_other_vlans_are_left_alone),
		cmocka_unit_test(a_cut_tag_is_no_tag),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
