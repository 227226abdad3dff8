/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/tier.h"

#include "tests/webtier/stand.h"
#include "webtier/metrics_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void
the_log_is_named_after_the_node(void **state)
{
	char *path = tier_log_path("/var/log/access-%n.log", "web1");

	(void)state;
	assert_string_equal(path, "/var/log/access-web1.log");
	free(path);
	path = tier_log_path("/var/log/access.log", "web1");
	assert_string_equal(path, "/var/log/access.log");
	free(path);
}

static void
leaving_gives_the_slowest_check_time_to_notice(void **state)
{
	struct check quick = {.type = CHECK_HTTP, .interval_ms = 100, .timeout_ms = 100, .fall = 1};
	struct check slow = {.type = CHECK_HTTP, .interval_ms = 200, .timeout_ms = 400, .fall = 2};
	struct pool pools[] = {{.check = &quick}, {.check = &slow}, {.check = NULL}};
	struct model model = {.web.limits.drain_timeout_ms = 5000};

	(void)state;
	assert_int_equal(tier_notice_ms(&model), 0);
	model.pools = pools;
	model.n_pools = 3;
	assert_int_equal(tier_notice_ms(&model), 1000);
	model.web.limits.drain_timeout_ms = 1000;
	assert_int_equal(tier_notice_ms(&model), 500);
}

static void
metrics_are_the_sum_of_what_happened(void **state)
{
	struct stand stand;
	struct metrics metrics;
	struct metrics_source source = {.node = "web1"};
	char *answer;
	int client;

	(void)state;
	stand_start(&stand, NULL);
	atomic_store(&stand.upstreams.nodes[0].state, UPSTREAM_UP);
	atomic_store(&stand.upstreams.nodes[1].state, UPSTREAM_DOWN);
	source.workers = &stand.worker;
	source.n_workers = 1;
	source.upstreams = &stand.upstreams;
	source.is_draining = &stand.is_draining;

	client = stand_connect(&stand);
	answer = ask(client, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
	free(answer);
	answer = ask(client, "GET /none HTTP/1.1\r\nHost: x\r\n\r\n");
	free(answer);
	say(client, "GET /api/ HTTP/1.1\r\nHost: x\r\n\r\n");
	stand_close_app(&stand, 1);
	close(stand_accept(&stand, NULL)); /* Twice: it is idempotent. */
	close(stand_accept(&stand, NULL));
	free(hear_head(client));

	metrics_init(&metrics);
	metrics_page_fill(&source, &metrics);
	assert_has(metrics.text, "\nweir_node_info{node=\"web1\",role=\"web\"");
	assert_has(metrics.text, "\nweir_draining 0\n");
	assert_has(metrics.text, "\nweir_http_connections 1\n");
	assert_has(metrics.text, "\nweir_http_requests_total{code=\"2xx\"} 1\n");
	assert_has(metrics.text, "\nweir_http_requests_total{code=\"4xx\"} 1\n");
	assert_has(metrics.text, "\nweir_upstream_up{upstream=\"app1\"} 1\n");
	assert_has(metrics.text, "\nweir_upstream_up{upstream=\"app2\"} 0\n");
	assert_has(metrics.text, "\nweir_upstream_requests_total{upstream=\"app1\"} 2\n");
	assert_has(metrics.text, "\nweir_upstream_failures_total{upstream=\"app1\"} 2\n");
	assert_has(metrics.text, "\nweir_upstream_retries_total 1\n");
	assert_has(metrics.text, "\nweir_tls_handshakes_total{resumed=\"0\"} 0\n");
	metrics_fini(&metrics);
	close(client);
	stand_stop(&stand);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(the_log_is_named_after_the_node),
		cmocka_unit_test(leaving_gives_the_slowest_check_time_to_notice),
		cmocka_unit_test(metrics_are_the_sum_of_what_happened),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
