/* SPDX-License-Identifier: BSD-3-Clause */
#include "common/http/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST

/* 'n' requests come in whole and then, if 'reason' is set, one that is refused. */
struct guard_case {
	const char *text;
	unsigned int n_requests;
	const char *reason;
};

static const struct guard_case cases_good[] = {
	{GET "\r\n", 1, NULL},
	{"\r\n\r\n" GET "\r\n", 1, NULL},
	{GET "\r\n" GET "\r\n" GET "\r\n", 3, NULL},
	{"GET http://a/b?c=d HTTP/1.1\r\n" HOST "\r\n", 1, NULL},
	{"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 1, NULL},
	{"GET / HTTP/1.0\r\n\r\n", 1, NULL},
	{"GET / HTTP/1.1\r\nhost:a:80\r\nX:\r\nY: \t b\tc \r\n\r\n", 1, NULL},
	{"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 1, NULL},
	{GET "X: \x80\xff\r\n\r\n", 1, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde" GET "\r\n", 2, NULL},
	{"POST / HTTP/1.1\r\n" HOST "content-length: 0\r\n\r\n" GET "\r\n", 2, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n"
	 "3\r\nabc\r\n0a;x=\"y\"\r\n0123456789\r\n0\r\n\r\n" GET "\r\n",
		2, NULL},
	{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	 "0\r\nTrailer: x\r\nContent-Length: 9\r\n\r\n" GET "\r\n",
		2, NULL},
};

static const struct guard_case cases_bad[] = {
	{"GET / HTTP/1.1\nHost: a\n\n", 0, "line"},
	{GET "X: a\n\r\n", 0, "control"},
	{GET "X: a\rb\r\n\r\n", 0, "line feed"},
	{GET "X: a\r\n b\r\n\r\n", 0, "folded"},
	{GET "X: a\r\n\tb\r\n\r\n", 0, "folded"},
	{"GET / HTTP/1.1\r\n X: a\r\n" HOST "\r\n", 0, "folded"},
	{GET "X : a\r\n\r\n", 0, "name"},
	{GET ": a\r\n\r\n", 0, "without a name"},
	{GET "X\r\n\r\n", 0, "name"},
	{GET "X: \x01\r\n\r\n", 0, "control"},
	{GET "X: \x7f\r\n\r\n", 0, "control"},
	{"GET / HTTP/1.1\r\n\r\n", 0, "no Host"},
	{GET HOST "\r\n", 0, "more than one Host"},
	{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 0, "malformed Host"},
	{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 0, "malformed Host"},
	{"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 0, "malformed Host"},
	{"GET  / HTTP/1.1\r\n" HOST "\r\n", 0, "target"},
	{"GET / x HTTP/1.1\r\n" HOST "\r\n", 0, "version"},
	{"GET /\x80 HTTP/1.1\r\n" HOST "\r\n", 0, "target"},
	{"GET /#x HTTP/1.1\r\n" HOST "\r\n", 0, "target"},
	{"GET /\t HTTP/1.1\r\n" HOST "\r\n", 0, "target"},
	{"GET /\r\n\r\n", 0, "target"},
	{"GET / HTTP/1.1 \r\n" HOST "\r\n", 0, "request line"},
	{"GET / HTTP/2.0\r\n" HOST "\r\n", 0, "version"},
	{"GET / http/1.1\r\n" HOST "\r\n", 0, "version"},
	{" GET / HTTP/1.1\r\n" HOST "\r\n", 0, "method"},
	{"G@T / HTTP/1.1\r\n" HOST "\r\n", 0, "method"},
	{"\n" GET "\r\n", 0, "method"},
	{GET "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 0, "more than one Content-Length"},
	{GET "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 0, "more than one Content-Length"},
	{GET "Content-Length: 1, 1\r\n\r\n", 0, "malformed Content-Length"},
	{GET "Content-Length: +1\r\n\r\n", 0, "malformed Content-Length"},
	{GET "Content-Length: -1\r\n\r\n", 0, "malformed Content-Length"},
	{GET "Content-Length: 0x1\r\n\r\n", 0, "malformed Content-Length"},
	{GET "Content-Length: 1 \r\n\r\n", 0, "malformed Content-Length"},
	{GET "Content-Length:\r\n\r\n", 0, "empty Content-Length"},
	{GET "Content-Length: 99999999999999999999\r\n\r\n", 0, "malformed Content-Length"},
	{GET "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 0, "both"},
	{GET "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 0, "both"},
	{GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0,
		"more than one Transfer-Encoding"},
	{GET "Transfer-Encoding: gzip, chunked\r\n\r\n", 0, "other than chunked"},
	{GET "Transfer-Encoding: identity\r\n\r\n", 0, "other than chunked"},
	{GET "Transfer-Encoding: chunkedx\r\n\r\n", 0, "other than chunked"},
	{GET "Transfer-Encoding: chunked \r\n\r\n", 0, "other than chunked"},
	{GET "Transfer-Encoding: \x0b"
	     "chunked\r\n\r\n",
		0, "other than chunked"},
	{GET "Transfer-Encoding:\r\n\r\n", 0, "other than chunked"},
	{"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 0, "HTTP/1.0"},
	{GET "\r\nG\r\n", 1, "method"},
	{GET "Transfer-Encoding: chunked\r\n\r\n\r\n", 0, "chunk size"},
	{GET "Transfer-Encoding: chunked\r\n\r\nx\r\n", 0, "chunk size"},
	{GET "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n", 0, "chunk size"},
	{GET "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 0, "chunk size"},
	{GET "Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n", 0, "chunk size"},
	{GET "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n", 0, "chunk size"},
	{GET "Transfer-Encoding: chunked\r\n\r\n1000000000000000\r\n", 0, "too large"},
	{GET "Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n", 0, "extension"},
	{GET "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 0, "longer than its size"},
	{GET "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n", 0, "longer than its size"},
	{GET "Transfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n\r\n", 0, "name"},
};

static void
check(const struct guard *guard, const struct guard_case *c, size_t step)
{
	bool refused = guard->state == GUARD_BAD;

	if (guard->n_requests != c->n_requests || refused != (c->reason != NULL))
		fail_msg("in steps of %zu, %u requests, reason '%s':\n%s", step, guard->n_requests,
			refused ? guard->reason : "none", c->text);
	if (c->reason && !strstr(guard->reason, c->reason))
		fail_msg("in steps of %zu '%s':\n%s", step, guard->reason, c->text);
	if (!c->reason && !guard_is_between(guard))
		fail_msg("in steps of %zu not between requests:\n%s", step, c->text);
}

static void
feed(const struct guard_case *c, size_t step)
{
	size_t size = strlen(c->text);
	struct guard guard;

	guard_init(&guard, 8192);
	for (size_t at = 0; at < size; at += step)
		guard_feed(&guard, c->text + at, size - at < step ? size - at : step);
	check(&guard, c, step);
}

static void
strict_requests_pass_however_they_are_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases_good) / sizeof(cases_good[0]); i++) {
		for (size_t step = 1; step < 8; step++)
			feed(&cases_good[i], step);
		feed(&cases_good[i], 4096);
	}
}

static void
ambiguous_requests_are_refused_however_they_are_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases_bad) / sizeof(cases_bad[0]); i++) {
		for (size_t step = 1; step < 8; step++)
			feed(&cases_bad[i], step);
		feed(&cases_bad[i], 4096);
	}
}

static void
nul_is_refused_anywhere_in_a_header(void **state)
{
	static const char text[] = GET "X-Field: value\r\n\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		char copy[sizeof(text)];
		struct guard guard;

		memcpy(copy, text, sizeof(text));
		copy[i] = '\0';
		guard_init(&guard, 8192);
		guard_feed(&guard, copy, sizeof(copy) - 1);
		assert_int_equal(guard.state, GUARD_BAD);
		assert_true(guard_refuses(&guard, 0));
	}
}

static void
a_header_beyond_the_limit_gets_431(void **state)
{
	char value[200];
	struct guard guard;

	(void)state;
	memset(value, 'x', sizeof(value));
	guard_init(&guard, 100);
	guard_feed(&guard, GET "\r\n", strlen(GET "\r\n"));
	guard_feed(&guard, GET "X: ", strlen(GET "X: "));
	guard_feed(&guard, value, sizeof(value));
	assert_int_equal(guard.state, GUARD_BAD);
	assert_int_equal(guard.status, 431);
	assert_false(guard_refuses(&guard, 0));
	assert_true(guard_refuses(&guard, 1));
	assert_true(guard_refuses(&guard, 2));
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(strict_requests_pass_however_they_are_cut),
		cmocka_unit_test(ambiguous_requests_are_refused_however_they_are_cut),
		cmocka_unit_test(nul_is_refused_anywhere_in_a_header),
		cmocka_unit_test(a_header_beyond_the_limit_gets_431),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
