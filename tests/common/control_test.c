/* SPDX-License-Identifier: BSD-3-Clause */
#include "common/control.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const good_state =
	"{\"generation\": 7,"
	" \"routers\": [{\"name\": \"front4\", \"port\": \"front\", \"addresses\": "
	"[\"192.0.2.1\"]},"
	"  {\"name\": \"front6\", \"port\": \"front\", \"addresses\": [\"2001:db8::1\"],"
	"   \"local_addresses\": [\"2001:db8::7\", \"2001:db8::8\"]}],"
	" \"pools\": [{\"name\": \"web4\", \"backends\": ["
	"   {\"name\": \"web1\", \"address\": \"192.0.2.21\", \"weight\": 100, \"up\": true,"
	"    \"max_flows\": 1000000000},"
	"   {\"name\": \"web2\", \"address\": \"192.0.2.22\", \"weight\": 0, \"up\": false, "
	"\"port\": 8080}]},"
	"  {\"name\": \"none\", \"backends\": []}],"
	" \"services\": [{\"name\": \"http4\", \"address\": \"192.0.2.1\", \"port\": 80,"
	"   \"protocol\": \"tcp\", \"mode\": \"dr\", \"scheduler\": \"maglev\", \"pool\": 0,"
	"   \"probe_port\": 61000,"
	"   \"limits\": {\"new_flows_per_s\": 7, \"packets_per_s\": 10000000}},"
	"  {\"name\": \"dns6\", \"address\": \"2001:db8::1\", \"port\": 65535,"
	"   \"protocol\": \"udp\", \"mode\": \"fullnat\", \"scheduler\": \"maglev\", \"pool\": 1},"
	"  {\"name\": \"any4\", \"address\": \"192.0.2.1\", \"port\": 0,"
	"   \"protocol\": \"tcp\", \"mode\": \"dr\", \"scheduler\": \"round-robin\", \"pool\": 0,"
	"   \"persistence\": {\"timeout_s\": 300, \"prefix\": 24}}],"
	" \"locals\": [{\"port\": \"front\", \"addresses\": [\"2001:db8::5\"]}]}";

static void
a_state_survives_the_way_to_json_and_back(void **state)
{
	json_t *json = json_loads(good_state, 0, NULL);
	struct control_state *decoded = NULL;
	json_t *again;
	struct err err = {""};

	(void)state;
	assert_non_null(json);
	assert_int_equal(control_state_decode(json, &decoded, &err), 0);
	assert_int_equal(decoded->generation, 7);
	assert_int_equal(decoded->n_routers, 2);
	assert_int_equal(decoded->routers[1].addresses[0].family, ADDR_V6);
	assert_int_equal(decoded->routers[0].n_locals, 0);
	assert_int_equal(decoded->routers[1].n_locals, 2);
	assert_int_equal(decoded->routers[1].locals[1].bytes[15], 8);
	assert_int_equal(decoded->pools[0].backends[0].weight, 100);
	assert_int_equal(decoded->pools[0].backends[0].max_flows, 1000000000);
	assert_int_equal(decoded->pools[0].backends[1].max_flows, 0);
	assert_int_equal(decoded->services[0].limits.new_flows_per_s, 7);
	assert_int_equal(decoded->services[0].limits.packets_per_s, 10000000);
	assert_int_equal(decoded->services[1].limits.packets_per_s, 0);
	assert_int_equal(decoded->services[0].probe_port, 61000);
	assert_int_equal(decoded->services[1].probe_port, 0);
	assert_int_equal(decoded->pools[0].backends[0].port, 0);
	assert_int_equal(decoded->pools[0].backends[1].port, 8080);
	assert_int_equal(decoded->n_locals, 1);
	assert_int_equal(decoded->locals[0].n_addresses, 1);
	assert_true(decoded->pools[0].backends[0].up);
	assert_false(decoded->pools[0].backends[1].up);
	assert_int_equal(decoded->pools[1].n_backends, 0);
	assert_int_equal(decoded->services[1].port, 65535);
	assert_int_equal(decoded->services[1].protocol, PROTOCOL_UDP);
	assert_int_equal(decoded->services[1].pool, 1);
	assert_int_equal(decoded->services[1].persistence_timeout_s, 0);
	assert_int_equal(decoded->services[2].port, 0);
	assert_int_equal(decoded->services[2].scheduler, SCHEDULER_ROUND_ROBIN);
	assert_int_equal(decoded->services[2].persistence_timeout_s, 300);
	assert_int_equal(decoded->services[2].persistence_prefix, 24);
	again = control_state_encode(decoded);
	assert_true(json_equal(json, again));
	json_decref(again);
	json_decref(json);
	control_state_free(decoded);
}

/* A good state, the member at 'path' (steps parted by '/') replaced by 'value' (JSON; NULL: taken
 * away), and a word that the message must contain. */
struct damage {
	const char *path;
	const char *value;
	const char *named;
};

static json_t *
step_into(json_t *json, const char *step, size_t size)
{
	char key[64];

	snprintf(key, sizeof(key), "%.*s", (int)size, step);
	if (json_is_array(json))
		return json_array_get(json, strtoul(key, NULL, 10));
	return json_object_get(json, key);
}

static void
apply(json_t *json, const struct damage *damage)
{
	const char *step = damage->path;
	const char *slash;
	json_t *value = damage->value ? json_loads(damage->value, JSON_DECODE_ANY, NULL) : NULL;

	while ((slash = strchr(step, '/')) != NULL) {
		json = step_into(json, step, (size_t)(slash - step));
		assert_non_null(json);
		step = slash + 1;
	}
	if (json_is_array(json))
		assert_int_equal(json_array_set_new(json, strtoul(step, NULL, 10), value), 0);
	else if (value)
		assert_int_equal(json_object_set_new(json, step, value), 0);
	else
		assert_int_equal(json_object_del(json, step), 0);
}

static void
every_kind_of_wrong_state_is_refused_and_named(void **state)
{
	static const struct damage damages[] = {
		{"generation", NULL, "generation: is missing"},
		{"generation", "-1", "generation: -1"},
		{"generation", "1.5", "generation: is a real number"},
		{"generation", "9007199254740993", "generation"},
		{"routers", "{}", "routers: is an object"},
		{"routers/0", "5", "routers[0]: is an integer"},
		{"routers/0/name", "\"Front\"", "routers[0]: name: 'Front'"},
		{"routers/0/name", "\"\"", "routers[0]: name: has 0"},
		{"routers/0/name", "\"abcdefghijklmnopqrstuvwxyzabcdef\"", "has 32"},
		{"routers/0/name", "\"9front\"", "9front"},
		{"routers/0/port", "null", "port: is null"},
		{"routers/0/addresses/0", "\"192.0.2\"", "192.0.2"},
		{"routers/0/addresses/0", "7", "addresses[0]: must be a string"},
		{"routers/1/name", "\"front4\"", "routers[1]: the name 'front4' is given twice"},
		{"routers/1/extra", "1", "'extra' is not a known member"},
		{"pools/0/backends/0/max_flows", "1000000001", "max_flows: 1000000001"},
		{"services/0/limits", "5", "services[0]: limits"},
		{"services/0/limits/packets_per_s", "-1", "limits: packets_per_s: -1"},
		{"services/0/limits/new_flows_per_s", "10000001",
			"limits: new_flows_per_s: 10000001"},
		{"services/0/limits/bytes", "1", "limits: 'bytes' is not a known member"},
		{"pools/0/backends/1/weight", "1001", "pools[0]: backends[1]: weight: 1001"},
		{"pools/0/backends/1/weight", "\"5\"", "weight: is a string"},
		{"pools/0/backends/1/up", "1", "up: is an integer"},
		{"pools/0/backends/1/address", "\"web2\"", "web2"},
		{"pools/0/backends/1/address", NULL, "address: is missing"},
		{"pools/0/backends/1/name", "\"web1\"", "backends[1]: the name 'web1'"},
		{"pools/1/name", "\"web4\"", "pools[1]: the name 'web4'"},
		{"pools/1/backends", NULL, "backends: is missing"},
		{"services/0/port", "-1", "services[0]: port: -1"},
		{"services/2/persistence", "7", "persistence: "},
		{"services/2/persistence/timeout_s", "0", "persistence: timeout_s: 0"},
		{"services/2/persistence/timeout_s", "86401", "persistence: timeout_s: 86401"},
		{"services/2/persistence/timeout_s", NULL, "timeout_s: is missing"},
		{"services/2/persistence/prefix", "33", "prefix: 33 is not from 1 to 32"},
		{"services/2/persistence/mask", "1", "'mask' is not a known member"},
		{"services/0/port", "65536", "65536"},
		{"services/0/protocol", "\"sctp\"", "'sctp' is not a protocol: choose tcp, udp"},
		{"services/0/mode", "\"bridge\"", "'bridge' is not a forwarding mode"},
		{"services/0/scheduler", "\"random\"", "'random' is not a scheduler"},
		{"services/0/pool", "2", "pool: 2 is not from 0 to 1"},
		{"services/1/name", "\"http4\"", "services[1]: the name 'http4'"},
		{"pools", "[]", "the state has no pools"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		json_t *json = json_loads(good_state, 0, NULL);
		struct control_state *decoded = NULL;
		struct err err = {""};

		apply(json, &damages[i]);
		assert_int_equal(control_state_decode(json, &decoded, &err), -EINVAL);
		assert_null(decoded);
		if (!strstr(err.text, damages[i].named))
			fail_msg("'%s' does not say '%s'", err.text, damages[i].named);
		json_decref(json);
	}
}

static void
a_state_that_is_no_object_is_refused(void **state)
{
	struct control_state *decoded = NULL;
	json_t *json = json_array();

	(void)state;
	assert_int_equal(control_state_decode(json, &decoded, NULL), -EINVAL);
	json_decref(json);
	assert_int_equal(control_state_decode(NULL, &decoded, NULL), -EINVAL);
	assert_null(decoded);
}

static void
more_than_the_limit_is_refused(void **state)
{
	json_t *json = json_loads(good_state, 0, NULL);
	json_t *services = json_object_get(json, "services");
	struct control_state *decoded = NULL;
	struct err err = {""};

	(void)state;
	while (json_array_size(services) <= CONTROL_SERVICES_MAX)
		json_array_append(services, json_array_get(services, 0));
	assert_int_equal(control_state_decode(json, &decoded, &err), -EINVAL);
	assert_non_null(strstr(err.text, "services: has 10001 elements, may have 10000"));
	json_decref(json);
}

static void
a_lease_survives_the_way_to_json_and_back(void **state)
{
	static const char *const texts[] = {
		"{\"until_ns\": 250, \"held\": [\"front4\", \"front6\"]}",
		"{\"until_ns\": 1, \"held\": []}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *json = json_loads(texts[i], 0, NULL);
		struct control_lease lease;
		json_t *again;

		assert_int_equal(control_lease_decode(json, &lease, NULL), 0);
		again = control_lease_encode(&lease);
		assert_true(json_equal(json, again));
		json_decref(again);
		json_decref(json);
		control_lease_fini(&lease);
	}
}

static void
a_wrong_lease_is_refused_and_changes_nothing(void **state)
{
	static const char *const texts[] = {
		"[]",
		"{\"held\": []}",
		"{\"until_ns\": 250}",
		"{\"until_ns\": 0, \"held\": []}",
		"{\"until_ns\": -1, \"held\": []}",
		"{\"until_ns\": 250, \"held\": \"front4\"}",
		"{\"until_ns\": 250, \"held\": [1]}",
		"{\"until_ns\": 250, \"held\": [\"front4\", \"front 6\"]}",
		"{\"until_ns\": 250, \"held\": [], \"who\": 1}",
	};
	struct control_lease lease = {.until_ns = 42};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *json = json_loads(texts[i], 0, NULL);
		struct err err = {""};

		assert_int_equal(control_lease_decode(json, &lease, &err), -EINVAL);
		assert_non_null(strstr(err.text, "lease: "));
		assert_int_equal(lease.until_ns, 42);
		assert_null(lease.held);
		json_decref(json);
	}
}

static void
words_are_parsed_and_unknown_ones_are_named(void **state)
{
	enum protocol protocol;
	enum forward_mode mode;
	enum scheduler_kind scheduler;
	struct err err = {""};

	(void)state;
	assert_int_equal(protocol_parse("udp", &protocol, NULL), 0);
	assert_int_equal(protocol, PROTOCOL_UDP);
	assert_string_equal(protocol_name(PROTOCOL_TCP), "tcp");
	assert_int_equal(forward_mode_parse("dr", &mode, NULL), 0);
	assert_string_equal(forward_mode_name(mode), "dr");
	assert_int_equal(scheduler_parse("maglev", &scheduler, NULL), 0);
	assert_string_equal(scheduler_name(scheduler), "maglev");
	assert_int_equal(protocol_parse("TCP", &protocol, &err), -EINVAL);
	assert_string_equal(err.text, "'TCP' is not a protocol: choose tcp, udp");
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_state_survives_the_way_to_json_and_back),
		cmocka_unit_test(every_kind_of_wrong_state_is_refused_and_named),
		cmocka_unit_test(a_state_that_is_no_object_is_refused),
		cmocka_unit_test(more_than_the_limit_is_refused),
		cmocka_unit_test(a_lease_survives_the_way_to_json_and_back),
		cmocka_unit_test(a_wrong_lease_is_refused_and_changes_nothing),
		cmocka_unit_test(words_are_parsed_and_unknown_ones_are_named),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
