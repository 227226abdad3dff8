/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/vrrp_packet.h"

#include "common/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Adverts of keepalived 2.2.7 (Debian 12), from a capture; IP headers left out.
 *
 * IPv4, from 192.0.2.11: version 3, type 1; router 51; priority 150; 2 addresses; interval 10 cs;
 * checksum with pseudo-header; 192.0.2.100, 192.0.2.101. */
static const uint8_t keepalived_v4[] = {0x31, 0x33, 0x96, 0x02, 0x00, 0x0a, 0x11, 0x57, 0xc0, 0x00,
	0x02, 0x64, 0xc0, 0x00, 0x02, 0x65};

/* IPv6, from fe80::c467:75ff:fe37:705c: router 61; priority 150; 1 address; interval 10 cs;
 * checksum; 2001:db8::100. */
static const uint8_t keepalived_v6[] = {0x31, 0x3d, 0x96, 0x01, 0x00, 0x0a, 0x62, 0xe4, 0x20, 0x01,
	0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00};

/* The same router at its stop: priority 0. */
static const uint8_t keepalived_v4_stop[] = {0x31, 0x33, 0x00, 0x02, 0x00, 0x0a, 0xa7, 0x57, 0xc0,
	0x00, 0x02, 0x64, 0xc0, 0x00, 0x02, 0x65};

static struct addr
address(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr, NULL), 0);
	return addr;
}

static struct vrrp_datagram
datagram_v4(const uint8_t *data, size_t size)
{
	return (struct vrrp_datagram){data, size, address("192.0.2.11"), vrrp_group(ADDR_V4), 255};
}

static struct vrrp_datagram
datagram_v6(const uint8_t *data, size_t size)
{
	return (struct vrrp_datagram){
		data, size, address("fe80::c467:75ff:fe37:705c"), vrrp_group(ADDR_V6), 255};
}

static void
adverts_of_keepalived_are_understood(void **state)
{
	struct vrrp_datagram v4 = datagram_v4(keepalived_v4, sizeof(keepalived_v4));
	struct vrrp_datagram v6 = datagram_v6(keepalived_v6, sizeof(keepalived_v6));
	struct vrrp_datagram stop = datagram_v4(keepalived_v4_stop, sizeof(keepalived_v4_stop));
	struct addr addresses_v4[] = {address("192.0.2.101"), address("192.0.2.100")};
	struct addr address_v6 = address("2001:db8::100");
	struct vrrp_advert advert;

	(void)state;
	assert_int_equal(vrrp_packet_parse(&v4, &advert), VRRP_OK);
	assert_int_equal(advert.vrid, 51);
	assert_int_equal(advert.priority, 150);
	assert_int_equal(advert.interval_cs, 10);
	assert_int_equal(advert.family, ADDR_V4);
	assert_true(vrrp_packet_names(&v4, &advert, addresses_v4, 2));
	assert_false(vrrp_packet_names(&v4, &advert, addresses_v4, 1));
	addresses_v4[0] = address("192.0.2.99");
	assert_false(vrrp_packet_names(&v4, &advert, addresses_v4, 2));
	assert_int_equal(vrrp_packet_parse(&v6, &advert), VRRP_OK);
	assert_int_equal(advert.vrid, 61);
	assert_int_equal(advert.family, ADDR_V6);
	assert_true(vrrp_packet_names(&v6, &advert, &address_v6, 1));
	assert_int_equal(vrrp_packet_parse(&stop, &advert), VRRP_OK);
	assert_int_equal(advert.priority, VRRP_PRIORITY_RESIGN);
}

static void
what_is_built_is_byte_for_byte_what_keepalived_sends(void **state)
{
	struct addr addresses[] = {address("192.0.2.100"), address("192.0.2.101")};
	struct addr address_v6 = address("2001:db8::100");
	struct vrrp_datagram v4 = datagram_v4(NULL, 0), v6 = datagram_v6(NULL, 0);
	struct vrrp_advert advert = {51, 150, 10, 2, ADDR_V4};
	uint8_t buf[VRRP_PACKET_MAX];

	(void)state;
	assert_int_equal(vrrp_packet_build(
				 &advert, addresses, &v4.source, &v4.destination, buf, sizeof(buf)),
		sizeof(keepalived_v4));
	assert_memory_equal(buf, keepalived_v4, sizeof(keepalived_v4));
	advert = (struct vrrp_advert){61, 150, 10, 1, ADDR_V6};
	assert_int_equal(vrrp_packet_build(&advert, &address_v6, &v6.source, &v6.destination, buf,
				 sizeof(buf)),
		sizeof(keepalived_v6));
	assert_memory_equal(buf, keepalived_v6, sizeof(keepalived_v6));
	assert_int_equal(vrrp_packet_build(&advert, &address_v6, &v6.source, &v6.destination, buf,
				 sizeof(keepalived_v6) - 1),
		0);
}

/* RFC 9568 5.2.8: over IPv4 the message alone is summed. */
static void
a_checksum_without_pseudo_header_is_right_over_ipv4_only(void **state)
{
	uint8_t v4[sizeof(keepalived_v4)], v6[sizeof(keepalived_v6)];
	struct vrrp_datagram datagram = datagram_v4(v4, sizeof(v4));
	struct vrrp_advert advert;
	be16 sum;

	(void)state;
	memcpy(v4, keepalived_v4, sizeof(v4));
	memset(v4 + 6, 0, 2);
	sum = checksum_finish(checksum_add(0, v4, sizeof(v4)));
	memcpy(v4 + 6, &sum, 2);
	assert_int_equal(vrrp_packet_parse(&datagram, &advert), VRRP_OK);
	memcpy(v6, keepalived_v6, sizeof(v6));
	memset(v6 + 6, 0, 2);
	sum = checksum_finish(checksum_add(0, v6, sizeof(v6)));
	memcpy(v6 + 6, &sum, 2);
	datagram = datagram_v6(v6, sizeof(v6));
	assert_int_equal(vrrp_packet_parse(&datagram, &advert), VRRP_CHECKSUM);
}

/* Each length has memory of its own, so that a sanitizer sees one byte too far. */
static void
a_message_cut_at_any_length_is_refused(void **state)
{
	static const struct vrrp_advert untouched = {.vrid = 77};
	struct vrrp_advert advert = untouched;

	(void)state;
	for (size_t size = 0; size < sizeof(keepalived_v6); size++) {
		uint8_t *data = malloc(size > 0 ? size : 1);
		struct vrrp_datagram datagram = datagram_v6(data, size);

		assert_non_null(data);
		memcpy(data, keepalived_v6, size);
		assert_int_equal(vrrp_packet_parse(&datagram, &advert),
			size < VRRP_HEADER_SIZE ? VRRP_TRUNCATED : VRRP_LENGTH);
		assert_memory_equal(&advert, &untouched, sizeof(advert));
		free(data);
	}
}

static void
a_message_with_bytes_behind_its_addresses_is_refused(void **state)
{
	uint8_t data[sizeof(keepalived_v4) + 1] = {0};
	struct vrrp_datagram datagram = datagram_v4(data, sizeof(data));
	struct vrrp_advert advert;

	(void)state;
	memcpy(data, keepalived_v4, sizeof(keepalived_v4));
	assert_int_equal(vrrp_packet_parse(&datagram, &advert), VRRP_LENGTH);
}

static void
every_flipped_bit_is_noticed(void **state)
{
	uint8_t data[sizeof(keepalived_v4)];
	struct vrrp_datagram datagram = datagram_v4(data, sizeof(data));
	struct vrrp_advert advert;

	(void)state;
	for (size_t bit = 0; bit < sizeof(data) * 8; bit++) {
		memcpy(data, keepalived_v4, sizeof(data));
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(vrrp_packet_parse(&datagram, &advert), VRRP_OK);
	}
}

static void
each_wrong_field_has_its_reason(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		enum vrrp_result result;
	} cases[] = {
		{0, 0x21, VRRP_VERSION},
		{0, 0x32, VRRP_TYPE},
		{1, 0, VRRP_VRID},
		{3, 0, VRRP_NO_ADDRESSES},
		{3, 3, VRRP_LENGTH},
		{6, 0, VRRP_CHECKSUM},
	};
	uint8_t data[sizeof(keepalived_v4)];
	struct vrrp_datagram datagram = datagram_v4(data, sizeof(data));
	struct vrrp_advert advert = {51, 150, 0, 2, ADDR_V4};
	struct addr addresses[] = {address("192.0.2.100"), address("192.0.2.101")};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(data, keepalived_v4, sizeof(data));
		data[cases[i].at] = cases[i].value;
		assert_int_equal(vrrp_packet_parse(&datagram, &advert), cases[i].result);
		assert_true(strlen(vrrp_result_text(cases[i].result)) > 0);
	}
	memcpy(data, keepalived_v4, sizeof(data));
	datagram.ttl = 254;
	assert_int_equal(vrrp_packet_parse(&datagram, &advert), VRRP_TTL_WRONG);
	datagram.ttl = 255;
	vrrp_packet_build(
		&advert, addresses, &datagram.source, &datagram.destination, data, sizeof(data));
	assert_int_equal(vrrp_packet_parse(&datagram, &advert), VRRP_INTERVAL);
}

static void
the_largest_advert_fits(void **state)
{
	struct addr addresses[VRRP_ADDRESSES_MAX];
	struct vrrp_advert advert = {255, 255, VRRP_INTERVAL_MAX_CS, VRRP_ADDRESSES_MAX, ADDR_V6};
	struct vrrp_advert parsed;
	uint8_t buf[VRRP_PACKET_MAX];
	struct vrrp_datagram datagram = datagram_v6(buf, sizeof(buf));

	(void)state;
	for (size_t i = 0; i < VRRP_ADDRESSES_MAX; i++) {
		addresses[i] = address("2001:db8::");
		addresses[i].bytes[15] = (uint8_t)i;
	}
	assert_int_equal(vrrp_packet_build(&advert, addresses, &datagram.source,
				 &datagram.destination, buf, sizeof(buf)),
		VRRP_PACKET_MAX);
	assert_int_equal(vrrp_packet_parse(&datagram, &parsed), VRRP_OK);
	assert_int_equal(parsed.interval_cs, VRRP_INTERVAL_MAX_CS);
	assert_true(vrrp_packet_names(&datagram, &parsed, addresses, VRRP_ADDRESSES_MAX));
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(adverts_of_keepalived_are_understood),
		cmocka_unit_test(what_is_built_is_byte_for_byte_what_keepalived_sends),
		cmocka_unit_test(a_checksum_without_pseudo_header_is_right_over_ipv4_only),
		cmocka_unit_test(a_message_cut_at_any_length_is_refused),
		cmocka_unit_test(a_message_with_bytes_behind_its_addresses_is_refused),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(each_wrong_field_has_its_reason),
		cmocka_unit_test(the_largest_advert_fits),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
