/* SPDX-License-Identifier: BSD-3-Clause */
/* What a change of a service, or of what services go by, does; see plan_data.h. */
#include "common/control.h"
#include "common/plan_data.h"

#define CP PLAN_CONTROLPLANE
#define MON PLAN_MONITOR

static const struct plan_treatment is_another = {
	CP | MON, 0, "it counts as another service: flows to the old address and port end", false};
static const struct plan_treatment is_forwarded = {
	CP, 0, "those there are may break: their packets would have to go another way", false};
static const struct plan_treatment is_scheduled = {
	CP, 0, "new ones are scheduled so; those there are stay", false};
static const struct plan_treatment is_moved = {
	CP, 0, "all go to backends of the new pool, and break unless these are the same", false};
static const struct plan_treatment is_limited = {
	CP, 0, "those there are stay, as far as they are still let in", false};
static const struct plan_treatment is_for_new = {CP, 0, "those there are stay", false};
static const struct plan_treatment service_added = {
	CP | MON, 0, "none; it takes flows from then on", false};
static const struct plan_treatment service_removed = {CP | MON, 0, "its flows end", false};
static const struct plan_treatment list_known = {CP, 0, "none", false};
static const struct plan_treatment timeouts = {
	CP, 0, "those there are expire by the new times", false};

static void
format_protocol(FILE *out, const void *field, const void *object)
{
	(void)object;
	fputs(protocol_name(*(const enum protocol *)field), out);
}

static void
format_mode(FILE *out, const void *field, const void *object)
{
	(void)object;
	fputs(forward_mode_name(*(const enum forward_mode *)field), out);
}

static void
format_scheduler(FILE *out, const void *field, const void *object)
{
	(void)object;
	fputs(scheduler_name(*(const enum scheduler_kind *)field), out);
}

static void
format_client_address(FILE *out, const void *field, const void *object)
{
	(void)object;
	fputs(client_address_name(*(const enum client_address *)field), out);
}

static void
format_lists(FILE *out, const void *field, const void *object)
{
	const struct service_lists *lists = field;

	(void)object;
	for (size_t i = 0; i < lists->n; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "", lists->lists[i]->name);
}

static void
format_tunnel_type(FILE *out, const void *field, const void *object)
{
	if (((const struct service *)object)->mode == MODE_TUNNEL)
		fputs(tunnel_type_name(*(const enum tunnel_type *)field), out);
}

static void
format_tunnel_sources(FILE *out, const void *field, const void *object)
{
	const struct tunnel_source *sources = field;
	char text[TUNNEL_SOURCE_TEXT_SIZE];
	const char *gap = "";

	(void)object;
	for (size_t i = 0; i < 2; i++) {
		if (sources[i].addr.family == ADDR_NONE)
			continue;
		fprintf(out, "%s%s", gap, tunnel_source_format(&sources[i], text, sizeof(text)));
		gap = ", ";
	}
}

static void
format_prefix_length(FILE *out, const void *field, const void *object)
{
	if (((const struct service *)object)->persistence.timeout_s > 0)
		plan_format_u8(out, field, object);
}

static const struct plan_key service_keys[] = {
	PLAN_KEY(service, address, "address", plan_format_addr, is_another),
	PLAN_KEY(service, port, "port", plan_format_port, is_another),
	PLAN_KEY(service, protocol, "protocol", format_protocol, is_another),
	PLAN_KEY(service, mode, "mode", format_mode, is_forwarded),
	PLAN_KEY(service, scheduler, "scheduler", format_scheduler, is_scheduled),
	PLAN_KEY(service, pool, "pool", plan_format_reference, is_moved),
	PLAN_KEY(service, persistence.timeout_s, "persistence.timeout_s", plan_format_some32,
		is_scheduled),
	PLAN_KEY(service, persistence.prefix4, "persistence.prefix4", format_prefix_length,
		is_scheduled),
	PLAN_KEY(service, persistence.prefix6, "persistence.prefix6", format_prefix_length,
		is_scheduled),
	PLAN_KEY(service, limits.new_flows_per_s, "limits.new_flows_per_s", plan_format_some32,
		is_limited),
	PLAN_KEY(service, limits.packets_per_s, "limits.packets_per_s", plan_format_some32,
		is_limited),
	PLAN_KEY(service, mss, "mss", plan_format_some16, is_for_new),
	PLAN_KEY(service, tunnel.type, "tunnel.type", format_tunnel_type, is_forwarded),
	PLAN_KEY(service, tunnel.sources, "tunnel.source|tunnel.source4|tunnel.source6",
		format_tunnel_sources, is_forwarded),
	PLAN_KEY(service, tunnel.gue_port, "tunnel.gue_port", plan_format_some16, is_forwarded),
	PLAN_KEY(service, tunnel.mtu, "tunnel.mtu", plan_format_some16, is_for_new),
	PLAN_KEY(service, block, "block", format_lists, is_limited),
	PLAN_KEY(service, allow, "allow", format_lists, is_limited),
	PLAN_KEY(service, client_address, "client_address", format_client_address, is_for_new),
	PLAN_KEY(service, syn_cookies, "syn_cookies", plan_format_bool, is_for_new),
	PLAN_KEYS_END,
};

static const void *
find_services(const void *parent, size_t *n)
{
	const struct model *model = parent;

	*n = model->n_services;
	return model->services;
}

const struct plan_class plan_services = {"services", "name", find_services, sizeof(struct service),
	plan_format_name, service_keys, NULL, &service_added, &service_removed, NULL};

/* --- Source lists --- */

/* With its stamp, where it has been read: its content may have changed. */
static void
format_file(FILE *out, const void *field, const void *object)
{
	const struct source_list *list = object;

	plan_format_text(out, field, object);
	if (list->file && *list->stamp)
		fprintf(out, " (%s)", list->stamp);
}

static void
format_prefixes(FILE *out, const void *field, const void *object)
{
	const struct source_list *list = object;
	char text[PREFIX_TEXT_SIZE];

	(void)field;
	for (size_t i = 0; i < list->n_prefixes; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "",
			prefix_format(&list->prefixes[i], text, sizeof(text)));
}

static const struct plan_key list_keys[] = {
	PLAN_KEY(source_list, file, "file", format_file, is_limited),
	PLAN_KEY(source_list, prefixes, "prefixes", format_prefixes, is_limited),
	PLAN_KEYS_END,
};

static const void *
find_lists(const void *parent, size_t *n)
{
	const struct model *model = parent;

	*n = model->n_lists;
	return model->lists;
}

const struct plan_class plan_lists = {"source_lists", "name", find_lists,
	sizeof(struct source_list), plan_format_name, list_keys, NULL, &list_known, &list_known,
	NULL};

/* --- Flow timeouts --- */

static const void *
find_timeouts(const void *parent, size_t *n)
{
	const struct model *model = parent;

	*n = 1;
	return &model->flow_timeouts;
}

#define TIMEOUT_KEY(member) PLAN_KEY(flow_timeouts, member, #member, plan_format_some32, timeouts)

static const struct plan_key timeout_keys[] = {
	TIMEOUT_KEY(embryonic_ms),
	TIMEOUT_KEY(established_ms),
	TIMEOUT_KEY(fin_ms),
	TIMEOUT_KEY(closed_ms),
	TIMEOUT_KEY(udp_new_ms),
	TIMEOUT_KEY(udp_ms),
	TIMEOUT_KEY(evict_idle_ms),
	PLAN_KEYS_END,
};

const struct plan_class plan_flow_timeouts = {"flow_timeouts", NULL, find_timeouts,
	sizeof(struct flow_timeouts), plan_format_nothing, timeout_keys, NULL, NULL, NULL, NULL};

/* --- Flow sync --- */

static const struct plan_treatment sync_anew = {
	CP, 0, "none; the nodes tell each other of all flows anew", false};
static const struct plan_treatment sync_key = {
	CP, 0, "none; a key is accepted as long as it is in the list", false};
/* The dataplane has memory for the others' flows or has not. */
static const struct plan_treatment sync_switched = {0, PLAN_DATAPLANE,
	"those that only one node knows break when its dataplane restarts", false};

static void
format_switch(FILE *out, const void *field, const void *object)
{
	(void)object;
	fputs(*(const size_t *)field > 0 ? "on" : "off", out);
}

static void
identify_key(FILE *out, const void *field, const void *object)
{
	plan_format_u8(out, &((const struct flow_sync_file *)object)->id, field);
}

static const void *
find_keys(const void *parent, size_t *n)
{
	const struct flow_sync_config *config = parent;

	*n = config->n_keys;
	return config->keys;
}

static const struct plan_key key_keys[] = {
	PLAN_KEY(flow_sync_file, file, "file", plan_format_text, sync_key),
	PLAN_KEYS_END,
};

static const struct plan_class sync_parts_class = {"keys", "id", find_keys,
	sizeof(struct flow_sync_file), identify_key, key_keys, NULL, &sync_key, &sync_key, NULL};
static const struct plan_class *const sync_parts[] = {&sync_parts_class, NULL};

static const struct plan_key sync_keys[] = {
	PLAN_KEY(flow_sync_config, n_keys, "", format_switch, sync_switched),
	PLAN_KEY(flow_sync_config, port, "port", plan_format_some16, sync_anew),
	PLAN_KEYS_END,
};

static const void *
find_sync(const void *parent, size_t *n)
{
	const struct model *model = parent;

	*n = 1;
	return &model->flow_sync;
}

const struct plan_class plan_flow_sync = {"flow_sync", NULL, find_sync,
	sizeof(struct flow_sync_config), plan_format_nothing, sync_keys, sync_parts, NULL, NULL,
	NULL};
