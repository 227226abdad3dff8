/* SPDX-License-Identifier: BSD-3-Clause */
/* 'weirctl stats'; see weirctl_print.h. */
#include "controlplane/weirctl_print.h"

#include "controlplane/weirctl_cells.h"

#include <string.h>

static void
print_ports(json_t *ports, FILE *file)
{
	static const struct table_column columns[] = {
		{"PORT", false},
		{"RX PACKETS", true},
		{"RX BYTES", true},
		{"RX MISSED", true},
		{"TX PACKETS", true},
		{"TX BYTES", true},
		{"TX ERRORS", true},
		{"TO HOST", true},
		{"FROM HOST", true},
		{"HOST DROPS", true},
		{NULL, false},
	};
	struct table table;
	json_t *port;
	size_t i;

	table_init(&table, columns);
	json_array_foreach(ports, i, port)
	{
		cell_text(&table, port, "name");
		cell_counter(&table, port, "rx_packets", format_count);
		cell_counter(&table, port, "rx_bytes", format_bytes);
		cell_counter(&table, port, "rx_missed", format_count);
		cell_counter(&table, port, "tx_packets", format_count);
		cell_counter(&table, port, "tx_bytes", format_bytes);
		cell_counter(&table, port, "tx_errors", format_count);
		cell_counter(&table, port, "host_tx_packets", format_count);
		cell_counter(&table, port, "host_rx_packets", format_count);
		cell_counter(&table, port, "host_drops", format_count);
	}
	table_print(&table, "The dataplane has no ports.", file);
	table_fini(&table);
}

static void
print_workers(json_t *workers, FILE *file)
{
	static const struct table_column columns[] = {
		{"WORKER", true},
		{"PORT", false},
		{"QUEUE", true},
		{"SOCKET", true},
		{"PACKETS", true},
		{"RETURNS HOME", true},
		{"STEERED IN", true},
		{"STEERED OUT", true},
		{"STEER DROPS", true},
		{NULL, false},
	};
	struct table table;
	json_t *worker;
	size_t i;

	table_init(&table, columns);
	json_array_foreach(workers, i, worker)
	{
		cell_text(&table, worker, "name");
		cell_text(&table, worker, "port");
		if (json_is_integer(json_object_get(worker, "queue")))
			table_cell(&table, "%" JSON_INTEGER_FORMAT, integer_of(worker, "queue"));
		else
			table_cell(&table, "-");
		table_cell(&table, "%" JSON_INTEGER_FORMAT, integer_of(worker, "socket"));
		cell_counter(&table, worker, "packets", format_count);
		cell_counter(&table, worker, "returns_home", format_count);
		cell_counter(&table, worker, "steered_in", format_count);
		cell_counter(&table, worker, "steered_out", format_count);
		cell_counter(&table, worker, "steer_drops", format_count);
	}
	table_print(&table, "The dataplane has no workers.", file);
	table_fini(&table);
}

/* "forgotten after: embryonic 10s, ..."; nothing if 'timeouts' is NULL. */
static void
print_flow_timeouts(json_t *timeouts, FILE *file)
{
	const char *separator = "forgotten after: ";
	const char *name;
	json_t *ms;

	json_object_foreach(timeouts, name, ms)
	{
		size_t size = strlen(name);
		char buf[UNIT_TEXT_SIZE];

		if (size > 3 && strcmp(name + size - 3, "_ms") == 0)
			size -= 3;
		fprintf(file, "%s%.*s %s", separator, (int)size, name,
			format_seconds((double)json_integer_value(ms) / 1000, buf));
		separator = ", ";
	}
	if (json_object_size(timeouts) > 0)
		fputs("\n", file);
}

/* A table with an empty line before it; nothing if there are no lists. */
static void
print_source_lists(json_t *lists, FILE *file)
{
	static const struct table_column columns[] = {
		{"SOURCE LIST", false},
		{"IPV4 RANGES", true},
		{"IPV6 RANGES", true},
		{"MEMORY", true},
		{"FILE", false},
		{NULL, false},
	};
	struct table table;
	json_t *list;
	size_t i;

	if (json_array_size(lists) == 0)
		return;
	table_init(&table, columns);
	json_array_foreach(lists, i, list)
	{
		const char *name = json_string_value(json_object_get(list, "name"));
		const char *from = json_string_value(json_object_get(list, "file"));
		char buf[UNIT_TEXT_SIZE];

		table_cell(&table, "%s", name ? name : "");
		table_cell(&table, "%" JSON_INTEGER_FORMAT,
			json_integer_value(json_object_get(list, "ranges4")));
		table_cell(&table, "%" JSON_INTEGER_FORMAT,
			json_integer_value(json_object_get(list, "ranges6")));
		table_cell(&table, "%s",
			format_bytes(
				(uint64_t)json_integer_value(json_object_get(list, "bytes")), buf));
		table_cell(&table, "%s", from ? from : "");
	}
	fputs("\n", file);
	table_print(&table, "", file);
	table_fini(&table);
}

void
print_stats(json_t *answer, FILE *file)
{
	static const struct counts verdicts = {
		"verdicts", "VERDICT", "PACKETS", "No packet has come so far."};
	static const struct counts flow_events = {
		"flow_events", "FLOW EVENT", "TIMES", "Nothing has happened to flows so far."};
	static const struct counts path_events = {"path_events", "PATH EVENT", "TIMES",
		"No fragment and no ICMP error about a flow has come so far."};
	json_t *flows = json_object_get(answer, "flows");
	char active[UNIT_TEXT_SIZE] = "-", capacity[UNIT_TEXT_SIZE] = "-";

	if (json_is_integer(json_object_get(flows, "active")))
		format_count((uint64_t)integer_of(flows, "active"), active);
	if (json_is_integer(json_object_get(flows, "capacity")))
		format_count((uint64_t)integer_of(flows, "capacity"), capacity);
	print_ports(json_object_get(answer, "ports"), file);
	fputs("\n", file);
	print_counts(answer, &verdicts, file);
	fprintf(file, "\nflows: %s of at most %s\n", active, capacity);
	print_flow_timeouts(json_object_get(answer, "flow_timeouts"), file);
	fputs("\n", file);
	print_counts(answer, &flow_events, file);
	if (json_object_get(answer, "path_events")) {
		fprintf(file, "\n");
		print_counts(answer, &path_events, file);
	}
	print_source_lists(json_object_get(answer, "lists"), file);
	if (json_array_size(json_object_get(answer, "workers")) > 1) {
		fprintf(file, "\n");
		print_workers(json_object_get(answer, "workers"), file);
	}
}
