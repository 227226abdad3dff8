/* SPDX-License-Identifier: BSD-3-Clause */
/* Telling backends of clients, part by part, and a connection with losses from end to end: whatever
 * segments a client sends, the backend's stream is the header and then the client's. */
#include "dataplane/proxy_header.h"
#include "dataplane/sequence.h"
#include "dataplane/snapshot_data.h"
#include "dataplane/tcp_option.h"
#include "dataplane/toa.h"
#include "frames.h"
#include "world.h"

#include "common/checksum.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define STREAM_SIZE 4000
#define SEGMENT_MAX 600
#define CLIENT_PORT 4000
#define BACK_PORT 8080

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};
static const char *const backends[] = {"192.0.2.11", "2001:db8::11"};
static const char *const locals[] = {"192.0.2.5", "2001:db8::5"};

/* A world in mode fullnat with one backend and one local address of each family. */
struct told_world {
	struct world world;
	struct addr addresses[2];
	struct control_local local;
};

static int
set_up(void **state)
{
	struct told_world *told = calloc(1, sizeof(*told));
	struct world *world;

	if (!told)
		return -1;
	world = &told->world;
	world_init(world, 1000);
	for (int s = 0; s < WORLD_SERVICES; s++) {
		world->services[s].mode = MODE_FULLNAT;
		world->services[s].client_address = CLIENT_ADDRESS_PROXY2;
	}
	for (int p = 0; p < WORLD_POOLS; p++) {
		for (int b = 0; b < WORLD_BACKENDS; b++) {
			world->backends[p][b].port = BACK_PORT;
			world->backends[p][b].up = b == 0;
		}
		told->addresses[p] = frame_addr(locals[p]);
	}
	snprintf(told->local.port, sizeof(told->local.port), "back");
	told->local.addresses = told->addresses;
	told->local.n_addresses = 2;
	world->state.locals = &told->local;
	world->state.n_locals = 1;
	world_apply(world);
	*state = told; /* Begins with the world, for world_tear_down(). */
	return 0;
}

/* A connection as its ends see it. */
struct connection {
	struct world *world;
	unsigned int v6;
	uint32_t isn;
	uint16_t local_port;
	uint32_t header_size;
	uint8_t sent[STREAM_SIZE]; /* By the client. */
	uint8_t got[PROXY_HEADER_SIZE_MAX + STREAM_SIZE];
	bool has[PROXY_HEADER_SIZE_MAX + STREAM_SIZE];
};

static uint32_t
draw(uint64_t *random, uint32_t n)
{
	*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*random >> 33) % n;
}

static struct wire_tcp *
tcp_of(struct frame *frame, unsigned int v6)
{
	return (struct wire_tcp *)(frame->packet.data + FRAME_L3 + (v6 ? 40 : 20));
}

/* Whether the frame's checksums are right: setting them anew changes nothing. */
static void
assert_checksums(struct frame *frame)
{
	struct frame again;

	memcpy(&again, frame, sizeof(again));
	again.packet.data = again.buffer + (frame->packet.data - frame->buffer);
	if (frame_ethernet(&again)->type == be16_from(ETHER_IPV4))
		frame_fix_ipv4(&again);
	frame_fix_transport(&again);
	assert_memory_equal(frame->packet.data, again.packet.data, frame->packet.size);
}

struct segment {
	uint32_t sequence;
	uint32_t acknowledgment;
	uint8_t flags;
	uint8_t options[12];
	size_t n_options;
	const uint8_t *data;
	size_t size;
};

static void
build(struct frame *frame, const char *from, uint16_t from_port, const char *to, uint16_t to_port,
	const struct segment *segment)
{
	uint8_t bytes[sizeof(struct wire_tcp) + 12 + SEGMENT_MAX];
	struct wire_tcp tcp = {
		.source_port = be16_from(from_port),
		.destination_port = be16_from(to_port),
		.sequence = be32_from(segment->sequence),
		.acknowledgment = be32_from(segment->acknowledgment),
		.offset = (uint8_t)((5 + segment->n_options / 4) << 4),
		.flags = segment->flags,
	};

	memcpy(bytes, &tcp, sizeof(tcp));
	memcpy(bytes + sizeof(tcp), segment->options, segment->n_options);
	if (segment->size)
		memcpy(bytes + sizeof(tcp) + segment->n_options, segment->data, segment->size);
	frame_ip(frame, from, to, IPPROTO_TCP, bytes,
		sizeof(tcp) + segment->n_options + segment->size);
	frame_fix_transport(frame);
}

/* Sends the client's segment; returns the one that the backend gets. */
static struct wire_tcp *
say(struct connection *c, struct frame *frame, const struct segment *segment)
{
	build(frame, clients[c->v6], CLIENT_PORT, vips[c->v6], 80, segment);
	world_assert_verdict(c->world, frame, V_FORWARD);
	assert_checksums(frame);
	return tcp_of(frame, c->v6);
}

static struct wire_tcp *
answer(struct connection *c, struct frame *frame, const struct segment *segment)
{
	build(frame, backends[c->v6], BACK_PORT, locals[c->v6], c->local_port, segment);
	world_assert_verdict(c->world, frame, V_RETURN);
	assert_checksums(frame);
	return tcp_of(frame, c->v6);
}

static void
open_connection(struct connection *c, struct world *world, unsigned int v6, uint64_t *random)
{
	struct segment segment = {.flags = TCP_FLAG_SYN};
	const struct wire_tcp *tcp;
	struct frame frame;

	memset(c, 0, sizeof(*c));
	c->world = world;
	c->v6 = v6;
	c->isn = draw(random, UINT32_MAX); /* Often near where numbers wrap. */
	if (draw(random, 2))
		c->isn = UINT32_MAX - draw(random, STREAM_SIZE);
	c->header_size = proxy_header_size(v6 ? ADDR_V6 : ADDR_V4);
	for (size_t i = 0; i < STREAM_SIZE; i++)
		c->sent[i] = (uint8_t)draw(random, 256);
	segment.sequence = c->isn;
	tcp = say(c, &frame, &segment);
	assert_int_equal(be32_to(tcp->sequence), c->isn);
	c->local_port = be16_to(tcp->source_port);
}

/* The backend takes the bytes of a segment. */
static void
take(struct connection *c, struct frame *frame)
{
	const struct wire_tcp *tcp = tcp_of(frame, c->v6);
	const uint8_t *data = (const uint8_t *)tcp + (tcp->offset >> 4) * 4;
	const uint8_t *end = frame->packet.data + frame->packet.size;
	uint32_t at = be32_to(tcp->sequence) - c->isn - 1;

	assert_true(at + (uint32_t)(end - data) <= sizeof(c->got));
	for (; data < end; data++, at++) {
		if (c->has[at])
			assert_int_equal(c->got[at], *data);
		c->got[at] = *data;
		c->has[at] = true;
	}
}

static uint32_t
n_in_order(const struct connection *c, uint32_t from)
{
	while (from < c->header_size + STREAM_SIZE && c->has[from])
		from++;
	return from;
}

static uint32_t
as_client(const struct connection *c, uint32_t n)
{
	return n > c->header_size ? n - c->header_size : 0;
}

/* The backend acknowledges what it has in order and the first block behind that. Returns how far
 * the client may count. */
static uint32_t
acknowledge(struct connection *c)
{
	uint32_t n = n_in_order(c, 0), left = n, right;
	struct segment segment = {.flags = TCP_FLAG_ACK, .acknowledgment = c->isn + 1 + n};
	uint8_t *options;
	const struct wire_tcp *tcp;
	struct frame frame;
	be32 edges[2];

	while (left < c->header_size + STREAM_SIZE && !c->has[left])
		left++;
	right = n_in_order(c, left);
	if (left < right) {
		edges[0] = be32_from(c->isn + 1 + left);
		edges[1] = be32_from(c->isn + 1 + right);
		segment.n_options = 12;
		segment.options[0] = segment.options[11] = TCP_OPTION_NOP;
		segment.options[1] = TCP_OPTION_SACK;
		segment.options[2] = 10;
		memcpy(segment.options + 3, edges, sizeof(edges));
	}
	tcp = answer(c, &frame, &segment);
	assert_int_equal(be32_to(tcp->acknowledgment), c->isn + 1 + as_client(c, n));
	options = (uint8_t *)tcp_of(&frame, c->v6) + sizeof(*tcp);
	options = tcp_option_find(options, tcp_options_size(tcp), TCP_OPTION_SACK);
	assert_int_equal(options != NULL, as_client(c, left) < as_client(c, right));
	if (options) {
		assert_int_equal(ntohl(load32(options + 2)), c->isn + 1 + as_client(c, left));
		assert_int_equal(ntohl(load32(options + 6)), c->isn + 1 + as_client(c, right));
	}
	return as_client(c, n);
}

/* Sends segments at random, of which some are lost, until all has arrived. */
static void
transfer(struct connection *c, uint64_t *random)
{
	uint32_t n_done = 0, n_rounds = 0;

	while (n_in_order(c, 0) < c->header_size + STREAM_SIZE) {
		uint32_t at = n_done + (draw(random, 3) ? 0 : draw(random, 1500));
		uint32_t size = draw(random, 5) ? 1 + draw(random, SEGMENT_MAX) : 0;
		struct segment segment = {.flags = TCP_FLAG_ACK};
		struct frame frame;

		assert_true(n_rounds++ < 10000);
		at = at < STREAM_SIZE ? at : STREAM_SIZE;
		segment.sequence = c->isn + 1 + at;
		segment.data = c->sent + at;
		segment.size = size < STREAM_SIZE - at ? size : STREAM_SIZE - at;
		say(c, &frame, &segment);
		if (draw(random, 3))
			take(c, &frame);
		if (draw(random, 2))
			n_done = acknowledge(c);
	}
}

static void
the_backends_stream_is_the_header_and_then_the_clients(void **state)
{
	struct world *world = *state;
	uint64_t random = 7;
	struct connection *c = malloc(sizeof(*c));

	assert_non_null(c);
	for (unsigned int n = 0; n < 60; n++) {
		struct addr client = frame_addr(clients[n % 2]), vip = frame_addr(vips[n % 2]);
		const struct proxy_header header = {client.family, IPPROTO_TCP, client.bytes,
			vip.bytes, be16_from(CLIENT_PORT), be16_from(80)};
		uint8_t bytes[PROXY_HEADER_SIZE_MAX];
		struct segment end = {.flags = TCP_FLAG_RST};
		struct frame frame;

		open_connection(c, world, n % 2, &random);
		transfer(c, &random);
		assert_int_equal(proxy_header_write(bytes, &header), c->header_size);
		assert_memory_equal(c->got, bytes, c->header_size);
		assert_memory_equal(c->got + c->header_size, c->sent, STREAM_SIZE);
		say(c, &frame, &end);
	}
	free(c);
}

/* proxy-protocol.txt 2.2, byte by byte. */
static void
a_header_is_written_as_specified(void **state)
{
	static const uint8_t expected[PROXY_HEADER_SIZE_V4] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
		0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 12, 198, 51, 100, 7, 192, 0, 2,
		100, 0x12, 0x67, 0, 80};
	struct addr client = frame_addr(clients[0]), vip = frame_addr(vips[0]);
	struct proxy_header header = {
		ADDR_V4, IPPROTO_TCP, client.bytes, vip.bytes, be16_from(4711), be16_from(80)};
	uint8_t bytes[PROXY_HEADER_SIZE_MAX];

	(void)state;
	assert_int_equal(proxy_header_write(bytes, &header), sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
	header.protocol = IPPROTO_UDP;
	proxy_header_write(bytes, &header);
	assert_int_equal(bytes[13], 0x12);
	client = frame_addr(clients[1]);
	header.family = ADDR_V6;
	assert_int_equal(proxy_header_write(bytes, &header), PROXY_HEADER_SIZE_V6);
	assert_int_equal(bytes[13], 0x22);
	assert_int_equal(bytes[15], 36);
	assert_memory_equal(bytes + 16, client.bytes, 16);
}

static void
options_that_pass_for_the_address_are_stripped(void **state)
{
	uint8_t options[] = {
		1, 254, 8, 1, 2, 3, 4, 5, 6, 254, 4, 9, 9, 254, 8, 6, 5, 4, 3, 2, 1, 254, 9, 0, 0};
	uint8_t expected[] = {
		1, 1, 1, 1, 1, 1, 1, 1, 1, 254, 4, 9, 9, 1, 1, 1, 1, 1, 1, 1, 1, 254, 9, 0, 0};

	(void)state;
	assert_true(toa_strip(options, sizeof(options)));
	assert_memory_equal(options, expected, sizeof(options));
	assert_false(toa_strip(options, sizeof(options)));
}

static void
sequence_numbers_are_kept_only_where_a_service_needs_them(void **state)
{
	struct world *world = *state;

	assert_null(pipeline_flows(world->pipeline)->sequences);
	world->services[WORLD_HTTP4].mode = MODE_NAT;
	world_apply(world);
	assert_null(pipeline_flows(world->pipeline)->sequences);
}

static void
a_packet_without_room_for_the_header_is_dropped_by_name(void **state)
{
	struct world *world = *state;
	struct frame frame;

	frame_udp(&frame, clients[0], CLIENT_PORT, vips[0], 53);
	frame.packet.headroom = PROXY_HEADER_SIZE_V4 - 1;
	world_assert_verdict(world, &frame, V_DROP_NO_ROOM);
	frame_udp(&frame, clients[0], CLIENT_PORT, vips[0], 53);
	frame.packet.headroom = PROXY_HEADER_SIZE_V4;
	world_assert_verdict(world, &frame, V_FORWARD);
	assert_int_equal(frame.packet.headroom, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_written_as_specified),
		cmocka_unit_test(options_that_pass_for_the_address_are_stripped),
		cmocka_unit_test_setup_teardown(
			the_backends_stream_is_the_header_and_then_the_clients, set_up,
			world_tear_down),
		cmocka_unit_test_setup_teardown(
			sequence_numbers_are_kept_only_where_a_service_needs_them, world_set_up,
			world_tear_down),
		cmocka_unit_test_setup_teardown(
			a_packet_without_room_for_the_header_is_dropped_by_name, set_up,
			world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
