/* SPDX-License-Identifier: BSD-3-Clause */
/* What a service of mode tunnel must be like; see tunnel.h. */
#include "dataplane/tunnel.h"

#include <errno.h>

/* Which port leads to a backend is the kernel's to say and may change; so one port must do. */
static int
check_mtu(const struct control_service *service, const struct port_table *ports, uint8_t family,
	struct err *err)
{
	uint16_t min = tunnel_mtu_min(service->tunnel.type, service->address.family, family);
	uint16_t largest = 0;

	for (uint16_t i = 0; i < ports->n_ports; i++) {
		if (ports->ports[i].mtu > largest)
			largest = ports->ports[i].mtu;
	}
	if (largest < min)
		return err_set(err, -EINVAL,
			"service %s: the MTU %u is too small for its tunnel: give the port's "
			"interface at least %u",
			service->name, largest, min);
	if (service->tunnel.mtu && service->tunnel.mtu < min)
		return err_set(err, -EINVAL,
			"service %s: the tunnel's mtu %u is too small: give at least %u",
			service->name, service->tunnel.mtu, min);
	return 0;
}

static int
check_sources(
	const struct control_state *state, const struct control_service *service, struct err *err)
{
	const struct tunnel *tunnel = &service->tunnel;
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < state->n_routers; i++) {
		const struct control_router *router = &state->routers[i];

		for (size_t j = 0; j < router->n_addresses; j++) {
			const struct addr *addr = &router->addresses[j];

			if (tunnel_source_covers(tunnel_source_of(tunnel, addr->family), addr))
				return err_set(err, -EINVAL,
					"service %s: the tunnel's source is or holds %s, an "
					"address of virtual router %s",
					service->name, addr_format(addr, text, sizeof(text)),
					router->name);
		}
	}
	if (tunnel_source_covers(
		    tunnel_source_of(tunnel, service->address.family), &service->address))
		return err_set(err, -EINVAL,
			"service %s: the tunnel's source is or holds the service's own address",
			service->name);
	return 0;
}

int
tunnel_check(const struct control_state *state, const struct control_service *service,
	const struct port_table *ports, struct err *err)
{
	const struct control_pool *pool = &state->pools[service->pool];
	int rc = check_sources(state, service, err);

	for (size_t i = 0; rc == 0 && i < pool->n_backends; i++) {
		const struct control_backend *backend = &pool->backends[i];
		uint8_t family = backend->addr.family;

		if (tunnel_source_of(&service->tunnel, family)->addr.family == ADDR_NONE)
			return err_set(err, -EINVAL,
				"service %s: the tunnel has no source of IPv%d, the family of "
				"backend %s",
				service->name, family, backend->name);
		rc = check_mtu(service, ports, family, err);
	}
	return rc;
}
