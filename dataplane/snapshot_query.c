/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a snapshot from outside the packet path; see snapshot.h. */
#include "dataplane/snapshot.h"

#include "dataplane/snapshot_data.h"

uint64_t
snapshot_generation(const struct snapshot *snapshot)
{
	return snapshot->generation;
}

const struct flow_timeouts *
snapshot_flow_timeouts(const struct snapshot *snapshot)
{
	return &snapshot->flow_timeouts;
}

bool
snapshot_keeps_sequences(const struct snapshot *snapshot)
{
	return snapshot->keeps_sequences;
}

const struct snapshot_router *
snapshot_routers(const struct snapshot *snapshot, size_t *n)
{
	*n = snapshot->n_routers;
	return snapshot->routers;
}

const struct snapshot_vip *
snapshot_vips(const struct snapshot *snapshot, size_t *n)
{
	*n = snapshot->n_vips;
	return snapshot->vips;
}

const struct snapshot_service *
snapshot_services(const struct snapshot *snapshot, size_t *n)
{
	*n = snapshot->n_services;
	return snapshot->services;
}

const struct snapshot_backend *
snapshot_backends(const struct snapshot *snapshot, size_t *n)
{
	*n = snapshot->n_backends;
	return snapshot->backends;
}

const struct snapshot_vip *
snapshot_vip_by_id(const struct snapshot *snapshot, uint16_t id)
{
	return snapshot->vips_by_id[id];
}

const struct snapshot_vip *
snapshot_vip_by_addr(const struct snapshot *snapshot, const struct addr *addr)
{
	const struct service_slot *slot =
		service_find_vip(&snapshot->table, addr->bytes, addr->family);

	return slot ? snapshot->vips_by_id[slot->vip] : NULL;
}

const struct snapshot_backend *
snapshot_backend_by_id(const struct snapshot *snapshot, uint16_t id)
{
	return snapshot->backends_by_id[id];
}

const struct snapshot_service *
snapshot_service_find(const struct snapshot *snapshot, const struct addr *address, uint16_t port,
	uint8_t protocol)
{
	struct service_key key = {.protocol = protocol, .family = address->family};
	const struct service_slot *slot;

	key.port = be16_from(port);
	memcpy(key.address, address->bytes, sizeof(key.address));
	slot = service_find(&snapshot->table, &key, service_hash(&key));
	return slot ? &snapshot->services[slot->service] : NULL;
}

const struct virtual_macs *
snapshot_virtual_macs(const struct snapshot *snapshot)
{
	return snapshot->virtual_macs;
}
