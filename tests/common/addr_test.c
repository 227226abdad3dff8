/* SPDX-License-Identifier: BSD-3-Clause */
#include "common/addr.h"
#include "common/checksum.h"
#include "common/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
addresses_survive_parsing_and_printing(void **state)
{
	static const char *const texts[] = {"192.0.2.1", "2001:db8::1", "::", "255.255.255.255"};
	char buf[ADDR_TEXT_SIZE];
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(addr_parse(texts[i], &addr, NULL), 0);
		assert_string_equal(addr_format(&addr, buf, sizeof(buf)), texts[i]);
	}
}

static void
a_bad_address_is_named_and_changes_nothing(void **state)
{
	static const char *const texts[] = {
		"", "192.0.2", "192.0.2.256", "2001:db8::/32", "web1", "[::1]"};
	struct addr addr = {.family = ADDR_V6};
	struct addr before = addr;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err err = {""};

		assert_int_equal(addr_parse(texts[i], &addr, &err), -EINVAL);
		assert_non_null(strstr(err.text, texts[i]));
		assert_true(addr_equal(&addr, &before));
	}
}

static void
endpoints_need_brackets_for_ipv6_and_a_port_in_range(void **state)
{
	static const char *const bad[] = {"192.0.2.1", "192.0.2.1:0", "192.0.2.1:65536",
		"192.0.2.1:8x", "2001:db8::1:80", "[2001:db8::1]80", "[2001:db8::1", ":80",
		"192.0.2.1:+80"};
	char buf[ENDPOINT_TEXT_SIZE];
	struct endpoint endpoint;

	(void)state;
	assert_int_equal(endpoint_parse("[2001:db8::1]:443", &endpoint, NULL), 0);
	assert_int_equal(endpoint.port, 443);
	assert_string_equal(endpoint_format(&endpoint, buf, sizeof(buf)), "[2001:db8::1]:443");
	assert_int_equal(endpoint_parse("192.0.2.1:65535", &endpoint, NULL), 0);
	assert_string_equal(endpoint_format(&endpoint, buf, sizeof(buf)), "192.0.2.1:65535");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(endpoint_parse(bad[i], &endpoint, NULL), -EINVAL);
}

static void
socket_addresses_round_trip_and_mapped_ipv4_is_ipv4(void **state)
{
	static const char *const texts[] = {"192.0.2.1:80", "[2001:db8::1]:443"};
	struct endpoint endpoint, back;
	struct sockaddr_storage ss;
	char buf[ENDPOINT_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(endpoint_parse(texts[i], &endpoint, NULL), 0);
		endpoint_to_sockaddr(&endpoint, &ss);
		assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &back), 0);
		assert_string_equal(endpoint_format(&back, buf, sizeof(buf)), texts[i]);
	}
	endpoint_parse("[::ffff:192.0.2.7]:80", &endpoint, NULL);
	endpoint_to_sockaddr(&endpoint, &ss);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &back), 0);
	assert_string_equal(endpoint_format(&back, buf, sizeof(buf)), "192.0.2.7:80");
}

static void
the_checksum_of_rfc_1071_is_right_in_pieces_and_whole(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0x09};
	uint32_t sum = checksum_add(0, bytes, 8);

	(void)state;
	assert_int_equal(be16_to(checksum_finish(sum)), 0x220d); /* RFC 1071, section 3 */
	assert_int_equal(
		be16_to(checksum_finish(checksum_add(checksum_add(0, bytes, 4), bytes + 4, 5))),
		be16_to(checksum_finish(checksum_add(0, bytes, 9))));
}

static void
a_log_limit_passes_a_burst_and_counts_the_rest(void **state)
{
	struct log_limit limit = {0};
	uint64_t now = UINT64_C(1000000000);
	uint32_t n_held = 0;

	(void)state;
	assert_true(log_limit_take(&limit, 2, now, &n_held));
	assert_true(log_limit_take(&limit, 2, now, &n_held));
	assert_false(log_limit_take(&limit, 2, now + 1, &n_held));
	assert_false(log_limit_take(&limit, 2, now + 2, &n_held));
	assert_true(log_limit_take(&limit, 2, now + UINT64_C(5000000000), &n_held));
	assert_int_equal(n_held, 2);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(addresses_survive_parsing_and_printing),
		cmocka_unit_test(a_bad_address_is_named_and_changes_nothing),
		cmocka_unit_test(endpoints_need_brackets_for_ipv6_and_a_port_in_range),
		cmocka_unit_test(socket_addresses_round_trip_and_mapped_ipv4_is_ipv4),
		cmocka_unit_test(the_checksum_of_rfc_1071_is_right_in_pieces_and_whole),
		cmocka_unit_test(a_log_limit_passes_a_burst_and_counts_the_rest),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
