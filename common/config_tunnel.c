/* SPDX-License-Identifier: BSD-3-Clause */
/* A service's keys 'tunnel' and 'mss'; see config_build.h. */
#include "common/config_build.h"

#include <string.h>

/* Reads one of 'source', 'source4' and 'source6'; 'family' ADDR_NONE takes either. */
static void
build_source(struct config_reader *reader, const char *path, const char *key, const char *raw,
	uint8_t family, struct tunnel *tunnel)
{
	struct tunnel_source source = {.prefix = 0}, *to;
	struct err why;

	if (!raw)
		return;
	if (tunnel_source_parse(raw, &source, &why) < 0) {
		config_fail(reader, path, key, "%s", why.text);
		return;
	}
	if (family != ADDR_NONE && source.addr.family != family)
		config_fail(reader, path, key, "'%s' is not of IPv%d", raw, family);
	if (tunnel->type == TUNNEL_GUE && source.prefix != 8 * addr_size(&source.addr))
		config_fail(reader, path, key,
			"'%s' is a prefix: type gue spreads flows by the UDP source port, give one "
			"address",
			raw);
	to = &tunnel->sources[source.addr.family == ADDR_V6];
	if (to->addr.family != ADDR_NONE)
		config_fail(reader, path, key,
			"'%s': there is a source of IPv%d already by the key 'source'", raw,
			source.addr.family);
	*to = source;
}

/* A source that is somebody else's would draw packets away, or have them dropped as forged. */
static void
check_source(struct config_reader *reader, const char *path, const char *key,
	const struct tunnel_source *source, const struct model *model)
{
	char text[TUNNEL_SOURCE_TEXT_SIZE], addr_text[ADDR_TEXT_SIZE];

	if (source->addr.family == ADDR_NONE)
		return;
	tunnel_source_format(source, text, sizeof(text));
	for (size_t i = 0; i < model->n_routers; i++) {
		const struct virtual_router *router = &model->routers[i];

		for (size_t j = 0; j < router->n_addresses; j++) {
			const struct addr *addr = &router->addresses[j];

			if (tunnel_source_covers(source, addr))
				config_fail(reader, path, key,
					"'%s' is or holds %s, an address of virtual router '%s': "
					"give one that is not virtual",
					text, addr_format(addr, addr_text, sizeof(addr_text)),
					router->name);
		}
	}
}

static void
check_backends(struct config_reader *reader, const char *path, const char *key,
	const struct tunnel_source *source, const struct pool *pool)
{
	char text[TUNNEL_SOURCE_TEXT_SIZE];

	for (size_t i = 0; i < pool->n_backends; i++) {
		if (tunnel_source_covers(source, &pool->backends[i].addr))
			config_fail(reader, path, key,
				"'%s' is or holds the address of backend '%s', which drops packets "
				"that come from itself",
				tunnel_source_format(source, text, sizeof(text)),
				pool->backends[i].name);
	}
}

static void
build_sources(struct config_reader *reader, const char *path, const struct raw_tunnel *raw,
	const struct model *model, struct service *service)
{
	struct tunnel *tunnel = &service->tunnel;
	const struct pool *pool = service->pool;
	const char *keys[2] = {
		raw->source4 ? "source4" : "source", raw->source6 ? "source6" : "source"};
	uint8_t family;

	build_source(reader, path, "source", raw->source, ADDR_NONE, tunnel);
	build_source(reader, path, "source4", raw->source4, ADDR_V4, tunnel);
	build_source(reader, path, "source6", raw->source6, ADDR_V6, tunnel);
	for (int i = 0; i < 2; i++)
		check_source(reader, path, keys[i], &tunnel->sources[i], model);
	for (int i = 0; pool && i < 2; i++)
		check_backends(reader, path, keys[i], &tunnel->sources[i], pool);
	if (tunnel->sources[0].addr.family == ADDR_NONE &&
		tunnel->sources[1].addr.family == ADDR_NONE)
		config_fail(reader, path, NULL,
			"the key 'source' is missing: mode tunnel needs the address that its outer "
			"packets come from");
	if (!pool || pool->n_backends == 0)
		return;
	family = pool->backends[0].addr.family;
	if (tunnel_source_of(tunnel, family)->addr.family == ADDR_NONE)
		config_fail(reader, path, NULL,
			"the backends of '%s' are of IPv%d: give a source of that family by the "
			"key 'source%d'",
			pool->name, family, family);
}

static void
build_tunnel_mtu(struct config_reader *reader, const char *path, const struct raw_tunnel *raw,
	struct service *service)
{
	struct tunnel *tunnel = &service->tunnel;
	const struct pool *pool = service->pool;
	uint8_t family = tunnel->sources[0].addr.family != ADDR_NONE ? ADDR_V4 : ADDR_V6;
	uint16_t min;

	if (pool && pool->n_backends > 0)
		family = pool->backends[0].addr.family;
	min = tunnel_mtu_min(tunnel->type, service->address.family, family);
	if (!raw->mtu)
		return;
	tunnel->mtu = (uint16_t)config_number(
		reader, path, "mtu", raw->mtu, (struct config_range){1, 65535, 0});
	if (tunnel->mtu < min)
		config_fail(reader, path, "mtu",
			"'%s' is too small: type %s in IPv%d needs at least %u to carry packets of "
			"IPv%d",
			raw->mtu, tunnel_type_name(tunnel->type), family, min,
			service->address.family);
}

static void
build_tunnel(struct config_reader *reader, const char *path, const struct raw_tunnel *raw,
	const struct model *model, struct service *service)
{
	static const char *const types[] = {"ipip", "gue", NULL};
	struct tunnel *tunnel = &service->tunnel;

	tunnel->type =
		(enum tunnel_type)config_word(reader, path, "type", raw->type, types, TUNNEL_IPIP);
	if (tunnel->type == TUNNEL_GUE)
		tunnel->gue_port = (uint16_t)config_number(reader, path, "gue_port", raw->gue_port,
			(struct config_range){1, 65535, TUNNEL_GUE_PORT});
	else if (raw->gue_port)
		config_fail(reader, path, "gue_port", "is of type gue only");
	build_sources(reader, path, raw, model, service);
	build_tunnel_mtu(reader, path, raw, service);
}

static void
build_mss(struct config_reader *reader, const char *path, const char *raw, struct service *service)
{
	bool v6 = service->address.family == ADDR_V6;
	struct config_range range = {v6 ? MSS_MIN_V6 : MSS_MIN_V4, v6 ? MSS_MAX_V6 : MSS_MAX_V4, 0};

	if (!raw)
		return;
	if (service->protocol != PROTOCOL_TCP)
		config_fail(reader, path, "mss", "is of protocol tcp only");
	service->mss = (uint16_t)config_number(reader, path, "mss", raw, range);
}

void
config_build_tunnel(struct config_reader *reader, const char *path, const struct raw_service *raw,
	const struct model *model, struct service *service)
{
	struct config_path tunnel = config_path("%s.tunnel", path);

	build_mss(reader, path, raw->mss, service);
	if (service->mode == MODE_TUNNEL && !raw->tunnel)
		config_fail(reader, path, NULL,
			"the key 'tunnel' is missing: mode tunnel needs the source address of its "
			"outer packets there");
	else if (service->mode != MODE_TUNNEL && raw->tunnel)
		config_fail(reader, path, "tunnel", "is of mode tunnel only");
	else if (raw->tunnel)
		build_tunnel(reader, tunnel.text, raw->tunnel, model, service);
}
