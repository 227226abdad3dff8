/* SPDX-License-Identifier: BSD-3-Clause */
/* What a change of a virtual router or of a script does; see plan_data.h. */
#include "common/plan_data.h"

#define CP PLAN_CONTROLPLANE
#define MON PLAN_MONITOR

static const struct plan_treatment is_harmless = {CP, 0, "none", false};

static const struct plan_treatment is_elected_anew = {CP, 0,
	"the router is given up and elected anew: nobody answers for its addresses for about three "
	"adverts; flows stay",
	false};
static const struct plan_treatment may_move = {
	CP, 0, "the addresses may move to another node; flows stay", false};
static const struct plan_treatment addresses = {CP | MON, 0,
	"addresses that go are not answered for any more, and flows to them end; the others stay",
	false};
static const struct plan_treatment locals = {
	CP, 0, "those from a local address that goes break", false};
static const struct plan_treatment added = {
	CP | MON, 0, "none; its addresses are held after an election", false};
static const struct plan_treatment removed = {
	CP | MON, 0, "its addresses are not answered for any more, and flows to them end", false};

static void
format_addresses(FILE *out, const void *field, const void *object)
{
	const struct virtual_router *router = object;

	(void)field;
	plan_format_addrs(out, router->addresses, router->n_addresses);
}

static void
format_locals(FILE *out, const void *field, const void *object)
{
	const struct virtual_router *router = object;

	(void)field;
	plan_format_addrs(out, router->locals, router->n_locals);
}

static void
format_mac(FILE *out, const void *field, const void *object)
{
	(void)object;
	fputs(*(const bool *)field ? "virtual" : "port", out);
}

static void
format_track(FILE *out, const struct track *track)
{
	switch (track->kind) {
	case TRACK_PORT:
		fprintf(out, "port %s", track->port);
		break;
	case TRACK_POOL:
		fprintf(out, "pool %s min_up %u", track->pool->name, track->min_up);
		break;
	case TRACK_SCRIPT:
		fprintf(out, "script %s", track->script->name);
		break;
	}
	if (track->weight > 0)
		fprintf(out, " weight %u", track->weight);
}

static void
format_tracks(FILE *out, const void *field, const void *object)
{
	const struct virtual_router *router = object;

	(void)field;
	for (size_t i = 0; i < router->n_tracks; i++) {
		fputs(i > 0 ? ", " : "", out);
		format_track(out, &router->tracks[i]);
	}
}

static const struct plan_key router_keys[] = {
	PLAN_KEY(virtual_router, vrid, "vrid", plan_format_u8, is_elected_anew),
	PLAN_KEY(virtual_router, port, "port", plan_format_text, is_elected_anew),
	PLAN_KEY(virtual_router, advert_cs, "advert_ms", plan_format_tenths, is_harmless),
	PLAN_KEY(virtual_router, preempt, "preempt", plan_format_bool, may_move),
	PLAN_KEY(
		virtual_router, preempt_delay_ms, "preempt_delay_ms", plan_format_u32, is_harmless),
	PLAN_KEY(virtual_router, addresses, "addresses", format_addresses, addresses),
	PLAN_KEY(virtual_router, locals, "local_addresses", format_locals, locals),
	PLAN_KEY(virtual_router, virtual_mac, "mac", format_mac, is_harmless),
	PLAN_KEY(virtual_router, accept, "accept", plan_format_bool, is_harmless),
	PLAN_KEY(virtual_router, min_ttl, "min_ttl", plan_format_u8, is_harmless),
	PLAN_KEY(virtual_router, group, "sync_group", plan_format_text, may_move),
	PLAN_KEY(virtual_router, tracks,
		"track|track[].port|track[].pool|track[].script|track[].min_up|track[].weight",
		format_tracks, may_move),
	PLAN_KEY(virtual_router, notify, "notify", plan_format_words, is_harmless),
	PLAN_KEYS_END,
};

static const struct plan_key member_keys[] = {
	PLAN_KEY(router_member, priority, "priority", plan_format_u8, may_move),
	PLAN_KEY(router_member, address, "address", plan_format_addr, is_harmless),
	PLAN_KEYS_END,
};

static const void *
find_members(const void *parent, size_t *n)
{
	const struct virtual_router *router = parent;

	*n = router->n_members;
	return router->members;
}

static void
identify_member(FILE *out, const void *field, const void *object)
{
	const struct router_member *member = object;

	(void)field;
	fputs(member->node->name, out);
}

static const struct plan_class router_parts_class = {"members", "node", find_members,
	sizeof(struct router_member), identify_member, member_keys, NULL, &may_move, &may_move,
	NULL};
static const struct plan_class *const router_parts[] = {&router_parts_class, NULL};

static const void *
find_routers(const void *parent, size_t *n)
{
	const struct model *model = parent;

	*n = model->n_routers;
	return model->routers;
}

const struct plan_class plan_routers = {"virtual_routers", "name", find_routers,
	sizeof(struct virtual_router), plan_format_name, router_keys, router_parts, &added,
	&removed, NULL};

/* --- Scripts --- */

const struct plan_key plan_script_keys[] = {
	PLAN_KEY(script, command, "command", plan_format_words, may_move),
	PLAN_KEY(script, interval_ms, "interval_ms", plan_format_u32, is_harmless),
	PLAN_KEY(script, timeout_ms, "timeout_ms", plan_format_u32, is_harmless),
	PLAN_KEY(script, rise, "rise", plan_format_u32, is_harmless),
	PLAN_KEY(script, fall, "fall", plan_format_u32, is_harmless),
	PLAN_KEYS_END,
};

static const void *
find_scripts(const void *parent, size_t *n)
{
	const struct model *model = parent;

	*n = model->n_scripts;
	return model->scripts;
}

const struct plan_class plan_scripts = {"scripts", "name", find_scripts, sizeof(struct script),
	plan_format_name, plan_script_keys, NULL, &is_harmless, &is_harmless, NULL};
