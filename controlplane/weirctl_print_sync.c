/* SPDX-License-Identifier: BSD-3-Clause */
/* 'weirctl sync'; see weirctl_print.h. */
#include "controlplane/weirctl_print.h"

#include "controlplane/weirctl_cells.h"
#include "controlplane/weirctl_rates.h"

static const char *
yes_or_no(json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key)) ? "yes" : "no";
}

/* Of a peer's map of counters; its rate, if there are rates. */
static void
add_count(struct table *table, json_t *peer, const char *name)
{
	json_t *rates = json_object_get(peer, "counters" RATE_SUFFIX);

	if (rates)
		table_rate(table, rate_or_nan(json_object_get(rates, name)), format_count);
	else
		table_cell(table, "%" JSON_INTEGER_FORMAT,
			integer_of(json_object_get(peer, "counters"), name));
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
		table_cell(&table, "%s", text_of(peer, "name"));
		table_cell(&table, "%s", text_of(peer, "address"));
		table_cell(&table, "%s", text_of(peer, "state"));
		table_cell(&table, "%s", yes_or_no(peer, "synced"));
		for (size_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++)
			add_count(&table, peer, counts[j]);
	}
	table_print(&table, "There are no other nodes.", file);
	table_fini(&table);
}

void
print_sync(json_t *answer, FILE *file)
{
	static const struct counts counters = {
		"counters", "COUNTER", "TIMES", "Nothing was told or heard so far."};
	json_t *sync = json_object_get(answer, "sync");

	if (!json_is_object(sync)) {
		fputs("Flows are not synced: the cluster file has no key 'flow_sync'.\n", file);
		return;
	}
	fprintf(file,
		"listens on %s, synced: %s, flows of other nodes: %" JSON_INTEGER_FORMAT "\n\n",
		text_of(sync, "listen"), yes_or_no(sync, "synced"),
		integer_of(sync, "remote_flows"));
	print_peers(json_object_get(sync, "peers"), file);
	fputs("\n", file);
	print_counts(sync, &counters, file);
}
