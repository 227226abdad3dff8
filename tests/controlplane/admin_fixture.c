/* SPDX-License-Identifier: BSD-3-Clause */
/* A node with an admin socket; see admin_fixture.h. */
#include "tests/controlplane/admin_fixture.h"

#include "common/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_MS 60000

static const char stats_text[] =
	"{\"generation\": 1, \"flows\": {\"active\": 1234, \"capacity\": 131072},"
	" \"verdicts\": {\"forward\": 123456, \"drop_short\": 0, \"drop_no_service\": 7},"
	" \"flow_events\": {\"new\": 42, \"evicted\": 0},"
	" \"path_events\": {\"fragments_held\": 3, \"icmp_too_big\": 0},"
	" \"services\": [{\"name\": \"http4\", \"packets\": 1500, \"bytes\": 2048, "
	"\"new_flows\": 3, \"drops\": 1}, {\"name\": \"gone\", \"packets\": 9}],"
	" \"backends\": [{\"pool\": \"web4\", \"name\": \"web1\", \"address\": \"10.77.1.21\","
	"   \"packets\": 1000, \"bytes\": 1536, \"new_flows\": 2, \"active_flows\": 17},"
	"  {\"pool\": \"gone\", \"name\": \"web1\", \"packets\": 9}],"
	" \"ports\": [{\"name\": \"front\", \"up\": true, \"rx_packets\": 2000000,"
	"   \"rx_bytes\": 3221225472, \"rx_missed\": 0, \"tx_packets\": 1999, \"tx_bytes\": 100,"
	"   \"tx_errors\": 5, \"host_rx_packets\": 10, \"host_tx_packets\": 11,"
	"   \"host_drops\": 0}],"
	" \"routers\": [{\"name\": \"front4\", \"held\": true}],"
	" \"lists\": [{\"name\": \"bad\", \"file\": null, \"ranges4\": 12, \"ranges6\": 3,"
	"   \"bytes\": 2048}],"
	" \"workers\": [{\"name\": \"0\", \"port\": \"front\", \"queue\": 0, \"socket\": 0,"
	"   \"packets\": 2000000, \"returns_home\": 70, \"steered_in\": 5, \"steered_out\": 6,"
	"   \"steer_drops\": 1}]}";

static const char flows_text[] =
	"{\"total\": 3456, \"flows\": [{\"service\": \"http4\", \"protocol\": \"tcp\","
	" \"client\": \"10.77.1.10:51234\", \"virtual\": \"10.77.1.100:80\", \"pool\": \"web4\","
	" \"backend\": \"web1\", \"address\": \"10.77.1.21\", \"state\": \"established\","
	" \"idle_ms\": 1250}, {\"service\": null, \"protocol\": \"udp\","
	" \"client\": \"[fd77:1::10]:5353\", \"virtual\": \"[fd77:1::100]:53\", \"pool\": null,"
	" \"backend\": null, \"address\": null, \"state\": \"new\", \"idle_ms\": 0}]}";

static json_t *
serve_hello(void *ctx, json_t *params, struct err *err)
{
	(void)ctx;
	(void)params;
	(void)err;
	return json_pack("{s:i, s:s, s:[]}", "version", CONTROL_VERSION, "node", "lb1", "ports");
}

static json_t *
serve_nothing(void *ctx, json_t *params, struct err *err)
{
	(void)ctx;
	(void)params;
	(void)err;
	return json_object();
}

static json_t *
serve_stats(void *ctx, json_t *params, struct err *err)
{
	(void)ctx;
	(void)params;
	(void)err;
	return json_loads(stats_text, 0, NULL);
}

static const char trace_text[] =
	"{\"in_port\": \"front\", \"vip\": {\"address\": \"10.77.1.100\","
	" \"router\": \"front4\", \"held\": true}, \"service\": {\"name\": \"http4\","
	" \"mode\": \"dr\", \"scheduler\": \"maglev\"}, \"flow\": null,"
	" \"choice\": \"scheduler\", \"backend\": {\"pool\": \"web4\", \"name\": \"web1\","
	" \"address\": \"10.77.1.21\"}, \"next_hop\": {\"port\": \"front\","
	" \"mac\": \"02:00:00:00:00:21\"}, \"sent\": {\"protocol\": 6,"
	" \"from\": \"10.77.1.10:4711\", \"to\": \"10.77.1.100:80\", \"bytes\": 54},"
	" \"verdict\": \"forward\", \"meaning\": \"sent to a backend\"}";

/* Traces anything but a question without a protocol. */
static json_t *
serve_trace(void *ctx, json_t *params, struct err *err)
{
	(void)ctx;
	if (json_object_get(params, "protocol"))
		return json_loads(trace_text, 0, NULL);
	err_set(err, -EINVAL, "protocol: is missing");
	return NULL;
}

static json_t *
serve_flows(void *ctx, json_t *params, struct err *err)
{
	struct fixture *fixture = ctx;

	(void)err;
	json_decref(fixture->flows_params);
	fixture->flows_params = json_incref(params);
	return json_loads(flows_text, 0, NULL);
}

static const struct rpc_method dataplane_methods[] = {
	{"hello", serve_hello},
	{"state", serve_nothing},
	{"lease", serve_nothing},
	{"ready", serve_nothing},
	{"stats", serve_stats},
	{"flows", serve_flows},
	{"trace", serve_trace},
	{NULL, NULL},
};

/* The sample, as if it lay in the temporary folder: its sockets are then there too. */
static void
load_model(struct fixture *fixture)
{
	const char *sample = getenv("WEIR_SAMPLE");
	FILE *file = fopen(sample ? sample : "tests/sample.yaml", "r");
	char *text = calloc(1, 1u << 16);
	char path[128];
	size_t size;
	struct err err = {""};

	assert_non_null(file);
	size = fread(text, 1, (1u << 16) - 1, file);
	fclose(file);
	snprintf(path, sizeof(path), "%s/weir.yaml", fixture->folder);
	file = fopen(path, "w");
	assert_int_equal(fwrite(text, 1, size, file), size);
	fclose(file);
	free(text);
	if (config_load(path, &fixture->model, &err) < 0)
		fail_msg("%s", err.text);
	snprintf(path, sizeof(path), "%s/lb1", fixture->folder);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void
on_failover(void *ctx, size_t router)
{
	struct fixture *fixture = ctx;

	assert_true(router < cluster_n_routers(fixture->cluster));
	fixture->n_failovers++;
}

int
set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct cluster_listener listener = {.on_failover = on_failover, .ctx = fixture};
	struct dataplane_client_config config = {.ctx = fixture};
	const struct node *node;
	struct err err = {""};

	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/admin_test.XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	uv_loop_init(&fixture->loop);
	load_model(fixture);
	node = model_node(fixture->model, "lb1");
	assert_int_equal(cluster_new(&fixture->cluster, fixture->model, node, clock_now_ns()), 0);
	cluster_listen(fixture->cluster, &listener);
	config.path = node->lb.control_socket;
	config.cluster = fixture->cluster;
	assert_int_equal(dataplane_client_new(&fixture->client, &fixture->loop, &config, &err), 0);
	if (admin_new(&fixture->admin, &fixture->loop, fixture->cluster, fixture->client, &err) < 0)
		fail_msg("%s", err.text);
	*state = fixture;
	return 0;
}

int
tear_down(void **state)
{
	struct fixture *fixture = *state;
	char path[128];

	admin_free(fixture->admin);
	dataplane_client_free(fixture->client);
	rpc_server_free(fixture->dataplane);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	cluster_free(fixture->cluster);
	model_free(fixture->model);
	json_decref(fixture->flows_params);
	snprintf(path, sizeof(path), "%s/lb1", fixture->folder);
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/weir.yaml", fixture->folder);
	unlink(path);
	assert_int_equal(rmdir(fixture->folder), 0);
	free(fixture);
	return 0;
}

static void
on_timeout(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* As run_until() for a condition that is a function. */
static void
run_while(struct fixture *fixture, bool (*condition)(const void *arg), const void *arg)
{
	uv_timer_t timer;

	fixture->timed_out = false;
	uv_timer_init(&fixture->loop, &timer);
	timer.data = &fixture->timed_out;
	uv_timer_start(&timer, on_timeout, PATIENCE_MS, 0);
	while (condition(arg) && !fixture->timed_out)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&fixture->loop, UV_RUN_NOWAIT);
	assert_false(fixture->timed_out);
}

static bool
is_false(const void *arg)
{
	return !*(const bool *)arg;
}

void
run_until(struct fixture *fixture, const bool *done)
{
	run_while(fixture, is_false, done);
}

static bool
lacks_stats(const void *arg)
{
	const struct fixture *fixture = arg;

	return dataplane_client_stats(fixture->client) == NULL;
}

void
dataplane_start(struct fixture *fixture)
{
	const struct node *node = cluster_node(fixture->cluster);
	struct err err = {""};

	if (rpc_server_new(&fixture->dataplane, &fixture->loop, node->lb.control_socket,
		    dataplane_methods, fixture, &err) < 0)
		fail_msg("%s", err.text);
	run_while(fixture, lacks_stats, fixture);
}
