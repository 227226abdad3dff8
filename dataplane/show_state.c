/* SPDX-License-Identifier: BSD-3-Clause */
/* What a "stats" reply tells of the state in force: source lists and timeouts; see show_state.h. */
#include "dataplane/show_state.h"

#include "dataplane/snapshot_data.h"

json_t *
show_source_lists(const struct snapshot *snapshot)
{
	json_t *out = json_array();

	for (size_t i = 0; snapshot && i < snapshot->lists->n_lists; i++) {
		const struct snapshot_list *list = &snapshot->lists->lists[i];
		struct prefix_set_size size = prefix_set_size(list->set);

		json_array_append_new(out,
			json_pack("{s:s, s:s?, s:I, s:I, s:I}", "name", list->name, "file",
				list->file, "ranges4", (json_int_t)size.n_ranges4, "ranges6",
				(json_int_t)size.n_ranges6, "bytes", (json_int_t)size.n_bytes));
	}
	return out;
}

json_t *
show_flow_timeouts(const struct snapshot *snapshot)
{
	static const struct flow_timeouts defaults;
	const struct flow_timeouts *timeouts = snapshot ? &snapshot->flow_timeouts : &defaults;
	json_t *out = json_object();

	for (size_t i = 0; i < N_FLOW_TIMEOUTS; i++)
		json_object_set_new(out, flow_timeout_fields[i].name,
			json_integer(flow_timeout_get(timeouts, i)));
	return out;
}
