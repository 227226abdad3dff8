/* SPDX-License-Identifier: BSD-3-Clause */
/* The sample configuration is accepted; each of many small mistakes in it is refused with the line
 * it stands on, the offending word and what is allowed. */
#include "common/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *sample;

static int
read_sample(void **state)
{
	FILE *file = fopen(getenv("WEIR_SAMPLE"), "re");
	size_t size;

	(void)state;
	assert_non_null(file);
	sample = calloc(1, 1 << 20);
	size = fread(sample, 1, (1 << 20) - 1, file);
	assert_true(size > 0);
	fclose(file);
	return 0;
}

static int
drop_sample(void **state)
{
	(void)state;
	free(sample);
	return 0;
}

static void
the_sample_makes_a_model_with_resolved_relations(void **state)
{
	struct model *model = NULL;
	struct err err = {""};
	const struct node *lb1;

	(void)state;
	if (config_load(getenv("WEIR_SAMPLE"), &model, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(model->n_nodes, 9);
	lb1 = model_node(model, "lb1");
	assert_non_null(lb1);
	assert_int_equal(lb1->role, ROLE_LB);
	assert_string_equal(lb1->lb.ports[0].host_interface, "weir0");
	assert_int_equal(lb1->lb.control_socket[0], '/');
	assert_int_equal(model->n_routers, 2);
	assert_int_equal(model->routers[0].advert_cs, 10);
	assert_int_equal(model->routers[0].family, ADDR_V4);
	assert_ptr_equal(model->routers[0].members[0].node, lb1);
	assert_int_equal(model->n_services, 4);
	assert_ptr_equal(model->services[0].pool, &model->pools[0]);
	assert_ptr_equal(model->services[3].router, &model->routers[1]);
	assert_ptr_equal(model->pools[0].check, &model->checks[0]);
	assert_string_equal(model->app.public_url, "https://www.weir.test");
	assert_int_equal(model->monitor.probe_dns.port, 53);
	assert_null(model_node(model, "lb9"));
	model_free(model);
}

static void
the_documented_file_has_services_in_every_mode(void **state)
{
	struct model *model = NULL;
	struct err err = {""};
	unsigned int modes = 0;

	(void)state;
	if (config_load(getenv("WEIR_DOCUMENTED"), &model, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < model->n_services; i++)
		modes |= 1U << model->services[i].mode;
	assert_int_equal(
		modes, 1U << MODE_DR | 1U << MODE_TUNNEL | 1U << MODE_NAT | 1U << MODE_FULLNAT);
	model_free(model);
}

/* The sample with its first 'find' replaced by 'with'; the caller frees it. '*line' is the line of
 * the place. */
static char *
edit(const char *find, const char *with, unsigned int *line)
{
	char *place = strstr(sample, find);
	char *text;
	int size;

	if (!place)
		fail_msg("the sample has no '%s'", find);
	*line = 1;
	for (const char *at = sample; at < place; at++)
		*line += *at == '\n';
	size = asprintf(
		&text, "%.*s%s%s", (int)(place - sample), sample, with, place + strlen(find));
	assert_true(size > 0);
	return text;
}

static const struct mistake {
	const char *find, *with;
	int line_offset; /* From the edited place to the line that the message names. */
	const char *says;
} mistakes[] = {
	{"cluster: lab", "cluster: Lab", 0, "'Lab' is not a name"},
	{"cluster: lab", "clutser: lab", 0, "the key 'clutser' is not known here"},
	{"metrics: 10.77.1.11:9100", "metrics: 10.77.1.11", 0,
		"'10.77.1.11' is not an address with a port"},
	{"role: lb", "role: proxy", 0,
		"'proxy' is not known here; choose from: lb, web, app, db, monitor"},
	{"role: web", "role: app", -1, "a node with role app needs the key 'listen'"},
	{"memory_mb: 160", "memory_mb: 16", 0, "'16' is not a whole number from 64 to"},
	{"memory_mb: 160", "memory_mb: 160MB", 0, "'160MB' is not a whole number"},
	{"memory_mb: 160", "wake_latency_us: 10001", 0,
		"'10001' is not a whole number from 0 to 10000"},
	{"hugepages: no", "hugepages: maybe", 0, "'maybe' is not known here; choose from: no, yes"},
	{"queues: 1", "vlan: 4095", 0, "'4095' is not a whole number from 1 to 4094"},
	{"queues: 1", "vlan: 0", 0, "'0' is not a whole number from 1 to 4094"},
	{"queues: 1", "queues: -1", 0, "'-1' is not a whole number from 1 to 64"},
	{"queues: 1", "workers: 65", 0, "'65' is not a whole number from 1 to 64"},
	{"queues: 1 ", "queues: 3\n          workers: 2 ", 1,
		"'2' is less than queues (3), of which each needs a worker"},
	{"name: lb2", "name: lb1", 0, "'lb1' is used twice"},
	{"database: replica", "database: primary", 0, "db1 and db2 are both the primary"},
	{"vrid: 51", "vrid: 256", 0, "'256' is not a whole number from 1 to 255"},
	{"port: front\n    addresses", "port: back\n    addresses", 6, "has no port called 'back'"},
	{"[10.77.1.100]", "[10.77.1.300]", 0, "'10.77.1.300' is not an IP address"},
	{"[10.77.1.100]", "[224.0.0.18]", 0, "multicast"},
	{"[10.77.1.100]", "[10.77.1.100, \"fd77:1::9\"]", 0, "is of another family"},
	{"[10.77.1.100]", "[10.77.1.100, 10.77.1.100]", 0, "is given twice"},
	{"[10.77.1.100]", "[10.77.1.99]", 43, "is not an address of any virtual router"},
	{"advert_ms: 100", "advert_ms: 105", 0, "not a multiple of 10"},
	{"{ node: lb1, priority: 200 }", "{ node: lb9, priority: 200 }", 0,
		"'lb9' is not a node with role lb"},
	{"{ node: lb1, priority: 200 }", "{ node: lb1, priority: 0 }", 0,
		"'0' is not a whole number from 1 to 255"},
	{"{ node: lb2, priority: 100 }", "{ node: lb1, priority: 100 }", 0,
		"'lb1' is a member already"},
	{"type: http ", "type: ping ", 0, "'ping' is not known here; choose from: tcp, http"},
	{"path: /health", "path: health", 0, "must begin with '/'"},
	{"check: web-health", "check: web-heath", 0, "there is no check called 'web-heath'"},
	{"address: 10.77.1.22, weight: 100", "address: 10.77.1.22, weight: 1001", 0,
		"'1001' is not a whole number from 0 to 1000"},
	{"address: 10.77.1.22, weight: 100", "address: 10.77.1.22, max_flows: 0", 0,
		"'0' is not a whole number from 1 to 1000000000"},
	{"scheduler: maglev, pool: web4", "limits: { new_flows_per_s: 0 }, pool: web4", 0,
		"'0' is not a whole number from 1 to 10000000"},
	{"scheduler: maglev, pool: web4", "limits: { packets_per_s: 10000001 }, pool: web4", 0,
		"'10000001' is not a whole number from 1 to 10000000"},
	{"scheduler: maglev, pool: web4",
		"limits: { new_flows_per_s: 9, packets_per_s: 8 }, pool: web4", 0,
		"'9' is more than packets_per_s"},
	{"scheduler: maglev, pool: web4", "limits: { bytes_per_s: 9 }, pool: web4", 0,
		"is not known here"},
	{"address: 10.77.1.22, weight", "address: 10.77.1.21, weight", 0,
		"'10.77.1.21' is used twice in this pool"},
	{"address: 10.77.1.22, weight: 100", "address: 10.77.1.22, wieght: 100", 0,
		"the key 'pools[0].backends[1].wieght' is not known here"},
	{"port: 80, ", "port: 70000, ", 0, "'70000' is not a whole number from 1 to 65535"},
	{"port: 80, ", "port: 443,", 1, "'http4' has the same address, port and protocol"},
	{"scheduler: maglev, pool: web4", "scheduler: best, pool: web4", 0,
		"'best' is not known here; choose from: maglev"},
	{"scheduler: maglev, pool: web4", "scheduler: maglev, persistence: {}, pool: web4", 0,
		"the key 'timeout_s' is missing"},
	{"scheduler: maglev, pool: web4",
		"scheduler: maglev, persistence: {timeout_s: 0}, pool: web4", 0,
		"'0' is not a whole number from 1 to 86400"},
	{"scheduler: maglev, pool: web4",
		"scheduler: maglev, persistence: {timeout_s: 9, prefix4: 33}, pool: web4", 0,
		"'33' is not a whole number from 1 to 32"},
	{"scheduler: maglev, pool: web4",
		"scheduler: maglev, persistence: {timeout_s: 9, prefix6: 0}, pool: web4", 0,
		"'0' is not a whole number from 1 to 128"},
	{"scheduler: maglev, pool: web4",
		"scheduler: maglev, persistence: {timeout_s: 9, mask: 24}, pool: web4", 0,
		"persistence.mask' is not known here"},
	{"scheduler: maglev, pool: web4",
		"scheduler: source-hash, persistence: {timeout_s: 9}, pool: web4", 0,
		"source-hash keeps clients together by their whole address already"},
	{"port: 80, ", "port: all, ", 0, "'all' is not a whole number from 1 to 65535"},
	{"check: web-health\n", "slow_start_s: 30\n", 0,
		"a pool without a check never sees a backend come back"},
	{"check: web-health\n", "check: web-health\n    slow_start_s: 3601\n", 1,
		"'3601' is not a whole number from 0 to 3600"},
	{"check: web-health\n", "check: web-health\n    quorum: 1\n", 1,
		"without a backend that has 'sorry: yes' nothing depends on it"},
	{"address: 10.77.1.22, weight: 100", "address: 10.77.1.22, sorry: perhaps", 0, "'perhaps'"},
	{"mode: dr", "mode: teleport", 0,
		"'teleport' is not known here; choose from: dr, tunnel, nat, fullnat"},
	{"address: 10.77.1.22, weight: 100", "address: 10.77.1.22, port: 0", 0,
		"'0' is not a whole number from 1 to 65535"},
	{"address: 10.77.1.22, weight: 100", "address: 10.77.1.22, port: 8080", 8,
		"backend 'web2' of 'web4' has port 8080, and mode dr cannot change ports"},
	{"mode: dr", "mode: fullnat", 0,
		"node 'lb1' has none of this family: give its port local_addresses"},
	{"queues: 1 ", "queues: 1\n          local_addresses: [10.77.1.100] ", 1,
		"'10.77.1.100' belongs to virtual router"},
	{"queues: 1 ", "queues: 1\n          local_addresses: [10.77.1.5, 10.77.1.5] ", 1,
		"'10.77.1.5' is given twice"},
	{"addresses: [10.77.1.100",
		"local_addresses: [10.77.1.5, 10.77.1.5]\n"
		"    addresses: [10.77.1.100",
		0, "'10.77.1.5' is given twice"},
	{"addresses: [10.77.1.100",
		"local_addresses: [10.77.1.100]\n"
		"    addresses: [10.77.1.100",
		0, "'10.77.1.100' is a virtual address of"},
	{"addresses: [10.77.1.100",
		"local_addresses: [fd77::5]\n"
		"    addresses: [10.77.1.100",
		0, "'fd77::5' is of another family"},
	{"pool: web4", "pool: web5", 0, "there is no pool called 'web5'"},
	{"pool: web4", "pool: web6", 0, "must have the family of '10.77.1.100'"},
	{"https_port: 443", "https_port: 80", 0, "must differ from http_port"},
	{"prefix: /api/", "prefix: api", 0, "must begin with '/'"},
	{"public_url: https://www.weir.test", "public_url: www.weir.test", 0,
		"must begin with http://"},
	{"public_url: https://www.weir.test",
		"links: {owner_burst: 0}\n  public_url: https://www.weir.test", 0,
		"'0' is not a whole number from 1 to"},
	{"public_url: https://www.weir.test",
		"links: {anonymous: perhaps}\n  public_url: https://www.weir.test", 0, "'perhaps'"},
	{"scrape_timeout_ms: 800", "scrape_timeout_ms: 1800", 0,
		"must not exceed scrape_interval_ms"},
	{"  user: weir_app", "  user: [weir_app]", 0, "Expecting STRING"},
	{"  migrate_user:", "  replication: {password_file: a, admin_user: b}\n  migrate_user:", 0,
		"the key 'user' is missing"},
	{"  migrate_user:",
		"  replication: {user: a, password_file: a, admin_user: b}\n  migrate_user:", 0,
		"the key 'admin_password_file' is missing"},
	{"  migrate_user:",
		"  replication: {user: a, password_file: a, admin_user: b, admin_password_file: b, "
		"fence: [reboot]}\n  migrate_user:",
		0, "'reboot' is no path"},
	{"nodes:\n", "nodes: {\n", 1, "did not find expected"},
};

/* Two edits, one after the other. */
static int
parse_edited(const char *const edits[4], struct model **model, struct err *err)
{
	char *original = sample;
	unsigned int line;
	char *text;
	int rc;

	sample = edit(edits[0], edits[1], &line);
	text = edit(edits[2], edits[3], &line);
	rc = config_parse(text, strlen(text), "weir.yaml", model, err);
	free(text);
	free(sample);
	sample = original;
	return rc;
}

static void
a_quorum_is_read_and_must_be_possible(void **state)
{
	static const char sorry[] = "address: 10.77.1.22, sorry: yes";
	const char *edits[] = {"address: 10.77.1.22, weight: 100", sorry, "check: web-health\n",
		"check: web-health\n    quorum: 1\n    quorum_hysteresis: 0\n"};
	struct model *model = NULL;
	struct err err = {""};

	(void)state;
	if (parse_edited(edits, &model, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(model->pools[0].quorum, 1);
	assert_int_equal(model->pools[0].quorum_hysteresis, 0);
	assert_true(model->pools[0].backends[1].sorry);
	assert_false(model->pools[0].backends[0].sorry);
	model_free(model);
	edits[3] = "check: web-health\n    quorum_hysteresis: 1\n";
	assert_int_equal(parse_edited(edits, &model, &err), -EINVAL);
	assert_non_null(strstr(err.text, "2 backends, which with its hysteresis"));
	edits[3] = "\n";
	assert_int_equal(parse_edited(edits, &model, &err), -EINVAL);
	assert_non_null(strstr(err.text, "a pool without a check never loses its quorum"));
}

static void
replication_is_read_and_has_its_defaults(void **state)
{
	static const char section[] =
		"  replication: {user: f, password_file: f.secret, admin_user: a, "
		"admin_password_file: a.secret}\n  migrate_user:";
	static const char more[] =
		"password_file: f.secret, semi_sync: yes, fence: [/bin/fence, now]";
	const char *edits[] = {"  migrate_user:", section, "password_file: f.secret", more};
	const struct replication_config *replication;
	struct model *model = NULL;
	struct err err = {""};

	(void)state;
	if (parse_edited(edits, &model, &err) < 0)
		fail_msg("%s", err.text);
	replication = &model->database.replication;
	assert_string_equal(replication->user, "f");
	assert_string_equal(replication->admin_user, "a");
	assert_non_null(strstr(replication->admin_password_file, "a.secret"));
	assert_true(replication->semi_sync);
	assert_int_equal(replication->semi_sync_timeout_ms, 1000);
	assert_string_equal(replication->fence[0], "/bin/fence");
	assert_string_equal(replication->fence[1], "now");
	assert_null(replication->fence[2]);
	model_free(model);
	edits[3] = "password_file: f.secret";
	assert_int_equal(parse_edited(edits, &model, &err), 0);
	assert_false(model->database.replication.semi_sync);
	assert_null(model->database.replication.fence);
	model_free(model);
}

static void
scheduling_is_read_and_has_its_defaults(void **state)
{
	static const char *const edits[] = {"port: 80,  protocol: tcp, mode: dr, scheduler: maglev",
		"port: any, mode: dr, scheduler: round-robin, persistence: {timeout_s: 9, prefix4: "
		"24}",
		"check: web-health\n", "check: web-health\n    slow_start_s: 30\n"};
	struct model *model = NULL;
	struct err err = {""};

	(void)state;
	if (parse_edited(edits, &model, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(model->services[0].port, 0);
	assert_int_equal(model->services[0].scheduler, SCHEDULER_ROUND_ROBIN);
	assert_int_equal(model->services[0].persistence.timeout_s, 9);
	assert_int_equal(model->services[0].persistence.prefix4, 24);
	assert_int_equal(model->services[0].persistence.prefix6, 64);
	assert_int_equal(model->services[1].persistence.timeout_s, 0);
	assert_int_equal(model->pools[0].slow_start_ms, 30000);
	assert_int_equal(model->pools[1].slow_start_ms, 0);
	model_free(model);
}

static void
a_service_of_any_port_needs_a_check_with_one(void **state)
{
	static const char *const edits[] = {"port: 80,  protocol: tcp", "port: any, protocol: tcp",
		"port: 80                             # Left out: the service's own port.", ""};
	struct model *model = NULL;
	struct err err = {""};

	(void)state;
	assert_int_equal(parse_edited(edits, &model, &err), -EINVAL);
	assert_non_null(strstr(err.text, "services[0].port: 'any' leaves check 'web-health' of "
					 "pool 'web4' without a port"));
}

static void
every_mistake_is_refused_with_its_line_and_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		const struct mistake *mistake = &mistakes[i];
		struct model *model = NULL;
		struct err err = {""};
		char start[64];
		unsigned int line;
		char *text = edit(mistake->find, mistake->with, &line);
		int code = config_parse(text, strlen(text), "weir.yaml", &model, &err);

		free(text);
		if (code >= 0)
			fail_msg("'%s' was accepted", mistake->with);
		assert_int_equal(code, -EINVAL);
		assert_null(model);
		snprintf(start, sizeof(start),
			"weir.yaml:%u:", (unsigned int)((int)line + mistake->line_offset));
		if (strncmp(err.text, start, strlen(start)) != 0)
			fail_msg("'%s': expected %s..., got: %s", mistake->with, start, err.text);
		if (!strstr(err.text, mistake->says))
			fail_msg("'%s': expected '%s' in: %s", mistake->with, mistake->says,
				err.text);
	}
}

static void
a_missing_section_or_file_is_named(void **state)
{
	static const char only_web[] =
		"cluster: x\nnodes:\n  - {name: w, role: web, metrics: \"192.0.2.1:9100\"}\n";
	struct model *model = NULL;
	struct err err = {""};

	(void)state;
	assert_int_equal(config_parse(only_web, strlen(only_web), "x.yaml", &model, &err), -EINVAL);
	assert_non_null(strstr(err.text, "the section 'web' is needed"));
	assert_int_equal(config_parse("", 0, "x.yaml", &model, &err), -EINVAL);
	assert_non_null(strstr(err.text, "x.yaml: is empty"));
	assert_int_equal(config_parse("cluster: x\n", 11, "x.yaml", &model, &err), -EINVAL);
	assert_non_null(strstr(err.text, "the list 'nodes' is missing"));
	assert_int_equal(config_load("/nonexistent/weir.yaml", &model, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/weir.yaml"));
	assert_null(model);
}

static void
a_text_cut_anywhere_never_crashes(void **state)
{
	size_t size = strlen(sample);

	(void)state;
	for (size_t cut = 0; cut < size; cut += 37) {
		struct model *model = NULL;
		struct err err = {""};

		if (config_parse(sample, cut, "weir.yaml", &model, &err) < 0)
			assert_true(err.text[0] != '\0');
		model_free(model);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(the_sample_makes_a_model_with_resolved_relations),
		cmocka_unit_test(the_documented_file_has_services_in_every_mode),
		cmocka_unit_test(a_quorum_is_read_and_must_be_possible),
		cmocka_unit_test(replication_is_read_and_has_its_defaults),
		cmocka_unit_test(scheduling_is_read_and_has_its_defaults),
		cmocka_unit_test(a_service_of_any_port_needs_a_check_with_one),
		cmocka_unit_test(every_mistake_is_refused_with_its_line_and_reason),
		cmocka_unit_test(a_missing_section_or_file_is_named),
		cmocka_unit_test(a_text_cut_anywhere_never_crashes),
	};

	return cmocka_run_group_tests(cases, read_sample, drop_sample);
}
