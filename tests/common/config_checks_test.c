/* SPDX-License-Identifier: BSD-3-Clause */
/* Health checks of every type: what is accepted, and what is refused with line and reason. */
#include "common/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The check's own keys begin on line 10. */
#define FIRST_LINE 10
static const char base[] = "cluster: x\n"
			   "nodes:\n"
			   "  - name: lb1\n"
			   "    role: lb\n"
			   "    metrics: 192.0.2.1:9100\n"
			   "    lb: {control_socket: c, admin_socket: a,\n"
			   "      ports: [{name: front, device: net_null0, host_interface: w}]}\n"
			   "checks:\n"
			   "  - name: c\n";

static int
parse(const char *keys, struct model **out, struct err *err)
{
	char text[8192];

	snprintf(text, sizeof(text), "%s%s", base, keys);
	return config_parse(text, strlen(text), "weir.yaml", out, err);
}

static struct model *
take(const char *keys)
{
	struct model *model = NULL;
	struct err err = {""};

	if (parse(keys, &model, &err) < 0)
		fail_msg("%s", err.text);
	return model;
}

static void
what_a_check_has_by_default(void **state)
{
	struct model *model = take("    type: https\n");
	const struct check *check = &model->checks[0];

	(void)state;
	assert_int_equal(check->type, CHECK_HTTPS);
	assert_int_equal(check->port, 0);
	assert_int_equal(check->interval_ms, 2000);
	assert_int_equal(check->timeout_ms, 1000);
	assert_int_equal(check->jitter_pct, 10);
	assert_int_equal(check->start, CHECK_START_WAIT);
	assert_string_equal(check->http.method, "GET");
	assert_string_equal(check->http.path, "/");
	assert_true(check_http_expects(&check->http, 200));
	assert_false(check_http_expects(&check->http, 201));
	assert_null(check->http.headers[0]);
	assert_null(check->http.body);
	assert_null(check->http.body_regex);
	assert_true(check->tls.verify);
	assert_null(check->tls.ca_file);
	assert_null(check->tls.name);
	model_free(model);
}

static void
all_keys_of_http_and_tls_reach_the_model(void **state)
{
	struct model *model = take("    type: https\n"
				   "    port: 8443\n"
				   "    jitter_pct: 0\n"
				   "    start: down\n"
				   "    method: POST\n"
				   "    path: /a?b\n"
				   "    host: www.example.org:8443\n"
				   "    headers: ['A: 1', 'B:']\n"
				   "    expect_status: 100-199,204, 599\n"
				   "    expect_body_regex: '^a(b|c)$'\n"
				   "    tls_ca: ca.pem\n");
	const struct check *check = &model->checks[0];

	(void)state;
	assert_int_equal(check->jitter_pct, 0);
	assert_int_equal(check->start, CHECK_START_DOWN);
	assert_string_equal(check->http.method, "POST");
	assert_string_equal(check->http.headers[0], "A: 1");
	assert_string_equal(check->http.headers[1], "B:");
	assert_null(check->http.headers[2]);
	assert_true(check_http_expects(&check->http, 100));
	assert_true(check_http_expects(&check->http, 199));
	assert_false(check_http_expects(&check->http, 200));
	assert_true(check_http_expects(&check->http, 204));
	assert_true(check_http_expects(&check->http, 599));
	assert_string_equal(check->http.body_regex, "^a(b|c)$");
	assert_string_equal(check->tls.name, "www.example.org");
	assert_int_equal(check->tls.ca_file[0], '/');
	model_free(model);
}

static void
all_keys_of_other_types_reach_the_model(void **state)
{
	static const uint8_t hex[] = {0x00, 0xff, 0x1a};
	struct model *model =
		take("    type: udp\n"
		     "    send_hex: '00 fF1a'\n"
		     "    expect: \"a\\n\"\n"
		     "  - {name: d, type: dns, query: example.org, query_type: AAAA, "
		     "expect_answer: '2001:db8::1'}\n"
		     "  - {name: e, type: dns, query: ., expect_rcode: REFUSED, start: up}\n"
		     "  - {name: m, type: mariadb, user: u, password_file: p, "
		     "read_only: no, replica: yes, max_lag_s: 0}\n"
		     "  - {name: s, type: script, command: [bin/check, x]}\n"
		     "  - {name: i, type: icmp}\n"
		     "  - {name: t, type: tls, tls_verify: no, tls_name: a.b}\n");
	const struct check *checks = model->checks;

	(void)state;
	assert_int_equal(checks[0].udp.send.size, sizeof(hex));
	assert_memory_equal(checks[0].udp.send.data, hex, sizeof(hex));
	assert_int_equal(checks[0].udp.expect.size, 2);
	assert_memory_equal(checks[0].udp.expect.data, "a\n", 2);
	assert_int_equal(checks[1].dns.type, 28);
	assert_int_equal(checks[1].dns.rcode, 0);
	assert_string_equal(checks[1].dns.answer, "2001:db8::1");
	assert_int_equal(checks[2].dns.type, 1);
	assert_int_equal(checks[2].dns.rcode, 5);
	assert_int_equal(checks[2].start, CHECK_START_UP);
	assert_string_equal(checks[3].mariadb.user, "u");
	assert_int_equal(checks[3].mariadb.password_file[0], '/');
	assert_int_equal(checks[3].mariadb.read_only, CHECK_READ_ONLY_NO);
	assert_true(checks[3].mariadb.replica);
	assert_int_equal(checks[3].mariadb.max_lag_s, 0);
	assert_int_equal(checks[4].command[0][0], '/');
	assert_string_equal(checks[4].command[1], "x");
	assert_int_equal(checks[5].type, CHECK_ICMP);
	assert_false(checks[6].tls.verify);
	assert_string_equal(checks[6].tls.name, "a.b");
	model_free(model);
}

static const struct {
	const char *keys;
	unsigned int line; /* From the check's first on. */
	const char *says;
} mistakes[] = {
	{"    type: ping\n", 0,
		"choose from: tcp, http, https, tls, udp, dns, icmp, mariadb, script"},
	{"    type: tcp\n    path: /\n", 1, "no use for it; it is for: http, https"},
	{"    type: http\n    tls_verify: no\n", 1, "no use for it; it is for: https, tls"},
	{"    type: icmp\n    port: 7\n", 1, "no use for it"},
	{"    type: tcp\n    headers: ['a: b']\n", 1, "no use for it"},
	{"    type: tcp\n    command: [/bin/true]\n", 1, "no use for it; it is for: script"},
	{"    type: tcp\n    jitter_pct: 51\n", 1, "not a whole number from 0 to 50"},
	{"    type: tcp\n    start: maybe\n", 1, "choose from: wait, up, down"},
	{"    type: icmp\n    via: vip\n", 1, "no use for it; it is for: tcp, http"},
	{"    type: tcp\n    via: router\n", 1, "choose from: backend, vip"},
	{"    type: http\n    method: BREW\n", 1, "choose from: GET, HEAD, OPTIONS, POST"},
	{"    type: http\n    expect_status: 99\n", 1, "'99' is not a status from 100 to 599"},
	{"    type: http\n    expect_status: 200-\n", 1, "is not a status"},
	{"    type: http\n    expect_status: 300-200\n", 1, "is not a status"},
	{"    type: http\n    expect_status: 200,,201\n", 1, "is not a status"},
	{"    type: http\n    expect_status: '200,'\n", 1, "is not a status"},
	{"    type: http\n    expect_status: '1,2,3'\n", 1, "is not a status"},
	{"    type: http\n    expect_status: '201,202,203,204,205,206,207,208,209'\n", 1,
		"at most 8 of them"},
	{"    type: http\n    headers: [nothing]\n", 1, "is not a header"},
	{"    type: http\n    headers: [\"A: b\\nC: d\"]\n", 1, "is not a header"},
	{"    type: http\n    headers: ['hOST: x']\n", 1, "the Host header has a key"},
	{"    type: http\n    expect_body: x\n    expect_body_regex: x\n", 2, "give one of"},
	{"    type: http\n    method: HEAD\n    expect_body: x\n", 2, "HEAD has no body"},
	{"    type: http\n    expect_body_regex: '(x'\n", 1,
		"'(x' is not a POSIX extended regular expression: Unmatched"},
	{"    type: tls\n    tls_name: 'a b'\n", 1, "'a b' is not a host's name"},
	{"    type: tls\n    tls_verify: no\n    tls_ca: x\n", 2, "no authority is asked"},
	{"    type: udp\n    port: 5\n", 0, "the key 'send' or 'send_hex' is missing"},
	{"    type: udp\n    send: a\n    send_hex: 00\n", 2, "give one of 'send' and 'send_hex'"},
	{"    type: udp\n    send_hex: '0'\n", 1, "'0' is not 1 to 1024 bytes"},
	{"    type: udp\n    send_hex: 0g\n", 1, "'0g' is not 1 to 1024 bytes"},
	{"    type: udp\n    send: a\n    expect: ''\n", 2, "0 bytes: give 1 to 1024"},
	{"    type: dns\n", 0, "the key 'query' is missing"},
	{"    type: dns\n    query: a..b\n", 1, "is not a name that DNS could be asked for"},
	{"    type: dns\n    query: a\n    query_type: ANY\n", 2, "choose from: A, AAAA, NS"},
	{"    type: dns\n    query: a\n    expect_answer: '::1'\n", 2,
		"'::1' is not an IPv4 address"},
	{"    type: dns\n    query: a\n    query_type: SOA\n    expect_answer: x\n", 3,
		"cannot be compared"},
	{"    type: dns\n    query: a\n    expect_rcode: NXDOMAIN\n    expect_answer: 192.0.2.1\n",
		3, "there is no answer with the rcode NXDOMAIN"},
	{"    type: mariadb\n", 0, "the key 'user' is missing"},
	{"    type: mariadb\n    user: u\n    max_lag_s: 5\n", 2, "goes with 'replica: yes' alone"},
	{"    type: script\n", 0, "the list 'command' is missing or empty"},
	{"    type: script\n    command: [true]\n", 1, "'true' is no path"},
};

static void
what_cannot_be_is_refused_with_line_and_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct model *model = NULL;
		struct err err = {""};
		unsigned int line = 0;

		if (parse(mistakes[i].keys, &model, &err) != -EINVAL)
			fail_msg("accepted: %s", mistakes[i].keys);
		assert_null(model);
		if (sscanf(err.text, "weir.yaml:%u:", &line) != 1 ||
			!strstr(err.text, mistakes[i].says))
			fail_msg("%s%s", mistakes[i].keys, err.text);
		/* What is missing is told of where the check begins. */
		if (line != FIRST_LINE + mistakes[i].line &&
			!(mistakes[i].line == 0 && line == FIRST_LINE - 1))
			fail_msg("line %u: %s", line, err.text);
	}
}

/* A check by the virtual address, and services of its pool. */
static int
parse_via(const char *check, const char *services, const char *top, struct model **out,
	struct err *err)
{
	char text[4096];

	snprintf(text, sizeof(text),
		"    %s\n    via: vip\n"
		"virtual_routers:\n"
		"  - {name: r, vrid: 1, port: front, addresses: [192.0.2.100],"
		" members: [{node: lb1, priority: 200}]}\n"
		"pools:\n"
		"  - {name: other, check: c, backends: []}\n"
		"  - {name: p, check: c, backends: [{name: a, address: 192.0.2.1},"
		" {name: b, address: 192.0.2.2}]}\n"
		"services:\n%s%s",
		check, services, top);
	return parse(text, out, err);
}

#define SERVICE(name, rest) "  - {name: " name ", address: 192.0.2.100, pool: p, " rest "}\n"

static void
a_check_by_the_virtual_address_finds_its_service_and_ports(void **state)
{
	static const struct {
		const char *check, *services, *top;
		size_t service; /* That it goes by. */
		uint16_t port;
	} cases[] = {
		{"type: tcp", SERVICE("x", "port: 80"), "", 0, 61000},
		{"type: tcp", SERVICE("x", "port: 80"), "probe_ports: 65534\n", 0, 65534},
		{"type: dns\n    query: x",
			SERVICE("x", "port: 53") SERVICE("y", "port: 53, protocol: udp"), "", 1,
			61000},
		{"type: http\n    port: 443", SERVICE("x", "port: 80") SERVICE("y", "port: 443"),
			"", 1, 61000},
		{"type: http\n    port: 443", SERVICE("x", "port: any"), "", 0, 61000},
		{"type: tcp",
			SERVICE("x", "port: 80, mode: nat")
				SERVICE("y", "port: 81, mode: tunnel, tunnel: {type: ipip, "
					     "source4: 192.0.2.9}"),
			"", 1, 61000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model *model = NULL;
		struct err err = {""};

		if (parse_via(cases[i].check, cases[i].services, cases[i].top, &model, &err) < 0)
			fail_msg("%zu: %s", i, err.text);
		assert_true(model->checks[0].via_vip);
		for (size_t j = 0; j < model->n_services; j++)
			assert_int_equal(model->services[j].probe_port,
				j == cases[i].service ? cases[i].port : 0);
		model_free(model);
	}
}

static void
a_check_by_the_virtual_address_needs_a_service_and_ports(void **state)
{
	static const struct {
		const char *check, *services, *top, *says;
	} cases[] = {
		{"type: tcp", SERVICE("x", "port: 80, mode: nat"), "", "no service for it"},
		{"type: udp\n    send: x", SERVICE("x", "port: 80"), "", "no service for it"},
		{"type: tcp\n    port: 81", SERVICE("x", "port: 80"), "", "no service for it"},
		{"type: tcp", SERVICE("x", "port: any"), "", "without a port to probe"},
		{"type: tcp", SERVICE("x", "port: 80"), "probe_ports: 65535\n", "do not suffice"},
		{"type: tcp", SERVICE("x", "port: 80"), "probe_ports: 80\n", "1024 to 65535"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model *model = NULL;
		struct err err = {""};

		assert_int_equal(
			parse_via(cases[i].check, cases[i].services, cases[i].top, &model, &err),
			-EINVAL);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%zu: %s", i, err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(what_a_check_has_by_default),
		cmocka_unit_test(all_keys_of_http_and_tls_reach_the_model),
		cmocka_unit_test(all_keys_of_other_types_reach_the_model),
		cmocka_unit_test(what_cannot_be_is_refused_with_line_and_reason),
		cmocka_unit_test(a_check_by_the_virtual_address_finds_its_service_and_ports),
		cmocka_unit_test(a_check_by_the_virtual_address_needs_a_service_and_ports),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
