/* SPDX-License-Identifier: BSD-3-Clause */
/* What people see for given answers, letter by letter. */
#include "controlplane/weirctl_print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
expect(void (*print)(json_t *answer, FILE *file), const char *answer, const char *expected)
{
	json_t *json = json_loads(answer, 0, NULL);
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(json);
	print(json, file);
	fclose(file);
	assert_string_equal(text, expected);
	free(text);
	json_decref(json);
}

static void
status_of_a_ready_node(void **state)
{
	(void)state;
	expect(print_status,
		"{\"node\": \"lb1\", \"cluster\": \"lab\", \"ready\": true, \"waiting\": null,"
		" \"dataplane\": {\"up\": true, \"accepted\": true, \"ready\": true,"
		"   \"generation\": 7, \"since_s\": 185.0, \"problem\": null},"
		" \"routers\": [{\"name\": \"front4\", \"vrid\": 51, \"state\": \"master\","
		"   \"priority\": 200, \"addresses\": [\"10.77.1.100\", \"10.77.1.101\"],"
		"   \"since_s\": 180.5, \"master_address\": \"10.77.1.11\", \"master_priority\": "
		"200,"
		"   \"reason\": \"no master\"},"
		"  {\"name\": \"front6\", \"vrid\": 61, \"state\": \"backup\", \"priority\": 100,"
		"   \"addresses\": [\"fd77:1::100\"], \"since_s\": 0.25,"
		"   \"master_address\": \"fe80::2\", \"master_priority\": 200, \"reason\": null}]}",
		"node lb1 of cluster lab: ready\n"
		"dataplane: connected for 3m05s, configuration 7\n"
		"\n"
		"ROUTER  VRID  STATE     FOR  PRIORITY  ADDRESSES                MASTER     "
		"REASON\n"
		"front4    51  master  3m00s       200  10.77.1.100,10.77.1.101  this node  no "
		"master\n"
		"front6    61  backup  0.25s       100  fd77:1::100              fe80::2    -\n");
}

static void
status_of_a_node_that_waits(void **state)
{
	(void)state;
	expect(print_status,
		"{\"node\": \"lb1\", \"cluster\": \"lab\", \"ready\": false,"
		" \"waiting\": \"the dataplane is not connected\","
		" \"dataplane\": {\"up\": false, \"since_s\": 2.5, \"problem\": \"cannot "
		"connect\"},"
		" \"routers\": []}",
		"node lb1 of cluster lab: not ready: the dataplane is not connected\n"
		"dataplane: not connected for 2.50s: cannot connect\n"
		"\n"
		"This node is a member of no virtual router.\n");
	expect(print_status,
		"{\"node\": \"lb1\", \"cluster\": \"lab\", \"ready\": false, \"waiting\": \"x\","
		" \"dataplane\": {\"up\": true, \"accepted\": true, \"ready\": false,"
		"   \"generation\": 1, \"since_s\": 1.0, \"problem\": \"next hop of web1\"},"
		" \"routers\": []}",
		"node lb1 of cluster lab: not ready: x\n"
		"dataplane: connected for 1.00s, configuration 1, not ready: next hop of web1\n"
		"\n"
		"This node is a member of no virtual router.\n");
}

static void
services_with_and_without_counters(void **state)
{
	(void)state;
	expect(print_services,
		"[{\"name\": \"http4\", \"address\": \"10.77.1.100\", \"port\": 80,"
		"  \"protocol\": \"tcp\", \"mode\": \"dr\", \"scheduler\": \"maglev\","
		"  \"pool\": \"web4\", \"router_state\": \"master\", \"backends\": 2,"
		"  \"backends_up\": 1, \"packets\": 1234567, \"bytes\": 1610612736,"
		"  \"new_flows\": 12},"
		" {\"name\": \"dns6\", \"address\": \"fd77:1::100\", \"port\": 0,"
		"  \"protocol\": \"udp\", \"mode\": \"dr\", \"scheduler\": \"maglev\","
		"  \"persistence\": {\"timeout_s\": 300, \"prefix\": 64},"
		"  \"pool\": \"dns\", \"router_state\": \"backup\", \"backends\": 10,"
		"  \"backends_up\": 10}]",
		"SERVICE  PROTO  ADDRESS            HELD  MODE  SCHEDULER          POOL     UP  "
		"NEW FLOWS  PACKETS     BYTES\n"
		"http4    tcp    10.77.1.100:80     yes   dr    maglev             web4    1/2  "
		"       12    1.23M  1.50 GiB\n"
		"dns6     udp    [fd77:1::100]:any  no    dr    maglev, /64 300 s  dns   10/10  "
		"        -        -         -\n");
	expect(print_services,
		"[{\"name\": \"far\", \"address\": \"10.77.1.100\", \"port\": 80,"
		"  \"protocol\": \"tcp\", \"mode\": \"tunnel\", \"scheduler\": \"maglev\","
		"  \"tunnel\": {\"type\": \"ipip\", \"source4\": \"10.77.1.11\"}, \"mss\": 1400,"
		"  \"pool\": \"web4\", \"router_state\": \"master\", \"backends\": 2,"
		"  \"backends_up\": 1}]",
		"SERVICE  PROTO  ADDRESS         HELD  MODE         SCHEDULER  POOL   UP  NEW "
		"FLOWS "
		" PACKETS  BYTES\n"
		"far      tcp    10.77.1.100:80  yes   tunnel ipip  maglev     web4  1/2          "
		"- "
		"       -      -\n");
	expect(print_services, "[]", "There are no services.\n");
}

static void
backends_with_their_last_check(void **state)
{
	(void)state;
	expect(print_backends,
		"[{\"pool\": \"web4\", \"backend\": \"web1\", \"address\": \"10.77.1.21\","
		"  \"state\": \"up\", \"weight\": 100, \"reason\": \"status 200\","
		"  \"since_s\": 3700.0, \"changes\": 0, \"packets\": 10, \"bytes\": 1000,"
		"  \"new_flows\": 1, \"active_flows\": 7},"
		" {\"pool\": \"web4\", \"backend\": \"web2\", \"address\": \"10.77.1.22\","
		"  \"state\": \"down\", \"drained\": true, \"weight\": 0,"
		"  \"reason\": \"Connection refused\","
		"  \"since_s\": 12.0, \"changes\": 3}]",
		"POOL  BACKEND  ADDRESS     STATE            FOR  WEIGHT  CHANGES  FLOWS  NEW "
		"FLOWS  "
		"PACKETS   BYTES  LAST CHECK\n"
		"web4  web1     10.77.1.21  up             1h01m     100        0      7          "
		"1  "
		"     10  1000 B  status 200\n"
		"web4  web2     10.77.1.22  down, drained    12s       0        3      -          "
		"-  "
		"      -       -  Connection refused\n");
}

static void
flows_and_how_many_there_are(void **state)
{
	static const char row[] =
		"{\"service\": \"http4\", \"protocol\": \"tcp\","
		" \"client\": \"10.77.1.10:51234\", \"virtual\": \"10.77.1.100:80\","
		" \"backend\": \"web1\", \"address\": \"10.77.1.21\","
		" \"state\": \"established\", \"idle_ms\": 1250}";
	char answer[512];

	(void)state;
	snprintf(answer, sizeof(answer), "{\"total\": 12, \"flows\": [%s]}", row);
	expect(print_flows, answer,
		"SERVICE  PROTO  CLIENT            VIRTUAL         BACKEND  ADDRESS     STATE      "
		" "
		"  IDLE\n"
		"http4    tcp    10.77.1.10:51234  10.77.1.100:80  web1     10.77.1.21  "
		"established "
		" 1.25s\n"
		"1 of 12 flows; --limit N shows more.\n");
	expect(print_flows, "{\"total\": 0, \"flows\": []}", "There are no such flows.\n");
}

static void
stats_leave_out_what_did_not_happen(void **state)
{
	(void)state;
	expect(print_stats,
		"{\"flows\": {\"active\": 1234, \"capacity\": 131072},"
		" \"verdicts\": {\"forward\": 123456, \"drop_short\": 0, \"drop_no_service\": 7},"
		" \"flow_events\": {\"new\": 42, \"evicted\": 0},"
		" \"path_events\": {\"fragments_held\": 3, \"icmp_too_big\": 0},"
		" \"flow_timeouts\": {\"embryonic_ms\": 500, \"established_ms\": 900000},"
		" \"lists\": [{\"name\": \"bad\", \"file\": null, \"ranges4\": 12,"
		"   \"ranges6\": 0, \"bytes\": 2048}],"
		" \"ports\": [{\"name\": \"front\", \"rx_packets\": 2000000,"
		"   \"rx_bytes\": 3221225472, \"rx_missed\": 0, \"tx_packets\": 1999,"
		"   \"tx_bytes\": 100, \"tx_errors\": 5, \"host_rx_packets\": 10,"
		"   \"host_tx_packets\": 11, \"host_drops\": 0}],"
		" \"workers\": [{\"name\": \"0\", \"port\": \"front\", \"queue\": 0,"
		"   \"socket\": 0, \"packets\": 1000, \"returns_home\": 7, \"steered_in\": 0,"
		"   \"steered_out\": 3, \"steer_drops\": 1}, {\"name\": \"1\", \"port\": \"front\","
		"   \"queue\": null, \"socket\": 1, \"packets\": 0, \"returns_home\": 0,"
		"   \"steered_in\": 2, \"steered_out\": 0, \"steer_drops\": 0}]}",
		"PORT   RX PACKETS  RX BYTES  RX MISSED  TX PACKETS  TX BYTES  TX ERRORS  TO HOST  "
		"FROM HOST  HOST DROPS\n"
		"front       2.00M  3.00 GiB          0       2.00k     100 B          5       11  "
		"       10           0\n"
		"\n"
		"VERDICT          PACKETS\n"
		"forward           123456\n"
		"drop_no_service        7\n"
		"\n"
		"flows: 1.23k of at most 131k\n"
		"forgotten after: embryonic 0.50s, established 15m00s\n"
		"\n"
		"FLOW EVENT  TIMES\n"
		"new            42\n"
		"\n"
		"PATH EVENT      TIMES\n"
		"fragments_held      3\n"
		"\n"
		"SOURCE LIST  IPV4 RANGES  IPV6 RANGES    MEMORY  FILE\n"
		"bad                   12            0  2.00 KiB  -\n"
		"\n"
		"WORKER  PORT   QUEUE  SOCKET  PACKETS  RETURNS HOME  STEERED IN  STEERED OUT  "
		"STEER DROPS\n"
		"     0  front      0       0    1.00k             7           0            3  "
		"          1\n"
		"     1  front      -       1        0             0           2            0  "
		"          0\n");
}

static void
what_was_done_is_said(void **state)
{
	static const char touched[] =
		"{\"backends\": [{\"pool\": \"web4\", \"backend\": \"web1\", \"changed\": true},"
		" {\"pool\": \"web6\", \"backend\": \"web1\", \"changed\": false}]}";

	(void)state;
	expect(print_drained, touched,
		"backend web1 of pool web4: takes no new flows and keeps its old ones\n"
		"backend web1 of pool web6: is drained already\n");
	expect(print_undrained, touched,
		"backend web1 of pool web4: takes new flows again\n"
		"backend web1 of pool web6: is not drained\n");
	expect(print_failover, "{\"moving\": 1}",
		"1 virtual router given up; 'weirctl status' shows who has taken over\n");
	expect(print_failover, "{\"moving\": 2}",
		"2 virtual routers given up; 'weirctl status' shows who has taken over\n");
}

static void
history_is_a_table_with_the_latest_at_its_end(void **state)
{
	(void)state;
	expect(print_history, "[]", "no virtual router has changed its state\n");
	expect(print_history,
		"[{\"time\": \"2026-01-01T00:00:00.000Z\", \"age_s\": 61.5, \"router\": \"front4\","
		" \"from\": \"backup\", \"to\": \"master\", \"reason\": \"master is silent\"},"
		" {\"time\": \"2026-01-01T00:01:00.000Z\", \"age_s\": 1.5, \"router\": \"front4\","
		" \"from\": \"master\", \"to\": \"init\", \"reason\": null}]",
		"TIME                        AGE  ROUTER  FROM    TO      REASON\n"
		"2026-01-01T00:00:00.000Z  1m01s  front4  backup  master  master is silent\n"
		"2026-01-01T00:01:00.000Z  1.50s  front4  master  init    -\n");
}

static void
answers_of_another_shape_are_shown_as_far_as_they_go(void **state)
{
	(void)state;
	expect(print_services, "{}", "There are no services.\n");
	expect(print_flows, "[]", "There are no such flows.\n");
	expect(print_backends, "[{\"pool\": 5, \"since_s\": \"x\", \"weight\": null}]",
		"POOL  BACKEND  ADDRESS  STATE  FOR  WEIGHT  CHANGES  FLOWS  NEW FLOWS  PACKETS  "
		"BYTES  "
		"LAST CHECK\n"
		"-     -        -        -        -       -        -      -          -        -    "
		"  -  "
		"-\n");
}

static void
a_trace_is_told_step_by_step(void **state)
{
	(void)state;
	expect(print_trace,
		"{\"in_port\": \"front\", \"vip\": {\"address\": \"10.0.0.1\", \"router\": \"r4\","
		" \"held\": false}, \"service\": {\"name\": \"http\", \"mode\": \"dr\","
		" \"scheduler\": \"maglev\"}, \"flow\": {\"worker\": 2,"
		" \"state\": \"established\", \"idle_ms\": 1500}, \"choice\": \"flow\","
		" \"backend\": {\"pool\": \"web\", \"name\": \"w1\", \"address\": \"10.0.0.2\"},"
		" \"next_hop\": {\"port\": \"front\", \"mac\": \"02:00:00:00:00:01\"},"
		" \"sent\": {\"protocol\": 6, \"from\": \"10.0.0.9:1\", \"to\": \"10.0.0.1:80\","
		" \"bytes\": 54}, \"verdict\": \"forward\", \"meaning\": \"sent to a backend\"}",
		"STEP      RESULT\n"
		"port      front\n"
		"VIP       10.0.0.1 of router r4, not held by this node\n"
		"service   http: mode dr, scheduler maglev\n"
		"flow      established for worker 2, idle for 1.50s\n"
		"backend   w1 (10.0.0.2) of pool web: the flow's\n"
		"sent      from 10.0.0.9:1 to 10.0.0.1:80, protocol 6, 54 bytes\n"
		"next hop  02:00:00:00:00:01 by port front\n"
		"verdict   forward: sent to a backend\n");
	expect(print_trace,
		"{\"in_port\": \"front\", \"vip\": null, \"service\": null, \"flow\": null,"
		" \"choice\": null, \"backend\": null,"
		" \"next_hop\": {\"port\": \"front\", \"mac\": \"02:00:00:00:00:01\"},"
		" \"sent\": {\"protocol\": 1, \"from\": \"10.0.0.9\", \"to\": \"10.0.0.2\","
		" \"about\": {\"from\": \"10.0.0.2:8080\", \"to\": \"10.0.0.9:1\"}, \"bytes\": 70},"
		" \"verdict\": \"forward\", \"meaning\": \"sent to a backend\"}",
		"STEP      RESULT\n"
		"port      front\n"
		"VIP       none has this address\n"
		"service   none\n"
		"flow      known to no worker\n"
		"backend   none\n"
		"sent      from 10.0.0.9 to 10.0.0.2, protocol 1, 70 bytes\n"
		"about     a packet from 10.0.0.2:8080 to 10.0.0.9:1\n"
		"next hop  02:00:00:00:00:01 by port front\n"
		"verdict   forward: sent to a backend\n");
	expect(print_trace,
		"{\"in_port\": \"front\", \"vip\": null, \"service\": null, \"flow\": null,"
		" \"choice\": null, \"backend\": null, \"next_hop\": null, \"sent\": null,"
		" \"verdict\": \"host\", \"meaning\": \"handed to the host's kernel\"}",
		"STEP     RESULT\n"
		"port     front\n"
		"VIP      none has this address\n"
		"service  none\n"
		"flow     known to no worker\n"
		"backend  none\n"
		"verdict  host: handed to the host's kernel\n");
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(status_of_a_ready_node),
		cmocka_unit_test(status_of_a_node_that_waits),
		cmocka_unit_test(services_with_and_without_counters),
		cmocka_unit_test(backends_with_their_last_check),
		cmocka_unit_test(flows_and_how_many_there_are),
		cmocka_unit_test(stats_leave_out_what_did_not_happen),
		cmocka_unit_test(a_trace_is_told_step_by_step),
		cmocka_unit_test(what_was_done_is_said),
		cmocka_unit_test(history_is_a_table_with_the_latest_at_its_end),
		cmocka_unit_test(answers_of_another_shape_are_shown_as_far_as_they_go),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
