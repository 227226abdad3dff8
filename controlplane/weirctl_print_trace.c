/* SPDX-License-Identifier: BSD-3-Clause */
/* The answer of "trace" as text, one line for each step on the packet's way; see weirctl_print.h.
 */
#include "controlplane/weirctl_print.h"

#include "controlplane/weirctl_table.h"

#include <string.h>

static const char *
text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static void
add_vip(struct table *table, json_t *vip)
{
	table_cell(table, "VIP");
	if (!json_is_object(vip))
		table_cell(table, "none has this address");
	else
		table_cell(table, "%s of router %s, %s", text_of(vip, "address"),
			text_of(vip, "router"),
			json_is_true(json_object_get(vip, "held")) ? "held by this node"
								   : "not held by this node");
}

/* Older dataplanes do not say it. */
static bool
tells_clients(json_t *service)
{
	const char *how = json_string_value(json_object_get(service, "client_address"));

	return how && strcmp(how, "none") != 0;
}

static void
add_service(struct table *table, json_t *service)
{
	table_cell(table, "service");
	if (!json_is_object(service))
		table_cell(table, "none");
	else
		table_cell(table, "%s: mode %s, scheduler %s%s%s", text_of(service, "name"),
			text_of(service, "mode"), text_of(service, "scheduler"),
			tells_clients(service) ? ", client address by " : "",
			tells_clients(service) ? text_of(service, "client_address") : "");
}

static void
add_flow(struct table *table, json_t *flow)
{
	json_int_t idle_ms = json_integer_value(json_object_get(flow, "idle_ms"));
	char idle[UNIT_TEXT_SIZE];

	table_cell(table, "flow");
	if (!json_is_object(flow))
		table_cell(table, "known to no worker");
	else
		table_cell(table, "%s for worker %" JSON_INTEGER_FORMAT ", idle for %s",
			text_of(flow, "state"), json_integer_value(json_object_get(flow, "worker")),
			format_seconds((double)idle_ms / 1000, idle));
}

static void
add_backend(struct table *table, json_t *answer)
{
	static const struct {
		const char *choice, *text;
	} choices[] = {
		{"flow", "the flow's"},
		{"scheduler", "chosen by the scheduler"},
		{"moved", "chosen by the scheduler, the flow's backend being gone"},
	};
	json_t *backend = json_object_get(answer, "backend");
	const char *why = text_of(answer, "choice");

	table_cell(table, "backend");
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		if (strcmp(choices[i].choice, why) == 0)
			why = choices[i].text;
	}
	if (!json_is_object(backend))
		table_cell(table, "none");
	else
		table_cell(table, "%s (%s) of pool %s: %s", text_of(backend, "name"),
			text_of(backend, "address"), text_of(backend, "pool"), why);
}

static void
add_way(struct table *table, json_t *answer)
{
	json_t *hop = json_object_get(answer, "next_hop");
	json_t *sent = json_object_get(answer, "sent");
	json_t *about = json_object_get(sent, "about");

	if (!json_is_object(hop))
		return;
	table_cell(table, "sent");
	table_cell(table,
		"from %s to %s, protocol %" JSON_INTEGER_FORMAT ", %" JSON_INTEGER_FORMAT
		" bytes%s",
		text_of(sent, "from"), text_of(sent, "to"),
		json_integer_value(json_object_get(sent, "protocol")),
		json_integer_value(json_object_get(sent, "bytes")),
		json_is_true(json_object_get(sent, "client_address"))
			? ", with the client's address"
			: "");
	if (json_is_object(about)) {
		table_cell(table, "about");
		table_cell(table, "a packet from %s to %s", text_of(about, "from"),
			text_of(about, "to"));
	}
	table_cell(table, "next hop");
	table_cell(table, "%s by port %s", text_of(hop, "mac"), text_of(hop, "port"));
}

void
print_trace(json_t *answer, FILE *file)
{
	static const struct table_column columns[] = {
		{"STEP", false},
		{"RESULT", false},
		{NULL, false},
	};
	struct table table;

	table_init(&table, columns);
	table_cell(&table, "port");
	table_cell(&table, "%s", text_of(answer, "in_port"));
	add_vip(&table, json_object_get(answer, "vip"));
	add_service(&table, json_object_get(answer, "service"));
	add_flow(&table, json_object_get(answer, "flow"));
	add_backend(&table, answer);
	add_way(&table, answer);
	table_cell(&table, "verdict");
	table_cell(&table, "%s: %s", text_of(answer, "verdict"), text_of(answer, "meaning"));
	table_print(&table, "", file);
	table_fini(&table);
}
