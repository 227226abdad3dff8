/* SPDX-License-Identifier: BSD-3-Clause */
#include "common/clock.h"
#include "webtier/access_line.h"
#include "webtier/access_log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static struct access_record
some_record(const struct addr *peer)
{
	return (struct access_record){
		.peer = peer,
		.time = 784111777,
		.method = "GET",
		.target = "/a?b=c",
		.version = "HTTP/1.1",
		.status = 200,
		.sent = 5,
		.duration_us = 1234,
		.is_tls = true,
		.host = "www.weir.test",
		.user_agent = "curl/7.88.1",
		.upstream = "app1",
		.request_id = "0123",
	};
}

static const char *
format(enum log_format how, const struct access_record *record)
{
	static char line[ACCESS_LINE_MAX + 1];
	size_t n = access_line_format(how, record, line, ACCESS_LINE_MAX);

	assert_true(n > 0 && n <= ACCESS_LINE_MAX);
	line[n] = '\0';
	assert_ptr_equal(strchr(line, '\n'), line + n - 1); /* One newline, at the end. */
	return line;
}

static void
the_combined_format_is_as_everyone_knows_it(void **state)
{
	struct addr peer;
	struct access_record record = some_record(&peer);

	(void)state;
	addr_parse("2001:db8::1", &peer, NULL);
	assert_string_equal(format(LOG_FORMAT_COMBINED, &record),
		"2001:db8::1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a?b=c HTTP/1.1\" 200 5 \"-\" "
		"\"curl/7.88.1\"\n");
	record.status = 0;
	record.referer = "https://example.org/";
	assert_string_equal(format(LOG_FORMAT_COMBINED, &record),
		"2001:db8::1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a?b=c HTTP/1.1\" 499 5 "
		"\"https://example.org/\" \"curl/7.88.1\"\n");
}

static void
nothing_a_client_sends_can_forge_a_line(void **state)
{
	struct addr peer;
	struct access_record record = some_record(&peer);
	const char *line;

	(void)state;
	addr_parse("192.0.2.1", &peer, NULL);
	record.target = "/\"\\\r\n\x1b[2J\x7f";
	record.user_agent = "\xff\xc3\xa9\"";
	line = format(LOG_FORMAT_COMBINED, &record);
	assert_non_null(strstr(line, "\"GET /\\x22\\x5c\\x0d\\x0a\\x1b[2J\\x7f HTTP/1.1\""));
	assert_non_null(strstr(line, " \"\\xff\\xc3\\xa9\\x22\"\n"));
}

static void
json_lines_are_json_whatever_is_in_them(void **state)
{
	struct addr peer;
	struct access_record record = some_record(&peer);
	json_t *object;

	(void)state;
	addr_parse("192.0.2.1", &peer, NULL);
	object = json_loads(format(LOG_FORMAT_JSON, &record), 0, NULL);
	assert_non_null(object);
	assert_string_equal(json_string_value(json_object_get(object, "remote")), "192.0.2.1");
	assert_string_equal(
		json_string_value(json_object_get(object, "time")), "1994-11-06T08:49:37Z");
	assert_int_equal(json_integer_value(json_object_get(object, "status")), 200);
	assert_int_equal(json_integer_value(json_object_get(object, "duration_us")), 1234);
	assert_string_equal(json_string_value(json_object_get(object, "upstream")), "app1");
	assert_string_equal(json_string_value(json_object_get(object, "request_id")), "0123");
	assert_null(json_object_get(object, "referer"));
	json_decref(object);

	record.target = "/\xff\n\"";
	object = json_loads(format(LOG_FORMAT_JSON, &record), 0, NULL);
	assert_non_null(object);
	assert_string_equal(
		json_string_value(json_object_get(object, "target")), "/\\xff\\x0a\\x22");
	json_decref(object);
}

static void
long_fields_are_cut(void **state)
{
	static char quotes[20000], raw[20000];
	struct addr peer;
	struct access_record record = some_record(&peer);
	json_t *object;

	(void)state;
	addr_parse("192.0.2.1", &peer, NULL);
	memset(quotes, '"', sizeof(quotes) - 1);
	record.target = quotes;
	record.user_agent = quotes;
	record.referer = quotes;
	format(LOG_FORMAT_COMBINED, &record);
	memset(raw, 0xff, sizeof(raw) - 1);
	for (size_t i = 0; i < 2; i++) {
		record.target = record.user_agent = record.referer = i ? raw : quotes;
		record.host = record.method = record.target;
		object = json_loads(format(LOG_FORMAT_JSON, &record), 0, NULL);
		assert_non_null(object);
		assert_int_equal(json_integer_value(json_object_get(object, "status")), 200);
		json_decref(object);
	}
}

/* The file's content once it has 'size' bytes; waits for that for up to 10 s. */
static void
await_file(const char *path, const char *expected)
{
	uint64_t until_ns = clock_now_ns() + 60 * NS_PER_S;
	char text[256];
	ssize_t n = -1;

	do {
		int fd = open(path, O_RDONLY);

		n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		if (n == (ssize_t)strlen(expected))
			break;
		usleep(1000);
	} while (clock_now_ns() < until_ns);
	assert_int_equal(n, strlen(expected));
	assert_memory_equal(text, expected, (size_t)n);
}

static void
lines_reach_the_file_and_reopening_begins_a_new_one(void **state)
{
	char folder[] = "/tmp/weir-log-XXXXXX";
	char path[64];
	char old[64];
	struct access_log *log = NULL;
	struct err err;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/access.log", folder);
	snprintf(old, sizeof(old), "%s/access.log.1", folder);
	assert_int_equal(access_log_new(&log, path, &err), 0);
	access_log_add(log, "one\n", 4);
	access_log_add(log, "two\n", 4);
	await_file(path, "one\ntwo\n");

	assert_int_equal(rename(path, old), 0);
	access_log_reopen(log);
	await_file(path, "");
	access_log_add(log, "three\n", 6);
	await_file(path, "three\n");
	await_file(old, "one\ntwo\n");

	access_log_add(log, "last\n", 5);
	access_log_free(log); /* Writes what waits. */
	await_file(path, "three\nlast\n");
	unlink(path);
	unlink(old);
	rmdir(folder);
}

static void
lines_that_cannot_be_written_are_counted(void **state)
{
	struct access_log *log = NULL;
	uint64_t until_ns = clock_now_ns() + 60 * NS_PER_S;
	struct err err;

	(void)state;
	assert_int_equal(access_log_new(&log, "/dev/full", &err), 0);
	access_log_add(log, "x\n", 2);
	while (access_log_n_dropped(log) < 1 && clock_now_ns() < until_ns)
		usleep(1000);
	assert_int_equal(access_log_n_dropped(log), 1);
	access_log_free(log);
}

static void
a_path_that_cannot_be_opened_is_named(void **state)
{
	struct access_log *log = NULL;
	struct err err;

	(void)state;
	assert_true(access_log_new(&log, "/nonexistent/access.log", &err) < 0);
	assert_null(log);
	assert_non_null(strstr(err.text, "/nonexistent/access.log"));
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(the_combined_format_is_as_everyone_knows_it),
		cmocka_unit_test(nothing_a_client_sends_can_forge_a_line),
		cmocka_unit_test(json_lines_are_json_whatever_is_in_them),
		cmocka_unit_test(long_fields_are_cut),
		cmocka_unit_test(lines_reach_the_file_and_reopening_begins_a_new_one),
		cmocka_unit_test(lines_that_cannot_be_written_are_counted),
		cmocka_unit_test(a_path_that_cannot_be_opened_is_named),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
