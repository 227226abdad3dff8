/* SPDX-License-Identifier: BSD-3-Clause */
/* Header lists of HTTP/2, and how often something may happen. */
#include "common/http/h2_fields.h"
#include "common/http/h2_meter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
add(struct h2_fields *fields, const char *name, const char *value)
{
	assert_int_equal(h2_fields_add(fields, name, strlen(name), value, strlen(value)), 0);
}

static void
begin(struct h2_fields *fields, const char *authority)
{
	h2_fields_init(fields, 4096);
	add(fields, ":method", "GET");
	add(fields, ":scheme", "https");
	if (authority)
		add(fields, ":authority", authority);
	add(fields, ":path", "/a?b");
}

static void
join(void *ctx, const char *name, const char *value)
{
	char *out = ctx;
	size_t used = strlen(out);

	snprintf(out + used, 256 - used, "%s=%s|", name, value);
}

static void
assert_list(const struct h2_fields *fields, const char *expected)
{
	char text[256] = "";

	h2_fields_each(fields, join, text);
	assert_string_equal(text, expected);
}

static unsigned int
complete(struct h2_fields *fields)
{
	const char *reason;
	unsigned int status = h2_fields_complete(fields, &reason);

	assert_non_null(reason);
	return status;
}

static void
what_a_client_says_is_found(void **state)
{
	struct h2_fields fields;

	(void)state;
	begin(&fields, "a.example:8443");
	add(&fields, "x-one", "1");
	add(&fields, "content-length", "1234");
	add(&fields, "x-empty", "");
	assert_int_equal(complete(&fields), 0);
	assert_string_equal(h2_fields_pseudo(&fields, H2_METHOD), "GET");
	assert_string_equal(h2_fields_pseudo(&fields, H2_PATH), "/a?b");
	assert_string_equal(h2_fields_find(&fields, "X-One"), "1");
	assert_string_equal(h2_fields_find(&fields, "Host"), "a.example:8443");
	assert_string_equal(h2_fields_find(&fields, "x-empty"), "");
	assert_null(h2_fields_find(&fields, "a.example:8443")); /* No value is taken for a name. */
	assert_int_equal(h2_fields_length(&fields), 1234);
	assert_list(&fields, "x-one=1|content-length=1234|x-empty=|host=a.example:8443|");
	h2_fields_fini(&fields);
}

static void
nothing_is_found_in_nothing(void **state)
{
	struct h2_fields fields;

	(void)state;
	h2_fields_init(&fields, 4096);
	assert_null(h2_fields_find(&fields, "host"));
	assert_null(h2_fields_pseudo(&fields, H2_PATH));
	assert_int_equal(h2_fields_length(&fields), -1);
	assert_int_equal(complete(&fields), 400);
	h2_fields_fini(&fields);
}

static void
cookies_become_one_field(void **state)
{
	struct h2_fields fields;

	(void)state;
	begin(&fields, "a");
	add(&fields, "cookie", "a=b");
	add(&fields, "x", "y");
	add(&fields, "cookie", "c=d");
	add(&fields, "cookie", "");
	assert_int_equal(complete(&fields), 0);
	assert_list(&fields, "x=y|cookie=a=b; c=d; |host=a|");
	assert_string_equal(h2_fields_pseudo(&fields, H2_PATH), "/a?b");
	h2_fields_fini(&fields);
}

static void
who_is_asked_must_be_clear(void **state)
{
	static const struct {
		const char *authority;
		const char *host;
		unsigned int status;
	} cases[] = {
		{"a.example", NULL, 0},
		{NULL, "a.example", 0},
		{"a.example", "A.EXAMPLE", 0},
		{"[2001:db8::1]:443", NULL, 0},
		{"a.example", "b.example", 400},
		{"a.example", "", 400},
		{"", NULL, 400},
		{NULL, NULL, 400},
		{"a/b", NULL, 400},
		{"me@a", NULL, 400},
		{NULL, "a b", 400},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct h2_fields fields;

		begin(&fields, cases[i].authority);
		if (cases[i].host)
			add(&fields, "host", cases[i].host);
		assert_int_equal(complete(&fields), cases[i].status);
		h2_fields_fini(&fields);
	}
}

static void
a_list_that_is_too_large_is_counted_and_not_kept(void **state)
{
	static char large[5000];
	struct h2_fields fields;

	(void)state;
	memset(large, 'a', sizeof(large) - 1);
	begin(&fields, "a");
	for (int i = 0; i < 100; i++)
		add(&fields, "x", large);
	assert_true(fields.list_size > 100 * strlen(large));
	assert_true(fields.capacity <= 4096);
	assert_int_equal(complete(&fields), 431);
	h2_fields_fini(&fields);
}

static void
a_list_may_be_as_large_as_allowed(void **state)
{
	char value[129];
	struct h2_fields fields;

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	h2_fields_init(&fields, 2 * (4 + 128 + 32));
	add(&fields, "host", "a");
	fields.list_size = 0;
	add(&fields, "x-ab", value);
	add(&fields, "x-ab", value);
	assert_int_equal(complete(&fields), 0);
	add(&fields, "", "");
	assert_int_equal(complete(&fields), 431);
	h2_fields_fini(&fields);
}

static void
a_meter_lets_a_burst_through_and_then_a_rate(void **state)
{
	struct h2_meter meter = {0};
	uint64_t now_ns = 5 * NS_PER_S;
	unsigned int n = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		n += h2_meter_take(&meter, now_ns, 10, 20);
	assert_int_equal(n, 20);
	for (int i = 0; i < 100; i++) {
		now_ns += NS_PER_S / 100;
		n += h2_meter_take(&meter, now_ns, 10, 20);
	}
	assert_int_equal(n, 30);
	now_ns += 60 * NS_PER_S;
	for (int i = 0; i < 100; i++)
		n += h2_meter_take(&meter, now_ns, 10, 20);
	assert_int_equal(n, 50);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(what_a_client_says_is_found),
		cmocka_unit_test(nothing_is_found_in_nothing),
		cmocka_unit_test(cookies_become_one_field),
		cmocka_unit_test(who_is_asked_must_be_clear),
		cmocka_unit_test(a_list_that_is_too_large_is_counted_and_not_kept),
		cmocka_unit_test(a_list_may_be_as_large_as_allowed),
		cmocka_unit_test(a_meter_lets_a_burst_through_and_then_a_rate),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
