/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define OTHER_KEY "0123456789abcdef0123456789abcdeF"

static const struct gtid written = {0, 1, 42};

static struct session_signer *
signer_new(const char *key, bool secure)
{
	struct session_signer *signer = NULL;
	struct err err;

	assert_int_equal(session_signer_new(&signer, key, secure, &err), 0);
	return signer;
}

/* What a browser sends back for a Set-Cookie: the part before the attributes. */
static void
make_cookie(const char *key, char *cookie, size_t size)
{
	struct session_signer *signer = signer_new(key, false);
	char *end;

	assert_non_null(session_set_cookie(signer, &written, cookie, size));
	end = strchr(cookie, ';');
	assert_non_null(end);
	*end = '\0';
	session_signer_free(signer);
}

static void
another_signer_with_the_same_key_reads_the_cookie(void **state)
{
	struct session_signer *signer = signer_new(KEY, true);
	char cookie[SESSION_SET_COOKIE_SIZE], sent[2 * SESSION_SET_COOKIE_SIZE];
	struct gtid gtid = {0};

	(void)state;
	make_cookie(KEY, cookie, sizeof(cookie));
	assert_true(session_from_cookie(signer, cookie, &gtid));
	assert_int_equal(gtid.sequence, 42);
	snprintf(sent, sizeof(sent), "a=1; %s; weir_sessions=x", cookie);
	assert_true(session_from_cookie(signer, sent, &gtid));
	session_signer_free(signer);
}

static void
every_changed_character_is_noticed(void **state)
{
	struct session_signer *signer = signer_new(KEY, false);
	char cookie[SESSION_SET_COOKIE_SIZE];
	struct gtid gtid = {9, 9, 9};

	(void)state;
	make_cookie(KEY, cookie, sizeof(cookie));
	for (size_t i = 0; cookie[i]; i++) {
		char kept = cookie[i];

		cookie[i] = kept == '7' ? '8' : '7';
		assert_false(session_from_cookie(signer, cookie, &gtid));
		cookie[i] = kept;
	}
	for (size_t length = strlen(cookie); length > 0; length--) {
		cookie[length - 1] = '\0';
		assert_false(session_from_cookie(signer, cookie, &gtid));
	}
	assert_int_equal(gtid.sequence, 9);
	session_signer_free(signer);
}

static void
another_key_is_refused(void **state)
{
	struct session_signer *signer = signer_new(OTHER_KEY, false);
	char cookie[SESSION_SET_COOKIE_SIZE];
	struct gtid gtid;

	(void)state;
	make_cookie(KEY, cookie, sizeof(cookie));
	assert_false(session_from_cookie(signer, cookie, &gtid));
	session_signer_free(signer);
}

static void
a_key_is_changed_without_refusing_a_cookie(void **state)
{
	/* Nodes change one after the other: first all learn the new key, then it signs. */
	static const char *const steps[] = {
		KEY, KEY "\n" OTHER_KEY, OTHER_KEY "\r\n" KEY "\n", OTHER_KEY};
	const size_t n = sizeof(steps) / sizeof(steps[0]);

	(void)state;
	for (size_t i = 0; i + 1 < n; i++) {
		for (size_t turn = 0; turn < 2; turn++) {
			struct session_signer *reader = signer_new(steps[i + turn], false);
			char cookie[SESSION_SET_COOKIE_SIZE];
			struct gtid gtid = {0};

			make_cookie(steps[i + 1 - turn], cookie, sizeof(cookie));
			assert_true(session_from_cookie(reader, cookie, &gtid));
			assert_int_equal(gtid.sequence, 42);
			session_signer_free(reader);
		}
	}
}

static void
no_cookie_is_no_session(void **state)
{
	static const char *const without[] = {
		"", ";", " ; ;", "=", "weir_session", "weir_session=", "a=weir_session=1.0-1-1.x"};
	struct session_signer *signer = signer_new(KEY, false);
	struct gtid gtid;

	(void)state;
	assert_false(session_from_cookie(signer, NULL, &gtid));
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		assert_false(session_from_cookie(signer, without[i], &gtid));
	session_signer_free(signer);
}

static void
the_cookie_is_for_https_alone_where_the_site_is(void **state)
{
	struct session_signer *plain = signer_new(KEY, false), *secure = signer_new(KEY, true);
	char cookie[SESSION_SET_COOKIE_SIZE];

	(void)state;
	assert_null(strstr(session_set_cookie(plain, &written, cookie, sizeof(cookie)), "Secure"));
	session_set_cookie(secure, &written, cookie, sizeof(cookie));
	assert_non_null(strstr(cookie, "; Secure"));
	assert_non_null(strstr(cookie, "; HttpOnly"));
	assert_non_null(strstr(cookie, "; SameSite=Lax"));
	session_signer_free(plain);
	session_signer_free(secure);
}

static void
a_short_key_is_refused(void **state)
{
	struct session_signer *signer = NULL;
	struct err err;

	(void)state;
	assert_true(session_signer_new(&signer, KEY + 1, false, &err) < 0);
	assert_non_null(strstr(err.text, "at least 32"));
	assert_true(session_signer_new(&signer, "", false, &err) < 0);
	assert_non_null(strstr(err.text, "0 bytes"));
	assert_true(session_signer_new(&signer, KEY "\nshort\n", false, &err) < 0);
	assert_non_null(strstr(err.text, "session key 2 has 5 bytes"));
	assert_true(session_signer_new(
			    &signer, KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY, false, &err) < 0);
	assert_non_null(strstr(err.text, "more than 4"));
	assert_null(signer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_signer_with_the_same_key_reads_the_cookie),
		cmocka_unit_test(every_changed_character_is_noticed),
		cmocka_unit_test(another_key_is_refused),
		cmocka_unit_test(a_key_is_changed_without_refusing_a_cookie),
		cmocka_unit_test(no_cookie_is_no_session),
		cmocka_unit_test(the_cookie_is_for_https_alone_where_the_site_is),
		cmocka_unit_test(a_short_key_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
