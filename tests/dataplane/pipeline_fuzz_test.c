/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the fuzz target of the packet path over one good frame of every kind, each cut at every
 * length, and then over seeded random mutations of them: bytes changed, fields set to extremes,
 * pieces cut out, doubled or taken from another frame. tests/fuzz/pipeline_fuzz.c says what an
 * input looks like and what is required of it. */
#include "dataplane/hash.h"
#include "frames.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/pipeline_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define N_SEEDS 21
#define N_MUTANTS 200000
#define FRAME_MAX 512
#define PROGRAM_FRAMES 50 /* Of one input. */
#define PROGRAM_MAX (6 + PROGRAM_FRAMES * (4 + FRAME_MAX))

struct input {
	uint8_t bytes[FRAME_MAX];
	size_t size;
};

/* An input of the fuzz target. */
struct program {
	uint8_t bytes[PROGRAM_MAX];
	size_t size;
	unsigned int n_frames;
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

/* The first, a middle and the last fragment of one datagram: 'n' is 0, 1 or 2. */
static void
fragmented(struct frame *frame, int family, uint16_t n)
{
	uint8_t payload[8 + 64] = {[0] = IPPROTO_UDP, [7] = 9}; /* IPv6: fragment header. */
	struct wire_udp udp = {be16_from(4711), be16_from(53), be16_from(192), be16_from(0)};
	be16 offset = be16_from((uint16_t)(n * 64 | (n < 2)));
	size_t skip = family == 0 ? 8 : 0;

	memcpy(payload + 2, &offset, sizeof(offset));
	if (n == 0)
		memcpy(payload + 8, &udp, sizeof(udp));
	frame_ip(frame, clients[family], vips[family], family == 0 ? IPPROTO_UDP : IPPROTO_FRAGMENT,
		payload + skip, sizeof(payload) - skip);
	if (family == 0) {
		frame_ipv4(frame)->fragment =
			be16_from((uint16_t)(n * 8 | (n < 2 ? IPV4_MORE_FRAGMENTS : 0)));
		frame_fix_ipv4(frame);
	}
}

static void
with_options(struct frame *frame)
{
	/* Record route with an address, fillers, end; UDP. */
	static const uint8_t payload[32] = {
		7, 7, 4, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0x12, 0x67, 0, 53, 0, 20};

	frame_ip(frame, clients[0], vips[0], IPPROTO_UDP, payload, sizeof(payload));
	frame_ipv4(frame)->version_ihl = 0x48;
	frame_fix_ipv4(frame);
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
	with_options(&frames[n++]);
	for (uint16_t i = 0; i < 6; i++)
		fragmented(&frames[n++], i % 2, (uint16_t)(i / 2));
	assert_int_equal(n, N_SEEDS);
	for (unsigned int i = 0; i < N_SEEDS; i++) {
		seeds[i].size = frames[i].packet.size;
		memcpy(seeds[i].bytes, frames[i].packet.data, frames[i].packet.size);
	}
}

/* State 0 is in force and both leases are held. */
static void
begin(struct program *program)
{
	static const uint8_t steps[] = {5, 0, 4, 0xfe, 4, 0xff};

	memcpy(program->bytes, steps, sizeof(steps));
	program->size = sizeof(steps);
	program->n_frames = 0;
}

static void
run(const struct program *program)
{
	assert_int_equal(LLVMFuzzerTestOneInput(program->bytes, program->size), 0);
}

static void
add(struct program *program, uint8_t how, const uint8_t *frame, size_t size)
{
	uint8_t *at = program->bytes + program->size;

	at[0] = 0;
	at[1] = how;
	at[2] = (uint8_t)(size >> 8);
	at[3] = (uint8_t)size;
	memcpy(at + 4, frame, size);
	program->size += 4 + size;
	if (++program->n_frames < PROGRAM_FRAMES)
		return;
	run(program);
	begin(program);
}

static void
every_kind_of_frame_cut_at_every_length(void **state)
{
	struct input seeds[N_SEEDS] = {{.size = 0}};
	struct program program;

	(void)state;
	make_seeds(seeds);
	begin(&program);
	for (unsigned int i = 0; i < N_SEEDS; i++)
		for (unsigned int how = 0; how < 8; how++)
			for (size_t size = 0; size <= seeds[i].size; size++)
				add(&program, (uint8_t)(how << 4 | how), seeds[i].bytes, size);
	run(&program);
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
		if (at + n < input->size && input->size + n <= FRAME_MAX) {
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

	if (input->size < FRAME_L3 + 60 || input->bytes[12] != 8 || input->bytes[13])
		return;
	frame.packet.data = input->bytes;
	frame_fix_ipv4(&frame);
}

static void
seeded_mutations_are_survived(void **state)
{
	struct input seeds[N_SEEDS] = {{.size = 0}};
	struct program program;
	uint64_t random = 20;

	(void)state;
	make_seeds(seeds);
	begin(&program);
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
		add(&program, random >> 56 & 0xfe, input.bytes, input.size);
	}
	run(&program);
}

/* Made frames: fragments of one datagram, the first one behind others, too late or never. */
static void
fragments_out_of_order_are_held(void **state)
{
	static const uint8_t orders[][4] = {
		{1, 0, 2, 3}, {3, 2, 1, 0}, {1, 1, 0, 0}, {2, 3, 1, 1}, {0, 3, 2, 1}};
	static const uint8_t waits[] = {0, 50, 0x40 | 1, 0x40 | 5}; /* 0, 50, 100 and 500 ms. */

	(void)state;
	for (unsigned int i = 0; i < sizeof(orders) * sizeof(waits) * 4; i++) {
		const uint8_t *order = orders[i / 16 % (sizeof(orders) / sizeof(orders[0]))];
		uint8_t kind = (uint8_t)(0x40 | (i & 1 ? 0x80 : 0) | (i & 2 ? 4 : 0));
		uint8_t who = i & 2 ? 0 : 0x10; /* The VIP's port 80, or 53. */
		struct program program;

		begin(&program);
		for (unsigned int j = 0; j < 4; j++) {
			const uint8_t steps[] = {1, 0, (uint8_t)(kind | order[j]), who,
				(uint8_t)(i >> 8), (uint8_t)i, 0, 0, 3, waits[i / 4 % 4]};

			memcpy(program.bytes + program.size, steps, sizeof(steps));
			program.size += sizeof(steps);
		}
		run(&program);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(every_kind_of_frame_cut_at_every_length),
		cmocka_unit_test(fragments_out_of_order_are_held),
		cmocka_unit_test(seeded_mutations_are_survived),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
