/* SPDX-License-Identifier: BSD-3-Clause */
/* Timeouts of flows and source lists for people; see weirctl_print_state.h. */
#include "controlplane/weirctl_print_state.h"

#include "controlplane/weirctl_table.h"

#include <string.h>

void
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

void
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
