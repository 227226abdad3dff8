/* SPDX-License-Identifier: BSD-3-Clause */
/* vrrp_instance: what keepalived holds by election becomes a virtual router, or two where it has
 * addresses of both families; see import_data.h. */
#include "controlplane/import/import_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADVERT_MS_MIN 10
#define ADVERT_MS_MAX 40950
#define DELAY_MS_MAX 3600000
#define HOPS_OF_KEEPALIVED 64 /* Of its IPv6 adverts by unicast. */

/* An instance that is being read. */
struct instance {
	const struct statement *from;
	struct import_router common; /* What both families share. */
	const struct statement *interface;
	bool unicast;
	struct import_router *of[2]; /* IPv4, IPv6; NULL: there are no addresses of it. */
};

/* --- Keywords --- */

static void
take_nothing(struct import *import, void *ctx, const struct statement *statement)
{
	(void)import;
	(void)ctx;
	(void)statement;
}

static void
take_advert(struct import *import, void *ctx, const struct statement *statement)
{
	struct instance *instance = ctx;
	unsigned int ms;

	if (!import_ms(statement_word(statement, 1), ADVERT_MS_MIN, ADVERT_MS_MAX, &ms)) {
		import_note(import, instance->common.notes, statement,
			"not a time that VRRPv3 can have, which is 0.01 to 40.95 seconds: it is 1");
		return;
	}
	if (ms % 10 != 0)
		import_note(import, instance->common.notes, statement,
			"VRRPv3 counts in hundredths of a second, so it is rounded");
	instance->common.advert_ms = ms - ms % 10;
}

/* Whether the instance begins as master, where keepalived lets nothing keep it from preempting. */
static bool
is_cleared(
	struct import *import, const struct instance *instance, const struct statement *statement)
{
	const struct statement *state = statement_find(instance->from, "state");
	const char *word = state ? statement_word(state, 1) : NULL;

	if (!word || strcmp(word, "MASTER") != 0)
		return false;
	import_note(import, instance->common.notes, statement,
		"keepalived clears it where the state is MASTER: take the key of weir if it is "
		"what was meant");
	return true;
}

static void
take_preempt_delay(struct import *import, void *ctx, const struct statement *statement)
{
	struct instance *instance = ctx;

	if (!import_ms(statement_word(statement, 1), 0, DELAY_MS_MAX, &instance->common.delay_ms))
		import_note(import, instance->common.notes, statement, "not a number of seconds");
}

static void
take_nopreempt(struct import *import, void *ctx, const struct statement *statement)
{
	struct instance *instance = ctx;

	instance->common.no_preempt = !is_cleared(import, instance, statement);
}

static void
take_vmac(struct import *import, void *ctx, const struct statement *statement)
{
	struct instance *instance = ctx;

	instance->common.virtual_mac = true;
	if (statement->n_words > 1)
		import_note(import, instance->common.notes, statement,
			"weir makes no macvlan, so it has no name; the MAC is that of RFC 9568 "
			"7.3");
}

static void
take_no_accept(struct import *import, void *ctx, const struct statement *statement)
{
	(void)import;
	((struct instance *)ctx)->common.no_accept =
		strcmp(statement->words[0], "strict_mode") != 0 ||
		import_bool(statement_word(statement, 1));
}

/* "10.0.0.2 min_ttl 254" */
static void
take_peers(struct import *import, void *ctx, const struct statement *statement)
{
	struct instance *instance = ctx;

	instance->unicast = statement->first != NULL;
	for (const struct statement *peer = statement->first; peer; peer = peer->next) {
		for (size_t i = 1; i + 1 < peer->n_words; i += 2) {
			long long hops;

			if (strcmp(peer->words[i], "min_ttl") == 0 &&
				import_number(peer->words[i + 1], 1, 255, &hops))
				instance->common.min_ttl = (unsigned int)hops;
			else
				import_note(import, instance->common.notes, peer,
					"weir has no counterpart to '%s'", peer->words[i]);
		}
	}
}

static void
take_source(struct import *import, void *ctx, const struct statement *statement)
{
	struct instance *instance = ctx;

	if (!statement_find(instance->from, "unicast_peer"))
		import_note(import, instance->common.notes, statement,
			"adverts by multicast come from the first address of the port's "
			"host_interface");
}

static bool
is_held(const struct import *import, const struct addr *addr)
{
	for (size_t i = 0; i < import->n_routers; i++) {
		for (size_t j = 0; j < import->routers[i].n_addresses; j++) {
			if (addr_equal(&import->routers[i].addresses[j], addr))
				return true;
		}
	}
	return false;
}

/* The router of the instance that holds addresses of this family. */
static struct import_router *
router_of(struct import *import, struct instance *instance, uint8_t family)
{
	struct import_router **of = &instance->of[family == ADDR_V6];
	const char *name = statement_word(instance->from, 1);

	if (!*of)
		*of = import_add_router(import, name ? name : "router", family);
	return *of;
}

/* What stands behind an address; it is about the interface that keepalived adds it to. */
static void
note_options(struct import *import, struct instance *instance, const struct statement *address)
{
	for (size_t i = 1; i < address->n_words; i++) {
		const char *dev = strcmp(address->words[i], "dev") == 0
					  ? statement_word(address, i + 1)
					  : NULL;

		if (dev && instance->interface && instance->interface->n_words > 1 &&
			strcmp(dev, instance->interface->words[1]) != 0) {
			import_note(import, instance->common.notes, address,
				"weir answers for it on the virtual router's port, not on %s: give "
				"what is on %s a virtual router of its own, in the same sync_group",
				dev, dev);
			return;
		}
	}
	if (address->n_words > 1 &&
		!(address->n_words == 3 && strcmp(address->words[1], "dev") == 0))
		import_note(import, instance->common.notes, address,
			"what stands behind the address has no counterpart: weir answers for it "
			"in the dataplane, and no interface of the kernel has it");
}

static void
take_addresses(struct import *import, void *ctx, const struct statement *statement)
{
	struct instance *instance = ctx;
	struct document_node *notes = instance->common.notes;

	for (const struct statement *item = statement->first; item; item = item->next) {
		struct import_router *router;
		struct addr addr;

		if (!import_addr(item->words[0], &addr)) {
			import_note(import, notes, item, "not an address that could be held");
			continue;
		}
		if (is_held(import, &addr)) {
			import_note(import, notes, item, "is held already");
			continue;
		}
		router = router_of(import, instance, addr.family);
		if (!router || router->n_addresses == MODEL_VIPS_MAX) {
			import_note(import, notes, item,
				"more than weir can hold: %d virtual routers of %d addresses",
				MODEL_ROUTERS_MAX, MODEL_VIPS_MAX);
			continue;
		}
		note_options(import, instance, item);
		router->addresses[router->n_addresses++] = addr;
	}
	if (strcmp(statement->words[0], "virtual_ipaddress_excluded") == 0)
		import_note(import, notes, statement,
			"weir's adverts name all addresses of a router. As long as the other node "
			"runs keepalived it drops adverts that name others than its own: move "
			"these to virtual_ipaddress there, or set skip_check_adv_addr");
}

static void
take_auth(struct import *import, void *ctx, const struct statement *statement)
{
	struct instance *instance = ctx;

	import_note(import, instance->common.notes, statement,
		"refused: VRRPv3 has no authentication (RFC 9568 9.1), and in VRRPv2 the password "
		"was sent in clear. Take it out on both nodes before the first is replaced; "
		"adverts "
		"from other networks are dropped by their TTL of 255");
}

static const char on_interfaces[] =
	"weir answers for addresses in the dataplane and changes nothing "
	"of the kernel's: set it by the system's network configuration";
static const char announcements[] =
	"weir announces in its own rhythm: at once, five times within the "
	"next half second, then every minute";
static const char no_mail[] = "weir sends no mail: alert on /metrics, or by 'notify'";
static const char no_track_file[] =
	"weir tracks ports, pools and scripts: write a script that looks at it";
static const char no_bfd[] =
	"weir speaks no BFD: track the port's link, or a script that asks BIRD";
static const char only_v3[] = "weir speaks VRRPv3 (RFC 9568) only: set 'version 3' on the other "
			      "node before the first is replaced";

static const struct import_keyword keywords[] = {
	{"state", NULL, ""},
	{"priority", take_nothing, NULL},
	{"interface", take_nothing, NULL},
	{"virtual_router_id", take_nothing, NULL},
	{"advert_int", take_advert, NULL},
	{"preempt", NULL, ""},
	{"nopreempt", take_nopreempt, NULL},
	{"preempt_delay", take_preempt_delay, NULL},
	{"use_vmac", take_vmac, NULL},
	{"accept", NULL, ""},
	{"no_accept", take_no_accept, NULL},
	{"strict_mode", take_no_accept, NULL},
	{"version", take_nothing, NULL},
	{"native_ipv6", NULL, ""},
	{"unicast_src_ip", take_source, NULL},
	{"mcast_src_ip", take_source, NULL},
	{"unicast_peer", take_peers, NULL},
	{"virtual_ipaddress", take_addresses, NULL},
	{"virtual_ipaddress_excluded", take_addresses, NULL},
	{"authentication", take_auth, NULL},
	{"track_interface", take_nothing, NULL},
	{"track_script", take_nothing, NULL},
	{"track_process", take_nothing, NULL},
	{"notify", take_nothing, NULL},
	{"notify_master", take_nothing, NULL},
	{"notify_backup", take_nothing, NULL},
	{"notify_fault", take_nothing, NULL},
	{"notify_stop", NULL, "a node that is stopped goes to 'init': notify_fault is run then"},
	{"notify_deleted", NULL, "a virtual router that is taken out goes without a word"},
	{"notify_master_rx_lower_pri", NULL, "weir has no such transition"},
	{"notify_priority_changes", NULL, "weirctl history tells of transitions"},
	{"smtp_alert", NULL, no_mail},
	{"track_file", NULL, no_track_file},
	{"track_bfd", NULL, no_bfd},
	{"virtual_routes", NULL, on_interfaces},
	{"virtual_rules", NULL, on_interfaces},
	{"promote_secondaries", NULL, on_interfaces},
	{"use_vmac_addr", NULL, on_interfaces},
	{"vmac_xmit_base", NULL, on_interfaces},
	{"use_ipvlan", NULL, on_interfaces},
	{"vrf", NULL, on_interfaces},
	{"kernel_rx_buf_size", NULL, on_interfaces},
	{"linkbeat_use_polling", NULL, "the dataplane tells of links by itself"},
	{"garp_master_delay", NULL, announcements},
	{"garp_master_repeat", NULL, announcements},
	{"garp_master_refresh", NULL, announcements},
	{"garp_master_refresh_repeat", NULL, announcements},
	{"garp_lower_prio_delay", NULL, announcements},
	{"garp_lower_prio_repeat", NULL, announcements},
	{"garp_extra_if", NULL, announcements},
	{"dont_track_primary", NULL, "the link of the router's own port is always tracked"},
	{"track_src_ip", NULL, "the address is that of the host_interface"},
	{"mcast_dst_ip", NULL, "adverts go to VRRP's own groups, 224.0.0.18 and ff02::12"},
	{"unicast_ttl", NULL,
		"weir sends adverts with a TTL of 255; see min_ttl for those it takes"},
	{"check_unicast_src", NULL, ""},
	{"unicast_fault_no_peer", NULL, ""},
	{"old_unicast_checksum", NULL, "weir computes the checksum as RFC 9568 5.2.8 says"},
	{"down_timer_adverts", NULL, "a holder counts as dead after three adverts (RFC 9568 6.1)"},
	{"lower_prio_no_advert", NULL, "weir does as RFC 9568 6.4.3 says"},
	{"higher_prio_send_advert", NULL, "weir does as RFC 9568 6.4.3 says"},
	{"skip_check_adv_addr", NULL, ""},
	{"debug", NULL, "give weir-controlplane --log-level debug"},
	{NULL, NULL, NULL},
};

/* --- An instance --- */

static unsigned int
read_version(const struct import *import, const struct statement *instance)
{
	const struct statement *version = statement_find(instance, "version");
	long long number;

	if (version && import_number(statement_word(version, 1), 2, 3, &number))
		return (unsigned int)number;
	return import->version;
}

static unsigned int
find_vrid(const struct import *import, const struct import_router *router, unsigned int wanted)
{
	unsigned int vrid = wanted ? wanted : 51;

	for (size_t i = 0, n = 0; i < import->n_routers && n < 255; i++) {
		const struct import_router *other = &import->routers[i];

		if (other == router || other->vrid != vrid || other->family != router->family ||
			!other->port || strcmp(other->port, router->port) != 0)
			continue;
		vrid = vrid % 255 + 1;
		i = (size_t)-1;
		n++;
	}
	return vrid;
}

static void
read_vrid(struct import *import, const struct instance *instance, struct import_router *router)
{
	const struct statement *id = statement_find(instance->from, "virtual_router_id");
	long long number = 0;

	if (!id || !import_number(statement_word(id, 1), 1, 255, &number))
		document_fill(import->document, router->notes,
			"%s: the instance has no virtual_router_id from 1 to 255: give the one "
			"that all its nodes have",
			router->name);
	router->vrid = find_vrid(import, router, (unsigned int)number);
	if (number && router->vrid != (unsigned int)number)
		document_fill(import->document, router->notes,
			"%s: VRID %lld is taken by another virtual router on this port: keepalived "
			"told them apart by their multicast address",
			router->name, number);
}

static void
finish(struct import *import, const struct instance *instance, struct import_router *router)
{
	const struct import_router *common = &instance->common;
	const char *interface = instance->interface ? statement_word(instance->interface, 1) : NULL;

	router->from = instance->from;
	router->advert_ms = common->advert_ms;
	router->delay_ms = common->delay_ms;
	router->no_preempt = common->no_preempt;
	router->virtual_mac = common->virtual_mac;
	router->no_accept = common->no_accept;
	router->port = import_port(import, interface, false);
	if (!router->port) {
		import_note(import, router->notes, instance->interface,
			"more than %d ports, so it is on the first one", MODEL_PORTS_MAX);
		router->port = import_port(import, NULL, false);
	}
	if (instance->unicast)
		router->min_ttl = common->min_ttl;
	if (instance->unicast && router->family == ADDR_V6 && router->min_ttl == 0) {
		router->min_ttl = HOPS_OF_KEEPALIVED;
		document_comment(import->document, router->notes,
			"keepalived sends IPv6 adverts by unicast with a hop limit of %d: take "
			"min_ttl out when all nodes run weir.",
			HOPS_OF_KEEPALIVED);
	}
	read_vrid(import, instance, router);
	import_find_members(import, instance->from, instance->unicast, router);
	if (router->family == ADDR_V4 && read_version(import, instance->from) != 3)
		import_note(import, router->notes, instance->from, "%s", only_v3);
}

/* In a sync group keepalived takes what instances track for faults, whatever the weights. */
static void
track(struct import *import, const struct instance *instance)
{
	const char *name = statement_word(instance->from, 1);
	const struct statement *group = name ? import_find_group(import, name) : NULL;
	struct import_fate fate = {.n = 0};

	fate.faults_only = group && !statement_find(group, "sync_group_tracking_weight") &&
			   !statement_find(group, "global_tracking");
	for (size_t i = 0; i < 2; i++) {
		if (instance->of[i])
			fate.routers[fate.n++] = instance->of[i];
	}
	import_track(import, &fate, instance->from);
}

static void
read_instance(struct import *import, const struct statement *statement)
{
	struct instance instance = {
		.from = statement,
		.common = {.advert_ms = 1000, .no_accept = import->strict},
		.interface = statement_find(statement, "interface"),
	};
	struct import_router *first;

	instance.common.notes = document_loose(import->document);
	import_block(import, statement, keywords, instance.common.notes, &instance);
	first = instance.of[0] ? instance.of[0] : instance.of[1];
	if (!first) {
		document_move_comments(import->routers_at, instance.common.notes);
		import_note(import, import->routers_at, statement,
			"left out: it has no address that weir could hold");
		return;
	}
	document_move_comments(first->notes, instance.common.notes);
	for (size_t i = 0; i < 2; i++) {
		if (instance.of[i])
			finish(import, &instance, instance.of[i]);
	}
	if (instance.of[0] && instance.of[1]) {
		import_note(import, instance.of[1]->notes, statement,
			"VRRP needs a virtual router for each family; they move together");
		instance.of[0]->group = instance.of[1]->group =
			import_group_name(import, statement_word(statement, 1));
	}
	track(import, &instance);
	first->notify = import_notify(import, first->notes, statement, "INSTANCE",
		statement->n_words > 1 ? statement->words[1] : "", import_priority(statement));
}

void
import_vrrp(struct import *import)
{
	const struct statement *instance;

	if (import->n_views == 0)
		return;
	instance = statement_find(&import->views[0].tree.root, "vrrp_instance");
	for (; instance; instance = statement_find_next(instance))
		read_instance(import, instance);
}
