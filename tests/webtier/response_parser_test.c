/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/response_parser.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What is left of a response after it was read. */
struct reading {
	int rc;
	bool has_head;
	bool is_complete;
	bool keeps_alive;
	unsigned int status;
	int64_t body_size;
	size_t n_fields;
	char first_name[64];
	char first_value[64];
	char body[256];
	size_t body_bytes;
};

/* Reads 'text' in pieces of 'step' bytes, and then the end of the connection if 'closes'. */
static struct reading
read_response(const char *text, size_t size, size_t step, bool is_head, bool closes)
{
	struct response_parser *parser;
	struct reading reading = {0};
	struct byte_queue body;
	const struct response_head *head;
	const char *why = NULL;

	byte_queue_init(&body);
	assert_int_equal(response_parser_new(&parser), 0);
	response_parser_reset(parser, is_head, &body);
	assert_true(response_parser_is_untouched(parser));
	for (size_t at = 0; at < size && reading.rc == 0; at += step)
		reading.rc = response_parser_feed(
			parser, text + at, size - at < step ? size - at : step, &why);
	if (closes && reading.rc == 0)
		reading.rc = response_parser_finish(parser, &why);
	if (reading.rc < 0)
		assert_non_null(why);
	assert_int_equal(response_parser_is_untouched(parser), size == 0);
	head = response_parser_head(parser);
	reading.has_head = head != NULL;
	reading.is_complete = response_parser_is_complete(parser);
	reading.keeps_alive = response_parser_keeps_alive(parser);
	if (head) {
		reading.status = head->status;
		reading.body_size = head->body_size;
		reading.n_fields = head->n_fields;
	}
	if (head && head->n_fields > 0) {
		snprintf(
			reading.first_name, sizeof(reading.first_name), "%s", head->fields[0].name);
		snprintf(reading.first_value, sizeof(reading.first_value), "%s",
			head->fields[0].value);
	}
	reading.body_bytes = byte_queue_size(&body);
	if (reading.body_bytes > 0 && reading.body_bytes < sizeof(reading.body))
		memcpy(reading.body, byte_queue_data(&body), reading.body_bytes);
	response_parser_free(parser);
	byte_queue_fini(&body);
	return reading;
}

static const struct {
	const char *text;
	bool is_head;
	bool closes;
	unsigned int status;
	int64_t body_size;
	const char *body;
	bool keeps_alive;
} good[] = {
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", false, false, 200, 2, "ab", true},
	{"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n", false, false, 200, 0, "", true},
	{"HTTP/1.1 200\r\nContent-Length:2  \r\n\r\nab", false, false, 200, 2, "ab", true},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n",
		false, false, 200, -1, "abc", true},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", false,
		false, 200, -1, "a", false}, /* A trailer. */
	{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", false, false, 200, 1,
		"a", false},
	{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", false, false, 200, 1, "a", false},
	{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", false, false,
		200, 1, "a", true},
	{"HTTP/1.1 200 OK\r\nX: y\r\n\r\nto the end", false, true, 200, -1, "to the end", false},
	{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\n"
	 "Content-Length: 1\r\n\r\na",
		false, false, 404, 1, "a", true},
	{"HTTP/1.1 204 No\r\n\r\n", false, false, 204, -1, "", true},
	{"HTTP/1.1 304 Same\r\nContent-Length: 99\r\n\r\n", false, false, 304, 99, "", true},
	{"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", true, false, 200, 99, "", true},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, false, 200, -1, "", true},
	/* More than was announced: read, and the connection is done for. */
	{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc", false, false, 200, 1, "a", false},
	{"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc", false, false, 204, 3, "", false},
};

static void
responses_read_the_same_in_one_piece_and_byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t size = strlen(good[i].text);

		for (size_t step = 1; step <= size; step++) {
			struct reading reading = read_response(
				good[i].text, size, step, good[i].is_head, good[i].closes);

			if (reading.rc != 0 || !reading.is_complete)
				print_error("%zu by %zu: %s\n", i, step, good[i].text);
			assert_int_equal(reading.rc, 0);
			assert_true(reading.is_complete);
			assert_int_equal(reading.status, good[i].status);
			assert_int_equal(reading.body_size, good[i].body_size);
			assert_string_equal(reading.body, good[i].body);
			assert_int_equal(reading.keeps_alive, good[i].keeps_alive);
		}
	}
}

static void
names_and_values_come_whole_and_trimmed(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nX-One: \t a b \t\r\nX-Two:\r\n"
				   "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n";

	(void)state;
	for (size_t step = 1; step < sizeof(text); step++) {
		struct reading reading = read_response(text, sizeof(text) - 1, step, false, false);

		assert_int_equal(reading.rc, 0);
		assert_int_equal(reading.n_fields, 4);
		assert_string_equal(reading.first_name, "X-One");
		assert_string_equal(reading.first_value, "a b");
		assert_false(reading.is_complete);
	}
}

static const char *const hostile[] = {
	"HTTP/1.1 200 OK\nContent-Length: 2\n\nab",
	"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 2\r\n\r\nab",
	"HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 2\r\n\r\nab",
	"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nab",
	"HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 2\r\n\r\nab",
	"HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\nContent-Length: 2\r\n\r\nab",
	"HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 2\r\n\r\nab",
	"HTTP/1.1 200 OK\r\nA: \x01\r\nContent-Length: 2\r\n\r\nab",
	"HTTP/1.1 200 OK\r\nA: \x7f\r\nContent-Length: 2\r\n\r\nab",
	"HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 2\r\n\r\nab",
	"HTTP/1.1 200 OK\r\nA(x): b\r\nContent-Length: 2\r\n\r\nab",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nab",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
	"0\r\n\r\n",
	"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
	"HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\na",
	"HTTP/1.1 200 OK\r\nContent-Length: 1 2\r\n\r\na",
	"HTTP/1.1 200 OK\r\nContent-Length: 1,1\r\n\r\na",
	"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\na",
	"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\na",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nab\r\n0\r\n\r\n",
	"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 101 Other\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
	"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
	"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	" HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"GET / HTTP/1.1\r\n\r\n",
	"SSH-2.0-OpenSSH_9.2\r\n",
	"<html>",
};

static void
what_another_reader_might_take_differently_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		size_t size = strlen(hostile[i]);

		for (size_t step = 1; step <= size; step += 1 + step / 4) {
			struct reading reading = read_response(hostile[i], size, step, false, true);

			if (reading.rc != -EBADMSG)
				print_error("%zu by %zu: %s\n", i, step, hostile[i]);
			assert_int_equal(reading.rc, -EBADMSG);
			assert_false(reading.is_complete);
			assert_false(reading.keeps_alive);
		}
	}
}

static void
a_nul_in_the_header_is_refused(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n";

	(void)state;
	assert_int_equal(
		read_response(text, sizeof(text) - 1, sizeof(text), false, true).rc, -EBADMSG);
}

static void
every_truncation_is_noticed(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t whole = strlen(good[i].text);

		for (size_t size = 0; size < whole; size++) {
			struct reading reading = read_response(good[i].text, size, 7, false, true);

			assert_int_equal(reading.rc, -EBADMSG);
			assert_false(reading.is_complete);
		}
	}
}

static void
headers_have_bounds(void **state)
{
	static char text[RESPONSE_HEAD_MAX + 4096];
	size_t n = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nA: ");

	(void)state;
	memset(text + n, 'x', RESPONSE_HEAD_MAX);
	assert_int_equal(
		read_response(text, n + RESPONSE_HEAD_MAX, 4096, false, false).rc, -EBADMSG);

	for (size_t n_fields = RESPONSE_FIELDS_MAX - 1; n_fields <= RESPONSE_FIELDS_MAX + 1;
		n_fields++) {
		struct reading reading;

		n = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 204 No\r\n");
		for (size_t i = 0; i < n_fields; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "A: b\r\n");
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\r\n");
		reading = read_response(text, n, 4096, false, false);
		assert_int_equal(reading.rc, n_fields <= RESPONSE_FIELDS_MAX ? 0 : -EBADMSG);
	}

	n = 0;
	for (size_t i = 0; i < 20; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(read_response(text, n, 4096, false, false).rc, -EBADMSG);
}

static void
a_parser_forgets_the_response_before(void **state)
{
	static const char first[] = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n"
				    "\r\nabcd";
	static const char second[] = "HTTP/1.1 201 OK\r\nX: y\r\nContent-Length: 1\r\n\r\nz";
	struct response_parser *parser;
	struct byte_queue body;
	const char *why;

	(void)state;
	byte_queue_init(&body);
	assert_int_equal(response_parser_new(&parser), 0);
	response_parser_reset(parser, false, &body);
	assert_int_equal(response_parser_feed(parser, first, sizeof(first) - 1, &why), 0);
	assert_false(response_parser_keeps_alive(parser));
	byte_queue_clear(&body);
	response_parser_reset(parser, false, &body);
	assert_null(response_parser_head(parser));
	assert_int_equal(response_parser_feed(parser, second, sizeof(second) - 1, &why), 0);
	assert_true(response_parser_keeps_alive(parser));
	assert_int_equal(response_parser_head(parser)->status, 201);
	assert_string_equal(response_parser_head(parser)->fields[0].name, "X");
	assert_int_equal(byte_queue_size(&body), 1);
	response_parser_free(parser);
	byte_queue_fini(&body);
}

/* Damaged responses may be refused or read, but never out of bounds (the sanitizers watch). */
static void
damaged_bytes_do_no_harm(void **state)
{
	uint32_t seed = 12345;
	char text[256];

	(void)state;
	for (size_t round = 0; round < 20000; round++) {
		size_t i = round % (sizeof(good) / sizeof(good[0]));
		size_t size = strlen(good[i].text);

		memcpy(text, good[i].text, size);
		for (size_t n = 0; n <= round % 3; n++) {
			seed = seed * 1664525u + 1013904223u;
			text[(seed >> 8) % size] = (char)(seed >> 24);
		}
		read_response(text, size, 1 + seed % size, good[i].is_head, true);
	}
}

static void
a_change_of_protocol_is_the_end_of_http_if_it_was_asked_for(void **state)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n"
				   "HTTP/1.1 101 Other\r\nUpgrade: x\r\n"
				   "Content-Length: 1\r\n\r\nab\r\n\0c";
	struct response_parser *parser;
	struct byte_queue body;
	const char *why = NULL;

	(void)state;
	assert_int_equal(response_parser_new(&parser), 0);
	byte_queue_init(&body);
	for (size_t step = 1; step <= sizeof(text); step++) {
		response_parser_reset(parser, false, &body);
		response_parser_allow_upgrade(parser);
		for (size_t at = 0; at < sizeof(text) && !response_parser_is_complete(parser);
			at += step)
			assert_int_equal(
				response_parser_feed(parser, text + at,
					step < sizeof(text) - at ? step : sizeof(text) - at, &why),
				0);
		assert_int_equal(response_parser_head(parser)->status, 101);
		assert_int_equal(response_parser_head(parser)->n_fields, 2);
		assert_false(response_parser_keeps_alive(parser));
		assert_memory_equal(byte_queue_data(&body), "ab\r\n\0c", byte_queue_size(&body));
		if (step == sizeof(text))
			assert_int_equal(byte_queue_size(&body), 7);
		byte_queue_clear(&body);
	}
	response_parser_reset(parser, false, &body); /* Asked for once is not for ever. */
	assert_int_equal(response_parser_feed(parser, text, sizeof(text), &why), -EBADMSG);
	response_parser_free(parser);
	byte_queue_fini(&body);
}

static void
fields_behind_a_body_are_kept_and_looked_at(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
				   "1\r\nx\r\n0\r\n";
	static const char *const bad[] = {"a b: c\r\n\r\n", "a: \x01\r\n\r\n", "(: c\r\n\r\n"};
	struct response_parser *parser;
	const struct response_field *trailers;
	struct byte_queue body;
	const char *why = NULL;
	size_t n;

	(void)state;
	assert_int_equal(response_parser_new(&parser), 0);
	byte_queue_init(&body);
	for (int i = 0; i < 2; i++) { /* The second time as the first. */
		response_parser_reset(parser, false, &body);
		assert_int_equal(response_parser_feed(parser, head, strlen(head), &why), 0);
		response_parser_trailers(parser, &n);
		assert_int_equal(n, 0);
		assert_int_equal(
			response_parser_feed(parser, "c: d  \r\nee: \r\n\r\n", 17, &why), 0);
		assert_true(response_parser_is_complete(parser));
		trailers = response_parser_trailers(parser, &n);
		assert_int_equal(n, 2);
		assert_string_equal(trailers[0].name, "c");
		assert_string_equal(trailers[0].value, "d");
		assert_string_equal(trailers[1].name, "ee");
		assert_string_equal(trailers[1].value, "");
		assert_int_equal(response_parser_head(parser)->n_fields, 2);
		assert_string_equal(response_parser_head(parser)->fields[0].value, "b");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		response_parser_reset(parser, false, &body);
		assert_int_equal(response_parser_feed(parser, head, strlen(head), &why), 0);
		assert_int_equal(
			response_parser_feed(parser, bad[i], strlen(bad[i]), &why), -EBADMSG);
	}
	response_parser_free(parser);
	byte_queue_fini(&body);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(responses_read_the_same_in_one_piece_and_byte_by_byte),
		cmocka_unit_test(names_and_values_come_whole_and_trimmed),
		cmocka_unit_test(what_another_reader_might_take_differently_is_refused),
		cmocka_unit_test(a_nul_in_the_header_is_refused),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(headers_have_bounds),
		cmocka_unit_test(a_parser_forgets_the_response_before),
		cmocka_unit_test(damaged_bytes_do_no_harm),
		cmocka_unit_test(fields_behind_a_body_are_kept_and_looked_at),
		cmocka_unit_test(a_change_of_protocol_is_the_end_of_http_if_it_was_asked_for),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
