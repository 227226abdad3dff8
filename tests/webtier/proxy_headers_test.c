/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/proxy_headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
lists_are_searched_by_whole_tokens(void **state)
{
	(void)state;
	assert_true(header_list_has("close", "close"));
	assert_true(header_list_has("Keep-Alive, X-Foo", "x-foo"));
	assert_true(header_list_has(" ,\t,x-foo\t,", "X-Foo"));
	assert_false(header_list_has("x-foobar, xx-foo", "x-foo"));
	assert_false(header_list_has("", "x"));
	assert_false(header_list_has(NULL, "x"));
}

static void
fields_of_one_hop_end_here(void **state)
{
	static const char *const stopped[] = {"Connection", "keep-alive", "TE", "Trailer",
		"TRANSFER-ENCODING", "Upgrade", "Proxy-Authorization", "Proxy-Connection"};

	(void)state;
	for (size_t i = 0; i < sizeof(stopped) / sizeof(stopped[0]); i++) {
		assert_false(request_field_passes(stopped[i], NULL));
		assert_false(response_field_passes(stopped[i], NULL));
	}
	assert_false(request_field_passes("X-Secret", "close, x-secret"));
	assert_false(response_field_passes("X-Secret", "x-secret"));
	assert_true(request_field_passes("X-Secret", "x-secrets"));
}

static void
what_a_client_says_about_itself_is_dropped(void **state)
{
	static const char *const stopped[] = {"X-Forwarded-For", "x-forwarded-proto", "Forwarded",
		"X-Forwarded-Host", "X-Real-Ip", "Host", "Content-Length", "Expect"};
	static const char *const passed[] = {"Accept", "Cookie", "Authorization", "Range",
		"If-None-Match", "X-Forwarded-Fort", "Idempotency-Key", "User-Agent", "Date"};

	(void)state;
	for (size_t i = 0; i < sizeof(stopped) / sizeof(stopped[0]); i++)
		assert_false(request_field_passes(stopped[i], NULL));
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		assert_true(request_field_passes(passed[i], NULL));
}

static void
a_response_keeps_its_fields_in_order_and_number(void **state)
{
	static const struct response_field fields[] = {
		{"Set-Cookie", "a=1"},
		{"X-Hop", "1"},
		{"Date", "today"},
		{"Server", "app/1.0"},
		{"Content-Length", "3"},
		{"Connection", "keep-alive"},
		{"Set-Cookie", "b=2"},
		{"Keep-Alive", "timeout=5"},
		{"Connection", "x-hop"},
		{"Location", "/x"},
	};
	const struct response_head head = {
		.status = 200, .fields = fields, .n_fields = sizeof(fields) / sizeof(fields[0])};
	struct http_header out[RESPONSE_FIELDS_MAX];

	(void)state;
	assert_int_equal(proxy_filter_response(&head, out), 3);
	assert_string_equal(out[0].value, "a=1");
	assert_string_equal(out[1].value, "b=2");
	assert_string_equal(out[2].name, "Location");
}

static void
absolute_targets_lose_their_authority(void **state)
{
	(void)state;
	assert_string_equal(proxy_target_path("/api/x?y"), "/api/x?y");
	assert_string_equal(proxy_target_path("http://host:80/api/x"), "/api/x");
	assert_string_equal(proxy_target_path("HTTPS://host/api/x"), "/api/x");
	assert_string_equal(proxy_target_path("http://host?x"), "?x");
	assert_string_equal(proxy_target_path("http://host"), "");
	assert_string_equal(proxy_target_path("*"), "*");
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(lists_are_searched_by_whole_tokens),
		cmocka_unit_test(fields_of_one_hop_end_here),
		cmocka_unit_test(what_a_client_says_about_itself_is_dropped),
		cmocka_unit_test(a_response_keeps_its_fields_in_order_and_number),
		cmocka_unit_test(absolute_targets_lose_their_authority),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
