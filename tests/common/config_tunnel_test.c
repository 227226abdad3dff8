/* SPDX-License-Identifier: BSD-3-Clause */
/* Services in mode tunnel and the MSS clamp: what is accepted, what is refused with line and
 * reason, and the way to the dataplane and back. */
#include "common/config.h"
#include "common/control.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The service's own keys begin on line 27. */
#define FIRST_LINE 27
static const char base[] =
	"cluster: x\n"
	"nodes:\n"
	"  - name: lb1\n"
	"    role: lb\n"
	"    metrics: 192.0.2.1:9100\n"
	"    lb:\n"
	"      control_socket: c\n"
	"      admin_socket: a\n"
	"      ports: [{name: front, device: net_null0, host_interface: weir0}]\n"
	"virtual_routers:\n"
	"  - {name: r4, vrid: 1, port: front, addresses: [192.0.2.100], members: [{node: lb1, "
	"priority: 9}]}\n"
	"  - {name: r6, vrid: 1, port: front, addresses: ['2001:db8::100'], members: [{node: lb1, "
	"priority: 9}]}\n"
	"pools:\n"
	"  - name: p4\n"
	"    backends: [{name: b1, address: 198.51.100.1}]\n"
	"  - name: p6\n"
	"    backends: [{name: b1, address: '2001:db8:b::1'}]\n"
	"  - name: p0\n"
	"services:\n"
	"  - name: plain\n"
	"    address: 192.0.2.100\n"
	"    port: 80\n"
	"    pool: p4\n"
	"  - name: s\n"
	"    port: 81\n"
	"    protocol: tcp\n";

struct example {
	const char *keys;  /* Of the service, one a line. */
	unsigned int line; /* In the keys, from 0. */
	const char *says;  /* NULL: accepted. */
};

static int
parse(const char *keys, struct model **out, struct err *err)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s", base, keys);
	return config_parse(text, strlen(text), "weir.yaml", out, err);
}

#define V4 "    address: 192.0.2.100\n"
#define V6 "    address: '2001:db8::100'\n"
#define TUNNEL "    mode: tunnel\n    tunnel: "

static const struct example examples[] = {
	{V4 "    pool: p4\n" TUNNEL "{source: 192.0.2.1}\n", 0, NULL},
	{V4 "    pool: p6\n" TUNNEL "{type: ipip, source: '2001:db8::1'}\n", 0, NULL},
	{V6 "    pool: p4\n" TUNNEL "{source4: 198.18.0.0/16}\n", 0, NULL},
	{V6 "    pool: p6\n" TUNNEL "{type: gue, source: '2001:db8::1', gue_port: 6081}\n", 0,
		NULL},
	{V4 "    pool: p0\n" TUNNEL "{source: 192.0.2.1, source6: '2001:db8::1'}\n", 0, NULL},
	{V4 "    pool: p4\n" TUNNEL "{source: 192.0.2.1, mtu: 596}\n", 0, NULL},
	{V6 "    pool: p6\n" TUNNEL "{type: gue, source: '2001:db8::1', mtu: 1332}\n", 0, NULL},
	{V4 "    pool: p4\n    mss: 536\n", 0, NULL},
	{V6 "    pool: p6\n    mss: 65475\n", 0, NULL},
	/* Refused. */
	{V4 "    pool: p4\n    mode: tunnel\n", 0, "the key 'tunnel' is missing"},
	{V4 "    pool: p4\n" TUNNEL "{type: ipip}\n", 3, "the key 'source' is missing"},
	{V4 "    pool: p4\n" TUNNEL "{source: '2001:db8::1'}\n", 3, "by the key 'source4'"},
	{V4 "    pool: p6\n" TUNNEL "{source: 192.0.2.1}\n", 3, "by the key 'source6'"},
	{V4 "    pool: p4\n" TUNNEL "{source4: '2001:db8::1'}\n", 3, "is not of IPv4"},
	{V4 "    pool: p4\n" TUNNEL "\n      source: 192.0.2.1\n      source4: 192.0.2.2\n", 5,
		"there is a source of IPv4 already"},
	{V4 "    pool: p4\n" TUNNEL "\n      source: 192.0.2.100\n", 4,
		"192.0.2.100, an address of virtual router 'r4'"},
	{V4 "    pool: p4\n" TUNNEL "\n      source: 192.0.2.0/24\n", 4,
		"holds 192.0.2.100, an address of virtual router 'r4'"},
	{V4 "    pool: p4\n" TUNNEL "{source: 192.0.2.1, source6: '2001:db8::100'}\n", 3,
		"an address of virtual router 'r6'"},
	{V4 "    pool: p4\n" TUNNEL "{source: 198.51.100.1}\n", 3, "the address of backend 'b1'"},
	{V4 "    pool: p4\n" TUNNEL "{source: 224.0.0.1}\n", 3, "multicast"},
	{V4 "    pool: p4\n" TUNNEL "{source: 127.0.0.1}\n", 3, "cannot be the source"},
	{V4 "    pool: p6\n" TUNNEL "{source: 'fe80::1'}\n", 3, "link-local"},
	{V4 "    pool: p4\n" TUNNEL "{source: 192.0.2}\n", 3, "192.0.2"},
	{V4 "    pool: p4\n" TUNNEL "{source: 198.18.0.0/31}\n", 3, "from 8 to 30, or 32"},
	{V4 "    pool: p4\n" TUNNEL "{source: 198.18.0.0/x}\n", 3, "from 8 to 30, or 32"},
	{V4 "    pool: p6\n" TUNNEL "{source: '2001:db8:a::/16'}\n", 3, "from 32 to 126, or 128"},
	{V4 "    pool: p4\n" TUNNEL "{source: 198.18.0.1/16}\n", 3, "behind the prefix"},
	{V4 "    pool: p4\n" TUNNEL "{type: gue, source: 198.18.0.0/16}\n", 3, "UDP source port"},
	{V4 "    pool: p4\n" TUNNEL "{type: gue, source: 192.0.2.1, gue_port: 0}\n", 3,
		"'0' is not a whole number from 1 to 65535"},
	{V4 "    pool: p4\n" TUNNEL "\n      type: gue\n      source: 192.0.2.1\n"
	    "      gue_port: 65536\n",
		6, "from 1 to 65535"},
	{V4 "    pool: p4\n" TUNNEL "{source: 192.0.2.1, gue_port: 6080}\n", 3, "of type gue only"},
	{V4 "    pool: p4\n" TUNNEL "{type: vxlan, source: 192.0.2.1}\n", 3, "ipip, gue"},
	{V4 "    pool: p4\n" TUNNEL "{source: 192.0.2.1, mtu: 595}\n", 3, "needs at least 596"},
	{V4 "    pool: p6\n" TUNNEL "{source: '2001:db8::1', mtu: 1279}\n", 3, "at least 1280"},
	{V6 "    pool: p4\n" TUNNEL "\n      source: 192.0.2.1\n      mtu: 1299\n", 5,
		"'1299' is too small: type ipip in IPv4 needs at least 1300 to carry packets of "
		"IPv6"},
	{V6 "    pool: p6\n" TUNNEL "{type: gue, source: '2001:db8::1', mtu: 1331}\n", 3, "1332"},
	{V4 "    pool: p4\n    mode: dr\n    tunnel: {source: 192.0.2.1}\n", 3,
		"of mode tunnel only"},
	{V4 "    pool: p6\n    mode: dr\n", 1, "mode dr"},
	{V4 "    pool: p4\n    mss: 535\n", 2, "'535' is not a whole number from 536 to 65495"},
	{V6 "    pool: p6\n    mss: 1219\n", 2, "from 1220 to 65475"},
};

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

		model_free(model);
		if (!example->says) {
			if (rc < 0)
				fail_msg("%s: %s", example->keys, err.text);
			continue;
		}
		if (rc >= 0)
			fail_msg("accepted: %s", example->keys);
		/* What is said of a whole service stands on its first line. */
		snprintf(start, sizeof(start), "weir.yaml:%u:",
			example->line ? FIRST_LINE + example->line : FIRST_LINE - 3);
		if (strncmp(err.text, start, strlen(start)) != 0 ||
			!strstr(err.text, example->says))
			fail_msg("%sexpected %s ... %s, got: %s", example->keys, start,
				example->says, err.text);
	}
}

static void
an_mss_is_of_tcp_only(void **state)
{
	static const char udp[] = "  - {name: d, address: 192.0.2.100, port: 53, protocol: udp, "
				  "pool: p4, mss: 1000}\n";
	char keys[512];
	struct model *model = NULL;
	struct err err = {""};

	(void)state;
	snprintf(keys, sizeof(keys), V4 "    pool: p4\n%s", udp);
	assert_int_equal(parse(keys, &model, &err), -EINVAL);
	assert_non_null(strstr(err.text, "services[2].mss: is of protocol tcp only"));
}

static void
a_tunnel_is_read_with_its_defaults(void **state)
{
	struct model *model = NULL;
	struct err err = {""};
	const struct tunnel *tunnel;

	(void)state;
	assert_int_equal(
		parse(V4 "    pool: p4\n" TUNNEL "{type: gue, source: 192.0.2.1}\n    mss: 1400\n",
			&model, &err),
		0);
	assert_int_equal(model->services[0].mode, MODE_DR);
	assert_int_equal(model->services[0].mss, 0);
	assert_int_equal(model->services[1].mode, MODE_TUNNEL);
	assert_int_equal(model->services[1].mss, 1400);
	tunnel = &model->services[1].tunnel;
	assert_int_equal(tunnel->type, TUNNEL_GUE);
	assert_int_equal(tunnel->gue_port, 6080);
	assert_int_equal(tunnel->mtu, 0);
	assert_int_equal(tunnel_source_of(tunnel, ADDR_V4)->prefix, 32);
	assert_int_equal(tunnel_source_of(tunnel, ADDR_V6)->addr.family, ADDR_NONE);
	model_free(model);
}

static const char state_format[] =
	"{\"generation\": 1, \"routers\": [], \"pools\": [{\"name\": \"p\", \"backends\": []}],"
	" \"services\": [{\"name\": \"s\", \"address\": \"192.0.2.100\", \"port\": 80,"
	" \"protocol\": \"%s\", \"scheduler\": \"maglev\", \"pool\": 0%s}],"
	" \"locals\": []}";

static int
decode(const char *protocol, const char *members, json_t **json, struct err *err)
{
	struct control_state *state = NULL;
	char text[1024];
	int rc;

	snprintf(text, sizeof(text), state_format, protocol, members);
	*json = json_loads(text, 0, NULL);
	assert_non_null(*json);
	rc = control_state_decode(*json, &state, err);
	if (rc == 0) {
		json_t *again = control_state_encode(state);

		assert_true(json_equal(*json, again));
		json_decref(again);
	}
	control_state_free(state);
	return rc;
}

static void
tunnels_survive_the_way_to_json_and_back(void **state)
{
	static const char *const members[] = {
		", \"mode\": \"tunnel\", \"tunnel\": {\"type\": \"ipip\", \"source4\": "
		"\"198.18.0.0/16\", \"source6\": \"2001:db8::1\", \"mtu\": 1400}",
		", \"mode\": \"tunnel\", \"mss\": 1300, \"tunnel\": {\"type\": \"gue\", "
		"\"source6\": \"2001:db8::1\", \"gue_port\": 65535}",
		", \"mode\": \"dr\", \"mss\": 536",
	};
	struct err err = {""};

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		json_t *json;

		if (decode("tcp", members[i], &json, &err) < 0)
			fail_msg("%s: %s", members[i], err.text);
		json_decref(json);
	}
}

static void
damaged_tunnels_are_refused_by_name(void **state)
{
	static const struct {
		const char *protocol, *members, *says;
	} damages[] = {
		{"tcp", ", \"mode\": \"tunnel\"", "tunnel: is missing"},
		{"tcp", ", \"mode\": \"dr\", \"tunnel\": {}", "of mode tunnel only"},
		{"tcp", ", \"mode\": \"tunnel\", \"tunnel\": {\"type\": \"gre\"}", "ipip, gue"},
		{"tcp", ", \"mode\": \"tunnel\", \"tunnel\": {\"type\": \"gue\"}", "gue_port"},
		{"tcp", ", \"mode\": \"tunnel\", \"tunnel\": {\"type\": \"ipip\", \"x\": 1}",
			"'x'"},
		{"tcp", ", \"mode\": \"tunnel\", \"tunnel\": {\"type\": \"ipip\", \"mtu\": 100}",
			"mtu: 100"},
		{"tcp",
			", \"mode\": \"tunnel\", \"tunnel\": {\"type\": \"ipip\", \"source4\": "
			"\"2001:db8::1\"}",
			"source4: '2001:db8::1' is of the other family"},
		{"tcp", ", \"mode\": \"dr\", \"mss\": 100", "mss: 100"},
		{"udp", ", \"mode\": \"dr\", \"mss\": 1000", "mss: is of protocol tcp only"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct err err = {""};
		json_t *json;

		assert_int_equal(
			decode(damages[i].protocol, damages[i].members, &json, &err), -EINVAL);
		json_decref(json);
		if (!strstr(err.text, damages[i].says))
			fail_msg("expected '%s' in: %s", damages[i].says, err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(services_are_accepted_or_refused_with_line_and_reason),
		cmocka_unit_test(an_mss_is_of_tcp_only),
		cmocka_unit_test(a_tunnel_is_read_with_its_defaults),
		cmocka_unit_test(tunnels_survive_the_way_to_json_and_back),
		cmocka_unit_test(damaged_tunnels_are_refused_by_name),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
