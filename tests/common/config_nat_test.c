/* SPDX-License-Identifier: BSD-3-Clause */
/* What services in modes nat and fullnat may ask for: what is accepted, what is refused with line
 * and reason, and the way to the dataplane and back. */
#include "common/config.h"
#include "common/control.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The service's own keys begin on line 21. */
#define FIRST_LINE 21
static const char base[] =
	"cluster: x\n"
	"nodes:\n"
	"  - name: lb1\n"
	"    role: lb\n"
	"    metrics: 192.0.2.1:9100\n"
	"    lb:\n"
	"      control_socket: c\n"
	"      admin_socket: a\n"
	"      ports: [{name: front, device: net_null0, host_interface: weir0,\n"
	"               local_addresses: [192.0.2.5]}]\n"
	"virtual_routers:\n"
	"  - {name: r4, vrid: 1, port: front, addresses: [192.0.2.100], members: [{node: lb1, "
	"priority: 9}]}\n"
	"pools:\n"
	"  - name: p4\n"
	"    backends: [{name: b1, address: 198.51.100.1}]\n"
	"services:\n"
	"  - name: s\n"
	"    address: 192.0.2.100\n"
	"    port: 81\n"
	"    pool: p4\n";

static const struct example {
	const char *keys;  /* Of the service, one a line. */
	unsigned int line; /* In the keys, from 0. */
	const char *says;  /* NULL: accepted. */
	enum client_address client_address;
} examples[] = {
	{"    mode: fullnat\n", 0, NULL, CLIENT_ADDRESS_NONE},
	{"    mode: fullnat\n    client_address: none\n", 0, NULL, CLIENT_ADDRESS_NONE},
	{"    mode: fullnat\n    client_address: toa\n", 0, NULL, CLIENT_ADDRESS_TOA},
	{"    mode: fullnat\n    client_address: proxy2\n", 0, NULL, CLIENT_ADDRESS_PROXY2},
	{"    mode: fullnat\n    protocol: udp\n    client_address: proxy2\n", 0, NULL,
		CLIENT_ADDRESS_PROXY2},
	{"    mode: dr\n    client_address: none\n", 0, NULL, CLIENT_ADDRESS_NONE},
	{"    mode: nat\n    syn_cookies: true\n", 0, NULL, CLIENT_ADDRESS_NONE},
	{"    mode: dr\n    syn_cookies: false\n", 0, NULL, CLIENT_ADDRESS_NONE},
	/* Refused. */
	{"    mode: dr\n    syn_cookies: true\n", 1, "is of modes nat and fullnat only: in mode dr",
		CLIENT_ADDRESS_NONE},
	{"    mode: nat\n    protocol: udp\n    syn_cookies: true\n", 2, "is of protocol tcp only",
		CLIENT_ADDRESS_NONE},
	{"    mode: nat\n    syn_cookies: maybe\n", 1, "'maybe'", CLIENT_ADDRESS_NONE},
	{"    mode: dr\n    client_address: toa\n", 1, "'toa' is of mode fullnat only",
		CLIENT_ADDRESS_NONE},
	{"    mode: nat\n    client_address: proxy2\n", 1, "'proxy2' is of mode fullnat only",
		CLIENT_ADDRESS_NONE},
	{"    protocol: udp\n    mode: fullnat\n    client_address: toa\n", 2,
		"'toa' is an option of TCP: choose proxy2", CLIENT_ADDRESS_NONE},
	{"    mode: fullnat\n    client_address: proxy\n", 1,
		"'proxy' is not known here; choose from: none, toa, proxy2", CLIENT_ADDRESS_NONE},
};

static int
parse(const char *keys, struct model **out, struct err *err)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s", base, keys);
	return config_parse(text, strlen(text), "weir.yaml", out, err);
}

static void
services_are_accepted_or_refused_with_line_and_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *example = &examples[i];
		struct model *model = NULL;
		struct err err = {""};
		char start[32];
		int rc = parse(example->keys, &model, &err);

		if (!example->says) {
			if (rc < 0)
				fail_msg("%s: %s", example->keys, err.text);
			assert_int_equal(
				model->services[0].client_address, example->client_address);
			model_free(model);
			continue;
		}
		assert_int_equal(rc, -EINVAL);
		snprintf(start, sizeof(start), "weir.yaml:%u:", FIRST_LINE + example->line);
		if (strncmp(err.text, start, strlen(start)) != 0 ||
			!strstr(err.text, example->says))
			fail_msg("expected '%s ... %s' in: %s", start, example->says, err.text);
	}
}

static const char state_format[] =
	"{\"generation\": 1, \"routers\": [], \"locals\": [], \"pools\": [{\"name\": \"p\", "
	"\"backends\": []}], \"services\": [{\"name\": \"s\", \"address\": \"192.0.2.100\", "
	"\"port\": 80, \"scheduler\": \"maglev\", \"pool\": 0, \"protocol\": \"%s\"%s}]}";

/* Returns what decoding says; what decodes is encoded again and must be the same. */
static int
decode(const char *protocol, const char *members, struct err *err)
{
	struct control_state *state = NULL;
	char text[1024];
	json_t *json;
	int rc;

	snprintf(text, sizeof(text), state_format, protocol, members);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	rc = control_state_decode(json, &state, err);
	if (rc == 0) {
		json_t *again = control_state_encode(state);

		/* Local addresses are left out where there are none. */
		assert_true(json_equal(
			json_object_get(json, "services"), json_object_get(again, "services")));
		json_decref(again);
	}
	control_state_free(state);
	json_decref(json);
	return rc;
}

static void
they_survive_the_way_to_json_and_back_or_are_refused_by_name(void **state)
{
	static const struct {
		const char *protocol, *members, *says;
	} cases[] = {
		{"tcp", ", \"mode\": \"fullnat\", \"client_address\": \"toa\"", NULL},
		{"udp", ", \"mode\": \"fullnat\", \"client_address\": \"proxy2\"", NULL},
		{"tcp", ", \"mode\": \"fullnat\"", NULL},
		{"tcp", ", \"mode\": \"nat\", \"syn_cookies\": true", NULL},
		{"tcp", ", \"mode\": \"dr\", \"syn_cookies\": true",
			"syn_cookies: is of protocol tcp in modes nat and fullnat only"},
		{"udp", ", \"mode\": \"nat\", \"syn_cookies\": true",
			"syn_cookies: is of protocol tcp"},
		{"tcp", ", \"mode\": \"nat\", \"syn_cookies\": 1", "syn_cookies"},
		{"tcp", ", \"mode\": \"nat\", \"client_address\": \"toa\"",
			"client_address: is of mode fullnat only"},
		{"udp", ", \"mode\": \"fullnat\", \"client_address\": \"toa\"",
			"client_address: toa is of protocol tcp only"},
		{"tcp", ", \"mode\": \"fullnat\", \"client_address\": \"x\"",
			"client_address: 'x' is not a way to tell the client's address: choose "
			"none, toa, proxy2"},
		{"tcp", ", \"mode\": \"fullnat\", \"client_address\": 2", "client_address"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {""};
		int rc = decode(cases[i].protocol, cases[i].members, &err);

		if (!cases[i].says && rc < 0)
			fail_msg("%s: %s", cases[i].members, err.text);
		if (cases[i].says && (rc != -EINVAL || !strstr(err.text, cases[i].says)))
			fail_msg("expected '%s' in: %s", cases[i].says, err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_are_accepted_or_refused_with_line_and_reason),
		cmocka_unit_test(they_survive_the_way_to_json_and_back_or_are_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
