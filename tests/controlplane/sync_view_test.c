/* SPDX-License-Identifier: BSD-3-Clause */
/* What people and Prometheus see of flow sync. */
#include "controlplane/metrics_sync.h"
#include "controlplane/weirctl_print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char answer[] =
	"{\"sync\": {\"listen\": \"10.77.1.11:9694\", \"synced\": true, \"remote_flows\": 12,"
	" \"counters\": {\"sent\": 5, \"forged\": 0, \"applied\": 12},"
	" \"peers\": [{\"name\": \"lb2\", \"address\": \"10.77.1.12:9694\", \"state\": \"up\","
	"   \"synced\": true, \"counters\": {\"records_sent\": 9, \"records_received\": 14,"
	"     \"retransmitted\": 1, \"lost\": 0}},"
	"  {\"name\": \"\", \"address\": \"10.77.1.13:9694\", \"state\": \"down\","
	"   \"synced\": false, \"counters\": {}}]}}";

static void
expect_printed(const char *json, const char *expected)
{
	json_t *object = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(object);
	print_sync(object, file);
	fclose(file);
	assert_string_equal(text, expected);
	free(text);
	json_decref(object);
}

static void
sync_is_two_tables(void **state)
{
	(void)state;
	expect_printed(answer,
		"listens on 10.77.1.11:9694, synced: yes, flows of other nodes: 12\n"
		"\n"
		"NODE  ADDRESS          SESSION  SYNCED  TOLD  HEARD  SENT AGAIN  LOST\n"
		"lb2   10.77.1.12:9694  up       yes        9     14           1     0\n"
		"-     10.77.1.13:9694  down     no         0      0           0     0\n"
		"\n"
		"COUNTER  TIMES\n"
		"sent         5\n"
		"applied     12\n");
}

static void
without_flow_sync_it_says_so(void **state)
{
	(void)state;
	expect_printed("{\"sync\": null}",
		"Flows are not synced: the cluster file has no key 'flow_sync'.\n");
}

static void
metrics_are_of_the_node_and_of_its_peers(void **state)
{
	static const char *const lines[] = {
		"weir_sync_synced 1",
		"weir_sync_remote_flows 12",
		"weir_sync_peer_up{peer=\"10.77.1.12:9694\"} 1",
		"weir_sync_peer_up{peer=\"10.77.1.13:9694\"} 0",
		"weir_sync_peer_synced{peer=\"10.77.1.13:9694\"} 0",
		"weir_sync_flows_total{event=\"applied\"} 12",
		"weir_sync_session_total{peer=\"10.77.1.12:9694\",event=\"records_received\"} 14",
	};
	json_t *object = json_loads(answer, 0, NULL);
	struct metrics metrics;

	(void)state;
	metrics_init(&metrics);
	metrics_sync_write(&metrics, json_object_get(object, "sync"));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!strstr(metrics.text, lines[i]))
			fail_msg("'%s' is missing:\n%s", lines[i], metrics.text);
	metrics_fini(&metrics);
	metrics_init(&metrics);
	metrics_sync_write(&metrics, NULL);
	assert_true(!metrics.text || metrics.text[0] == '\0');
	metrics_fini(&metrics);
	json_decref(object);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sync_is_two_tables),
		cmocka_unit_test(without_flow_sync_it_says_so),
		cmocka_unit_test(metrics_are_of_the_node_and_of_its_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
