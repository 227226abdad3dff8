/* SPDX-License-Identifier: BSD-3-Clause */
/* Source lists and timeouts of flows: what is accepted, what is refused with line and reason, and
 * the way to the dataplane and back. */
#include "common/config.h"
#include "common/control.h"
#include "common/source_lists.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* The service's own keys begin on line 23. */
#define FIRST_LINE 23
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
	"pools:\n"
	"  - name: p4\n"
	"services:\n"
	"  - name: plain\n"
	"    address: 192.0.2.100\n"
	"    port: 80\n"
	"    pool: p4\n"
	"  - name: s\n"
	"    port: 81\n"
	"    pool: p4\n"
	"    address: 192.0.2.100\n";

struct example {
	const char *keys;  /* The service's, and then others at the top. */
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

#define LISTS "source_lists:\n"
#define BAD "  - {name: bad, prefixes: [10.0.0.0/8, '2001:db8::/32']}\n"
#define GOOD "  - {name: good, prefixes: [192.0.2.7]}\n"

static const struct example examples[] = {
	{"", 0, NULL},
	{"    block: [bad]\n    allow: [good]\n" LISTS BAD GOOD, 0, NULL},
	{"    block: []\n" LISTS "  - {name: bad, file: bad.txt}\n", 0, NULL},
	{"    block: [bad, good]\n" LISTS BAD GOOD, 0, NULL},
	{"    block: [bad]\n", 0, "services[1].block[0]: there is no list called 'bad'"},
	{"    allow:\n      - good\n      - other\n" LISTS GOOD, 2, "no list called 'other'"},
	{"    block:\n      - bad\n      - bad\n" LISTS BAD, 2, "'bad' is given twice"},
	{"    block: [bad]\n    allow: [good, bad]\n" LISTS BAD GOOD, 1,
		"the list 'bad' is in 'block' as well"},
	{"    block: [a, b, c, d, e, f, g, h, i]\n", 0, "9 lists: at most 8"},
	{LISTS BAD BAD, 2, "source_lists[1].name: 'bad' is used twice"},
	{LISTS "  - {prefixes: [10.0.0.0/8]}\n", 1, "the key 'name' is missing"},
	{LISTS "  - {name: bad}\n", 1, "the list 'bad' has no prefixes"},
	{LISTS "  - {name: bad, prefixes: []}\n", 1, "the list 'bad' has no prefixes"},
	{LISTS "  - {name: bad, file: f, prefixes: [10.0.0.0/8]}\n", 1, "there are prefixes, too"},
	{LISTS "  - name: bad\n    prefixes:\n      - 10.0.0.0/8\n      - 10.0.0.1/8\n", 4,
		"did you mean 10.0.0.0/8?"},
	{LISTS "  - {name: bad, prefixes: [example.org]}\n", 1, "is not an address or prefix"},
	{LISTS "  - {name: bad, prefix: 10.0.0.0/8}\n", 1, "is not known here"},
	{"flow_timeouts: {embryonic_ms: 500, established_ms: 3600000}\n", 0, NULL},
	{"flow_timeouts:\n  udp_ms: 60000\n  fin_ms: 499\n", 2,
		"flow_timeouts.fin_ms: '499' is not a whole number from 500 to 3600000"},
	{"flow_timeouts:\n  udp_new_ms: 3600001\n", 1, "from 500 to 3600000"},
	{"flow_timeouts: {evict_idle_ms: -1}\n", 0, "from 500 to 3600000"},
	{"flow_timeouts: {closed_ms: soon}\n", 0, "from 500 to 3600000"},
	{"flow_timeouts: {syn_ms: 1000}\n", 0, "is not known here"},
};

static void
examples_are_judged_as_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *example = &examples[i];
		struct model *model = NULL;
		struct err err = {""};
		int rc = parse(example->keys, &model, &err);
		char place[32];

		snprintf(place, sizeof(place), "weir.yaml:%u: ", FIRST_LINE + example->line);
		if (!example->says && rc < 0)
			fail_msg("example %zu: %s", i, err.text);
		if (example->says && (rc == 0 || strncmp(err.text, place, strlen(place)) != 0 ||
					     !strstr(err.text, example->says)))
			fail_msg("example %zu wants '%s...%s': %s", i, place, example->says,
				err.text);
		model_free(model);
	}
}

static void
too_many_lists_are_refused(void **state)
{
	char text[8192] = LISTS;
	struct model *model = NULL;
	struct err err = {""};

	(void)state;
	for (int i = 0; i <= MODEL_LISTS_MAX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"  - {name: l%d, file: f}\n", i);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", base);
	assert_int_equal(config_parse(text, strlen(text), "weir.yaml", &model, &err), -EINVAL);
	assert_string_equal(err.text, "weir.yaml:1: source_lists: 65 lists: at most 64");
}

static void
timeouts_that_are_not_given_are_the_defaults(void **state)
{
	struct model *model = NULL;
	struct err err = {""};

	(void)state;
	assert_int_equal(parse("flow_timeouts: {udp_ms: 5000}\n", &model, &err), 0);
	assert_int_equal(model->flow_timeouts.udp_ms, 5000);
	assert_int_equal(model->flow_timeouts.embryonic_ms, 10000);
	assert_int_equal(model->flow_timeouts.established_ms, 900000);
	assert_int_equal(model->flow_timeouts.evict_idle_ms, 300000);
	model_free(model);
}

/* --- Files --- */

struct folder {
	char path[32];
	char config[64], list[64];
};

static void
write_text(const char *path, const char *before, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file, "%s%s", before, text);
	assert_int_equal(fclose(file), 0);
}

/* Loads a file with 'keys', whose list 'list.txt' is 'list' (NULL: there is none). */
static int
load(struct folder *folder, const char *keys, const char *list, struct model **out, struct err *err)
{
	int rc;

	snprintf(folder->path, sizeof(folder->path), "/tmp/lists_testXXXXXX");
	assert_non_null(mkdtemp(folder->path));
	snprintf(folder->config, sizeof(folder->config), "%s/weir.yaml", folder->path);
	snprintf(folder->list, sizeof(folder->list), "%s/list.txt", folder->path);
	write_text(folder->config, base, keys);
	if (list)
		write_text(folder->list, "", list);
	assert_int_equal(config_load(folder->config, out, err), 0);
	rc = source_lists_read(*out, err);
	unlink(folder->config);
	unlink(folder->list);
	rmdir(folder->path);
	return rc;
}

#define FILED LISTS "  - {name: filed, file: list.txt}\n"

static void
files_are_beside_the_configuration(void **state)
{
	struct model *model;
	struct folder folder;
	struct err err = {""};

	(void)state;
	assert_int_equal(
		load(&folder, "    block: [filed]\n" FILED, "10.0.0.0/8\n", &model, &err), 0);
	assert_string_equal(model->lists[0].file, folder.list);
	assert_true(model->lists[0].stamp[0] != '\0');
	assert_ptr_equal(model->services[1].block.lists[0], &model->lists[0]);
	model_free(model);
	/* Nobody is blocked by it. */
	assert_int_equal(load(&folder, "    block: [filed]\n" FILED, "# none\n", &model, &err), 0);
	model_free(model);
}

static void
bad_files_are_refused_with_their_line(void **state)
{
	static const struct {
		const char *keys, *list, *says;
	} cases[] = {
		{"    block: [filed]\n" FILED, NULL, "/list.txt: cannot be read: No such file"},
		{"    block: [filed]\n" FILED, "10.0.0.0/8\n1.2.3\n",
			"/list.txt:2: '1.2.3' is not an address or prefix"},
		{FILED, "x\n", "/list.txt:1: 'x' is not an address or prefix"},
		{"    allow: [filed]\n" FILED, "", "service 's' would serve nobody: no prefix of "},
		{"    allow: [filed]\n" FILED, "2001:db8::/32\n",
			"no prefix of IPv4 is in the lists that it allows"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model *model;
		struct folder folder;
		struct err err = {""};

		assert_true(load(&folder, cases[i].keys, cases[i].list, &model, &err) < 0);
		model_free(model);
		if (strncmp(err.text, folder.path, strlen(folder.path)) != 0 ||
			!strstr(err.text, cases[i].says))
			fail_msg("case %zu: %s", i, err.text);
	}
}

static void
all_files_together_are_limited(void **state)
{
	static const char line[] = "10.0.0.0/8\n";
	const size_t n = PREFIX_LIST_MAX - 1, size = strlen(line);
	char *list = calloc(n * size + 1, 1);
	struct model *model;
	struct folder folder;
	struct err err = {""};

	(void)state;
	assert_non_null(list);
	for (size_t i = 0; i < n; i++)
		memcpy(list + i * size, line, size);
	assert_int_equal(
		load(&folder, FILED "  - {name: again, file: list.txt}\n", list, &model, &err), 0);
	model_free(model);
	assert_int_equal(load(&folder,
				 FILED "  - {name: b, file: list.txt}\n"
				       "  - {name: c, file: list.txt}\n",
				 list, &model, &err),
		-E2BIG);
	assert_non_null(strstr(err.text, "more than 2000000 prefixes"));
	model_free(model);
	free(list);
}

/* --- Messages --- */

static json_t *
state_json(const char *more)
{
	char text[2048];
	json_t *json;

	snprintf(text, sizeof(text),
		"{\"generation\": 1, \"routers\": [], \"pools\": [{\"name\": \"p\", \"backends\": "
		"[]}], \"services\": [{\"name\": \"s\", \"address\": \"192.0.2.1\", \"port\": 80, "
		"\"protocol\": \"tcp\", \"mode\": \"dr\", \"scheduler\": \"maglev\", \"pool\": 0, "
		"%s",
		more);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	return json;
}

static void
states_survive_the_way(void **state)
{
	json_t *json = state_json("\"block\": [1], \"allow\": [0, 2]}], \"locals\": [], "
				  "\"lists\": [{\"name\": \"a\", \"prefixes\": [\"10.0.0.0/8\", "
				  "\"2001:db8::1\"]}, {\"name\": \"b\", \"file\": \"/f\", "
				  "\"stamp\": \"x\"}, {\"name\": \"c\", \"prefixes\": []}], "
				  "\"flow_timeouts\": {\"udp_ms\": 500}}");
	struct control_state *decoded = NULL;
	struct err err = {""};
	json_t *again;

	(void)state;
	if (control_state_decode(json, &decoded, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(decoded->n_lists, 3);
	assert_int_equal(decoded->lists[0].content.n, 2);
	assert_string_equal(decoded->lists[1].file, "/f");
	assert_int_equal(decoded->services[0].allow.n, 2);
	assert_int_equal(decoded->services[0].allow.lists[1], 2);
	assert_int_equal(decoded->flow_timeouts.udp_ms, 500);
	again = control_state_encode(decoded);
	assert_true(json_equal(json, again));
	json_decref(again);
	json_decref(json);
	control_state_free(decoded);
}

static void
bad_states_are_refused(void **state)
{
	static const struct {
		const char *more, *says;
	} cases[] = {
		{"\"block\": [0]}]}", "block[0]: must be the index of one of the state's 0 lists"},
		{"\"allow\": [-1]}], \"lists\": [{\"name\": \"a\", \"prefixes\": []}]}",
			"allow[0]: must be the index of one of the state's 1 lists"},
		{"\"allow\": [0, 0, 0, 0, 0, 0, 0, 0, 0]}], \"lists\": [{\"name\": \"a\", "
		 "\"prefixes\": []}]}",
			"allow: "},
		{"\"mss\": 1000}], \"lists\": [{\"name\": \"a\", \"prefixes\": [\"10/8\"]}]}",
			"lists[0]: prefixes[0]: '10/8' is not"},
		{"\"mss\": 1000}], \"lists\": [{\"name\": \"a\", \"prefixes\": [8]}]}",
			"lists[0]: prefixes[0]: must be a string"},
		{"\"mss\": 1000}], \"lists\": [{\"name\": \"a\"}]}", "prefixes: is missing"},
		{"\"mss\": 1000}], \"lists\": [{\"name\": \"a\", \"file\": \"f\", \"stamp\": "
		 "\"x\"}]}",
			"'f' is not an absolute path"},
		{"\"mss\": 1000}], \"lists\": [{\"name\": \"a\", \"file\": \"/f\"}]}", "stamp: "},
		{"\"mss\": 1000}], \"lists\": [{\"name\": \"a\", \"file\": \"/f\", \"stamp\": "
		 "\"x\", \"prefixes\": []}]}",
			"lists[0]: "},
		{"\"mss\": 1000}], \"lists\": [{\"name\": \"a\", \"prefixes\": []}, {\"name\": "
		 "\"a\", \"prefixes\": []}]}",
			"lists[1]: the name 'a' is given twice"},
		{"\"mss\": 1000}], \"flow_timeouts\": {\"udp_ms\": 499}}", "flow_timeouts: udp_ms"},
		{"\"mss\": 1000}], \"flow_timeouts\": {\"x\": 999}}", "flow_timeouts: "},
		{"\"mss\": 1000}], \"flow_timeouts\": []}", "flow_timeouts: "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json = state_json(cases[i].more);
		struct control_state *decoded = NULL;
		struct err err = {""};

		assert_int_equal(control_state_decode(json, &decoded, &err), -EINVAL);
		assert_null(decoded);
		if (!strstr(err.text, cases[i].says))
			fail_msg("case %zu: %s", i, err.text);
		json_decref(json);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_are_judged_as_they_should),
		cmocka_unit_test(too_many_lists_are_refused),
		cmocka_unit_test(timeouts_that_are_not_given_are_the_defaults),
		cmocka_unit_test(files_are_beside_the_configuration),
		cmocka_unit_test(bad_files_are_refused_with_their_line),
		cmocka_unit_test(all_files_together_are_limited),
		cmocka_unit_test(states_survive_the_way),
		cmocka_unit_test(bad_states_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
