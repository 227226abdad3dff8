/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows of modes nat and fullnat with several workers: wherever the ports let packets come in, both
 * directions meet. */
#include "dataplane/steer.h"

#include "common/clock.h"
#include "dataplane/hash.h"
#include "frames.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define N_WORKERS 4
#define N_ENTRIES 128
#define N_FLOWS 200
#define FRONT 0
#define BACK 1

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};
static const char *const locals[] = {"192.0.2.5", "2001:db8::5"};

struct site {
	struct world world;
	struct steer steer;
	struct pipeline *workers[N_WORKERS];
	struct control_local local;
	struct addr addresses[2];
	uint64_t random;
};

static uint64_t
draw(struct site *site)
{
	site->random += UINT64_C(0x9e3779b97f4a7c15);
	return hash_mix(site->random);
}

/* RSS of a port whose entries are dealt out to workers 'first' to 'first' + 'n' - 1. Not with every
 * key can each entry be reached. */
static void
give_rss(struct site *site, uint16_t port, uint16_t first, uint16_t n)
{
	struct steer_port *steer = &site->steer.ports[port];
	uint64_t key[RSS_KEY_SIZE / 8];
	uint16_t workers[N_ENTRIES];
	struct rss_config config = {.key = (const uint8_t *)key,
		.workers = workers,
		.n_entries = N_ENTRIES,
		.types = RSS_TCP4 | RSS_UDP4 | RSS_TCP6 | RSS_UDP6};

	for (uint16_t i = 0; i < N_ENTRIES; i++)
		workers[i] = (uint16_t)(first + i % n);
	do {
		for (size_t i = 0; i < sizeof(key) / sizeof(key[0]); i++)
			key[i] = draw(site);
	} while (rss_new(&steer->rss, &config) < 0);
	steer->kind = STEER_RSS;
	steer->chooses = rss_covers(steer->rss, N_WORKERS);
}

static void
set_mode(struct site *site, uint8_t mode)
{
	for (int i = 0; i < WORLD_SERVICES; i++)
		site->world.services[i].mode = mode;
	world_apply(&site->world);
}

static int
set_up(void **state)
{
	struct site *site = calloc(1, sizeof(*site));

	if (!site)
		return -1;
	world_init(&site->world, 4 * N_FLOWS);
	site->steer.n_workers = N_WORKERS;
	site->steer.seed = 4711;
	for (uint16_t w = 0; w < N_WORKERS; w++) {
		const struct pipeline_config config = {
			.n_flows = 4 * N_FLOWS,
			.seed = 100u + w,
			.memory = memory_heap(),
			.ports = &site->world.ports,
			.nexthops = site->world.nexthops,
			.leases = site->world.leases,
			.n_workers = N_WORKERS,
			.steer = &site->steer,
			.worker = w,
		};

		assert_int_equal(pipeline_new(&site->workers[w], &config), 0);
	}
	snprintf(site->local.port, sizeof(site->local.port), "back");
	site->local.addresses = site->addresses;
	site->local.n_addresses = 2;
	site->addresses[0] = frame_addr(locals[0]);
	site->addresses[1] = frame_addr(locals[1]);
	site->world.state.locals = &site->local;
	site->world.state.n_locals = 1;
	set_mode(site, MODE_FULLNAT);
	*state = site;
	return 0;
}

static int
tear_down(void **state)
{
	struct site *site = *state;

	for (int w = 0; w < N_WORKERS; w++)
		pipeline_free(site->workers[w]);
	for (int p = 0; p < MODEL_PORTS_MAX; p++)
		rss_free(site->steer.ports[p].rss);
	world_fini(&site->world);
	free(site);
	return 0;
}

static uint64_t
count(const struct site *site, enum path_event event)
{
	uint64_t n = 0;

	for (int w = 0; w < N_WORKERS; w++)
		n += stats_read(&pipeline_stats(site->workers[w])->path_events[event]);
	return n;
}

static uint64_t
n_flows(const struct site *site)
{
	uint64_t n = 0;

	for (int w = 0; w < N_WORKERS; w++)
		n += flow_count(pipeline_flows(site->workers[w]));
	return n;
}

/* The worker that the port gives the packet to: as its RSS says, or any. */
static uint16_t
arrival(struct site *site, uint16_t port, const struct packet *packet)
{
	const struct steer_port *steer = &site->steer.ports[port];
	struct parsed parsed;

	parse(packet, &parsed);
	if (steer->kind == STEER_RSS) {
		const struct rss_flow flow = {
			.family = parsed.target.family,
			.protocol = parsed.fragment ? 0 : parsed.key.protocol,
			.source = parsed.key.client,
			.destination = parsed.target.address,
			.ports = (uint32_t)parsed.key.rest,
		};

		return rss_worker(steer->rss, &flow);
	}
	return steer->kind == STEER_ONE ? port : (uint16_t)(draw(site) % N_WORKERS);
}

/* Lets the frame come in by the port, at 'worker', and be handed over where that is decided. */
static enum verdict
pass_at(struct site *site, struct frame *frame, uint16_t port, uint16_t worker)
{
	struct packet *packet = &frame->packet;

	packet->in_port = port;
	memcpy(frame_ethernet(frame)->destination, site->world.ports.ports[port].mac, 6);
	pipeline_run(site->workers[worker], site->world.snapshot, packet, 1, site->world.now_ns);
	if (packet->verdict == V_STEER) {
		assert_true(packet->owner < N_WORKERS && packet->owner != worker);
		packet->flags |= PACKET_STEERED;
		pipeline_take(site->workers[packet->owner], site->world.snapshot, packet, 1,
			site->world.now_ns);
		assert_int_not_equal(packet->verdict, V_STEER);
	}
	return packet->verdict;
}

static enum verdict
pass(struct site *site, struct frame *frame, uint16_t port)
{
	return pass_at(site, frame, port, arrival(site, port, &frame->packet));
}

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
		assert_int_equal(pass(site, &question, FRONT), V_FORWARD);
		answer(&reply, &question, i == 0 ? TCP_FLAG_SYN | TCP_FLAG_ACK : TCP_FLAG_ACK);
		assert_int_equal(pass(site, &reply, BACK), V_RETURN);
		assert_memory_equal(reply.packet.data, frame_client_mac, 6);
		parse(&reply.packet, &parsed);
		assert_int_equal(be16_to(parsed.target.port), port);
		assert_int_equal(be16_to(parsed.key.client_port), udp ? 53 : 80);
	}
}

static void
exchange_all(struct site *site)
{
	uint64_t before = n_flows(site);

	for (int i = 0; i < N_FLOWS; i++)
		exchange(site, i % 2, (uint16_t)(2000 + i), i / 2 % 2);
	assert_int_equal(n_flows(site) - before, N_FLOWS);
}

static void
rss_brings_what_fullnats_backends_send_home(void **state)
{
	struct site *site = *state;

	give_rss(site, FRONT, 0, N_WORKERS);
	give_rss(site, BACK, 0, N_WORKERS);
	exchange_all(site);
	assert_int_equal(count(site, PATH_RETURNS_HOME), 3 * N_FLOWS);
	assert_int_equal(count(site, PATH_STEERED_OUT), 0);
	for (int w = 0; w < N_WORKERS; w++)
		assert_true(flow_count(pipeline_flows(site->workers[w])) > N_FLOWS / 8);
}

static void
what_rss_takes_elsewhere_is_still_found(void **state)
{
	struct site *site = *state;

	/* The port does not do what it says: the client's side is where the flow is. */
	give_rss(site, FRONT, 0, N_WORKERS);
	give_rss(site, BACK, 0, N_WORKERS);
	for (int i = 0; i < N_FLOWS; i++) {
		struct frame frame, reply;

		frame_tcp(&frame, clients[i % 2], (uint16_t)(2000 + i), vips[i % 2], 80,
			TCP_FLAG_SYN);
		assert_int_equal(pass(site, &frame, FRONT), V_FORWARD);
		answer(&reply, &frame, TCP_FLAG_SYN | TCP_FLAG_ACK);
		assert_int_equal(pass_at(site, &reply, BACK, (uint16_t)(i % N_WORKERS)), V_RETURN);
	}
	assert_true(count(site, PATH_STEERED_OUT) > 0);
	assert_int_equal(count(site, PATH_STEERED_OUT) + count(site, PATH_RETURNS_HOME), N_FLOWS);
	assert_int_equal(count(site, PATH_STEERED_IN), count(site, PATH_STEERED_OUT));
}

static void
without_rss_packets_are_handed_over(void **state)
{
	static const uint8_t modes[] = {MODE_FULLNAT, MODE_NAT};
	struct site *site = *state;

	site->steer.ports[FRONT].kind = STEER_UNKNOWN;
	site->steer.ports[BACK].kind = STEER_UNKNOWN;
	for (size_t i = 0; i < sizeof(modes); i++) {
		uint64_t before = count(site, PATH_STEERED_OUT);

		set_mode(site, modes[i]);
		/* The other mode's flows are at the same workers. */
		for (int w = 0; w < N_WORKERS; w++)
			pipeline_sweep(
				site->workers[w], site->world.now_ns += 1000 * NS_PER_S, 4096);
		exchange_all(site);
		assert_true(count(site, PATH_STEERED_OUT) - before > 3 * N_FLOWS);
	}
	assert_int_equal(count(site, PATH_STEERED_IN), count(site, PATH_STEERED_OUT));
}

static void
two_ports_with_a_worker_each_do(void **state)
{
	struct site *site = *state;

	/* Workers 0 and 1, of which each has all packets of its port. */
	site->steer.n_workers = 2;
	exchange_all(site);
	assert_int_equal(flow_count(pipeline_flows(site->workers[FRONT])), N_FLOWS);
	assert_int_equal(count(site, PATH_STEERED_OUT), 3 * N_FLOWS);
	assert_int_equal(count(site, PATH_RETURNS_HOME), 0);
	set_mode(site, MODE_NAT);
	for (int w = 0; w < N_WORKERS; w++)
		pipeline_sweep(site->workers[w], site->world.now_ns += 1000 * NS_PER_S, 4096);
	exchange_all(site);
	assert_true(flow_count(pipeline_flows(site->workers[FRONT])) > N_FLOWS / 4);
	assert_true(flow_count(pipeline_flows(site->workers[BACK])) > N_FLOWS / 4);
}

static void
a_port_that_reaches_some_workers_only_leaves_no_choice(void **state)
{
	struct site *site = *state;

	give_rss(site, FRONT, 0, 2);
	give_rss(site, BACK, 2, 2);
	assert_false(site->steer.ports[BACK].chooses);
	exchange_all(site);
	assert_int_equal(count(site, PATH_STEERED_OUT), 3 * N_FLOWS);
	assert_int_equal(count(site, PATH_STEERED_IN), 3 * N_FLOWS);
}

static void
what_belongs_to_no_flow_is_handed_over_once_at_most(void **state)
{
	static const enum verdict verdicts[] = {V_DROP_NO_SERVICE, V_HOST};
	static const uint8_t modes[] = {MODE_FULLNAT, MODE_NAT};
	struct site *site = *state;

	site->steer.ports[FRONT].kind = STEER_UNKNOWN;
	site->steer.ports[BACK].kind = STEER_UNKNOWN;
	for (size_t i = 0; i < sizeof(modes); i++) {
		set_mode(site, modes[i]);
		for (uint16_t port = 5000; port < 5050; port++) {
			struct frame frame;

			frame_tcp(&frame, "192.0.2.11", 80,
				modes[i] == MODE_NAT ? clients[0] : locals[0], port, TCP_FLAG_ACK);
			assert_int_equal(pass(site, &frame, BACK), verdicts[i]);
		}
	}
	assert_true(count(site, PATH_STEERED_OUT) > 0);
	assert_int_equal(count(site, PATH_RETURNS_HOME), 0);
}

static void
errors_reach_the_flow_that_they_are_about(void **state)
{
	struct site *site = *state;

	give_rss(site, FRONT, 0, N_WORKERS);
	give_rss(site, BACK, 0, N_WORKERS);
	for (int i = 0; i < N_FLOWS; i++) {
		uint16_t port = (uint16_t)(3000 + i);
		char backend[ADDR_TEXT_SIZE];
		struct frame frame, error;
		struct parsed parsed;
		struct addr addr = {.family = ADDR_V4};

		frame_tcp(&frame, clients[0], port, vips[0], 80, TCP_FLAG_SYN);
		assert_int_equal(pass(site, &frame, FRONT), V_FORWARD);
		parse(&frame.packet, &parsed);
		memcpy(addr.bytes, parsed.target.address, sizeof(addr.bytes));
		addr_format(&addr, backend, sizeof(backend));
		/* About the question, told to the local address; about the answer, to the VIP. */
		frame_icmp_error(&error, "203.0.113.1", backend, 80, locals[0],
			be16_to(parsed.key.client_port));
		assert_int_equal(pass_at(site, &error, BACK, (uint16_t)(i % N_WORKERS)), V_RETURN);
		frame_icmp_error(&error, "203.0.113.1", clients[0], port, vips[0], 80);
		assert_int_equal(
			pass_at(site, &error, FRONT, (uint16_t)(i / 4 % N_WORKERS)), V_FORWARD);
	}
}

static void
services_in_mode_dr_are_served_where_they_come(void **state)
{
	struct site *site = *state;

	site->steer.ports[FRONT].kind = STEER_UNKNOWN;
	set_mode(site, MODE_DR);
	for (uint16_t port = 1; port < 100; port++) {
		struct frame frame;

		frame_tcp(&frame, clients[0], port, vips[0], 80, TCP_FLAG_SYN);
		assert_int_equal(pass(site, &frame, FRONT), V_FORWARD);
	}
	assert_int_equal(count(site, PATH_STEERED_OUT), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
		CASE(rss_brings_what_fullnats_backends_send_home),
		CASE(what_rss_takes_elsewhere_is_still_found),
		CASE(without_rss_packets_are_handed_over),
		CASE(two_ports_with_a_worker_each_do),
		CASE(a_port_that_reaches_some_workers_only_leaves_no_choice),
		CASE(what_belongs_to_no_flow_is_handed_over_once_at_most),
		CASE(errors_reach_the_flow_that_they_are_about),
		CASE(services_in_mode_dr_are_served_where_they_come),
#undef CASE
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
