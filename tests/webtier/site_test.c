/* SPDX-License-Identifier: BSD-3-Clause */
/* The site's files as a client gets them from a worker. */
#include "tests/webtier/stand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG_SIZE 300000u

/* Asks on a connection of its own. */
static char *
ask_once(const struct stand *stand, const char *request)
{
	int fd = stand_connect(stand);
	char *answer = ask(fd, request);

	close(fd);
	return answer;
}

static void
expect(const struct stand *stand, const char *request, const char *start, const char *part)
{
	char *answer = ask_once(stand, request);

	assert_begins(answer, start);
	if (part)
		assert_has(answer, part);
	free(answer);
}

static void
start_with_files(struct stand *stand)
{
	char *big = malloc(BIG_SIZE);
	char path[64];

	stand_start(stand, NULL);
	for (size_t i = 0; i < BIG_SIZE; i++)
		big[i] = (char)('a' + i % 23);
	stand_write(stand, "index.html", "<p>hello", 8);
	stand_write(stand, "big.bin", big, BIG_SIZE);
	stand_write(stand, ".htpasswd", "secret", 6);
	snprintf(path, sizeof(path), "%s/a b", stand->folder);
	assert_int_equal(mkdir(path, 0755), 0);
	stand_write(stand, "a b/index.html", "below", 5);
	free(big);
}

static void
files_and_index_pages_are_served(void **state)
{
	struct stand stand;
	char *answer;

	(void)state;
	start_with_files(&stand);
	answer = ask_once(&stand, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_begins(answer, "HTTP/1.1 200 OK\r\n");
	assert_has(answer, "\r\nContent-Type: text/html; charset=utf-8\r\n");
	assert_has(answer, "\r\nETag: \"");
	assert_has(answer, "\r\nLast-Modified: ");
	assert_has(answer, "\r\nAccept-Ranges: bytes\r\n");
	assert_has(answer, "\r\n\r\n<p>hello");
	free(answer);
	expect(&stand, "GET /a%20b/ HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", "below");
	expect(&stand, "GET //a%20b?x=y HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 301 ",
		"\r\nLocation: /a%20b/?x=y\r\n");
	stand_stop(&stand);
}

static void
what_must_not_be_seen_is_not_there(void **state)
{
	static const char *const targets[] = {"/none", "/.htpasswd", "/a%20b/../.htpasswd",
		"/%2ehtpasswd", "/..", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
		"/index.html/"};
	struct stand stand;
	char request[128];

	(void)state;
	start_with_files(&stand);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		snprintf(
			request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", targets[i]);
		expect(&stand, request, "HTTP/1.1 404 ", NULL);
	}
	expect(&stand, "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ", NULL);
	expect(&stand, "DELETE /index.html HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 ",
		"\r\nAllow: ");
	stand_stop(&stand);
}

static void
head_says_what_get_would(void **state)
{
	struct stand stand;
	char *head;
	int fd;

	(void)state;
	start_with_files(&stand);
	fd = stand_connect(&stand);
	say(fd, "HEAD /big.bin HTTP/1.1\r\nHost: x\r\nRange: bytes=0-4\r\n\r\n");
	head = hear_head(fd);
	assert_begins(head, "HTTP/1.1 200 ");
	assert_int_equal(content_length(head), BIG_SIZE);
	free(head);
	head = ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); /* Nothing came between. */
	assert_begins(head, "HTTP/1.1 200 ");
	free(head);
	close(fd);
	stand_stop(&stand);
}

static void
conditions_save_the_transfer(void **state)
{
	struct stand stand;
	char request[256];
	char etag[64];
	char *answer;
	char *at;
	int fd;

	(void)state;
	start_with_files(&stand);
	answer = ask_once(&stand, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	at = strstr(answer, "\r\nETag: ");
	assert_non_null(at);
	at += strlen("\r\nETag: ");
	snprintf(etag, sizeof(etag), "%.*s", (int)strcspn(at, "\r"), at);
	free(answer);

	fd = stand_connect(&stand);
	snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\n\r\n",
		etag);
	say(fd, request);
	answer = hear_head(fd);
	assert_begins(answer, "HTTP/1.1 304 ");
	assert_has(answer, etag);
	free(answer);
	say(fd, "GET / HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"
		"\r\n\r\n");
	answer = hear_head(fd);
	assert_begins(answer, "HTTP/1.1 304 ");
	free(answer);
	close(fd);
	expect(&stand, "GET / HTTP/1.1\r\nHost: x\r\nIf-Match: \"x\"\r\n\r\n", "HTTP/1.1 412 ",
		NULL);
	stand_stop(&stand);
}

static void
ranges_are_sent_of_small_and_large_files(void **state)
{
	struct stand stand;
	char *answer;
	int fd;

	(void)state;
	start_with_files(&stand);
	expect(&stand, "GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=3-\r\n\r\n", "HTTP/1.1 206 ",
		"\r\nContent-Range: bytes 3-7/8\r\n");
	expect(&stand, "GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=3-5\r\n\r\n", "HTTP/1.1 206 ",
		"\r\n\r\nhel");
	expect(&stand, "GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=8-\r\n\r\n", "HTTP/1.1 416 ",
		"\r\nContent-Range: bytes */8\r\n");
	expect(&stand, "GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1,3-4\r\n\r\n", "HTTP/1.1 206 ",
		"\r\nContent-Range: bytes 3-4/8\r\n\r\nhe\r\n--");
	expect(&stand, "GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-5,3-7\r\n\r\n", "HTTP/1.1 200 ",
		"<p>hello");
	expect(&stand, "GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nIf-Range: \"x\"\r\n\r\n",
		"HTTP/1.1 200 ", "<p>hello");

	fd = stand_connect(&stand);
	answer = ask(fd, "GET /big.bin HTTP/1.1\r\nHost: x\r\nRange: bytes=-250000\r\n\r\n");
	assert_begins(answer, "HTTP/1.1 206 ");
	assert_has(answer, "\r\nContent-Range: bytes 50000-299999/300000\r\n");
	assert_int_equal(strlen(strstr(answer, "\r\n\r\n") + 4), 250000);
	assert_int_equal(strstr(answer, "\r\n\r\n")[4], 'a' + 50000 % 23);
	free(answer);
	answer = ask(fd, "GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(strlen(strstr(answer, "\r\n\r\n") + 4), BIG_SIZE);
	free(answer);
	close(fd);
	stand_stop(&stand);
}

static bool
has_ended(struct stand *stand)
{
	return atomic_load(&stand->has_ended);
}

static void
health_says_when_the_node_takes_its_leave(void **state)
{
	struct stand stand;
	char *answer;
	int fd;

	(void)state;
	start_with_files(&stand);
	expect(&stand, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ",
		"{\"status\":\"ok\"}");
	atomic_store(&stand.is_draining, true);
	expect(&stand, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 503 ",
		"{\"status\":\"draining\"}");
	expect(&stand, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", NULL);

	/* An idle connection does not hold up the drain. */
	fd = stand_connect(&stand);
	answer = ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	free(answer);
	worker_drain(stand.worker, 60000);
	assert_true(is_closed(fd));
	close(fd);
	stand_await(&stand, has_ended);
	stand_stop(&stand);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(files_and_index_pages_are_served),
		cmocka_unit_test(what_must_not_be_seen_is_not_there),
		cmocka_unit_test(head_says_what_get_would),
		cmocka_unit_test(conditions_save_the_transfer),
		cmocka_unit_test(ranges_are_sent_of_small_and_large_files),
		cmocka_unit_test(health_says_when_the_node_takes_its_leave),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
