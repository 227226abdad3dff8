/* SPDX-License-Identifier: BSD-3-Clause */
/* Fragments in modes nat and fullnat: what comes out is put together again and must be the packet
 * that a whole one would have become. */
#include "common/checksum.h"
#include "common/clock.h"
#include "dataplane/fragment.h"
#include "site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define N_PIECES 3
#define UNIT 400 /* Bytes of a piece but the last. */
#define LOAD 1000
#define N_DATAGRAMS 60
#define N_ANY 20000

static const char *const clients[] = {"198.51.100.7", "2001:db8:c::7"};
static const char *const vips[] = {WORLD_VIP4, WORLD_VIP6};
static const uint8_t modes[] = {MODE_NAT, MODE_FULLNAT};

/* From whom to whom, as text. */
struct ends {
	char from[ADDR_TEXT_SIZE];
	char to[ADDR_TEXT_SIZE];
	uint16_t from_port;
	uint16_t to_port;
};

static struct ends
ends_of_packet(const struct packet *packet)
{
	struct addr addr = {0};
	struct parsed parsed;
	struct ends ends;

	parse(packet, &parsed);
	addr.family = parsed.target.family;
	memcpy(addr.bytes, parsed.target.address, sizeof(addr.bytes));
	addr_format(&addr, ends.to, sizeof(ends.to));
	memcpy(addr.bytes, parsed.key.client, sizeof(addr.bytes));
	addr_format(&addr, ends.from, sizeof(ends.from));
	ends.to_port = be16_to(parsed.target.port);
	ends.from_port = be16_to(parsed.key.client_port);
	return ends;
}

static struct ends
ends_of_client(int family, uint16_t port)
{
	struct ends ends = {.from_port = port, .to_port = 53};

	snprintf(ends.from, sizeof(ends.from), "%s", clients[family]);
	snprintf(ends.to, sizeof(ends.to), "%s", vips[family]);
	return ends;
}

static struct ends
answer_to(const struct packet *packet)
{
	struct ends sent = ends_of_packet(packet);
	struct ends ends = {.from_port = sent.to_port, .to_port = sent.from_port};

	memcpy(ends.from, sent.to, sizeof(ends.from));
	memcpy(ends.to, sent.from, sizeof(ends.to));
	return ends;
}

static void
make_whole(struct frame *frame, const struct ends *ends)
{
	uint8_t payload[sizeof(struct wire_udp) + LOAD];
	struct wire_udp udp = {.source_port = be16_from(ends->from_port),
		.destination_port = be16_from(ends->to_port),
		.size = be16_from(sizeof(payload))};

	memcpy(payload, &udp, sizeof(udp));
	for (size_t i = 0; i < LOAD; i++)
		payload[sizeof(udp) + i] = (uint8_t)(i * 7 + ends->from_port);
	frame_ip(frame, ends->from, ends->to, IPPROTO_UDP, payload, sizeof(payload));
	frame_fix_transport(frame);
}

static bool
is_v4(struct frame *frame)
{
	return frame_ethernet(frame)->type == be16_from(ETHER_IPV4);
}

static size_t
l4_of(struct frame *frame)
{
	return FRAME_L3 + (is_v4(frame) ? sizeof(struct wire_ipv4) : sizeof(struct wire_ipv6));
}

/* Cuts the frame of a datagram with the identification 'id' into pieces. */
static void
cut(struct frame *whole, const struct ends *ends, uint32_t id, struct frame pieces[static N_PIECES])
{
	size_t l4 = l4_of(whole), size = whole->packet.size - l4;

	for (size_t i = 0; i < N_PIECES; i++) {
		size_t offset = i * UNIT, n = i + 1 < N_PIECES ? UNIT : size - offset;
		bool more = i + 1 < N_PIECES;
		struct frame *piece = &pieces[i];
		uint8_t payload[sizeof(struct wire_fragment) + LOAD] = {0};
		struct wire_fragment header = {.next_header = IPPROTO_UDP,
			.offset = be16_from((uint16_t)(offset | more)),
			.id = be32_from(id)};
		size_t at = is_v4(whole) ? 0 : sizeof(header);

		memcpy(payload, &header, at);
		memcpy(payload + at, whole->packet.data + l4 + offset, n);
		frame_ip(piece, ends->from, ends->to, at ? IPPROTO_FRAGMENT : IPPROTO_UDP, payload,
			at + n);
		if (is_v4(piece)) {
			frame_ipv4(piece)->id = be16_from((uint16_t)id);
			frame_ipv4(piece)->fragment = be16_from(
				(uint16_t)(offset / 8 | (more ? IPV4_MORE_FRAGMENTS : 0)));
			frame_fix_ipv4(piece);
		}
		piece->packet.buffer = piece;
	}
}

/* Puts the pieces together, which must have one identification; returns it. */
static uint32_t
join(struct frame pieces[static N_PIECES], struct frame *whole)
{
	struct ends ends = ends_of_packet(&pieces[0].packet);
	uint8_t payload[sizeof(struct wire_udp) + LOAD];
	size_t at = 0;
	uint32_t id = 0;

	for (size_t i = 0; i < N_PIECES; i++) {
		struct frame *piece = &pieces[i];
		struct wire_fragment header;
		size_t l4 = l4_of(piece);
		uint32_t its = 0;

		if (is_v4(piece)) {
			its = be16_to(frame_ipv4(piece)->id);
			assert_int_equal(
				checksum_finish(checksum_add(0, frame_ipv4(piece), 20)), 0);
		} else {
			memcpy(&header, piece->packet.data + l4, sizeof(header));
			its = be32_to(header.id);
			l4 += sizeof(header);
		}
		if (i == 0)
			id = its;
		assert_int_equal(its, id);
		assert_true(at + piece->packet.size - l4 <= sizeof(payload));
		memcpy(payload + at, piece->packet.data + l4, piece->packet.size - l4);
		at += piece->packet.size - l4;
	}
	assert_int_equal(at, sizeof(payload));
	frame_ip(whole, ends.from, ends.to, IPPROTO_UDP, payload, sizeof(payload));
	return id;
}

/* Whether the datagram is just what its sender would have made for these ends. */
static void
assert_right(struct frame *whole, const struct ends *sent)
{
	size_t l4 = l4_of(whole), load = l4 + sizeof(struct wire_udp);
	struct frame again = *whole;
	struct frame original;

	again.packet.data = again.buffer + (whole->packet.data - whole->buffer);
	frame_fix_transport(&again);
	assert_memory_equal(again.packet.data + l4, whole->packet.data + l4, LOAD);
	make_whole(&original, sent);
	assert_memory_equal(original.packet.data + load, whole->packet.data + load, LOAD);
}

/* Passes the pieces in the order given. Those that had to wait come back when the first is there.
 */
static void
pass_pieces(struct site *site, struct frame pieces[static N_PIECES], uint16_t port,
	const uint8_t order[static N_PIECES], enum verdict verdict)
{
	unsigned int n_held = 0;

	for (size_t i = 0; i < N_PIECES; i++)
		n_held += site_pass(site, &pieces[order[i]], port) == V_HOLD;
	/* At the worker that received them and, out of order, at the flow's. */
	while (n_held > 0 && site_release(site) > 0)
		continue;
	for (size_t i = 0; i < N_PIECES; i++)
		assert_string_equal(verdict_name(pieces[i].packet.verdict), verdict_name(verdict));
}

/* Sends a datagram of 'ends' through; returns the identification that it has then. */
static uint32_t
send_datagram(
	struct site *site, const struct ends *ends, uint16_t port, uint32_t id, struct frame *out)
{
	static const uint8_t orders[][N_PIECES] = {
		{0, 1, 2}, {1, 0, 2}, {2, 1, 0}, {0, 2, 1}, {1, 2, 0}, {2, 0, 1}};
	struct frame pieces[N_PIECES];
	struct frame whole;

	make_whole(&whole, ends);
	cut(&whole, ends, id, pieces);
	pass_pieces(site, pieces, port, orders[site_draw(site) % 6],
		port == SITE_FRONT ? V_FORWARD : V_RETURN);
	id = join(pieces, out);
	assert_right(out, ends);
	return id;
}

/* Fragments and whole packets of one flow, both ways, are one flow at the backend. */
static void
exchange(struct site *site, int family, uint16_t port)
{
	struct ends ends = ends_of_client(family, port), back;
	struct frame question, whole, reply;
	struct ends got;

	send_datagram(site, &ends, SITE_FRONT, port, &question);
	got = ends_of_packet(&question.packet);
	make_whole(&whole, &ends);
	assert_int_equal(site_pass(site, &whole, SITE_FRONT), V_FORWARD);
	assert_int_equal(ends_of_packet(&whole.packet).from_port, got.from_port);
	assert_string_equal(ends_of_packet(&whole.packet).to, got.to);
	back = answer_to(&question.packet);
	send_datagram(site, &back, SITE_BACK, port, &reply);
	got = ends_of_packet(&reply.packet);
	assert_string_equal(got.from, vips[family]);
	assert_string_equal(got.to, clients[family]);
	assert_int_equal(got.from_port, 53);
	assert_int_equal(got.to_port, port);
	make_whole(&whole, &back);
	assert_int_equal(site_pass(site, &whole, SITE_BACK), V_RETURN);
}

static void
exchange_all(struct site *site)
{
	for (size_t m = 0; m < sizeof(modes); m++) {
		site_set_mode(site, modes[m]);
		site_expire(site);
		for (uint16_t i = 0; i < N_DATAGRAMS; i++) {
			exchange(site, i % 2, (uint16_t)(2000 + i));
			assert_int_equal(site_n_flows(site), i + 1);
		}
	}
}

static void
one_worker_translates_fragments_both_ways(void **state)
{
	struct site *site = *state;

	site->steer.n_workers = 1;
	site_give_rss(site, SITE_FRONT, 0, 1);
	site_give_rss(site, SITE_BACK, 0, 1);
	exchange_all(site);
	assert_int_equal(site_count(site, PATH_STEERED_OUT), 0);
}

static void
several_workers_do_so_too_wherever_fragments_come(void **state)
{
	struct site *site = *state;

	site->steer.ports[SITE_FRONT].kind = STEER_UNKNOWN;
	site->steer.ports[SITE_BACK].kind = STEER_UNKNOWN;
	exchange_all(site);
	assert_true(site_count(site, PATH_STEERED_OUT) > 0);
	assert_int_equal(site_count(site, PATH_STEERED_IN), site_count(site, PATH_STEERED_OUT));
	/* Counted by the worker that received them alone. */
	assert_int_equal(site_count(site, PATH_FRAGMENTS_FIRST), 2 * 2 * N_DATAGRAMS);
	assert_int_equal(site_count(site, PATH_FRAGMENTS_FOLLOWED), 2 * 2 * 2 * N_DATAGRAMS);
}

static void
where_rss_parts_them_from_their_flow_they_are_handed_over(void **state)
{
	struct site *site = *state;

	site_give_rss(site, SITE_FRONT, 0, SITE_WORKERS);
	site_give_rss(site, SITE_BACK, 0, SITE_WORKERS);
	exchange_all(site);
	assert_true(site_count(site, PATH_STEERED_OUT) > 0);
}

static void
two_ports_with_a_worker_each_do(void **state)
{
	struct site *site = *state;

	site->steer.n_workers = 2;
	exchange_all(site);
}

/* Two clients' datagrams with one identification, from one local address to one backend. */
static void
identifications_of_different_senders_are_kept_apart(void **state)
{
	static bool seen[UINT16_MAX + 1];
	struct site *site = *state;

	site->steer.ports[SITE_FRONT].kind = STEER_UNKNOWN;
	memset(seen, 0, sizeof(seen));
	for (uint16_t i = 0; i < 200; i++) {
		struct ends ends = ends_of_client(0, (uint16_t)(2000 + i));
		struct frame out;
		uint32_t id;

		snprintf(ends.from, sizeof(ends.from), "198.51.100.%d", 1 + i);
		id = send_datagram(site, &ends, SITE_FRONT, 7, &out);
		assert_false(seen[id]);
		seen[id] = true;
	}
}

static void
fragments_of_backends_that_are_no_answers_are_the_hosts(void **state)
{
	struct ends ends = {.from_port = 53, .to_port = 4711};
	struct site *site = *state;
	struct frame pieces[N_PIECES], whole;
	static const uint8_t order[N_PIECES] = {1, 0, 2};

	site_set_mode(site, MODE_NAT);
	snprintf(ends.from, sizeof(ends.from), "192.0.2.11");
	snprintf(ends.to, sizeof(ends.to), "192.0.2.250");
	make_whole(&whole, &ends);
	cut(&whole, &ends, 9, pieces);
	pass_pieces(site, pieces, SITE_BACK, order, V_HOST);
	/* Of others no account is kept at all. */
	snprintf(ends.from, sizeof(ends.from), "192.0.2.222");
	make_whole(&whole, &ends);
	cut(&whole, &ends, 9, pieces);
	assert_int_equal(site_pass(site, &pieces[1], SITE_BACK), V_HOST);
}

static void
a_later_fragment_alone_is_lost(void **state)
{
	struct site *site = *state;

	for (size_t m = 0; m < sizeof(modes); m++) {
		struct ends ends = ends_of_client(0, 2000);
		struct frame pieces[N_PIECES], whole;

		site_set_mode(site, modes[m]);
		make_whole(&whole, &ends);
		cut(&whole, &ends, 10 + (uint32_t)m, pieces);
		assert_int_equal(site_pass(site, &pieces[1], SITE_FRONT), V_HOLD);
		site->world.now_ns += FRAGMENT_HOLD_NS;
		assert_int_equal(site_release(site), 1);
		assert_int_equal(pieces[1].packet.verdict, V_DROP_FRAGMENT_LOST);
	}
}

/* A fragment of anything, from anybody who may be heard. */
static void
make_any(struct site *site, struct frame *frame, uint16_t *port)
{
	static const char *const senders[2][3] = {
		{"198.51.100.7", "192.0.2.11", "192.0.2.222"},
		{"2001:db8:c::7", "2001:db8::11", "2001:db8::222"},
	};
	static const char *const targets[2][4] = {
		{WORLD_VIP4, SITE_LOCAL4, "198.51.100.7", "192.0.2.250"},
		{WORLD_VIP6, SITE_LOCAL6, "2001:db8:c::7", "2001:db8::250"},
	};
	static const uint8_t protocols[] = {IPPROTO_UDP, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP};
	uint64_t random = site_draw(site);
	unsigned int family = random & 1;
	const char *from = senders[family][(random >> 1) % 3];
	const char *to = targets[family][random >> 4 & 3];
	uint8_t protocol = protocols[random >> 6 & 3];
	uint16_t offset = (uint16_t)((random >> 8 & 7) * 8),
		 size = random >> 12 & 7 ? 8 : random >> 15 & 63;
	bool more = (random >> 21 & 3) > 0;
	be16 ports[2] = {be16_from(53), be16_from((uint16_t)(2000 + (random >> 24 & 3)))};
	struct wire_fragment header = {.next_header = protocol,
		.offset = be16_from((uint16_t)(offset | more)),
		.id = be32_from(random >> 32 & 3)};
	uint8_t payload[sizeof(header) + 64] = {0};
	size_t at = family == 0 ? 0 : sizeof(header);

	if (random >> 26 & 1) {
		ports[0] = ports[1];
		ports[1] = be16_from(53);
	}
	memcpy(payload, &header, at);
	memcpy(payload + at, ports, sizeof(ports));
	payload[at + 5] = 64;
	payload[at + 12] = 0x50;
	frame_ip(frame, from, to, at ? IPPROTO_FRAGMENT : protocol, payload, at + size);
	if (family == 0) {
		frame_ipv4(frame)->id = be16_from((uint16_t)(random >> 32 & 3));
		frame_ipv4(frame)->fragment =
			be16_from((uint16_t)(offset / 8 | (more ? IPV4_MORE_FRAGMENTS : 0)));
		frame_fix_ipv4(frame);
	}
	frame->packet.buffer = frame;
	*port = random >> 40 & 1;
}

/* Each packet is held, and then comes back once, or has its verdict. */
static void
whatever_comes_has_one_fate(void **state)
{
	static struct frame frames[N_ANY];
	struct site *site = *state;
	unsigned int n_held = 0, n_released = 0;

	site->steer.ports[SITE_FRONT].kind = STEER_UNKNOWN;
	site->steer.ports[SITE_BACK].kind = STEER_UNKNOWN;
	for (size_t i = 0; i < N_ANY; i++) {
		uint16_t port;

		if (i % 1000 == 0)
			site_set_mode(site, modes[i / 1000 % 2]);
		make_any(site, &frames[i], &port);
		n_held += site_pass(site, &frames[i], port) == V_HOLD;
		site->world.now_ns += 20 * NS_PER_MS;
		if (i % 4 == 0)
			n_released += site_release(site);
	}
	site->world.now_ns += FRAGMENT_HOLD_NS;
	for (unsigned int n; (n = site_release(site)) > 0;)
		n_released += n;
	assert_true(n_held > 100 && n_released >= n_held);
	for (size_t i = 0; i < N_ANY; i++)
		assert_true(frames[i].packet.verdict < N_VERDICTS);
	assert_true(site_count(site, PATH_FRAGMENTS_FOLLOWED) > 100);
}

/* The PROXY header would move all that comes behind it. Answers have none. */
static void
where_something_is_put_into_packets_fragments_are_not(void **state)
{
	static const uint8_t order[N_PIECES] = {0, 1, 2};
	struct ends ends = ends_of_client(0, 2000), back;
	struct site *site = *state;
	struct frame pieces[N_PIECES], whole, reply;

	site->world.services[WORLD_DNS4].client_address = CLIENT_ADDRESS_PROXY2;
	world_apply(&site->world);
	make_whole(&whole, &ends);
	cut(&whole, &ends, 7, pieces);
	assert_int_equal(site_pass(site, &whole, SITE_FRONT), V_FORWARD);
	pass_pieces(site, pieces, SITE_FRONT, order, V_DROP_FRAGMENT);
	back = answer_to(&whole.packet);
	send_datagram(site, &back, SITE_BACK, 8, &reply);
	assert_int_equal(ends_of_packet(&reply.packet).to_port, 2000);
}

/* About the first fragment of an answer: an error quotes as much of it as fits. */
static void
an_error_about_a_fragment_reaches_the_backend(void **state)
{
	struct site *site = *state;

	for (size_t m = 0; m < sizeof(modes); m++) {
		struct ends ends = ends_of_client(0, 2000), quoted;
		struct frame out, error, pieces[N_PIECES];
		uint8_t payload[sizeof(struct wire_icmp) + 60] = {ICMP4_UNREACHABLE, 4};

		site_set_mode(site, modes[m]);
		send_datagram(site, &ends, SITE_FRONT, 7, &out);
		/* The answer as the client got it. */
		quoted = (struct ends){.from_port = 53, .to_port = 2000};
		memcpy(quoted.from, ends.to, sizeof(quoted.from));
		memcpy(quoted.to, ends.from, sizeof(quoted.to));
		make_whole(&out, &quoted);
		cut(&out, &quoted, 8, pieces);
		for (size_t size = 28; size <= 60; size++) {
			struct parsed parsed;

			memcpy(payload + sizeof(struct wire_icmp), pieces[0].packet.data + FRAME_L3,
				size);
			frame_ip(&error, "203.0.113.1", vips[0], IPPROTO_ICMP, payload,
				sizeof(struct wire_icmp) + size);
			frame_fix_icmp(&error, FRAME_L3 + sizeof(struct wire_ipv4));
			assert_int_equal(site_pass(site, &error, SITE_FRONT), V_FORWARD);
			parse(&error.packet, &parsed);
			assert_int_equal(parsed.kind, PARSED_ICMP_ERROR);
			assert_int_equal(
				checksum_finish(checksum_add(0, error.packet.data + parsed.l4,
					sizeof(struct wire_icmp) + size)),
				0);
		}
		/* A later one names no flow. */
		memcpy(payload + sizeof(struct wire_icmp), pieces[1].packet.data + FRAME_L3, 60);
		frame_ip(&error, "203.0.113.1", vips[0], IPPROTO_ICMP, payload, sizeof(payload));
		frame_fix_icmp(&error, FRAME_L3 + sizeof(struct wire_ipv4));
		assert_int_equal(site_pass(site, &error, SITE_FRONT), V_DROP_ICMP_FRAGMENT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(function) cmocka_unit_test_setup_teardown(function, site_set_up, site_tear_down)
		CASE(one_worker_translates_fragments_both_ways),
		CASE(several_workers_do_so_too_wherever_fragments_come),
		CASE(where_rss_parts_them_from_their_flow_they_are_handed_over),
		CASE(two_ports_with_a_worker_each_do),
		CASE(identifications_of_different_senders_are_kept_apart),
		CASE(fragments_of_backends_that_are_no_answers_are_the_hosts),
		CASE(a_later_fragment_alone_is_lost),
		CASE(where_something_is_put_into_packets_fragments_are_not),
		CASE(whatever_comes_has_one_fate),
		CASE(an_error_about_a_fragment_reaches_the_backend),
#undef CASE
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
