/* SPDX-License-Identifier: BSD-3-Clause */
#include "common/http/metrics_http.h"
#include "common/process_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static double
value_of(const char *text, const char *name)
{
	const char *at = text;

	while ((at = strstr(at, name)) != NULL) {
		if (at > text && at[-1] == '\n' && at[strlen(name)] == ' ')
			return strtod(at + strlen(name), NULL);
		at++;
	}
	fail_msg("no sample of %s", name);
	return 0;
}

static void
the_process_tells_what_it_uses(void **state)
{
	struct metrics metrics;
	double start;

	(void)state;
	metrics_init(&metrics);
	process_metrics(&metrics, "web1", "web");
	assert_non_null(
		strstr(metrics.text, "\nweir_node_info{node=\"web1\",role=\"web\",version="));
	start = value_of(metrics.text, "weir_start_time_seconds");
	assert_true(start > (double)time(NULL) - 3600);
	assert_true(start < (double)time(NULL) + 2);
	assert_true(value_of(metrics.text, "process_cpu_seconds_total") >= 0);
	assert_true(value_of(metrics.text, "process_resident_memory_bytes") > 100000);
	assert_true(value_of(metrics.text, "process_open_fds") >= 3);
	metrics_fini(&metrics);
}

static void
fill(void *ctx, struct metrics *metrics)
{
	metrics_family(metrics, "answers_total", METRIC_COUNTER, "Answers.");
	metrics_value(metrics, ++*(int *)ctx, NULL);
}

static void
metrics_are_served(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
	struct metrics_server *server;
	struct sockaddr_storage address;
	struct endpoint endpoint;
	struct err err = {""};
	char response[4096] = "";
	uv_loop_t loop;
	socklen_t size;
	int n = 0;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(endpoint_parse("127.0.0.1:1", &endpoint, &err), 0);
	endpoint.port = 0;
	uv_loop_init(&loop);
	assert_int_equal(metrics_server_new(&server, &loop, &endpoint, fill, &n, &err), 0);
	metrics_server_endpoint(server, &endpoint);
	size = endpoint_to_sockaddr(&endpoint, &address);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	for (int i = 0; i < 20; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_true(recv(fd, response, sizeof(response) - 1, 0) > 0);
	assert_non_null(strstr(response, "\r\nContent-Type: " METRICS_CONTENT_TYPE "\r\n"));
	assert_non_null(strstr(response, "\nanswers_total 1\n"));
	close(fd);
	metrics_server_free(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(the_process_tells_what_it_uses),
		cmocka_unit_test(metrics_are_served),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
