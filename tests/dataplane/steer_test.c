/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows of modes nat and fullnat with several workers: wherever the ports let packets come in, both
 * directions meet. */
#include "dataplane/steer.h"

#include "site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define N_FLOWS 200

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};

/* Builds what the station that got 'sent' sends back. */
static void
answer(struct frame *frame, const struct frame *sent, uint8_t flags)
{
	char from[ADDR_TEXT_SIZE], to[ADDR_TEXT_SIZE];
	struct addr addr = {0};
	struct parsed parsed;

	parse(&sent->packet, &parsed);
	addr.family = parsed.target.family;
	memcpy(addr.bytes, parsed.target.address, sizeof(addr.bytes));
	addr_format(&addr, from, sizeof(from));
	memcpy(addr.bytes, parsed.key.client, sizeof(addr.bytes));
	addr_format(&addr, to, sizeof(to));
	if (parsed.key.protocol == IPPROTO_UDP)
		frame_udp(frame, from, be16_to(parsed.target.port), to,
			be16_to(parsed.key.client_port));
	else
		frame_tcp(frame, from, be16_to(parsed.target.port), to,
			be16_to(parsed.key.client_port), flags);
}

/* A flow's first packets in both directions. */
static void
exchange(struct site *site, int family, uint16_t port, bool udp)
{
	struct frame question, reply;
	struct parsed parsed;

	for (int i = 0; i < 3; i++) {
		if (udp)
			frame_udp(&question, clients[family], port, vips[family], 53);
		else
			frame_tcp(&question, clients[family], port, vips[family], 80,
				i == 0 ? TCP_FLAG_SYN : TCP_FLAG_ACK);
		assert_int_equal(site_pass(site, &question, SITE_FRONT), V_FORWARD);
		answer(&reply, &question, i == 0 ? TCP_FLAG_SYN | TCP_FLAG_ACK : TCP_FLAG_ACK);
		assert_int_equal(site_pass(site, &reply, SITE_BACK), V_RETURN);
		assert_memory_equal(reply.packet.data, frame_client_mac, 6);
		parse(&reply.packet, &parsed);
		assert_int_equal(be16_to(parsed.target.port), port);
		assert_int_equal(be16_to(parsed.key.client_port), udp ? 53 : 80);
	}
}

static void
exchange_all(struct site *site)
{
	uint64_t before = site_n_flows(site);

	for (int i = 0; i < N_FLOWS; i++)
		exchange(site, i % 2, (uint16_t)(2000 + i), i / 2 % 2);
	assert_int_equal(site_n_flows(site) - before, N_FLOWS);
}

static void
rss_brings_what_fullnats_backends_send_home(void **state)
{
	struct site *site = *state;

	site_give_rss(site, SITE_FRONT, 0, SITE_WORKERS);
	site_give_rss(site, SITE_BACK, 0, SITE_WORKERS);
	exchange_all(site);
	assert_int_equal(site_count(site, PATH_RETURNS_HOME), 3 * N_FLOWS);
	assert_int_equal(site_count(site, PATH_STEERED_OUT), 0);
	for (int w = 0; w < SITE_WORKERS; w++)
		assert_true(flow_count(pipeline_flows(site->workers[w])) > N_FLOWS / 8);
}

static void
what_rss_takes_elsewhere_is_still_found(void **state)
{
	struct site *site = *state;

	/* The port does not do what it says: the client's side is where the flow is. */
	site_give_rss(site, SITE_FRONT, 0, SITE_WORKERS);
	site_give_rss(site, SITE_BACK, 0, SITE_WORKERS);
	for (int i = 0; i < N_FLOWS; i++) {
		struct frame frame, reply;

		frame_tcp(&frame, clients[i % 2], (uint16_t)(2000 + i), vips[i % 2], 80,
			TCP_FLAG_SYN);
		assert_int_equal(site_pass(site, &frame, SITE_FRONT), V_FORWARD);
		answer(&reply, &frame, TCP_FLAG_SYN | TCP_FLAG_ACK);
		assert_int_equal(
			site_pass_at(site, &reply, SITE_BACK, (uint16_t)(i % SITE_WORKERS)),
			V_RETURN);
	}
	assert_true(site_count(site, PATH_STEERED_OUT) > 0);
	assert_int_equal(
		site_count(site, PATH_STEERED_OUT) + site_count(site, PATH_RETURNS_HOME), N_FLOWS);
	assert_int_equal(site_count(site, PATH_STEERED_IN), site_count(site, PATH_STEERED_OUT));
}

static void
without_rss_packets_are_handed_over(void **state)
{
	static const uint8_t modes[] = {MODE_FULLNAT, MODE_NAT};
	struct site *site = *state;

	site->steer.ports[SITE_FRONT].kind = STEER_UNKNOWN;
	site->steer.ports[SITE_BACK].kind = STEER_UNKNOWN;
	for (size_t i = 0; i < sizeof(modes); i++) {
		uint64_t before = site_count(site, PATH_STEERED_OUT);

		site_set_mode(site, modes[i]);
		/* The other mode's flows are at the same workers. */
		site_expire(site);
		exchange_all(site);
		assert_true(site_count(site, PATH_STEERED_OUT) - before > 3 * N_FLOWS);
	}
	assert_int_equal(site_count(site, PATH_STEERED_IN), site_count(site, PATH_STEERED_OUT));
}

static void
two_ports_with_a_worker_each_do(void **state)
{
	struct site *site = *state;

	/* Workers 0 and 1, of which each has all packets of its port. */
	site->steer.n_workers = 2;
	exchange_all(site);
	assert_int_equal(flow_count(pipeline_flows(site->workers[SITE_FRONT])), N_FLOWS);
	assert_int_equal(site_count(site, PATH_STEERED_OUT), 3 * N_FLOWS);
	assert_int_equal(site_count(site, PATH_RETURNS_HOME), 0);
	site_set_mode(site, MODE_NAT);
	site_expire(site);
	exchange_all(site);
	assert_true(flow_count(pipeline_flows(site->workers[SITE_FRONT])) > N_FLOWS / 4);
	assert_true(flow_count(pipeline_flows(site->workers[SITE_BACK])) > N_FLOWS / 4);
}

static void
a_port_that_reaches_some_workers_only_leaves_no_choice(void **state)
{
	struct site *site = *state;

	site_give_rss(site, SITE_FRONT, 0, 2);
	site_give_rss(site, SITE_BACK, 2, 2);
	assert_false(site->steer.ports[SITE_BACK].chooses);
	exchange_all(site);
	assert_int_equal(site_count(site, PATH_STEERED_OUT), 3 * N_FLOWS);
	assert_int_equal(site_count(site, PATH_STEERED_IN), 3 * N_FLOWS);
}

static void
what_belongs_to_no_flow_is_handed_over_once_at_most(void **state)
{
	static const enum verdict verdicts[] = {V_DROP_NO_SERVICE, V_HOST};
	static const uint8_t modes[] = {MODE_FULLNAT, MODE_NAT};
	struct site *site = *state;

	site->steer.ports[SITE_FRONT].kind = STEER_UNKNOWN;
	site->steer.ports[SITE_BACK].kind = STEER_UNKNOWN;
	for (size_t i = 0; i < sizeof(modes); i++) {
		site_set_mode(site, modes[i]);
		for (uint16_t port = 5000; port < 5050; port++) {
			struct frame frame;

			frame_tcp(&frame, "192.0.2.11", 80,
				modes[i] == MODE_NAT ? clients[0] : SITE_LOCAL4, port,
				TCP_FLAG_ACK);
			assert_int_equal(site_pass(site, &frame, SITE_BACK), verdicts[i]);
		}
	}
	assert_true(site_count(site, PATH_STEERED_OUT) > 0);
	assert_int_equal(site_count(site, PATH_RETURNS_HOME), 0);
}

static void
errors_reach_the_flow_that_they_are_about(void **state)
{
	struct site *site = *state;

	site_give_rss(site, SITE_FRONT, 0, SITE_WORKERS);
	site_give_rss(site, SITE_BACK, 0, SITE_WORKERS);
	for (int i = 0; i < N_FLOWS; i++) {
		uint16_t port = (uint16_t)(3000 + i);
		char backend[ADDR_TEXT_SIZE];
		struct frame frame, error;
		struct parsed parsed;
		struct addr addr = {.family = ADDR_V4};

		frame_tcp(&frame, clients[0], port, vips[0], 80, TCP_FLAG_SYN);
		assert_int_equal(site_pass(site, &frame, SITE_FRONT), V_FORWARD);
		parse(&frame.packet, &parsed);
		memcpy(addr.bytes, parsed.target.address, sizeof(addr.bytes));
		addr_format(&addr, backend, sizeof(backend));
		/* About the question, told to the local address; about the answer, to the VIP. */
		frame_icmp_error(&error, "203.0.113.1", backend, 80, SITE_LOCAL4,
			be16_to(parsed.key.client_port));
		assert_int_equal(
			site_pass_at(site, &error, SITE_BACK, (uint16_t)(i % SITE_WORKERS)),
			V_RETURN);
		frame_icmp_error(&error, "203.0.113.1", clients[0], port, vips[0], 80);
		assert_int_equal(
			site_pass_at(site, &error, SITE_FRONT, (uint16_t)(i / 4 % SITE_WORKERS)),
			V_FORWARD);
	}
}

static void
services_in_mode_dr_are_served_where_they_come(void **state)
{
	struct site *site = *state;

	site->steer.ports[SITE_FRONT].kind = STEER_UNKNOWN;
	site_set_mode(site, MODE_DR);
	for (uint16_t port = 1; port < 100; port++) {
		struct frame frame;

		frame_tcp(&frame, clients[0], port, vips[0], 80, TCP_FLAG_SYN);
		assert_int_equal(site_pass(site, &frame, SITE_FRONT), V_FORWARD);
	}
	assert_int_equal(site_count(site, PATH_STEERED_OUT), 0);
}

/* Each packet of a flow comes in by another worker of two that have queues. */
static void
workers_without_a_queue_get_their_share_in_every_mode(void **state)
{
	static const struct steer_port spread = {.kind = STEER_UNKNOWN, .n_spread = 3};
	struct site *site = *state;
	uint64_t n_steered = 0;

	site->steer.ports[SITE_FRONT] = spread;
	site_set_mode(site, MODE_DR);
	for (uint16_t i = 0; i < 3 * N_FLOWS; i++) {
		struct frame frame, error;
		uint16_t port = (uint16_t)(2000 + i % N_FLOWS);
		int family = i % N_FLOWS % 2;

		frame_tcp(&frame, clients[family], port, vips[family], 80,
			i < N_FLOWS ? TCP_FLAG_SYN : TCP_FLAG_ACK);
		assert_int_equal(site_pass_at(site, &frame, SITE_FRONT, i / 7 % 2), V_FORWARD);
		frame_icmp_error(&error, family ? "2001:db8:d::1" : "203.0.113.1", clients[family],
			port, vips[family], 80);
		assert_int_equal(site_pass_at(site, &error, SITE_FRONT, i / 5 % 2), V_FORWARD);
		assert_int_equal(error.packet.backend, frame.packet.backend);
	}
	assert_int_equal(site_n_flows(site), N_FLOWS);
	for (int w = 0; w < 3; w++)
		assert_true(flow_count(pipeline_flows(site->workers[w])) > N_FLOWS / 4);
	assert_int_equal(flow_count(pipeline_flows(site->workers[3])), 0);
	n_steered = site_count(site, PATH_STEERED_OUT);
	assert_in_range(n_steered, 3 * N_FLOWS, 5 * N_FLOWS);
	assert_int_equal(site_count(site, PATH_STEERED_IN), n_steered);

	/* Both directions of the others meet, wherever in the node. */
	site->steer.ports[SITE_BACK] = spread;
	site_set_mode(site, MODE_NAT);
	site_expire(site);
	exchange_all(site);
	site_set_mode(site, MODE_FULLNAT);
	site_expire(site);
	exchange_all(site);
}

static void
a_port_spreads_over_its_own_workers(void **state)
{
	struct site *site = *state;

	site->steer.ports[SITE_FRONT] =
		(struct steer_port){.kind = STEER_UNKNOWN, .first_spread = 2, .n_spread = 2};
	site_set_mode(site, MODE_DR);
	for (uint16_t port = 1; port <= N_FLOWS; port++) {
		struct frame frame;

		frame_udp(&frame, clients[0], port, vips[0], 53);
		assert_int_equal(site_pass_at(site, &frame, SITE_FRONT, 2), V_FORWARD);
		/* By a port that does not spread, it stays. */
		frame_udp(&frame, clients[1], port, vips[1], 53);
		assert_int_equal(site_pass_at(site, &frame, SITE_BACK, 1), V_FORWARD);
	}
	assert_int_equal(flow_count(pipeline_flows(site->workers[0])), 0);
	assert_int_equal(flow_count(pipeline_flows(site->workers[1])), N_FLOWS);
	assert_true(flow_count(pipeline_flows(site->workers[2])) > N_FLOWS / 4);
	assert_true(flow_count(pipeline_flows(site->workers[3])) > N_FLOWS / 4);
}

static void
ports_that_follow_one_another_are_spread_with_any_seed(void **state)
{
	uint64_t events[N_PATH_EVENTS] = {0};
	struct steer steer = {.n_workers = SITE_WORKERS};
	const struct steering steering = {.steer = &steer, .events = events};
	struct parsed parsed;
	struct frame frame;

	(void)state;
	for (steer.seed = 1; steer.seed <= 1000; steer.seed++) {
		unsigned int n[SITE_WORKERS] = {0};

		for (uint16_t port = 2000; port < 2064; port++) {
			frame_tcp(&frame, clients[0], port, vips[0], 80, TCP_FLAG_SYN);
			frame.packet.in_port = 0;
			frame.packet.flags = 0;
			parse(&frame.packet, &parsed);
			steer_away_client(&steering, &frame.packet, &parsed, MODE_NAT);
			n[frame.packet.owner]++;
		}
		for (int w = 0; w < SITE_WORKERS; w++)
			assert_true(n[w] > 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(function) cmocka_unit_test_setup_teardown(function, site_set_up, site_tear_down)
		CASE(rss_brings_what_fullnats_backends_send_home),
		CASE(what_rss_takes_elsewhere_is_still_found),
		CASE(without_rss_packets_are_handed_over),
		CASE(two_ports_with_a_worker_each_do),
		CASE(a_port_that_reaches_some_workers_only_leaves_no_choice),
		CASE(what_belongs_to_no_flow_is_handed_over_once_at_most),
		CASE(errors_reach_the_flow_that_they_are_about),
		CASE(services_in_mode_dr_are_served_where_they_come),
		CASE(workers_without_a_queue_get_their_share_in_every_mode),
		CASE(a_port_spreads_over_its_own_workers),
#undef CASE
		cmocka_unit_test(ports_that_follow_one_another_are_spread_with_any_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
