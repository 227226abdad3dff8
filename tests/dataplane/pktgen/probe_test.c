/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames are read back by the balancer's own parser, and their checksums summed anew. */
#include "common/checksum.h"
#include "dataplane/parse.h"
#include "dataplane/pktgen/probe.h"
#include "dataplane/pktgen/sizes.h"
#include "dataplane/vlan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define KEY 0x1234

static const uint8_t source_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t destination_mac[6] = {2, 0, 0, 0, 0, 2};

static struct probe_config
config_of(enum addr_family family, uint8_t protocol, uint16_t vlan)
{
	struct probe_config config = {.protocol = protocol, .vlan = vlan};

	addr_parse(family == ADDR_V4 ? "198.18.0.1" : "2001:2::1", &config.client, NULL);
	addr_parse(family == ADDR_V4 ? "192.0.2.100" : "2001:db8::100", &config.target, NULL);
	memcpy(config.source_mac, source_mac, 6);
	memcpy(config.destination_mac, destination_mac, 6);
	return config;
}

/* Sums of a whole packet with its checksums are 0. */
static void
assert_checksums(const struct packet *packet, const struct parsed *parsed,
	const struct probe_config *config, const struct addr *client)
{
	size_t size = (size_t)(parsed->end - parsed->l4);
	uint32_t sum = checksum_add_pseudo(0, client, &config->target, config->protocol, size);

	sum = checksum_add(sum, packet->data + parsed->l4, size);
	assert_int_equal(be16_to(checksum_finish(sum)), 0);
	if (client->family == ADDR_V4)
		assert_int_equal(be16_to(checksum_finish(checksum_add(
					 0, packet->data + parsed->l3, sizeof(struct wire_ipv4)))),
			0);
}

static void
check_frame(const struct probe_config *config, uint16_t size, uint32_t number)
{
	struct probe_fields fields = {0xc6120000 + number, (uint16_t)(1024 + number), 80,
		TCP_FLAG_SYN, stamp_make(number, KEY)};
	uint8_t frame[SIZES_MOST];
	struct packet packet = {.data = frame, .size = size - SIZES_FCS};
	struct addr client = config->client;
	be32 low = be32_from(fields.client);
	struct parsed parsed;
	struct probe *probe;
	uint32_t sequence;

	memset(frame, 0xee, sizeof(frame));
	assert_int_equal(probe_new(&probe, config, size), 0);
	assert_int_equal(probe_size(probe), size - SIZES_FCS);
	probe_write(probe, &fields, frame);
	assert_int_equal(frame[size - SIZES_FCS], 0xee);
	assert_true(stamp_read(frame, packet.size, KEY, &sequence));
	assert_int_equal(sequence, number);
	assert_memory_equal(frame, destination_mac, 6);
	assert_memory_equal(frame + 6, source_mac, 6);
	if (config->vlan)
		assert_true(vlan_take(&packet, config->vlan));
	parse(&packet, &parsed);
	assert_int_equal(parsed.kind, PARSED_FLOW);
	assert_int_equal(parsed.end, packet.size);
	assert_int_equal(parsed.l4_protocol, config->protocol);
	memcpy(client.bytes + addr_size(&client) - 4, &low, 4);
	assert_checksums(&packet, &parsed, config, &client);
	probe_free(probe);
}

static void
frames_of_every_kind_and_size_are_valid(void **state)
{
	static const enum addr_family families[] = {ADDR_V4, ADDR_V6};
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	static const uint16_t vlans[] = {0, 100};

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct probe_config config =
			config_of(families[i & 1], protocols[i >> 1 & 1], vlans[i >> 2]);
		uint16_t least = probe_size_min(families[i & 1], config.protocol, config.vlan);

		for (uint16_t size = least; size < least + 40; size++)
			check_frame(&config, size, size * 2654435761u);
		check_frame(&config, 1518, 1);
		check_frame(&config, SIZES_MOST, UINT32_MAX);
	}
}

static void
tcp_over_ipv4_fits_the_smallest_frame(void **state)
{
	(void)state;
	assert_int_equal(probe_size_min(ADDR_V4, IPPROTO_TCP, 0), 64);
	assert_int_equal(probe_size_min(ADDR_V4, IPPROTO_UDP, 0), 64);
	assert_int_equal(probe_size_min(ADDR_V4, IPPROTO_TCP, 5), 68);
	assert_int_equal(probe_size_min(ADDR_V6, IPPROTO_TCP, 0), 84);
}

static void
the_destination_can_move(void **state)
{
	static const uint8_t other[6] = {2, 9, 9, 9, 9, 9};
	struct probe_config config = config_of(ADDR_V4, IPPROTO_UDP, 0);
	struct probe_fields fields = {.stamp = stamp_make(1, KEY)};
	uint8_t frame[60];
	struct probe *probe;

	(void)state;
	assert_int_equal(probe_new(&probe, &config, 64), 0);
	probe_set_destination(probe, other);
	probe_write(probe, &fields, frame);
	assert_memory_equal(frame, other, 6);
	probe_free(probe);
}

/* UDP says with 0 that there is no checksum; a sum that comes to 0 is sent as its other form. */
static void
udp_never_says_that_it_has_no_checksum(void **state)
{
	struct probe_config config = config_of(ADDR_V4, IPPROTO_UDP, 0);
	struct probe *probe;
	bool was_ffff = false;

	(void)state;
	assert_int_equal(probe_new(&probe, &config, 64), 0);
	for (uint32_t port = 0; port < 65536; port++) {
		struct probe_fields fields = {1, (uint16_t)port, 53, 0, stamp_make(0, KEY)};
		uint8_t frame[60];
		be16 checksum;

		probe_write(probe, &fields, frame);
		memcpy(&checksum, frame + 40, sizeof(checksum));
		assert_int_not_equal(be16_to(checksum), 0);
		was_ffff = was_ffff || be16_to(checksum) == 0xffff;
	}
	assert_true(was_ffff);
	probe_free(probe);
}

static void
stamps_of_others_are_not_taken(void **state)
{
	struct probe_config config = config_of(ADDR_V4, IPPROTO_TCP, 0);
	struct probe_fields fields = {1, 2, 3, 0, stamp_make(77, KEY)};
	uint8_t frame[60];
	uint32_t sequence;
	struct probe *probe;

	(void)state;
	assert_int_equal(probe_new(&probe, &config, 64), 0);
	probe_write(probe, &fields, frame);
	assert_true(stamp_read(frame, sizeof(frame), KEY, &sequence));
	assert_false(stamp_read(frame, sizeof(frame), KEY + 1, &sequence));
	for (size_t size = 0; size < sizeof(frame); size++)
		assert_false(stamp_read(frame, size, KEY, &sequence));
	frame[57] ^= 1;
	assert_false(stamp_read(frame, sizeof(frame), KEY, &sequence));
	probe_free(probe);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_every_kind_and_size_are_valid),
		cmocka_unit_test(tcp_over_ipv4_fits_the_smallest_frame),
		cmocka_unit_test(the_destination_can_move),
		cmocka_unit_test(udp_never_says_that_it_has_no_checksum),
		cmocka_unit_test(stamps_of_others_are_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
