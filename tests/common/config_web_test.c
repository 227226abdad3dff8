/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys of the web tier's front. */
#include "common/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The front's keys begin on line 9. */
#define CLUSTER                                                      \
	"cluster: a\n"                                               \
	"nodes:\n"                                                   \
	"  - {name: web1, role: web, metrics: \"192.0.2.1:9100\"}\n" \
	"web:\n"                                                     \
	"  root: site\n"                                             \
	"  certificate: a.crt\n"                                     \
	"  private_key: a.key\n"                                     \
	"  proxy: [{prefix: /api/, methods: [GET, POST]}, {prefix: /l/}]\n"

static struct model *
load(const char *text)
{
	struct model *model = NULL;
	struct err err = {""};

	if (config_parse(text, strlen(text), "weir.yaml", &model, &err) < 0)
		fail_msg("%s", err.text);
	return model;
}

static void
all_is_off_unless_it_is_asked_for(void **state)
{
	struct model *model = load(CLUSTER);
	const struct web_config *web = &model->web;

	(void)state;
	assert_null(web->ocsp_response);
	assert_null(web->ticket_keys);
	assert_null(web->client_ca);
	assert_false(web->only_tls_1_3 || web->redirect_https || web->precompressed || web->gzip);
	assert_int_equal(web->hsts_max_age_s, 0);
	assert_int_equal(web->n_more_certificates + web->n_cache_rules + web->n_error_pages +
				 web->n_headers + web->shield.n_exempt,
		0);
	assert_int_equal(web->shield.client_connections, 0);
	assert_int_equal(web->shield.client_requests_per_s, 0);
	assert_true(web->http2.enabled); /* But for this. */
	assert_int_equal(web->http2.max_streams, 128);
	assert_int_equal(web->http2.resets_per_s, 20);
	assert_int_equal(web->http2.reset_burst, 200);
	assert_int_equal(web->proxies[0].n_methods, 2);
	assert_string_equal(web->proxies[0].methods[1], "POST");
	assert_int_equal(web->proxies[1].n_methods, 0);
	assert_false(web->proxies[0].websocket || web->proxies[1].websocket);
	assert_int_equal(web->websocket_idle_ms, 300000);
	assert_int_equal(web->circuit.n_failures, 0);
	assert_int_equal(web->circuit.max_requests, 0);
	assert_int_equal(web->cache.max_bytes, 0);
	model_free(model);
}

static void
what_is_asked_for_is_there(void **state)
{
	struct model *model = load(
		CLUSTER "  min_tls: \"1.3\"\n"
			"  ocsp_response: /tls/a.der\n"
			"  ticket_keys: /tls/keys\n"
			"  client_ca: /tls/ca.pem\n"
			"  client_certificate: optional\n"
			"  redirect_https: yes\n"
			"  websocket_idle_ms: 1000\n"
			"  hsts_max_age_s: 31536000\n"
			"  precompressed: yes\n"
			"  gzip: yes\n"
			"  certificates:\n"
			"    - {certificate: /b.crt, private_key: /b.key, ocsp_response: /b.der}\n"
			"  cache_control: [{match: \"*.css\", value: max-age=60}]\n"
			"  error_pages: [{status: 404, file: errors/404.html}]\n"
			"  headers: [{name: X-Frame-Options, value: DENY}]\n"
			"  shield: {client_connections: 50, client_requests_per_s: 20,\n"
			"    exempt: [192.0.2.0/24, \"2001:db8::1\"]}\n"
			"  http2: {max_streams: 7, resets_per_s: 8, reset_burst: 9}\n");
	const struct web_config *web = &model->web;

	(void)state;
	assert_true(web->only_tls_1_3 && web->redirect_https && web->precompressed && web->gzip);
	assert_string_equal(web->ocsp_response, "/tls/a.der");
	assert_string_equal(web->ticket_keys, "/tls/keys");
	assert_string_equal(web->client_ca, "/tls/ca.pem");
	assert_false(web->client_required);
	assert_int_equal(web->hsts_max_age_s, 31536000);
	assert_int_equal(web->n_more_certificates, 1);
	assert_string_equal(web->more_certificates[0].ocsp_response, "/b.der");
	assert_string_equal(web->cache_rules[0].match, "*.css");
	assert_int_equal(web->error_pages[0].status, 404);
	assert_string_equal(web->headers[0].value, "DENY");
	assert_int_equal(web->shield.client_connections, 50);
	assert_int_equal(web->http2.max_streams, 7);
	assert_int_equal(web->http2.resets_per_s, 8);
	assert_int_equal(web->http2.reset_burst, 9);
	assert_int_equal(web->shield.client_requests_per_s, 20);
	assert_int_equal(web->shield.client_burst, 20);
	assert_int_equal(web->shield.n_exempt, 2);
	assert_int_equal(web->shield.exempt[0].bits, 24);
	model_free(model);
}

static void
clients_must_show_certificates_of_authorities_that_are_named(void **state)
{
	struct model *model = load(CLUSTER "  client_ca: ca.pem\n");

	(void)state;
	assert_true(model->web.client_required);
	model_free(model);
}

static void
mistakes_are_told_with_their_line(void **state)
{
	static const struct {
		const char *keys;
		int line;
		const char *says;
	} cases[] = {
		{"  min_tls: \"1.1\"\n", 9, "choose from: 1.2, 1.3"},
		{"  client_certificate: required\n", 9, "needs the key 'client_ca'"},
		{"  client_ca: a\n  client_certificate: maybe\n", 10, "choose from"},
		{"  redirect_https: perhaps\n", 9, "choose from"},
		{"  hsts_max_age_s: 63072001\n", 9, "not a whole number from 0 to 63072000"},
		{"  certificates:\n    - {certificate: b}\n", 10, "'private_key' is missing"},
		{"  certificates:\n    - {private_key: b}\n", 10, "'certificate' is missing"},
		{"  cache_control:\n    - {match: css, value: x}\n", 10, "must begin with"},
		{"  cache_control:\n    - {match: \"*\"}\n", 10, "'value' is missing"},
		{"  cache_control:\n    - {match: \"*\", value: \"a\\nb\"}\n", 10, "printable"},
		{"  error_pages:\n    - {status: 200, file: a}\n", 10, "from 400 to 599"},
		{"  error_pages:\n    - {status: 404}\n", 10, "'file' is missing"},
		{"  error_pages:\n    - {status: 404, file: /a}\n", 10, "below 'root'"},
		{"  error_pages:\n    - {status: 404, file: ../a}\n", 10, "below 'root'"},
		{"  error_pages:\n    - {status: 404, file: a/../b}\n", 10, "below 'root'"},
		{"  error_pages:\n    - {status: 404, file: a}\n    - {status: 404, file: b}\n", 11,
			"has a page already"},
		{"  headers:\n    - {name: \"a b\", value: x}\n", 10, "is no name of a header"},
		{"  headers:\n    - {name: content-length, value: x}\n", 10, "writes itself"},
		{"  headers:\n    - {name: X-A, value: \"x\\ty\"}\n", 10, "printable"},
		{"  headers:\n    - {name: X-A, value: x}\n    - {name: x-a, value: y}\n", 11,
			"used twice"},
		{"  shield: {client_connections: 0}\n", 9, "from 1 to 1000000"},
		{"  shield: {client_burst: 5}\n", 9, "needs the key 'client_requests_per_s'"},
		{"  shield: {exempt: [192.0.2.1/24]}\n", 9, "192.0.2.1/24"},
		{"  http2: {max_streams: 0}\n", 9, "from 1 to 1000"},
		{"  http2: {reset_burst: 0}\n", 9, "from 1 to 100000"},
		{"  http2: {enabled: maybe}\n", 9, "choose from"},
		{"  cache: {max_bytes: 1}\n", 9, "from 65536 to"},
		{"  cache: {max_bytes: 65536, max_object_bytes: 65537}\n", 9,
			"more than max_bytes"},
		{"  circuit: {failures: 0}\n", 9, "from 1 to 1000000"},
		{"  circuit: {max_waiting: 5}\n", 9, "needs the key 'max_requests'"},
		{"  circuit: {max_requests: 5, wait_ms: 50}\n", 9, "needs the key 'max_waiting'"},
		{"  websocket_idle_ms: 9\n", 9, "from 10 to"},
		{"  gzip: 9\n", 9, "choose from"},
		{"  precompressed: zstd\n", 9, "choose from"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model *model = NULL;
		struct err err = {""};
		char place[32];
		char *text;

		assert_true(asprintf(&text, CLUSTER "%s", cases[i].keys) > 0);
		snprintf(place, sizeof(place), "weir.yaml:%d: web", cases[i].line);
		assert_int_equal(
			config_parse(text, strlen(text), "weir.yaml", &model, &err), -EINVAL);
		if (strncmp(err.text, place, strlen(place)) != 0 ||
			!strstr(err.text, cases[i].says))
			fail_msg("%s gives: %s", cases[i].keys, err.text);
		free(text);
	}
}

static void
a_method_is_in_capitals(void **state)
{
	static const char text[] = "cluster: a\nnodes:\n"
				   "  - {name: web1, role: web, metrics: \"192.0.2.1:9100\"}\n"
				   "web:\n  root: a\n  certificate: a\n  private_key: a\n"
				   "  proxy:\n    - prefix: /\n      methods: [GET, post]\n";
	struct model *model = NULL;
	struct err err = {""};

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), "weir.yaml", &model, &err), -EINVAL);
	assert_non_null(strstr(err.text, "weir.yaml:10: web.proxy[0].methods[1]: 'post'"));
}

static void
a_websocket_begins_with_get(void **state)
{
	static const char text[] = "cluster: a\nnodes:\n"
				   "  - {name: web1, role: web, metrics: \"192.0.2.1:9100\"}\n"
				   "web:\n  root: a\n  certificate: a\n  private_key: a\n"
				   "  proxy:\n    - prefix: /a/\n      websocket: yes\n"
				   "    - prefix: /\n      websocket: yes\n      methods: [POST]\n";
	struct model *model = NULL;
	struct err err = {""};

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), "weir.yaml", &model, &err), -EINVAL);
	assert_non_null(strstr(err.text, "weir.yaml:12: web.proxy[1].websocket: needs GET"));
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(all_is_off_unless_it_is_asked_for),
		cmocka_unit_test(what_is_asked_for_is_there),
		cmocka_unit_test(clients_must_show_certificates_of_authorities_that_are_named),
		cmocka_unit_test(mistakes_are_told_with_their_line),
		cmocka_unit_test(a_method_is_in_capitals),
		cmocka_unit_test(a_websocket_begins_with_get),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
