/* SPDX-License-Identifier: BSD-3-Clause */
/* Takeovers of flows whose packets come back: backends that speak first, sequence numbers, and
 * local addresses that go with a virtual router. */
#include "common/clock.h"
#include "dataplane/flow_table.h"
#include "dataplane/proxy_header.h"
#include "sync_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CLIENT "198.51.100.7"
#define PORT 10000
#define L4 (FRAME_L3 + 20)
#define FIRST 1000u /* The client's first sequence number. */

static struct wire_tcp *
tcp_of(struct frame *frame)
{
	return (struct wire_tcp *)(frame->packet.data + L4);
}

static void
come_in(struct pair_node *node, struct frame *frame, enum verdict verdict)
{
	frame->packet.in_port = 1;
	memcpy(frame->packet.data, node->world.ports.ports[1].mac, 6);
	world_assert_verdict(&node->world, frame, verdict);
}

static void
ask(struct pair_node *node, struct frame *frame, uint8_t flags, uint32_t sequence)
{
	frame_tcp(frame, CLIENT, PORT, WORLD_VIP4, 80, flags);
	tcp_of(frame)->sequence = be32_from(sequence);
	come_in(node, frame, V_FORWARD);
}

/* Makes 'back' the answer to what a backend got in 'to'. */
static void
turn(struct frame *to, struct frame *back, uint8_t flags)
{
	struct addr ends[2];
	char text[2][ADDR_TEXT_SIZE];

	for (int i = 0; i < 2; i++) {
		ends[i] = (struct addr){.family = ADDR_V4};
		memcpy(ends[i].bytes, to->packet.data + FRAME_L3 + 12 + 4 * i, 4);
		addr_format(&ends[i], text[i], sizeof(text[i]));
	}
	frame_tcp(back, text[1], be16_to(tcp_of(to)->destination_port), text[0],
		be16_to(tcp_of(to)->source_port), flags);
}

static void
a_backend_may_speak_first(void **state)
{
	static const uint8_t modes[] = {MODE_NAT, MODE_FULLNAT};

	for (size_t m = 0; m < sizeof(modes); m++) {
		struct pair *pair;
		struct frame to, again, back;

		pair_tear_down(state);
		pair_set_up(state);
		pair = *state;
		pair_use(pair, modes[m], SCHEDULER_MAGLEV);
		ask(&pair->nodes[0], &to, TCP_FLAG_SYN, FIRST);
		ask(&pair->nodes[0], &to, TCP_FLAG_ACK, FIRST + 1);
		pair_settle(pair);
		pair_take_over(&pair->nodes[1]);
		turn(&to, &back, TCP_FLAG_ACK);
		come_in(&pair->nodes[1], &back, V_RETURN);
		assert_memory_equal(back.packet.data, frame_client_mac, 6);
		assert_int_equal(back.packet.out_port, 1);
		assert_int_equal(pair_event(&pair->nodes[1], PATH_SYNC_ADOPTED), 1);
		ask(&pair->nodes[1], &again, TCP_FLAG_ACK, FIRST + 1);
		assert_memory_equal(
			again.packet.data + FRAME_L3 + 12, to.packet.data + FRAME_L3 + 12, 12);
	}
}

static void
tell_by_proxy_header(struct pair *pair)
{
	for (int i = 0; i < 2; i++)
		for (int s = 0; s < WORLD_SERVICES; s++)
			pair->nodes[i].world.services[s].client_address = CLIENT_ADDRESS_PROXY2;
	pair_use(pair, MODE_FULLNAT, SCHEDULER_MAGLEV);
}

/* Before the header is acknowledged and long after, when nothing but that counts. */
static void
sequence_numbers_stay_shifted(void **state)
{
	uint32_t size = proxy_header_size(ADDR_V4);

	for (int told = 0; told < 2; told++) {
		uint32_t number = told ? FIRST + UINT32_C(0x90000000) : FIRST + 100;
		struct pair *pair;
		struct frame to, back;

		pair_tear_down(state);
		pair_set_up(state);
		pair = *state;
		tell_by_proxy_header(pair);
		ask(&pair->nodes[0], &to, TCP_FLAG_SYN, FIRST);
		ask(&pair->nodes[0], &to, TCP_FLAG_ACK, FIRST + 1);
		pair_settle(pair);
		if (told) {
			turn(&to, &back, TCP_FLAG_ACK);
			tcp_of(&back)->acknowledgment = be32_from(FIRST + 1 + size);
			come_in(&pair->nodes[0], &back, V_RETURN);
			assert_int_equal(be32_to(tcp_of(&back)->acknowledgment), FIRST + 1);
			pair_settle(pair);
		}
		pair_take_over(&pair->nodes[1]);
		ask(&pair->nodes[1], &to, TCP_FLAG_ACK, number);
		assert_int_equal(be32_to(tcp_of(&to)->sequence), number + size);
		turn(&to, &back, TCP_FLAG_ACK);
		tcp_of(&back)->acknowledgment = be32_from(number + size);
		come_in(&pair->nodes[1], &back, V_RETURN);
		assert_int_equal(be32_to(tcp_of(&back)->acknowledgment), number);
	}
}

/* What a node that was not asked for a cookie would drop as a forged one. */
static void
connections_opened_by_a_cookie_go_on(void **state)
{
	struct pair *pair = *state;
	struct frame to, back;
	uint32_t cookie;
	uint32_t number = 0x12345678; /* The backend's first. */

	for (int i = 0; i < 2; i++)
		pair->nodes[i].world.services[WORLD_HTTP4].syn_cookies = true;
	pair_use(pair, MODE_FULLNAT, SCHEDULER_MAGLEV);
	frame_tcp(&to, CLIENT, PORT, WORLD_VIP4, 80, TCP_FLAG_SYN);
	tcp_of(&to)->sequence = be32_from(FIRST);
	come_in(&pair->nodes[0], &to, V_REPLY_SYN_COOKIE);
	cookie = be32_to(tcp_of(&to)->sequence);
	frame_tcp(&to, CLIENT, PORT, WORLD_VIP4, 80, TCP_FLAG_ACK);
	tcp_of(&to)->sequence = be32_from(FIRST + 1);
	tcp_of(&to)->acknowledgment = be32_from(cookie + 1);
	come_in(&pair->nodes[0], &to, V_FORWARD);
	turn(&to, &back, TCP_FLAG_SYN | TCP_FLAG_ACK);
	tcp_of(&back)->sequence = be32_from(number);
	tcp_of(&back)->acknowledgment = be32_from(FIRST + 1);
	come_in(&pair->nodes[0], &back, V_RETURN);
	frame_tcp(&to, CLIENT, PORT, WORLD_VIP4, 80, TCP_FLAG_ACK);
	tcp_of(&to)->sequence = be32_from(FIRST + 1);
	tcp_of(&to)->acknowledgment = be32_from(cookie + 1);
	come_in(&pair->nodes[0], &to, V_FORWARD);
	assert_int_equal(be32_to(tcp_of(&to)->acknowledgment), number + 1);
	pair_settle(pair);
	pair_take_over(&pair->nodes[1]);
	frame_tcp(&to, CLIENT, PORT, WORLD_VIP4, 80, TCP_FLAG_ACK);
	tcp_of(&to)->sequence = be32_from(FIRST + 1);
	tcp_of(&to)->acknowledgment = be32_from(cookie + 101);
	come_in(&pair->nodes[1], &to, V_FORWARD);
	assert_int_equal(be32_to(tcp_of(&to)->acknowledgment), number + 101);
}

/* A flow whose local address stays behind could not go on: it is not told. */
static void
the_nodes_own_local_addresses_are_not_told(void **state)
{
	struct pair *pair = *state;
	struct control_local own = {.n_addresses = 1};
	struct addr address = frame_addr("192.0.2.6");
	struct world *world = &pair->nodes[0].world;
	struct frame to;

	snprintf(own.port, sizeof(own.port), "back");
	own.addresses = &address;
	world->routers[0].n_locals = 0;
	world->state.locals = &own;
	world->state.n_locals = 1;
	for (int s = 0; s < WORLD_SERVICES; s++)
		world->services[s].mode = MODE_FULLNAT;
	pair_apply(&pair->nodes[0]);
	ask(&pair->nodes[0], &to, TCP_FLAG_SYN, FIRST);
	ask(&pair->nodes[0], &to, TCP_FLAG_ACK, FIRST + 1);
	assert_memory_equal(to.packet.data + FRAME_L3 + 12, address.bytes, 4);
	pair_settle(pair);
	assert_int_equal(sync_flows_counters(pair->nodes[0].sync)->sent, 0);
	world->state.n_locals = 0;
}

/* The router's come before the node's own; and they are answered for by the holder alone. */
static void
a_routers_local_addresses_are_its_holders(void **state)
{
	struct pair *pair = *state;
	struct control_local own = {.n_addresses = 1};
	struct addr address = frame_addr("192.0.2.6");
	struct addr shared = frame_addr(PAIR_LOCAL4);
	struct frame frame;

	snprintf(own.port, sizeof(own.port), "back");
	own.addresses = &address;
	for (int i = 0; i < 2; i++) {
		pair->nodes[i].world.state.locals = &own;
		pair->nodes[i].world.state.n_locals = 1;
	}
	pair_use(pair, MODE_FULLNAT, SCHEDULER_MAGLEV);
	for (int i = 0; i < 2; i++) {
		const struct addr *expected = i == 0 ? &shared : &address;

		ask(&pair->nodes[i], &frame, TCP_FLAG_SYN, FIRST);
		assert_memory_equal(frame.packet.data + FRAME_L3 + 12, expected->bytes, 4);
		frame_arp(&frame, 1, "192.0.2.11", PAIR_LOCAL4);
		frame.packet.in_port = 1;
		world_assert_verdict(
			&pair->nodes[i].world, &frame, i == 0 ? V_REPLY : V_DROP_NOT_HELD);
		frame_arp(&frame, 1, "192.0.2.11", "192.0.2.6");
		frame.packet.in_port = 1;
		world_assert_verdict(&pair->nodes[i].world, &frame, V_REPLY);
		pair->nodes[i].world.state.n_locals = 0;
	}
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, pair_set_up, pair_tear_down)
	const struct CMUnitTest tests[] = {
		CASE(a_backend_may_speak_first),
		CASE(sequence_numbers_stay_shifted),
		CASE(connections_opened_by_a_cookie_go_on),
		CASE(the_nodes_own_local_addresses_are_not_told),
		CASE(a_routers_local_addresses_are_its_holders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
