/* SPDX-License-Identifier: BSD-3-Clause */
/* 'weirctl sync'; see weirctl_print.h. */
#include "controlplane/weirctl_print.h"

#include "controlplane/weirctl_table.h"

static const char *
text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static const char *
yes_or_no(json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key)) ? "yes" : "no";
}

static void
print_peers(json_t *peers, FILE *file)
{
	static const struct table_column columns[] = {
		{"NODE", false},
		{"ADDRESS", false},
		{"SESSION", false},
		{"SYNCED", false},
		{"TOLD", true},
		{"HEARD", true},
		{"SENT AGAIN", true},
		{"LOST", true},
		{NULL, false},
	};
	static const char *const counts[] = {
		"records_sent", "records_received", "retransmitted", "lost"};
	struct table table;
	json_t *peer;
	size_t i;

	table_init(&table, columns);
	json_array_foreach(peers, i, peer)
	{
		json_t *counters = json_object_get(peer, "counters");

		table_cell(&table, "%s", text_of(peer, "name"));
		table_cell(&table, "%s", text_of(peer, "address"));
		table_cell(&table, "%s", text_of(peer, "state"));
		table_cell(&table, "%s", yes_or_no(peer, "synced"));
		for (size_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++)
			table_cell(&table, "%" JSON_INTEGER_FORMAT,
				json_integer_value(json_object_get(counters, counts[j])));
	}
	table_print(&table, "There are no other nodes.", file);
	table_fini(&table);
}

/* Those that are not 0 are worth a line. */
static void
add_rows(struct table *table, json_t *counters)
{
	const char *name;
	json_t *value;

	json_object_foreach(counters, name, value)
	{
		if (json_integer_value(value) == 0)
			continue;
		table_cell(table, "%s", name);
		table_cell(table, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	}
}

void
print_sync(json_t *answer, FILE *file)
{
	static const struct table_column columns[] = {
		{"COUNTER", false}, {"TIMES", true}, {NULL, false}};
	json_t *sync = json_object_get(answer, "sync");
	struct table table;

	if (!json_is_object(sync)) {
		fputs("Flows are not synced: the cluster file has no key 'flow_sync'.\n", file);
		return;
	}
	fprintf(file,
		"listens on %s, synced: %s, flows of other nodes: %" JSON_INTEGER_FORMAT "\n\n",
		text_of(sync, "listen"), yes_or_no(sync, "synced"),
		json_integer_value(json_object_get(sync, "remote_flows")));
	print_peers(json_object_get(sync, "peers"), file);
	fputs("\n", file);
	table_init(&table, columns);
	add_rows(&table, json_object_get(sync, "counters"));
	table_print(&table, "Nothing was told or heard so far.", file);
	table_fini(&table);
}
