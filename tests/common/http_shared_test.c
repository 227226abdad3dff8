/* SPDX-License-Identifier: BSD-3-Clause */
/* Responses that are made once and sent many times, from memory and from files; 304. */
#include "tests/common/http_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_BYTES 1000003
#define PART_OFFSET 12345
#define PART_BYTES 54321
#define N_WORKERS 3

static const struct http_header headers[] = {{"Content-Type", "text/x-test"}, {"ETag", "\"e\""}};

static struct fixture fixture;
static struct http_shared *bytes;
static struct http_shared *file;
static struct http_shared *part;
static struct http_shared *empty;
static struct http_shared *shrinking;
static int shrinking_fd;

static char
pattern(size_t i)
{
	return (char)('a' + i % 23);
}

static int
make_fd(size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	char *data = malloc(size);

	assert_true(fd >= 0);
	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = pattern(i);
	assert_int_equal(write(fd, data, size), size);
	free(data);
	return fd;
}

static void
serve(struct http_request *req, void *ctx)
{
	const char *path = http_request_path(req);

	(void)ctx;
	if (strcmp(path, "/bytes") == 0)
		http_respond_shared(req, bytes);
	else if (strcmp(path, "/file") == 0)
		http_respond_shared(req, file);
	else if (strcmp(path, "/part") == 0)
		http_respond_shared(req, part);
	else if (strcmp(path, "/empty") == 0)
		http_respond_shared(req, empty);
	else if (strcmp(path, "/shrinking") == 0)
		http_respond_shared(req, shrinking);
	else if (strcmp(path, "/304") == 0)
		http_respond(req, 304, &headers[1], 1, NULL, 0);
	else if (strcmp(path, "/304/size") == 0)
		http_respond_source(req, 304, &headers[1], 1, 77, NULL, NULL);
	else
		http_respond(req, 204, NULL, 0, NULL, 0);
}

static const struct http_route routes[] = {
	{"GET", "/*", HTTP_BODY_NONE, 0, serve, ""},
	{0},
};

static int
setup(void **state)
{
	int fd = make_fd(FILE_BYTES);

	(void)state;
	bytes = http_shared_bytes(200, headers, 2, "shared", 6);
	part = http_shared_file(206, headers, 2, dup(fd), PART_OFFSET, PART_BYTES);
	file = http_shared_file(200, headers, 2, fd, 0, FILE_BYTES);
	empty = http_shared_file(200, NULL, 0, make_fd(1), 0, 0);
	shrinking_fd = make_fd(FILE_BYTES);
	shrinking = http_shared_file(200, NULL, 0, dup(shrinking_fd), 0, FILE_BYTES);
	assert_true(bytes && part && file && empty && shrinking);
	fixture_start(&fixture, routes, NULL, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fixture_stop(&fixture);
	http_shared_unref(bytes);
	http_shared_unref(part);
	http_shared_unref(file);
	http_shared_unref(empty);
	http_shared_unref(shrinking);
	close(shrinking_fd);
	return 0;
}

static char *
get(const char *method, const char *path, size_t *size)
{
	char request[200];
	int fd = client_connect(&fixture);
	char *response;

	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		method, path);
	client_send(fd, request);
	response = client_read_all(fd, size);
	close(fd);
	return response;
}

static void
assert_part(const char *response, size_t size, size_t offset, size_t expected)
{
	const char *body = strstr(response, "\r\n\r\n") + 4;

	assert_int_equal(size - (size_t)(body - response), expected);
	for (size_t i = 0; i < expected; i++) {
		if (body[i] != pattern(offset + i))
			fail_msg("byte %zu is wrong", i);
	}
}

static void
bytes_are_sent_again_and_again(void **state)
{
	int fd = client_connect(&fixture);

	(void)state;
	for (int i = 0; i < 20; i++) {
		char *response;

		client_send(fd, "GET /bytes HTTP/1.1\r\nHost: a\r\n\r\n");
		response = client_read_response(fd, false);
		assert_non_null(strstr(response, "\r\nETag: \"e\"\r\n"));
		assert_non_null(strstr(response, "\r\nContent-Type: text/x-test\r\n"));
		assert_non_null(strstr(response, "\r\n\r\nshared"));
		free(response);
	}
	close(fd);
}

static void
a_file_is_sent_whole_and_in_part(void **state)
{
	size_t size;
	char *response;

	(void)state;
	for (int i = 0; i < 3; i++) {
		response = get("GET", "/file", &size);
		assert_int_equal(strncmp(response, "HTTP/1.1 200", 12), 0);
		assert_part(response, size, 0, FILE_BYTES);
		free(response);
		response = get("GET", "/part", &size);
		assert_int_equal(strncmp(response, "HTTP/1.1 206", 12), 0);
		assert_part(response, size, PART_OFFSET, PART_BYTES);
		free(response);
	}
}

static void
head_tells_the_size_alone(void **state)
{
	size_t size;
	char *response = get("HEAD", "/file", &size);

	(void)state;
	assert_non_null(strstr(response, "\r\nContent-Length: 1000003\r\n"));
	assert_string_equal(strstr(response, "\r\n\r\n"), "\r\n\r\n");
	free(response);
	response = get("GET", "/empty", &size);
	assert_non_null(strstr(response, "\r\nContent-Length: 0\r\n"));
	free(response);
}

static void
not_modified_says_nothing_of_a_length_it_does_not_know(void **state)
{
	int fd = client_connect(&fixture);

	(void)state;
	for (int i = 0; i < 3; i++) {
		char *response;

		client_send(fd, "GET /304 HTTP/1.1\r\nHost: a\r\n\r\n");
		response = client_read_response(fd, true);
		assert_int_equal(strncmp(response, "HTTP/1.1 304", 12), 0);
		assert_null(strstr(response, "Content-Length"));
		assert_null(strstr(response, "Transfer-Encoding"));
		assert_string_equal(strstr(response, "\r\nETag"), "\r\nETag: \"e\"\r\n\r\n");
		free(response);
		client_send(fd, "GET /304/size HTTP/1.1\r\nHost: a\r\n\r\n");
		response = client_read_response(fd, true);
		assert_non_null(strstr(response, "\r\nContent-Length: 77\r\n\r\n"));
		free(response);
		client_send(fd, "GET /204 HTTP/1.1\r\nHost: a\r\n\r\n");
		response = client_read_response(fd, true);
		assert_int_equal(strncmp(response, "HTTP/1.1 204", 12), 0);
		assert_null(strstr(response, "Content-Length"));
		free(response);
	}
	close(fd);
}

/* A file that became shorter must neither hang the client nor harm those that come later. */
static void
a_file_that_shrinks_cuts_the_connection(void **state)
{
	char *response;
	size_t size;

	(void)state;
	assert_int_equal(ftruncate(shrinking_fd, 1000), 0);
	for (int i = 0; i < 3; i++) {
		response = get("GET", "/shrinking", &size);
		assert_int_equal(strncmp(response, "HTTP/1.1 200", 12), 0);
		assert_non_null(strstr(response, "\r\nContent-Length: 1000003\r\n"));
		assert_true(size < 2000);
		free(response);
	}
	assert_int_equal(ftruncate(shrinking_fd, FILE_BYTES), 0);
	response = get("GET", "/shrinking", &size);
	assert_true(size > FILE_BYTES);
	free(response);
	fixture_await_idle(&fixture);
}

static void
work(void *arg)
{
	struct fixture *worker = arg;

	for (int i = 0; i < 30; i++) {
		char *response = client_exchange(worker,
			i % 2 ? "GET /bytes HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
			      : "GET /part HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

		assert_int_equal(strncmp(response, "HTTP/1.1 20", 11), 0);
		free(response);
	}
}

static void
servers_of_several_threads_share_them(void **state)
{
	struct fixture workers[N_WORKERS];
	uv_thread_t clients[N_WORKERS];

	(void)state;
	for (int i = 0; i < N_WORKERS; i++)
		fixture_start(&workers[i], routes, NULL, NULL);
	for (int i = 0; i < N_WORKERS; i++)
		uv_thread_create(&clients[i], work, &workers[i]);
	for (int i = 0; i < N_WORKERS; i++)
		uv_thread_join(&clients[i]);
	for (int i = 0; i < N_WORKERS; i++)
		fixture_stop(&workers[i]);
}

static void
a_response_outlives_its_last_reference(void **state)
{
	size_t size;
	struct http_shared *kept = file;
	int fd = client_connect_small(&fixture);
	char *response;

	(void)state;
	file = http_shared_file(200, headers, 2, make_fd(FILE_BYTES), 0, FILE_BYTES);
	client_send(fd, "GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_int_equal(recv(fd, (char[1]){0}, 1, MSG_PEEK), 1);
	http_shared_unref(file);
	file = kept;
	response = client_read_all(fd, &size);
	assert_part(response, size, 0, FILE_BYTES);
	free(response);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(bytes_are_sent_again_and_again),
		cmocka_unit_test(a_file_is_sent_whole_and_in_part),
		cmocka_unit_test(head_tells_the_size_alone),
		cmocka_unit_test(not_modified_says_nothing_of_a_length_it_does_not_know),
		cmocka_unit_test(a_file_that_shrinks_cuts_the_connection),
		cmocka_unit_test(servers_of_several_threads_share_them),
		cmocka_unit_test(a_response_outlives_its_last_reference),
	};

	return cmocka_run_group_tests(cases, setup, teardown);
}
