/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the fuzz entry over one good frame of every kind, each cut at every length, and then over
 * seeded random mutations of them: bytes changed, fields set to extremes, pieces cut out, doubled
 * or taken from another frame. */
#include "pipeline_fuzz.h"

#include "dataplane/hash.h"
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define N_SEEDS 30
/* The world's seed is 42. */
#define FIRST_LOCAL_PORT (1024 + 42)
#define N_MUTANTS 200000
#define INPUT_MAX 512

struct input {
	uint8_t bytes[INPUT_MAX]; /* Choices, then the frame. */
	size_t size;
};

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};

static void
extended(struct frame *frame)
{
	/* Hop-by-hop, destination options, atomic fragment, TCP. */
	static const uint8_t payload[44] = {60, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 6, 0,
		0, 0, 0, 0, 0, 9, 0x12, 0x67, 0, 80, [36] = 0x50, 2};

	frame_ip(frame, clients[1], vips[1], 0, payload, sizeof(payload));
}

static void
make_seeds(struct input *seeds)
{
	struct frame frames[N_SEEDS];
	unsigned int n = 0;

	for (int i = 0; i < 2; i++) {
		frame_tcp(&frames[n++], clients[i], 4711, vips[i], 80, TCP_FLAG_SYN);
		frame_tcp(&frames[n++], clients[i], 4711, vips[i], 80, TCP_FLAG_ACK);
		frame_udp(&frames[n++], clients[i], 4711, vips[i], 53);
		frame_echo(&frames[n++], clients[i], vips[i]);
		frame_icmp_error(&frames[n++], clients[i], clients[i], 4711, vips[i], 80);
	}
	frame_arp(&frames[n++], ARP_REQUEST, "192.0.2.1", WORLD_VIP4);
	frame_solicit(&frames[n++], "fe80::1", WORLD_VIP6);
	frame_solicit(&frames[n++], "::", WORLD_VIP6);
	extended(&frames[n++]);
	for (int i = 0; i < WORLD_BACKENDS; i++) {
		char backend4[ADDR_TEXT_SIZE], backend6[ADDR_TEXT_SIZE];

		snprintf(backend4, sizeof(backend4), "192.0.2.%d", 11 + i);
		snprintf(backend6, sizeof(backend6), "2001:db8::%d", 11 + i);
		frame_udp(&frames[n++], backend4, 53, clients[0], 4711);
		frame_tcp(&frames[n++], backend6, 80, clients[1], 4711, TCP_FLAG_ACK);
		frame_icmp_error(&frames[n++], backend6, backend6, 80, clients[1], 4711);
		/* An answer to the first flow of mode fullnat. */
		frame_udp(&frames[n++], backend6, 53, "2001:db8::5", FIRST_LOCAL_PORT);
	}
	assert_int_equal(n, N_SEEDS);
	for (unsigned int i = 0; i < N_SEEDS; i++) {
		seeds[i].bytes[0] = 0x40;
		seeds[i].size = frames[i].packet.size + 1;
		memcpy(seeds[i].bytes + 1, frames[i].packet.data, frames[i].packet.size);
	}
}

static void
every_kind_of_frame_cut_at_every_length(void **state)
{
	struct input seeds[N_SEEDS] = {{.size = 0}};

	(void)state;
	make_seeds(seeds);
	for (unsigned int i = 0; i < N_SEEDS; i++)
		for (unsigned int choice = 0; choice < 8; choice++)
			for (size_t size = 1; size <= seeds[i].size; size++) {
				seeds[i].bytes[0] = (uint8_t)(choice << 4 | choice);
				assert_int_equal(LLVMFuzzerTestOneInput(seeds[i].bytes, size), 0);
			}
}

static void
mutate(struct input *input, const struct input *other, uint64_t random)
{
	static const uint8_t extremes[] = {0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x0f, 0x3a};
	size_t at = (random >> 8) % input->size;
	size_t n = (random >> 24) % 16;

	switch (random % 6) {
	case 0:
		input->bytes[at] ^= (uint8_t)(1u << (random >> 32) % 8);
		break;
	case 1:
		input->bytes[at] = extremes[(random >> 32) % sizeof(extremes)];
		break;
	case 2:
		input->bytes[at] = (uint8_t)(random >> 32);
		break;
	case 3: /* Cut a piece out. */
		if (at + n < input->size) {
			memmove(input->bytes + at, input->bytes + at + n, input->size - at - n);
			input->size -= n;
		}
		break;
	case 4: /* Double a piece. */
		if (at + n < input->size && input->size + n <= INPUT_MAX) {
			memmove(input->bytes + at + n, input->bytes + at, input->size - at);
			input->size += n;
		}
		break;
	default: /* Take a piece of another one. */
		if (at + n <= input->size && at + n <= other->size)
			memcpy(input->bytes + at, other->bytes + at, n);
		break;
	}
}

/* Half of the mutants get a right IPv4 checksum, or they would all end at it. */
static void
fix_checksum(struct input *input)
{
	struct frame frame;

	if (input->size < 1 + FRAME_L3 + 60 || input->bytes[1 + 12] != 8 || input->bytes[1 + 13])
		return;
	frame.packet.data = input->bytes + 1;
	frame_fix_ipv4(&frame);
}

static void
seeded_mutations_are_survived(void **state)
{
	struct input seeds[N_SEEDS] = {{.size = 0}};
	uint64_t random = 20;

	(void)state;
	make_seeds(seeds);
	for (unsigned int i = 0; i < N_MUTANTS; i++) {
		struct input input;
		unsigned int n;

		random = hash_mix(random + 1);
		input = seeds[random % N_SEEDS];
		n = 1 + (random >> 40) % 4;
		while (n-- > 0) {
			uint64_t choice = random = hash_mix(random + 1);

			mutate(&input, &seeds[(choice >> 48) % N_SEEDS], choice);
		}
		if (random & 1)
			fix_checksum(&input);
		assert_int_equal(LLVMFuzzerTestOneInput(input.bytes, input.size), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(every_kind_of_frame_cut_at_every_length),
		cmocka_unit_test(seeded_mutations_are_survived),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
