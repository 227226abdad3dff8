/* SPDX-License-Identifier: BSD-3-Clause */
/* Drafts of virtual routers: made, found by their addresses, and written; see import_data.h. */
#include "controlplane/import/import_data.h"

#include <stdio.h>
#include <string.h>

#define PRIORITY_FIRST 200
#define PRIORITY_STEP 10

static bool
is_named(const struct import *import, const char *name)
{
	for (size_t i = 0; i + 1 < import->n_routers; i++) {
		if (strcmp(import->routers[i].name, name) == 0)
			return true;
	}
	return false;
}

struct import_router *
import_add_router(struct import *import, const char *wanted, uint8_t family)
{
	struct import_router *router;
	const char *name;

	if (import->n_routers == MODEL_ROUTERS_MAX)
		return NULL;
	router = &import->routers[import->n_routers++];
	*router = (struct import_router){.family = family, .advert_ms = 1000};
	name = router->name = import_clean_name(import, wanted);
	if (is_named(import, router->name))
		router->name = import_text(import, "%.28s-%u", name, family);
	while (is_named(import, router->name) && !import->no_memory)
		router->name = import_text(import, "%.22s-%zu", name, ++import->n_names + 1);
	router->notes = document_loose(import->document);
	return router;
}

/* --- Addresses that no instance holds --- */

static bool
is_free(const struct import *import, const struct import_router *router, unsigned int vrid)
{
	for (size_t i = 0; i < import->n_routers; i++) {
		const struct import_router *other = &import->routers[i];

		if (other != router && other->vrid == vrid && other->family == router->family &&
			strcmp(other->port, router->port) == 0)
			return false;
	}
	return true;
}

/* An invented router of the family with room for one more address. */
static struct import_router *
find_invented(struct import *import, uint8_t family)
{
	struct import_router *router;

	for (size_t i = 0; i < import->n_routers; i++) {
		router = &import->routers[i];
		if (!router->from && router->family == family &&
			router->n_addresses < MODEL_VIPS_MAX)
			return router;
	}
	router = import_add_router(import, family == ADDR_V4 ? "imported4" : "imported6", family);
	if (!router)
		return NULL;
	router->port = import_port(import, NULL, false);
	for (router->vrid = 1; !is_free(import, router, router->vrid); router->vrid++)
		;
	for (size_t i = 0; i < import->n_nodes; i++)
		router->members[i] = (struct import_member){
			.priority = PRIORITY_FIRST - PRIORITY_STEP * (unsigned int)i};
	document_fill(import->document, router->notes,
		"%s: no vrrp_instance holds these addresses of services, so this virtual router "
		"was "
		"made for them: look at vrid, port and priorities",
		router->name);
	return router;
}

struct import_router *
import_holder(struct import *import, const struct addr *addr)
{
	struct import_router *router;

	for (size_t i = 0; i < import->n_routers; i++) {
		for (size_t j = 0; j < import->routers[i].n_addresses; j++) {
			if (addr_equal(&import->routers[i].addresses[j], addr))
				return &import->routers[i];
		}
	}
	router = find_invented(import, addr->family);
	if (router)
		router->addresses[router->n_addresses++] = *addr;
	return router;
}

/* --- Writing --- */

static void
write_addresses(struct import *import, struct document_node *map, const char *key,
	const struct addr *addresses, size_t n)
{
	struct document_node *list;

	if (n == 0)
		return;
	list = document_list(import->document, map, key, true);
	for (size_t i = 0; i < n; i++)
		document_text(import->document, list, NULL, "%s",
			import_addr_text(import, &addresses[i]));
}

static void
write_tracks(struct import *import, struct document_node *map, const struct import_router *router)
{
	struct document *document = import->document;
	struct document_node *list;

	if (router->n_tracks == 0)
		return;
	list = document_list(document, map, "track", false);
	for (size_t i = 0; i < router->n_tracks; i++) {
		const struct import_track *track = &router->tracks[i];
		struct document_node *item = document_map(document, list, NULL, true);

		if (track->port)
			document_text(document, item, "port", "%s", track->port);
		else
			document_text(document, item, "script", "%s", track->script);
		if (track->weight)
			document_text(document, item, "weight", "%u", track->weight);
	}
}

static void
write_members(struct import *import, struct document_node *map, const struct import_router *router)
{
	struct document *document = import->document;
	struct document_node *list = document_list(document, map, "members", false);

	for (size_t i = 0; i < import->n_nodes; i++) {
		const struct import_member *member = &router->members[i];
		struct document_node *item = document_map(document, list, NULL, true);

		if (member->guessed)
			document_fill(document, item,
				"%s: the priority that %s has, whose file is not here (give it by "
				"--peer)",
				router->name, import->nodes[i].name);
		if (member->invented)
			document_fill(document, item,
				"%s: the address of %s that its adverts come from and go to",
				router->name, import->nodes[i].name);
		document_text(document, item, "node", "%s", import->nodes[i].name);
		document_text(document, item, "priority", "%u", member->priority);
		if (member->address.family != ADDR_NONE)
			document_text(document, item, "address", "%s",
				import_addr_text(import, &member->address));
	}
}

static void
write_router(struct import *import, const struct import_router *router)
{
	struct document *document = import->document;
	struct document_node *map = document_map(document, import->routers_at, NULL, false);
	struct document_node *notify;

	document_move_comments(map, router->notes);
	document_text(document, map, "name", "%s", router->name);
	document_text(document, map, "vrid", "%u", router->vrid);
	document_text(document, map, "port", "%s", router->port);
	write_addresses(import, map, "addresses", router->addresses, router->n_addresses);
	if (router->invented_locals)
		document_fill(document, map,
			"%s: local_addresses, from which the node that holds it speaks to backends "
			"in mode fullnat: free ones of the backends' network",
			router->name);
	write_addresses(import, map, "local_addresses", router->locals, router->n_locals);
	document_text(document, map, "advert_ms", "%u", router->advert_ms);
	if (router->no_preempt)
		document_text(document, map, "preempt", "no");
	if (router->delay_ms)
		document_text(document, map, "preempt_delay_ms", "%u", router->delay_ms);
	if (router->virtual_mac)
		document_text(document, map, "mac", "virtual");
	if (router->no_accept)
		document_text(document, map, "accept", "no");
	if (router->min_ttl)
		document_text(document, map, "min_ttl", "%u", router->min_ttl);
	if (router->group)
		document_text(document, map, "sync_group", "%s", router->group);
	write_tracks(import, map, router);
	if (router->notify) {
		notify = document_list(document, map, "notify", true);
		document_text(document, notify, NULL, "/bin/sh");
		document_text(document, notify, NULL, "-c");
		document_text(document, notify, NULL, "%s", router->notify);
	}
	write_members(import, map, router);
}

void
import_write_routers(struct import *import)
{
	for (size_t i = 0; i < import->n_routers; i++)
		write_router(import, &import->routers[i]);
}
