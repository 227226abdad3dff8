/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers as text; see weirctl_print.h. */
#include "controlplane/weirctl_print.h"

#include "controlplane/weirctl_cells.h"

#include <string.h>

/* --- status --- */

static void
print_dataplane(json_t *dataplane, FILE *file)
{
	const char *problem = text_of(dataplane, "problem");
	char since[UNIT_TEXT_SIZE];

	format_seconds(json_number_value(json_object_get(dataplane, "since_s")), since);
	if (!json_is_true(json_object_get(dataplane, "up")))
		fprintf(file, "dataplane: not connected for %s", since);
	else if (!json_is_true(json_object_get(dataplane, "accepted")))
		fprintf(file, "dataplane: connected for %s, has taken no configuration", since);
	else
		fprintf(file,
			"dataplane: connected for %s, configuration %" JSON_INTEGER_FORMAT "%s",
			since, integer_of(dataplane, "generation"),
			json_is_true(json_object_get(dataplane, "ready")) ? "" : ", not ready");
	fprintf(file, "%s%s\n", problem[0] ? ": " : "", problem);
}

/* Of what the operator has changed, and of pools, only what is not as configured. */
static void
print_summary(json_t *answer, FILE *file)
{
	json_t *backends = json_object_get(answer, "backends");
	json_int_t n_drained = integer_of(backends, "drained");
	json_int_t n_set = integer_of(backends, "weights_set");
	json_t *pool;
	size_t i;

	if (!backends)
		return;
	fprintf(file, "backends: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " up",
		integer_of(backends, "up"), integer_of(backends, "total"));
	if (n_drained > 0)
		fprintf(file, ", %" JSON_INTEGER_FORMAT " drained", n_drained);
	if (n_set > 0)
		fprintf(file, ", %" JSON_INTEGER_FORMAT " with another weight than configured",
			n_set);
	fputs("\n", file);
	json_array_foreach(json_object_get(answer, "pools_without_quorum"), i, pool) fprintf(
		file, "pool %s has no quorum: its sorry backends serve\n", json_string_value(pool));
}

void
print_status(json_t *answer, FILE *file)
{
	static const struct table_column columns[] = {
		{"ROUTER", false},
		{"VRID", true},
		{"STATE", false},
		{"FOR", true},
		{"PRIORITY", true},
		{"ADDRESSES", false},
		{"MASTER", false},
		{"REASON", false},
		{NULL, false},
	};
	const char *waiting = text_of(answer, "waiting");
	bool ready = json_is_true(json_object_get(answer, "ready"));
	struct table table;
	json_t *router;
	size_t i;

	fprintf(file, "node %s of cluster %s: %s%s%s\n", text_of(answer, "node"),
		text_of(answer, "cluster"), ready ? "ready" : "not ready", waiting[0] ? ": " : "",
		waiting);
	print_dataplane(json_object_get(answer, "dataplane"), file);
	print_summary(answer, file);
	fputs("\n", file);
	table_init(&table, columns);
	json_array_foreach(json_object_get(answer, "routers"), i, router)
	{
		bool own = strcmp(text_of(router, "state"), "master") == 0;

		cell_text(&table, router, "name");
		cell_integer(&table, router, "vrid");
		cell_text(&table, router, "state");
		cell_seconds(&table, router, "since_s");
		cell_integer(&table, router, "priority");
		cell_list(&table, router, "addresses");
		table_cell(&table, "%s", own ? "this node" : text_of(router, "master_address"));
		cell_text(&table, router, "reason");
	}
	table_print(&table, "This node is a member of no virtual router.", file);
	table_fini(&table);
}

/* --- services, backends --- */

/* "maglev", or with persistence "maglev, /24 300 s". */
static void
cell_scheduler(struct table *table, json_t *service)
{
	json_t *persistence = json_object_get(service, "persistence");

	if (!json_is_object(persistence)) {
		cell_text(table, service, "scheduler");
		return;
	}
	table_cell(table, "%s, /%" JSON_INTEGER_FORMAT " %" JSON_INTEGER_FORMAT " s",
		text_of(service, "scheduler"), integer_of(persistence, "prefix"),
		integer_of(persistence, "timeout_s"));
}

/* "dr", or "tunnel ipip". */
static void
cell_mode(struct table *table, json_t *service)
{
	json_t *tunnel = json_object_get(service, "tunnel");

	table_cell(table, "%s%s%s", text_of(service, "mode"), tunnel ? " " : "",
		tunnel ? text_of(tunnel, "type") : "");
}

void
print_services(json_t *answer, FILE *file)
{
	static const struct table_column columns[] = {
		{"SERVICE", false},
		{"PROTO", false},
		{"ADDRESS", false},
		{"HELD", false},
		{"MODE", false},
		{"SCHEDULER", false},
		{"POOL", false},
		{"UP", true},
		{"NEW FLOWS", true},
		{"PACKETS", true},
		{"BYTES", true},
		{NULL, false},
	};
	struct table table;
	json_t *service;
	size_t i;

	table_init(&table, columns);
	json_array_foreach(answer, i, service)
	{
		bool held = strcmp(text_of(service, "router_state"), "master") == 0;

		cell_text(&table, service, "name");
		cell_text(&table, service, "protocol");
		cell_endpoint(&table, service);
		table_cell(&table, "%s", held ? "yes" : "no");
		cell_mode(&table, service);
		cell_scheduler(&table, service);
		cell_text(&table, service, "pool");
		table_cell(&table, "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT "%s",
			integer_of(service, "backends_up"), integer_of(service, "backends"),
			json_is_true(json_object_get(service, "quorum_lost")) ? " sorry" : "");
		cell_counter(&table, service, "new_flows", format_count);
		cell_counter(&table, service, "packets", format_count);
		cell_counter(&table, service, "bytes", format_bytes);
	}
	table_print(&table, "There are no services.", file);
	table_fini(&table);
}

/* A backend that is down may be drained as well. */
static void
cell_backend_state(struct table *table, json_t *backend)
{
	const char *state = text_of(backend, "state");
	bool also_drained =
		json_is_true(json_object_get(backend, "drained")) && strcmp(state, "drained") != 0;

	table_cell(table, "%s%s%s", state, also_drained ? ", drained" : "",
		json_is_integer(json_object_get(backend, "set_weight")) ? ", weight set" : "");
}

void
print_backends(json_t *answer, FILE *file)
{
	static const struct table_column columns[] = {
		{"POOL", false},
		{"BACKEND", false},
		{"ADDRESS", false},
		{"STATE", false},
		{"FOR", true},
		{"WEIGHT", true},
		{"CHANGES", true},
		{"FLOWS", true},
		{"NEW FLOWS", true},
		{"PACKETS", true},
		{"BYTES", true},
		{"LAST CHECK", false},
		{NULL, false},
	};
	struct table table;
	json_t *backend;
	size_t i;

	table_init(&table, columns);
	json_array_foreach(answer, i, backend)
	{
		cell_text(&table, backend, "pool");
		cell_text(&table, backend, "backend");
		cell_text(&table, backend, "address");
		cell_backend_state(&table, backend);
		cell_seconds(&table, backend, "since_s");
		cell_integer(&table, backend, "weight");
		cell_unit(&table, backend, "changes", format_count);
		cell_unit(&table, backend, "active_flows", format_count);
		cell_counter(&table, backend, "new_flows", format_count);
		cell_counter(&table, backend, "packets", format_count);
		cell_counter(&table, backend, "bytes", format_bytes);
		cell_text(&table, backend, "reason");
	}
	table_print(&table, "There are no backends.", file);
	table_fini(&table);
}

/* --- flows --- */

void
print_flows(json_t *answer, FILE *file)
{
	static const struct table_column columns[] = {
		{"SERVICE", false},
		{"PROTO", false},
		{"CLIENT", false},
		{"VIRTUAL", false},
		{"BACKEND", false},
		{"ADDRESS", false},
		{"STATE", false},
		{"IDLE", true},
		{NULL, false},
	};
	json_t *flows = json_object_get(answer, "flows");
	json_int_t total = integer_of(answer, "total");
	struct table table;
	json_t *flow;
	size_t i;

	table_init(&table, columns);
	json_array_foreach(flows, i, flow)
	{
		char idle[UNIT_TEXT_SIZE];

		cell_text(&table, flow, "service");
		cell_text(&table, flow, "protocol");
		cell_text(&table, flow, "client");
		cell_text(&table, flow, "virtual");
		cell_text(&table, flow, "backend");
		cell_text(&table, flow, "address");
		cell_text(&table, flow, "state");
		table_cell(&table, "%s",
			format_seconds((double)integer_of(flow, "idle_ms") / 1000, idle));
	}
	table_print(&table, "There are no such flows.", file);
	table_fini(&table);
	if ((size_t)total > json_array_size(flows))
		fprintf(file, "%zu of %" JSON_INTEGER_FORMAT " flows; --limit N shows more.\n",
			json_array_size(flows), total);
}

/* --- drain, undrain, failover --- */

static void
print_changed(json_t *answer, const char *done, const char *already, FILE *file)
{
	json_t *backend;
	size_t i;

	json_array_foreach(json_object_get(answer, "backends"), i, backend)
	{
		bool changed = json_is_true(json_object_get(backend, "changed"));

		fprintf(file, "backend %s of pool %s: %s\n", text_of(backend, "backend"),
			text_of(backend, "pool"), changed ? done : already);
	}
}

void
print_drained(json_t *answer, FILE *file)
{
	print_changed(
		answer, "takes no new flows and keeps its old ones", "is drained already", file);
	if (json_is_integer(json_object_get(answer, "flows")))
		fprintf(file, "%s after %.1f s: %" JSON_INTEGER_FORMAT " flow%s left\n",
			json_is_true(json_object_get(answer, "done")) ? "done" : "time over",
			json_real_value(json_object_get(answer, "waited_s")),
			integer_of(answer, "flows"), integer_of(answer, "flows") == 1 ? "" : "s");
}

void
print_undrained(json_t *answer, FILE *file)
{
	print_changed(answer, "takes new flows again", "is not drained", file);
}

void
print_weights(json_t *answer, FILE *file)
{
	json_t *backend;
	size_t i;

	json_array_foreach(json_object_get(answer, "backends"), i, backend) fprintf(file,
		"backend %s of pool %s: %s %" JSON_INTEGER_FORMAT
		", configured is %" JSON_INTEGER_FORMAT "\n",
		text_of(backend, "backend"), text_of(backend, "pool"),
		json_is_true(json_object_get(backend, "changed")) ? "weight is now"
								  : "weight stays",
		integer_of(backend, "weight"), integer_of(backend, "configured_weight"));
}

void
print_failover(json_t *answer, FILE *file)
{
	json_int_t n = integer_of(answer, "moving");

	fprintf(file,
		"%" JSON_INTEGER_FORMAT " virtual router%s given up; 'weirctl status' shows who "
		"has taken over\n",
		n, n == 1 ? "" : "s");
}

void
print_history(json_t *answer, FILE *file)
{
	static const struct table_column columns[] = {
		{"TIME", false},
		{"AGE", true},
		{"ROUTER", false},
		{"FROM", false},
		{"TO", false},
		{"REASON", false},
		{NULL, false},
	};
	struct table table;
	json_t *transition;
	size_t i;

	table_init(&table, columns);
	json_array_foreach(answer, i, transition)
	{
		cell_text(&table, transition, "time");
		cell_seconds(&table, transition, "age_s");
		cell_text(&table, transition, "router");
		cell_text(&table, transition, "from");
		cell_text(&table, transition, "to");
		cell_text(&table, transition, "reason");
	}
	table_print(&table, "no virtual router has changed its state", file);
	table_fini(&table);
}
