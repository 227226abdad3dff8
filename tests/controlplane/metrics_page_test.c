/* SPDX-License-Identifier: BSD-3-Clause */
/* The metrics page: what it says, and that it says it over HTTP. */
#include "controlplane/metrics_page.h"

#include "common/clock.h"
#include "common/http_client.h"
#include "tests/controlplane/admin_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
expect_line(const char *text, const char *line)
{
	char whole[256];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(text, whole))
		fail_msg("the page lacks '%s':\n%s", line, text);
}

static void
the_page_tells_all_that_the_monitor_reads(void **state)
{
	static const char *const lines[] = {
		"weir_dataplane_up 1",
		"weir_ready 0",
		"weir_vrrp_state{router=\"front4\"} 2",
		"weir_vrrp_state{router=\"front6\"} 0",
		"weir_vrrp_transitions_total{router=\"front4\"} 1",
		"weir_vip_held{router=\"front4\",address=\"10.77.1.100\"} 1",
		"weir_vip_held{router=\"front6\",address=\"fd77:1::100\"} 0",
		"weir_backend_up{pool=\"web4\",backend=\"web1\"} 1",
		"weir_backend_up{pool=\"web4\",backend=\"web2\"} 0",
		"weir_backend_weight{pool=\"web4\",backend=\"web1\"} 100",
		"weir_backend_weight{pool=\"web4\",backend=\"web2\"} 0",
		"weir_backend_drained{pool=\"web4\",backend=\"web2\"} 1",
		"weir_backend_changes_total{pool=\"web4\",backend=\"web1\"} 0",
		"weir_service_packets_total{service=\"http4\"} 1500",
		"weir_service_bytes_total{service=\"http4\"} 2048",
		"weir_service_new_flows_total{service=\"http4\"} 3",
		"weir_service_drops_total{service=\"http4\"} 1",
		"weir_backend_packets_total{pool=\"web4\",backend=\"web1\"} 1000",
		"weir_backend_flows{pool=\"web4\",backend=\"web1\"} 17",
		"weir_flows 1234",
		"weir_flows_max 131072",
		"weir_verdict_packets_total{verdict=\"forward\"} 123456",
		"weir_verdict_packets_total{verdict=\"drop_short\"} 0",
		"weir_flow_events_total{event=\"new\"} 42",
		"weir_path_events_total{event=\"fragments_held\"} 3",
		"weir_port_rx_packets_total{port=\"front\"} 2000000",
		"weir_port_tx_errors_total{port=\"front\"} 5",
		"weir_port_host_tx_packets_total{port=\"front\"} 11",
		"weir_source_list_ipv4_ranges{list=\"bad\"} 12",
		"weir_source_list_ipv6_ranges{list=\"bad\"} 3",
		"weir_source_list_bytes{list=\"bad\"} 2048",
		"weir_worker_returns_home_total{worker=\"0\",port=\"front\"} 70",
		"weir_worker_steer_drops_total{worker=\"0\",port=\"front\"} 1",
		"weir_service_info{service=\"http4\",address=\"10.77.1.100\",port=\"80\","
		"protocol=\"tcp\",mode=\"dr\",scheduler=\"maglev\",pool=\"web4\","
		"router=\"front4\"} 1",
		"weir_backend_info{pool=\"web4\",backend=\"web1\",address=\"10.77.1.21\","
		"state=\"up\"} 1",
		"weir_port_up{port=\"front\"} 1",
	};
	struct fixture *fixture = *state;
	struct metrics metrics;

	dataplane_start(fixture);
	cluster_router_set_state(fixture->cluster, 0, VRRP_MASTER, "", clock_now_ns());
	cluster_backend_set_health(fixture->cluster, 0, 0, HEALTH_UP, "", clock_now_ns());
	cluster_backend_set_health(fixture->cluster, 0, 1, HEALTH_DOWN, "", clock_now_ns());
	cluster_backend_set_drained(fixture->cluster, 0, 1, true, 0);
	metrics_init(&metrics);
	metrics_page_write(&metrics, fixture->cluster, dataplane_client_stats(fixture->client));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		expect_line(metrics.text, lines[i]);
	assert_non_null(strstr(metrics.text, "weir_node_info{node=\"lb1\",role=\"lb\""));
	metrics_fini(&metrics);
}

static void
without_a_dataplane_its_counters_are_missing(void **state)
{
	struct fixture *fixture = *state;
	struct metrics metrics;

	metrics_init(&metrics);
	metrics_page_write(&metrics, fixture->cluster, NULL);
	expect_line(metrics.text, "weir_dataplane_up 0");
	expect_line(metrics.text, "weir_backend_up{pool=\"web4\",backend=\"web1\"} 0");
	assert_null(strstr(metrics.text, "weir_flows"));
	assert_null(strstr(metrics.text, "weir_service_packets_total"));
	metrics_fini(&metrics);
}

/* A port of 127.0.0.1 that nobody uses. */
static uint16_t
free_port(void)
{
	struct endpoint endpoint = {.port = 0};
	struct sockaddr_storage ss;
	socklen_t size;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	addr_parse("127.0.0.1", &endpoint.addr, NULL);
	size = endpoint_to_sockaddr(&endpoint, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &size), 0);
	endpoint_from_sockaddr((struct sockaddr *)&ss, &endpoint);
	close(fd);
	return endpoint.port;
}

struct fetched {
	bool done;
	unsigned int status;
	char *body;
};

static void
on_answer(void *ctx, const struct http_answer *answer)
{
	struct fetched *fetched = ctx;

	if (answer->error)
		fail_msg("%s", answer->error);
	fetched->status = answer->status;
	fetched->body = strdup(answer->body);
	fetched->done = true;
}

static void
the_page_is_served_on_the_nodes_metrics_address(void **state)
{
	struct fixture *fixture = *state;
	struct fetched fetched = {.done = false};
	struct http_client *client;
	struct metrics_page *page;
	struct err err = {""};
	char url[64];
	struct http_query query = {.url = url, .timeout_ms = 20000, .body_max = 1u << 20};

	/* lb1 is the first node; the sample's address is not one of this machine. */
	assert_ptr_equal(cluster_node(fixture->cluster), &fixture->model->nodes[0]);
	snprintf(url, sizeof(url), "127.0.0.1:%u", free_port());
	endpoint_parse(url, &fixture->model->nodes[0].metrics, NULL);
	if (metrics_page_new(&page, &fixture->loop, fixture->cluster, fixture->client, &err) < 0)
		fail_msg("%s", err.text);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/metrics",
		fixture->model->nodes[0].metrics.port);
	assert_int_equal(http_client_new(&client, &fixture->loop, &err), 0);
	assert_non_null(http_client_get(client, &query, on_answer, &fetched));
	run_until(fixture, &fetched.done);
	assert_int_equal(fetched.status, 200);
	expect_line(fetched.body, "weir_vrrp_state{router=\"front4\"} 0");
	free(fetched.body);
	http_client_free(client);
	metrics_page_free(page);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(the_page_tells_all_that_the_monitor_reads),
		CASE(without_a_dataplane_its_counters_are_missing),
		CASE(the_page_is_served_on_the_nodes_metrics_address),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
