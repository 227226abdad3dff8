/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/shortener/link_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW "2030-01-01 00:00:00.000"
#define ALL                                                                           \
	(LINK_FIELD_URL | LINK_FIELD_TITLE | LINK_FIELD_CODE | LINK_FIELD_PERMANENT | \
		LINK_FIELD_EXPIRES)

static void
all_members_are_read(void **state)
{
	static const char body[] = "{\"url\": \"https://a/\", \"title\": \"T\", \"code\": "
				   "\"abc\", \"permanent\": true, \"expires\": "
				   "\"2030-01-01T01:00:00Z\"}";
	struct link_fields fields = {0};
	struct err err = {""};

	(void)state;
	assert_int_equal(link_fields_parse(&fields, body, strlen(body), ALL, NOW, &err), 0);
	assert_int_equal(fields.given, ALL);
	assert_string_equal(fields.url, "https://a/");
	assert_string_equal(fields.title, "T");
	assert_string_equal(fields.code, "abc");
	assert_true(fields.permanent);
	assert_string_equal(fields.expires_at, "2030-01-01 01:00:00.000");
}

static void
null_is_given_and_empty(void **state)
{
	static const char body[] = "{\"title\": null, \"expires\": null}";
	struct link_fields fields = {0};
	struct err err = {""};

	(void)state;
	assert_int_equal(link_fields_parse(&fields, body, strlen(body), ALL, NOW, &err), 0);
	assert_int_equal(fields.given, LINK_FIELD_TITLE | LINK_FIELD_EXPIRES);
	assert_string_equal(fields.title, "");
	assert_string_equal(fields.expires_at, "");
}

static void
each_fault_is_named(void **state)
{
	static const struct {
		const char *body;
		unsigned int status;
		const char *word;
	} cases[] = {
		{"{", 400, "not JSON"},
		{"{\"url\": \"\xff\"}", 400, "not JSON"},
		{"{\"title\": \"a\\u0000b\"}", 400, "not JSON"},
		{"[]", 422, "object"},
		{"7", 400, "not JSON"},
		{"{\"colour\": 1}", 422, "only the members url, title, code,"},
		{"{\"url\": 7}", 422, "\"url\" must be a string"},
		{"{\"url\": \"ftp://a\"}", 422, "http"},
		{"{\"title\": 7}", 422, "\"title\" must be a string"},
		{"{\"code\": null}", 422, "\"code\" must be a string"},
		{"{\"code\": \"a\"}", 422, "3 to 32"},
		{"{\"permanent\": 1}", 422, "true or false"},
		{"{\"expires\": 7}", 422, "\"expires\" must be a string"},
		{"{\"expires\": \"soon\"}", 422, "RFC 3339"},
		{"{\"expires\": \"2030-01-01T00:00:00Z\"}", 422, "not in the future"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct link_fields fields = {0};
		struct err err = {""};

		assert_int_equal(link_fields_parse(&fields, cases[i].body, strlen(cases[i].body),
					 ALL, NOW, &err),
			cases[i].status);
		if (!strstr(err.text, cases[i].word))
			fail_msg("%s: '%s' is not in: %s", cases[i].body, cases[i].word, err.text);
	}
}

static void
a_member_that_is_not_allowed_is_unknown(void **state)
{
	static const char body[] = "{\"code\": \"abc\"}";
	struct link_fields fields = {0};
	struct err err = {""};

	(void)state;
	assert_int_equal(
		link_fields_parse(&fields, body, strlen(body), LINK_FIELD_URL, NOW, &err), 422);
	assert_null(strstr(err.text, "code"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_members_are_read),
		cmocka_unit_test(null_is_given_and_empty),
		cmocka_unit_test(each_fault_is_named),
		cmocka_unit_test(a_member_that_is_not_allowed_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
