/* SPDX-License-Identifier: BSD-3-Clause */
/* Every key of the schema has its entry in the plan, and none has one that is no key: a key that is
 * added without saying what a reload of it does fails here. Then each key of a file that has them
 * all is changed, one at a time, and the plan must name it. */
#include "common/config.h"
#include "common/config_schema.h"
#include "common/plan_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATH_SIZE 128
#define KEYS_MAX 400

/* What each key is changed to. Keys that are in lists of lists stand for the first of their kind.
 */
static const struct {
	const char *key;
	const char *value;
} others[] = {
	{"cluster", "two"},
	{"probe_ports", "62000"},
	{"checks[].via", "backend"},
	{"site", "www.example.net"},
	{"nodes[].metrics", "192.0.2.11:9200"},
	{"nodes[].listen", "192.0.2.32:8000"},
	{"nodes[].database", "primary"},
	{"nodes[].lb.memory_mb", "256"},
	{"nodes[].lb.hugepages", "yes"},
	{"nodes[].lb.flows", "131072"},
	{"nodes[].lb.cores", "0@1,1@0"},
	{"nodes[].lb.wake_latency_us", "0"},
	{"nodes[].lb.control_socket", "other.sock"},
	{"nodes[].lb.admin_socket", "other.sock"},
	{"nodes[].lb.sync_address", "192.0.2.13"},
	{"nodes[].lb.control_access.owner", "ann"},
	{"nodes[].lb.control_access.group", "net"},
	{"nodes[].lb.control_access.mode", "0666"},
	{"nodes[].lb.control_access.write_users", "bob"},
	{"nodes[].lb.control_access.write_groups", "ops"},
	{"nodes[].lb.admin_access.owner", "ann"},
	{"nodes[].lb.admin_access.group", "net"},
	{"nodes[].lb.admin_access.mode", "0666"},
	{"nodes[].lb.admin_access.write_users", "bob"},
	{"nodes[].lb.admin_access.write_groups", "ops"},
	{"nodes[].lb.ports[].device", "net_tap9"},
	{"nodes[].lb.ports[].host_interface", "weir9"},
	{"nodes[].lb.ports[].queues", "2"},
	{"nodes[].lb.ports[].workers", "3"},
	{"nodes[].lb.ports[].vlan", "11"},
	{"nodes[].lb.ports[].local_addresses", "192.0.2.113"},
	{"virtual_routers[].vrid", "9"},
	{"virtual_routers[].port", "side"},
	{"virtual_routers[].advert_ms", "200"},
	{"virtual_routers[].preempt", "no"},
	{"virtual_routers[].preempt_delay_ms", "501"},
	{"virtual_routers[].addresses[1]", "192.0.2.102"},
	{"virtual_routers[].local_addresses", "192.0.2.96"},
	{"virtual_routers[].members[].priority", "201"},
	{"virtual_routers[].members[].address", "192.0.2.13"},
	{"virtual_routers[].mac", "virtual"},
	{"virtual_routers[].accept", "no"},
	{"virtual_routers[].min_ttl", "64"},
	{"virtual_routers[].sync_group", "b"},
	{"virtual_routers[].track[].port", "side"},
	{"virtual_routers[].track[].pool", "third"},
	{"virtual_routers[].track[].script", "another"},
	{"virtual_routers[].track[].min_up", "2"},
	{"virtual_routers[].track[].weight", "6"},
	{"virtual_routers[].notify", "/bin/false"},
	{"checks[].type", "http"},
	{"checks[].port", "444"},
	{"checks[].path", "/other"},
	{"checks[].host", "www.example.net"},
	{"checks[].expect_status", "204"},
	{"checks[].interval_ms", "1001"},
	{"checks[].timeout_ms", "501"},
	{"checks[].rise", "3"},
	{"checks[].fall", "3"},
	{"checks[].jitter_pct", "11"},
	{"checks[].start", "up"},
	{"checks[].method", "HEAD"},
	{"checks[].headers", "X-Check: 2"},
	{"checks[].expect_body", "good"},
	{"checks[].expect_body_regex", "go.d"},
	{"checks[].tls_verify", "no"},
	{"checks[].tls_ca", "other.crt"},
	{"checks[].tls_name", "www.example.net"},
	{"checks[].send", "pling"},
	{"checks[].send_hex", "01ff"},
	{"checks[].expect", "plong"},
	{"checks[].expect_hex", "ff01"},
	{"checks[].query", "www.example.net"},
	{"checks[].query_type", "TXT"},
	{"checks[].expect_rcode", "NXDOMAIN"},
	{"checks[].expect_answer", "192.0.2.101"},
	{"checks[].user", "other"},
	{"checks[].password_file", "other.secret"},
	{"checks[].read_only", "yes"},
	{"checks[].replica", "no"},
	{"checks[].max_lag_s", "11"},
	{"checks[].command", "/bin/false"},
	{"pools[].check", "first"},
	{"pools[].slow_start_s", "11"},
	{"pools[].quorum", "2"},
	{"pools[].quorum_hysteresis", "2"},
	{"pools[].backends[].address", "192.0.2.24"},
	{"pools[].backends[].weight", "99"},
	{"pools[].backends[].max_flows", "999"},
	{"pools[].backends[].port", "8081"},
	{"pools[].backends[].sorry", "yes"},
	{"scripts[].command", "/bin/false"},
	{"scripts[].interval_ms", "1001"},
	{"scripts[].timeout_ms", "501"},
	{"scripts[].rise", "2"},
	{"scripts[].fall", "2"},
	{"source_lists[].file", "other.txt"},
	{"source_lists[].prefixes", "198.51.100.0/25"},
	{"services[].address", "192.0.2.101"},
	{"services[].port", "85"},
	{"services[].protocol", "udp"},
	{"services[].mode", "nat"},
	{"services[].scheduler", "round-robin"},
	{"services[].pool", "third"},
	{"services[].persistence.timeout_s", "61"},
	{"services[].persistence.prefix4", "25"},
	{"services[].persistence.prefix6", "65"},
	{"services[].limits.new_flows_per_s", "1001"},
	{"services[].limits.packets_per_s", "100001"},
	{"services[].mss", "1399"},
	{"services[].block", "good"},
	{"services[].allow", "bad"},
	{"services[].client_address", "toa"},
	{"services[].syn_cookies", "yes"},
	{"services[].tunnel.type", "gue"},
	{"services[].tunnel.source", "192.0.2.96"},
	{"services[].tunnel.source4", "192.0.2.96"},
	{"services[].tunnel.source6", "2001:db8::96"},
	{"services[].tunnel.gue_port", "6081"},
	{"services[].tunnel.mtu", "1399"},
	{"flow_timeouts.embryonic_ms", "10001"},
	{"flow_timeouts.established_ms", "300001"},
	{"flow_timeouts.fin_ms", "20001"},
	{"flow_timeouts.closed_ms", "5001"},
	{"flow_timeouts.udp_new_ms", "10001"},
	{"flow_timeouts.udp_ms", "60001"},
	{"flow_timeouts.evict_idle_ms", "60001"},
	{"flow_sync.port", "9695"},
	{"flow_sync.keys[].file", "other.key"},
	{"web.http_port", "81"},
	{"web.https_port", "444"},
	{"web.root", "other"},
	{"web.certificate", "other.crt"},
	{"web.private_key", "other.key"},
	{"web.access_log", "other.log"},
	{"web.access_log_format", "json"},
	{"web.proxy[].prefix", "/other/"},
	{"web.proxy[].methods", "POST"},
	{"web.proxy[].websocket", "yes"},
	{"web.min_tls", "1.3"},
	{"web.ocsp_response", "other.ocsp"},
	{"web.ticket_keys", "other.keys"},
	{"web.client_ca", "other.crt"},
	{"web.client_certificate", "required"},
	{"web.kernel_tls", "no"},
	{"web.redirect_https", "yes"},
	{"web.hsts_max_age_s", "3601"},
	{"web.precompressed", "yes"},
	{"web.gzip", "yes"},
	{"web.certificates[].certificate", "other.crt"},
	{"web.certificates[].private_key", "o.key"},
	{"web.certificates[].ocsp_response", "o.ocsp"},
	{"web.cache_control[].match", "*.js"},
	{"web.cache_control[].value", "no-store"},
	{"web.error_pages[].status", "503"},
	{"web.error_pages[].file", "other.html"},
	{"web.headers[].name", "X-Other"},
	{"web.headers[].value", "other"},
	{"web.shield.client_connections", "101"},
	{"web.shield.client_requests_per_s", "101"},
	{"web.shield.client_burst", "201"},
	{"web.shield.exempt", "198.51.100.0/25"},
	{"web.http2.enabled", "no"},
	{"web.http2.max_streams", "101"},
	{"web.http2.resets_per_s", "11"},
	{"web.http2.reset_burst", "101"},
	{"web.connect_timeout_ms", "501"},
	{"web.response_timeout_ms", "5001"},
	{"web.websocket_idle_ms", "60001"},
	{"web.cache.max_bytes", "1048577"},
	{"web.cache.max_object_bytes", "65537"},
	{"web.circuit.failures", "6"},
	{"web.circuit.open_ms", "5001"},
	{"web.circuit.max_requests", "101"},
	{"web.circuit.max_waiting", "51"},
	{"web.circuit.wait_ms", "1001"},
	{"web.upstream_check.path", "/other"},
	{"web.upstream_check.host", "other"},
	{"web.upstream_check.expect_status", "204"},
	{"web.upstream_check.interval_ms", "1001"},
	{"web.upstream_check.timeout_ms", "501"},
	{"web.upstream_check.rise", "3"},
	{"web.upstream_check.fall", "3"},
	{"app.public_url", "https://www.example.net"},
	{"app.connections", "9"},
	{"app.queue", "1001"},
	{"app.query_timeout_ms", "2001"},
	{"app.session_key_file", "other.key"},
	{"app.links.anonymous", "no"},
	{"app.links.owner_writes_per_minute", "61"},
	{"app.links.owner_burst", "31"},
	{"app.min_connections", "3"},
	{"app.connection_lifetime_s", "601"},
	{"app.max_lag_ms", "3001"},
	{"app.work_threads", "4"},
	{"app.work_queue", "11"},
	{"app.modules", "other.so"},
	{"database.name", "other"},
	{"database.user", "other"},
	{"database.password_file", "other.secret"},
	{"database.migrate_user", "other"},
	{"database.migrate_password_file", "other.secret"},
	{"database.monitor_user", "other"},
	{"database.monitor_password_file", "other.secret"},
	{"database.migrations", "other"},
	{"database.read_user", "other"},
	{"database.read_password_file", "other.secret"},
	{"database.tls_ca", "other.crt"},
	{"database.replication.user", "other"},
	{"database.replication.password_file", "other.secret"},
	{"database.replication.admin_user", "other"},
	{"database.replication.admin_password_file", "other.secret"},
	{"database.replication.semi_sync", "no"},
	{"database.replication.semi_sync_timeout_ms", "1001"},
	{"database.replication.fence", "/bin/false"},
	{"monitor.scrape_interval_ms", "1001"},
	{"monitor.scrape_timeout_ms", "801"},
	{"monitor.probe_url", "https://www.example.net/"},
	{"monitor.probe_ca", "other.crt"},
	{"monitor.probe_dns", "192.0.2.54:53"},
	/* Of both tiers, by their last part. */
	{"limits.threads", "2"},
	{"limits.max_connections", "1001"},
	{"limits.max_body_bytes", "65537"},
	{"limits.max_header_bytes", "16385"},
	{"limits.header_timeout_ms", "10001"},
	{"limits.idle_timeout_ms", "60001"},
	{"limits.drain_timeout_ms", "5001"},
};

/* Cannot be changed alone in the file: others depend on it. */
static const char *const bound[] = {"nodes[].role"};

/* --- The keys of the tables: names as in the schema --- */

struct key {
	char schema[PATH_SIZE]; /* The key in the schema ... */
	char shown[PATH_SIZE];  /* ... and as the plan names a change of it. */
	bool is_id;
	bool seen;    /* In the schema, ... */
	bool is_leaf; /* ... and not only as a section. */
};

struct keys {
	struct key keys[KEYS_MAX];
	size_t n;
};

static void
add_key(struct keys *keys, const char *path, const char *name, const char *shown, bool is_id)
{
	struct key *key = &keys->keys[keys->n++];
	const char *dot = *path && *name ? "." : "";

	assert_true(keys->n < KEYS_MAX);
	*key = (struct key){.is_id = is_id};
	snprintf(key->schema, PATH_SIZE, "%s%s%.*s", path, dot, (int)strcspn(name, "|"), name);
	snprintf(key->shown, PATH_SIZE, "%s%s%.*s", path, dot, (int)strcspn(shown, "|"), shown);
}

static void
list_class(struct keys *keys, const struct plan_class *class, const char *parent)
{
	char path[PATH_SIZE / 2];

	snprintf(path, sizeof(path), "%.40s%s%s%s", parent, *parent ? "." : "", class->name,
		class->id_name ? "[]" : "");
	if (class->id_name)
		add_key(keys, path, class->id_name, class->id_name, true);
	for (const struct plan_key *key = class->keys; key->names; key++) {
		const char *name = key->names;

		assert_true(key->treat || key->treatment->effect);
		/* One without a name stands for the section as a whole. */
		while (*name) {
			add_key(keys, path, name, key->names, false);
			name += strcspn(name, "|");
			name += *name == '|';
		}
	}
	for (const struct plan_class *const *part = class->parts; part && *part; part++)
		list_class(keys, *part, path);
}

static struct key *
find_key(struct keys *keys, const char *path)
{
	for (size_t i = 0; i < keys->n; i++) {
		if (strcmp(keys->keys[i].schema, path) == 0)
			return &keys->keys[i];
	}
	return NULL;
}

/* --- The keys of the schema, with the texts of a file --- */

typedef void (*visit_fn)(void *ctx, const char *path, char **slot);

static void walk(
	const cyaml_schema_value_t *value, void *data, const char *path, visit_fn visit, void *ctx);

static void
walk_entries(const cyaml_schema_field_t *field, char *parent, const char *path, visit_fn visit,
	void *ctx)
{
	const cyaml_schema_value_t *entry = field->value.sequence.entry;
	unsigned int n = 0;
	char *entries = NULL;
	char inner[PATH_SIZE];

	if (parent) {
		memcpy(&n, parent + field->count_offset, sizeof(n));
		memcpy(&entries, parent + field->data_offset, sizeof(entries));
	}
	if (entry->type == CYAML_STRING) {
		visit(ctx, path, n > 0 ? (char **)(void *)entries : NULL);
		return;
	}
	snprintf(inner, sizeof(inner), "%.100s[]", path);
	walk(entry, NULL, inner, visit, ctx);
	for (unsigned int i = 0; i < n; i++)
		walk(entry, entries + i * entry->data_size, inner, visit, ctx);
}

static void
walk(const cyaml_schema_value_t *value, void *data, const char *path, visit_fn visit, void *ctx)
{
	assert_int_equal(value->type, CYAML_MAPPING);
	for (const cyaml_schema_field_t *field = value->mapping.fields; field->key; field++) {
		char inner[PATH_SIZE];
		char *place = data ? (char *)data + field->data_offset : NULL;
		void *below = NULL;

		snprintf(inner, sizeof(inner), "%.80s%s%s", path, *path ? "." : "", field->key);
		if (field->value.type == CYAML_STRING) {
			visit(ctx, inner, (char **)(void *)place);
		} else if (field->value.type == CYAML_SEQUENCE) {
			walk_entries(field, data, inner, visit, ctx);
		} else {
			if (place)
				memcpy(&below, place, sizeof(below));
			walk(&field->value, below, inner, visit, ctx);
		}
	}
}

/* --- Tests --- */

static bool
is_optional(const char *path)
{
	static const char upstream[] = "web.upstream_check.";

	return strncmp(path, upstream, strlen(upstream)) == 0;
}

static void
see_key(void *ctx, const char *path, char **slot)
{
	struct keys *keys = ctx;
	struct key *key = find_key(keys, path);

	(void)slot;
	/* One may stand for a whole section. */
	for (size_t i = 0; i < keys->n; i++) {
		size_t size = strlen(keys->keys[i].schema);

		if (strncmp(keys->keys[i].schema, path, size) == 0 && strchr(".[", path[size]))
			keys->keys[i].seen = true;
	}
	if (key)
		key->seen = key->is_leaf = true;
	else if (!is_optional(path))
		fail_msg("%s has no entry in the tables of common/plan_*.c: say what a reload of "
			 "it does",
			path);
}

static void
every_key_of_the_schema_has_an_entry_and_no_entry_is_stale(void **state)
{
	static struct keys keys;

	(void)state;
	list_class(&keys, &plan_file, "");
	walk(&config_schema, NULL, "", see_key, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		if (!keys.keys[i].seen)
			fail_msg("%s is no key of weir.yaml", keys.keys[i].schema);
	}
}

struct change {
	struct keys keys;
	cyaml_config_t config;
	struct raw_config *raw;
	struct model *base;
	bool done[KEYS_MAX];
	size_t n_failed; /* All are told of before the test fails. */
};

static const char *
other_value(const char *path)
{
	size_t size = strlen(path);

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		size_t tail = strlen(others[i].key);

		if (strcmp(others[i].key, path) == 0)
			return others[i].value;
		if (strncmp(others[i].key, "limits.", 7) == 0 && size > tail &&
			strcmp(path + size - tail, others[i].key) == 0 &&
			strncmp(path, "services", 8) != 0)
			return others[i].value;
	}
	/* The first of a router's addresses belongs to services. */
	return strcmp(path, "virtual_routers[].addresses") == 0 ? "192.0.2.109" : NULL;
}

/* "pools[web].backends[a].weight" without the names. */
static void
strip_names(const char *path, char *out)
{
	while (*path) {
		*out++ = *path;
		if (*path == '[')
			path += strcspn(path, "]");
		else
			path++;
	}
	*out = '\0';
}

static bool
names(const struct plan *plan, const char *shown)
{
	for (size_t i = 0; i < plan->n_changes; i++) {
		char path[2 * PATH_SIZE];

		assert_true(strlen(plan->changes[i].path) < sizeof(path));
		strip_names(plan->changes[i].path, path);
		if (plan->changes[i].action == PLAN_CHANGED && strcmp(path, shown) == 0)
			return true;
	}
	return false;
}

/* The model of the file as it is now; NULL with 'err' set. */
static struct model *
build_model(struct change *change, struct err *err)
{
	struct model *model = NULL;
	char *text = NULL;
	size_t size = 0;

	assert_int_equal(
		cyaml_save_data(&text, &size, &change->config, &config_schema, change->raw, 0),
		CYAML_OK);
	config_parse(text, size, getenv("WEIR_PLAN_ALL"), &model, err);
	free(text);
	return model;
}

static void
change_key(void *ctx, const char *path, char **slot)
{
	struct change *change = ctx;
	struct key *key = find_key(&change->keys, path);
	const char *value = other_value(path);
	char *former = slot ? *slot : NULL;
	struct err err = {""};
	struct model *model;
	struct plan *plan;

	if (!former || !key || key->is_id || change->done[key - change->keys.keys])
		return;
	for (size_t i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
		if (strcmp(bound[i], path) == 0)
			value = former;
	}
	change->done[key - change->keys.keys] = true;
	if (!value) {
		print_error("%s: this test needs another value for it\n", path);
		change->n_failed++;
		return;
	}
	*slot = strdup(value);
	model = build_model(change, &err);
	free(*slot);
	*slot = former;
	if (!model) {
		print_error("%s: %s: %s\n", path, value, err.text);
		change->n_failed++;
		return;
	}
	assert_int_equal(plan_new(&plan, change->base, model), 0);
	if (value != former && !names(plan, key->shown)) {
		print_error("%s: -> %s is not in the plan\n", path, value);
		change->n_failed++;
	}
	plan_free(plan);
	model_free(model);
}

static void
a_change_of_any_key_is_in_the_plan(void **state)
{
	static struct change change = {.config = {.mem_fn = cyaml_mem,
					       .log_level = CYAML_LOG_ERROR,
					       .flags = CYAML_CFG_NO_ALIAS}};
	struct err err = {""};
	struct plan *plan;
	struct model *same;
	cyaml_data_t *data = NULL;

	(void)state;
	list_class(&change.keys, &plan_file, "");
	walk(&config_schema, NULL, "", see_key, &change.keys);
	assert_int_equal(config_load(getenv("WEIR_PLAN_ALL"), &change.base, &err), 0);
	assert_int_equal(
		cyaml_load_data((const uint8_t *)change.base->text, strlen(change.base->text),
			&change.config, &config_schema, &data, NULL),
		CYAML_OK);
	change.raw = data;
	same = build_model(&change, &err);
	assert_non_null(same);
	assert_int_equal(plan_new(&plan, change.base, same), 0);
	assert_int_equal(plan->n_changes, 0);
	plan_free(plan);
	model_free(same);
	walk(&config_schema, change.raw, "", change_key, &change);
	for (size_t i = 0; i < change.keys.n; i++) {
		const struct key *key = &change.keys.keys[i];

		if (!key->is_id && !change.done[i] && key->is_leaf) {
			print_error(
				"%s: tests/common/plan_all.yaml does not have it\n", key->schema);
			change.n_failed++;
		}
	}
	assert_int_equal(change.n_failed, 0);
	cyaml_free(&change.config, &config_schema, change.raw, 0);
	model_free(change.base);
}

static struct model *
parse(const char *text)
{
	struct model *model = NULL;
	struct err err = {""};

	if (config_parse(text, strlen(text), "/etc/weir.yaml", &model, &err) < 0)
		fail_msg("%s", err.text);
	return model;
}

#define NODE(name, ports)                                                                        \
	"  - {name: " name ", role: lb, metrics: '192.0.2.1:9100', lb: {control_socket: " name   \
	".c, admin_socket: " name ".a, ports: [{name: front, device: net_tap0, host_interface: " \
	"weir0" ports "}]}}\n"

static void
things_that_come_and_go_are_named_whatever_their_order(void **state)
{
	struct model *from = parse("cluster: one\nnodes:\n" NODE("lb1", "") NODE("lb2",
		"") "pools:\n"
		    "  - {name: a, backends: [{name: x, address: 192.0.2.2}, {name: y, address: "
		    "192.0.2.3}]}\n"
		    "  - {name: b, backends: [{name: x, address: 192.0.2.2}]}\n");
	struct model *to = parse("cluster: one\nnodes:\n" NODE("lb2", ", queues: 2") NODE(
		"lb1", "") "pools:\n"
			   "  - {name: c, backends: [{name: x, address: 192.0.2.2}]}\n"
			   "  - {name: a, backends: [{name: z, address: 192.0.2.4}, {name: x, "
			   "address: 192.0.2.2}]}\n");
	static const struct {
		enum plan_action action;
		const char *path;
	} expected[] = {
		{PLAN_CHANGED, "nodes[lb2].lb.ports[front].queues"},
		{PLAN_CHANGED, "nodes[lb2].lb.ports[front].workers"},
		{PLAN_REMOVED, "pools[a].backends[y]"},
		{PLAN_ADDED, "pools[a].backends[z]"},
		{PLAN_REMOVED, "pools[b]"},
		{PLAN_ADDED, "pools[c]"},
	};
	struct plan *plan;

	(void)state;
	assert_int_equal(plan_new(&plan, from, to), 0);
	assert_int_equal(plan->n_changes, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < plan->n_changes; i++) {
		assert_int_equal(plan->changes[i].action, expected[i].action);
		assert_string_equal(plan->changes[i].path, expected[i].path);
	}
	assert_string_equal(plan->changes[0].from, "1");
	assert_string_equal(plan->changes[0].to, "2");
	assert_int_equal(plan_restart(plan, model_node(to, "lb2")), PLAN_DATAPLANE);
	assert_int_equal(plan_restart(plan, model_node(to, "lb1")), 0);
	plan_free(plan);
	model_free(from);
	model_free(to);
}

static void
a_plan_as_json_lists_changes_and_restarts_once(void **state)
{
	struct model *from = parse("cluster: one\nnodes:\n" NODE("lb1", ""));
	struct model *to = parse("cluster: one\nnodes:\n" NODE("lb1", ", queues: 2, vlan: 7"));
	struct plan *plan;
	json_t *json, *restart;

	(void)state;
	assert_int_equal(plan_new(&plan, from, to), 0);
	json = plan_json(plan);
	assert_int_equal(json_array_size(json_object_get(json, "changes")), 3);
	assert_int_equal(json_array_size(json_object_get(json, "restart")), 1);
	restart = json_array_get(json_object_get(json, "restart"), 0);
	assert_string_equal(json_string_value(json_object_get(restart, "process")), "dataplane");
	assert_string_equal(json_string_value(json_object_get(restart, "node")), "lb1");
	json_decref(json);
	plan_free(plan);
	model_free(from);
	model_free(to);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_of_the_schema_has_an_entry_and_no_entry_is_stale),
		cmocka_unit_test(a_change_of_any_key_is_in_the_plan),
		cmocka_unit_test(things_that_come_and_go_are_named_whatever_their_order),
		cmocka_unit_test(a_plan_as_json_lists_changes_and_restarts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
