/* SPDX-License-Identifier: BSD-3-Clause */
/* Bodies that do not fit into memory, in both directions. */
#include "tests/common/http_streams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static uint64_t
resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long size;
	unsigned long resident;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
	fclose(file);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Sends 'size' bytes, or as many as the server takes before it stops reading. */
static uint64_t
send_body(int fd, uint64_t size, bool until_full)
{
	static const char block[65536];
	const struct timeval brief = {.tv_usec = 300000};
	uint64_t total = 0;

	if (until_full)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof(brief));
	while (total < size) {
		uint64_t left = size - total;
		ssize_t n = send(fd, block, left < sizeof(block) ? (size_t)left : sizeof(block),
			MSG_NOSIGNAL);

		if (n < 0)
			break;
		total += (uint64_t)n;
	}
	return total;
}

static void
a_large_upload_passes_through_little_memory(void **state)
{
	uint64_t before = resident_bytes();
	int fd = client_connect(&streams.fixture);
	char header[200];
	char expected[64];
	char *response;

	(void)state;
	snprintf(header, sizeof(header),
		"POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: "
		"%lu\r\n\r\n",
		(unsigned long)BIG_BYTES);
	client_send(fd, header);
	assert_int_equal(send_body(fd, BIG_BYTES, false), BIG_BYTES);
	response = client_read_all(fd, NULL);
	snprintf(expected, sizeof(expected), "\r\n\r\n%lu", (unsigned long)BIG_BYTES);
	assert_non_null(strstr(response, expected));
	assert_true(resident_bytes() < before + SOCKET_BYTES / 2);
	free(response);
	close(fd);
}

static void
a_stalled_sink_stops_the_client(void **state)
{
	int fd = client_connect(&streams.fixture);
	uint64_t sent;
	char *response;
	char header[200];
	const struct timeval limit = {.tv_sec = 60};

	(void)state;
	streams.moved = 0;
	snprintf(header, sizeof(header),
		"POST /stall HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: "
		"%lu\r\n\r\n",
		(unsigned long)BIG_BYTES);
	client_send(fd, header);
	sent = send_body(fd, BIG_BYTES, true);
	assert_true(sent < SOCKET_BYTES);
	assert_int_equal(streams.moved, 0);
	streams_release();
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	assert_int_equal(send_body(fd, BIG_BYTES - sent, false), BIG_BYTES - sent);
	response = client_read_all(fd, NULL);
	assert_int_equal(strncmp(response, "HTTP/1.1 200", 12), 0);
	assert_int_equal(streams.moved, BIG_BYTES);
	free(response);
	close(fd);
}

static void
a_chunked_upload_is_streamed(void **state)
{
	int fd = client_connect(&streams.fixture);
	char *response;

	(void)state;
	client_send(fd, "POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
			"Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 50; i++) {
		client_send(fd, "10000\r\n");
		assert_int_equal(send_body(fd, 65536, false), 65536);
		client_send(fd, "\r\n");
	}
	client_send(fd, "0\r\n\r\n");
	response = client_read_all(fd, NULL);
	assert_non_null(strstr(response, "\r\n\r\n3276800"));
	free(response);
	close(fd);
}

static void
a_streamed_route_takes_requests_without_body(void **state)
{
	char *response = client_exchange(&streams.fixture,
		"GET /stall HTTP/1.1\r\nHost: a\r\n\r\n"
		"POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

	(void)state;
	assert_non_null(strstr(response, "\r\n\r\n0HTTP/1.1 200"));
	free(response);
}

static void
an_answer_during_the_body_is_heard_after_it(void **state)
{
	int fd = client_connect(&streams.fixture);
	char *response;

	(void)state;
	client_send(fd, "POST /refused HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
			"Content-Length: 500000\r\n\r\n");
	assert_int_equal(send_body(fd, 500000, false), 500000);
	response = client_read_all(fd, NULL);
	assert_int_equal(strncmp(response, "HTTP/1.1 403", 12), 0);
	free(response);
	close(fd);
}

static void
assert_pattern(const char *body, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++) {
		if (body[i] != (char)('a' + i % 26))
			fail_msg("byte %lu is %d", (unsigned long)i, body[i]);
	}
}

static void
a_source_of_unknown_size_is_chunked(void **state)
{
	static const uint64_t sizes[] = {0, 1, 9999, 100000, 3000000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char request[200];
		char *response;
		char *body;

		snprintf(request, sizeof(request),
			"GET /download?size=%lu HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			(unsigned long)sizes[i]);
		response = client_exchange(&streams.fixture, request);
		assert_non_null(strstr(response, "\r\nTransfer-Encoding: chunked\r\n"));
		body = strstr(response, "\r\n\r\n") + 4;
		assert_int_equal(client_dechunk(body), sizes[i]);
		assert_pattern(body, sizes[i]);
		assert_int_equal(streams.last_sent, sizes[i]);
		free(response);
	}
}

static void
a_source_of_known_size_has_a_length(void **state)
{
	char *response = client_exchange(&streams.fixture,
		"GET /download?size=200000&known HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	char *body = strstr(response, "\r\n\r\n") + 4;

	(void)state;
	assert_non_null(strstr(response, "\r\nContent-Length: 200000\r\n"));
	assert_int_equal(strlen(body), 200000);
	assert_pattern(body, 200000);
	free(response);
}

static void
head_of_a_source_reads_nothing(void **state)
{
	char *response;

	(void)state;
	streams.moved = 0;
	response = client_exchange(&streams.fixture,
		"HEAD /download?size=2000&known HTTP/1.1\r\nHost: a\r\n"
		"Connection: close\r\n\r\n");
	assert_non_null(strstr(response, "\r\nContent-Length: 2000\r\n\r\n"));
	assert_string_equal(strstr(response, "\r\n\r\n"), "\r\n\r\n");
	assert_int_equal(streams.moved, 0);
	free(response);
}

static void
an_old_client_gets_the_body_until_the_end_of_the_connection(void **state)
{
	char *response;
	char *body;

	(void)state;
	fixture_await_idle(&streams.fixture);
	response = client_exchange(&streams.fixture, "GET /download?size=100000 HTTP/1.0\r\n\r\n");
	body = strstr(response, "\r\n\r\n") + 4;
	assert_null(strstr(response, "chunked"));
	assert_int_equal(strlen(body), 100000);
	assert_pattern(body, 100000);
	free(response);
	fixture_await_idle(&streams.fixture);
}

static void
a_slow_reader_stops_the_source(void **state)
{
	uint64_t before = resident_bytes();
	int fd = client_connect_small(&streams.fixture);
	unsigned long long seen = 0;
	char block[65536];
	uint64_t total = 0;
	char request[200];
	ssize_t n;

	(void)state;
	streams.moved = 0;
	snprintf(request, sizeof(request),
		"GET /download?size=%lu&known HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		(unsigned long)BIG_BYTES);
	client_send(fd, request);
	do {
		seen = streams.moved;
		usleep(100000);
	} while (seen == 0 || streams.moved != seen);
	assert_true(seen < SOCKET_BYTES);
	assert_true(resident_bytes() < before + SOCKET_BYTES / 2);
	while ((n = recv(fd, block, sizeof(block), 0)) > 0)
		total += (uint64_t)n;
	assert_true(total > BIG_BYTES);
	assert_int_equal(streams.moved, BIG_BYTES);
	close(fd);
	streams_await_done();
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_large_upload_passes_through_little_memory),
		cmocka_unit_test(a_stalled_sink_stops_the_client),
		cmocka_unit_test(a_chunked_upload_is_streamed),
		cmocka_unit_test(a_streamed_route_takes_requests_without_body),
		cmocka_unit_test(an_answer_during_the_body_is_heard_after_it),
		cmocka_unit_test(a_source_of_unknown_size_is_chunked),
		cmocka_unit_test(a_source_of_known_size_has_a_length),
		cmocka_unit_test(head_of_a_source_reads_nothing),
		cmocka_unit_test(an_old_client_gets_the_body_until_the_end_of_the_connection),
		cmocka_unit_test(a_slow_reader_stops_the_source),
	};

	return cmocka_run_group_tests(cases, streams_start, streams_stop);
}
