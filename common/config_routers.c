/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual routers; see config_build.h. */
#include "common/config_build.h"

#include <string.h>

#define ADVERT_MS_MIN 10
#define ADVERT_MS_MAX 40950 /* 12 bits of centiseconds (RFC 9568 5.2.7) */
#define DELAY_MS_MAX 3600000

static const struct lb_port *
find_port(const struct node *node, const char *name)
{
	for (size_t i = 0; i < node->lb.n_ports; i++) {
		if (strcmp(node->lb.ports[i].name, name) == 0)
			return &node->lb.ports[i];
	}
	return NULL;
}

static void
build_member(struct config_reader *reader, const char *path, const struct raw_member *raw,
	const struct model *model, const char *port, struct router_member *member)
{
	const char *name = config_name(reader, path, "node", raw->node);

	member->priority = (uint8_t)config_number(reader, path, "priority", raw->priority,
		(struct config_range){1, 255, CONFIG_REQUIRED});
	member->node = model_node(model, name);
	if (raw->address)
		member->address = config_addr(reader, path, "address", raw->address);
	if (!member->node || member->node->role != ROLE_LB)
		config_fail(reader, path, "node", "'%s' is not a node with role lb", name);
	else if (!find_port(member->node, port))
		config_fail(reader, path, "node", "'%s' has no port called '%s'", name, port);
}

/* Adverts go by multicast, or between addresses that all members have. */
static void
check_unicast(struct config_reader *reader, const char *path, const struct raw_router *raw,
	const struct virtual_router *router, size_t i)
{
	const struct router_member *member = &router->members[i];
	struct config_path place = config_path("%s.members[%zu]", path, i);
	bool owned = false;

	if (!raw->members[i].address != !raw->members[0].address)
		config_fail(reader, place.text, NULL,
			"adverts go by multicast, or between the members' addresses: give an "
			"'address' to each member or to none");
	if (member->address.family == ADDR_NONE)
		return;
	if (member->address.family != router->family)
		config_fail(reader, place.text, "address", "'%s' is not of IPv%d as the router's",
			raw->members[i].address, (int)router->family);
	for (size_t j = 0; j < router->n_addresses; j++)
		owned = owned || addr_equal(&router->addresses[j], &member->address);
	if (owned)
		config_fail(reader, place.text, "address",
			"'%s' is one of the router's: give one that stays with the node",
			raw->members[i].address);
	for (size_t j = 0; j < i; j++) {
		if (addr_equal(&router->members[j].address, &member->address))
			config_fail(reader, place.text, "address", "'%s' is that of '%s' already",
				raw->members[i].address, router->members[j].node->name);
	}
}

static void
check_members(struct config_reader *reader, const char *path, const struct raw_router *raw,
	const struct virtual_router *router)
{
	size_t n_owners = 0;

	if (raw->min_ttl && raw->members_count > 0 && !raw->members[0].address)
		config_fail(reader, path, "min_ttl",
			"adverts by multicast never cross a router (RFC 9568 5.1.1.3): give the "
			"members an 'address' each, or leave it out");
	for (size_t i = 0; i < router->n_members && reader->code == 0; i++) {
		check_unicast(reader, path, raw, router, i);
		n_owners += router->members[i].priority == 255;
		if (n_owners > 1 && router->members[i].priority == 255)
			config_fail(reader, path, "members",
				"two members have priority 255: there is one owner of the "
				"addresses");
	}
}

static void
build_members(struct config_reader *reader, const char *path, const struct raw_router *raw,
	const struct model *model, struct virtual_router *router)
{
	if (raw->members_count == 0)
		config_fail(reader, path, NULL, "the list 'members' is missing or empty");
	router->members = config_array(reader, raw->members_count, sizeof(*router->members));
	for (size_t i = 0; router->members && i < raw->members_count; i++) {
		struct config_path member = config_path("%s.members[%zu]", path, i);

		build_member(reader, member.text, &raw->members[i], model, router->port,
			&router->members[i]);
		for (size_t j = 0; j < i; j++) {
			if (router->members[j].node == router->members[i].node)
				config_fail(reader, member.text, "node", "'%s' is a member already",
					raw->members[i].node);
		}
		router->n_members = i + 1;
	}
	check_members(reader, path, raw, router);
}

const struct virtual_router *
config_find_holder(const struct model *model, const struct addr *addr)
{
	for (size_t i = 0; i < model->n_routers; i++) {
		for (size_t j = 0; j < model->routers[i].n_addresses; j++) {
			if (addr_equal(&model->routers[i].addresses[j], addr))
				return &model->routers[i];
		}
	}
	return NULL;
}

static void
build_addresses(struct config_reader *reader, const char *path, const struct raw_router *raw,
	const struct model *model, struct virtual_router *router)
{
	if (raw->addresses_count < 1 || raw->addresses_count > MODEL_VIPS_MAX)
		config_fail(reader, path, raw->addresses_count ? "addresses" : NULL,
			"%u addresses: give from 1 to %d", raw->addresses_count, MODEL_VIPS_MAX);
	router->addresses = config_array(reader, raw->addresses_count, sizeof(struct addr));
	for (size_t i = 0; router->addresses && i < raw->addresses_count; i++) {
		struct config_path item = config_path("%s.addresses[%zu]", path, i);
		struct addr addr = config_addr(reader, item.text, NULL, raw->addresses[i]);
		const struct virtual_router *other = config_find_holder(model, &addr);

		if (other)
			config_fail(reader, item.text, NULL,
				"'%s' belongs to virtual router '%s' already", raw->addresses[i],
				other->name);
		for (size_t j = 0; j < i; j++) {
			if (addr_equal(&router->addresses[j], &addr))
				config_fail(reader, item.text, NULL, "'%s' is given twice",
					raw->addresses[i]);
		}
		if (i > 0 && addr.family != router->addresses[0].family)
			config_fail(reader, item.text, NULL,
				"'%s' is of another family than '%s': VRRP needs one virtual "
				"router for each",
				raw->addresses[i], raw->addresses[0]);
		router->addresses[i] = addr;
		router->n_addresses = i + 1;
	}
	if (router->n_addresses > 0)
		router->family = (enum addr_family)router->addresses[0].family;
}

static void
build_router(struct config_reader *reader, const char *path, const struct raw_router *raw,
	const struct model *model, struct virtual_router *router)
{
	static const char *const macs[] = {"port", "virtual", NULL};
	uint64_t advert_ms;

	router->name = config_name(reader, path, "name", raw->name);
	router->vrid = (uint8_t)config_number(
		reader, path, "vrid", raw->vrid, (struct config_range){1, 255, CONFIG_REQUIRED});
	router->port = config_name(reader, path, "port", raw->port);
	advert_ms = config_number(reader, path, "advert_ms", raw->advert_ms,
		(struct config_range){ADVERT_MS_MIN, ADVERT_MS_MAX, 1000});
	if (advert_ms % 10 != 0)
		config_fail(reader, path, "advert_ms",
			"'%s' is not a multiple of 10: VRRP counts in hundredths of a second",
			raw->advert_ms);
	router->advert_cs = (uint32_t)(advert_ms / 10);
	router->preempt = config_bool(reader, path, "preempt", raw->preempt, true);
	router->preempt_delay_ms = (uint32_t)config_number(reader, path, "preempt_delay_ms",
		raw->preempt_delay_ms, (struct config_range){0, DELAY_MS_MAX, 0});
	router->virtual_mac = config_word(reader, path, "mac", raw->mac, macs, 0) == 1;
	router->min_ttl = (uint8_t)config_number(
		reader, path, "min_ttl", raw->min_ttl, (struct config_range){1, 255, 255});
	router->accept = config_bool(reader, path, "accept", raw->accept, true);
	build_addresses(reader, path, raw, model, router);
	config_build_router_locals(reader, path, raw, router);
	build_members(reader, path, raw, model, router);
	for (size_t i = 0; i < model->n_routers; i++) {
		const struct virtual_router *other = &model->routers[i];

		if (strcmp(other->name, router->name) == 0)
			config_fail(reader, path, "name", "'%s' is used twice", router->name);
		if (other->vrid == router->vrid && other->family == router->family &&
			strcmp(other->port, router->port) == 0)
			config_fail(reader, path, "vrid", "%u is taken by '%s' on the same port",
				router->vrid, other->name);
	}
}

void
config_build_routers(
	struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	if (raw->virtual_routers_count > MODEL_ROUTERS_MAX)
		config_fail(reader, "virtual_routers", NULL, "%u virtual routers: at most %d",
			raw->virtual_routers_count, MODEL_ROUTERS_MAX);
	model->routers = config_array(reader, raw->virtual_routers_count, sizeof(*model->routers));
	for (size_t i = 0; reader->code == 0 && i < raw->virtual_routers_count; i++) {
		struct config_path path = config_path("virtual_routers[%zu]", i);

		build_router(
			reader, path.text, &raw->virtual_routers[i], model, &model->routers[i]);
		model->n_routers = i + 1;
	}
}
