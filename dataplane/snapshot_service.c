/* SPDX-License-Identifier: BSD-3-Clause */
/* The services of a snapshot and what they ask of it; see snapshot_build.h. */
#include "dataplane/scheduler.h"
#include "dataplane/snapshot_build.h"
#include "dataplane/snapshot_schedule.h"
#include "dataplane/tunnel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool
has_local(const struct snapshot *s, uint8_t family)
{
	for (size_t i = 0; i < s->n_vips; i++)
		if (s->vips[i].local && s->vips[i].addr.family == family)
			return true;
	return false;
}

static int
check_service(const struct snapshot_build *build, const struct control_service *service)
{
	const struct control_pool *pool;

	if (service->pool >= build->state->n_pools)
		return err_set(build->err, -EINVAL, "service %s: there is no pool %u",
			service->name, service->pool);
	if (service->protocol != PROTOCOL_TCP && service->protocol != PROTOCOL_UDP)
		return err_set(build->err, -EINVAL,
			"service %s: protocol %u is neither TCP nor UDP", service->name,
			service->protocol);
	if (service->mode > MODE_FULLNAT || !scheduler_of((enum scheduler_kind)service->scheduler))
		return err_set(build->err, -EINVAL,
			"service %s: mode or scheduler unknown to this version", service->name);
	if (service->client_address != CLIENT_ADDRESS_NONE && service->mode != MODE_FULLNAT)
		return err_set(build->err, -EINVAL,
			"service %s: backends are told of clients in mode fullnat only",
			service->name);
	if (service->syn_cookies &&
		(service->protocol != PROTOCOL_TCP || !mode_translates(service->mode)))
		return err_set(build->err, -EINVAL,
			"service %s: SYN cookies are of TCP in modes nat and fullnat only",
			service->name);
	if (service->mode == MODE_TUNNEL)
		return tunnel_check(
			build->state, service, build->snapshot->tables.ports, build->err);
	if (service->mode == MODE_FULLNAT && !has_local(build->snapshot, service->address.family))
		return err_set(build->err, -EINVAL,
			"service %s: mode fullnat needs a local address of the service's family",
			service->name);
	pool = &build->state->pools[service->pool];
	for (size_t i = 0; i < pool->n_backends; i++)
		if (pool->backends[i].addr.family != service->address.family)
			return err_set(build->err, -EINVAL,
				"service %s: backend %s of pool %s is not of the same address "
				"family, which mode %s needs",
				service->name, pool->backends[i].name, pool->name,
				forward_mode_name((enum forward_mode)service->mode));
	return 0;
}

/* Fills what limits the service and its pool's backends have. */
static void
add_limits(const struct snapshot_build *build, const struct control_service *from)
{
	struct snapshot *s = build->snapshot;
	const struct control_pool *pool = &build->state->pools[from->pool];
	struct path_limit *limit = &s->path_limits[s->n_services];
	uint8_t options = 0;

	limit->new_flow_ns = limit_interval(from->limits.new_flows_per_s);
	limit->packet_ns = limit_interval(from->limits.packets_per_s);
	if (limit->new_flow_ns)
		options |= PATH_LIMITED;
	if (limit->packet_ns)
		options |= PATH_METERED;
	for (size_t i = 0; i < pool->n_backends; i++)
		if (pool->backends[i].max_flows)
			options |= PATH_LIMITED;
	s->path_services[s->n_services].options |= options;
}

static bool
is_local(const struct snapshot *s, const struct addr *addr)
{
	return s->vips_by_id[ids_find(s->vip_ids, addr, sizeof(*addr))]->local;
}

/* Lets the host probe the pool's backends by the service. */
static int
add_probes(const struct snapshot_build *build, const struct control_service *from,
	struct snapshot_service *service, uint16_t vip)
{
	const struct control_pool *pool = &build->state->pools[from->pool];
	struct snapshot *s = build->snapshot;
	size_t first = 0;

	if (from->probe_port == 0)
		return 0;
	if (mode_translates(from->mode))
		return err_set(build->err, -EINVAL,
			"service %s: probes go by the virtual address in modes dr and tunnel only",
			from->name);
	if (from->probe_port + pool->n_backends > UINT16_MAX + 1u)
		return err_set(build->err, -EINVAL,
			"service %s: from port %u on there are not enough for %zu backends",
			from->name, from->probe_port, pool->n_backends);
	for (uint32_t i = 0; i < from->pool; i++)
		first += build->state->pools[i].n_backends;
	service->probe_port = from->probe_port;
	service->probed = &s->backends[first];
	service->n_probed = pool->n_backends;
	s->vips[s->vips_by_id[vip] - s->vips].probed = true;
	s->has_probes = true;
	return 0;
}

/* Whether a SYN may leave no more than a note: not where its flow counts for something at once, or
 * needs more than a backend. */
static bool
notes_syns(const struct control_service *service, uint8_t options)
{
	return service->protocol == PROTOCOL_TCP && service->persistence_timeout_s == 0 &&
	       scheduler_of((enum scheduler_kind)service->scheduler)->agrees &&
	       !(options & (PATH_TRANSLATED | PATH_COOKIES | PATH_LIMITED));
}

/* What each packet of a service has to know of it. */
static uint32_t
slot_options(const struct control_service *service, uint8_t options)
{
	bool tells = service->client_address != CLIENT_ADDRESS_NONE || service->syn_cookies;
	uint32_t out = 0;

	if (service->mode == MODE_TUNNEL)
		out |= SERVICE_TUNNEL;
	if (service->mode == MODE_NAT && !tells)
		out |= SERVICE_NAT;
	if (service->mode == MODE_FULLNAT && !tells)
		out |= SERVICE_FULLNAT;
	if (options & (PATH_METERED | PATH_LISTED | PATH_COOKIES))
		out |= SERVICE_THOROUGH;
	if (options & (PATH_MSS | PATH_TUNNEL | PATH_TRANSLATED))
		out |= SERVICE_SPECIAL;
	if (notes_syns(service, options))
		out |= SERVICE_NOTED;
	return out;
}

static int
add_service(const struct snapshot_build *build, const struct control_service *from)
{
	struct snapshot *s = build->snapshot;
	struct snapshot_service *service = &s->services[s->n_services];
	struct path_service *path = &s->path_services[s->n_services];
	struct service_slot slot = {
		.key = {.protocol = from->protocol, .family = from->address.family}};
	int rc = check_service(build, from);

	if (rc < 0)
		return rc;
	slot.key.port = be16_from(from->port);
	memcpy(slot.key.address, from->address.bytes, sizeof(slot.key.address));
	if (ids_assign(s->service_ids, &slot.key, sizeof(slot.key), &service->id,
		    &service->is_new) < 0)
		return err_set(build->err, -EINVAL,
			"service %s: another service has this address, port and protocol",
			from->name);
	rc = snapshot_add_vip(build, &from->address, LEASE_NONE, 0);
	if (rc == -EEXIST && is_local(s, &from->address))
		return err_set(
			build->err, -EINVAL, "service %s: its address is a local one", from->name);
	if (rc < 0 && rc != -EEXIST)
		return err_set(build->err, rc, "service %s: too many addresses", from->name);
	slot.vip = ids_find(s->vip_ids, &from->address, sizeof(from->address));
	snprintf(service->name, sizeof(service->name), "%s", from->name);
	service->address = from->address;
	service->port = from->port;
	service->protocol = from->protocol;
	service->mode = from->mode;
	service->scheduler = from->scheduler;
	service->client_address = from->client_address;
	service->pool = from->pool;
	path->maglev = s->pools[from->pool].maglev;
	path->pool = from->pool;
	path->id = service->id;
	path->mode = from->mode;
	path->options |= (uint8_t)((from->mss ? PATH_MSS : 0) |
				   (from->mode == MODE_TUNNEL ? PATH_TUNNEL : 0) |
				   (mode_translates(from->mode) ? PATH_TRANSLATED : 0) |
				   (from->block.n + from->allow.n ? PATH_LISTED : 0));
	s->path_encaps[s->n_services] = (struct path_encap){
		tunnel_outer_of(&from->tunnel), from->tunnel, from->mss, from->client_address};
	if (from->syn_cookies)
		path->options |= PATH_COOKIES;
	if (from->syn_cookies ||
		(from->client_address == CLIENT_ADDRESS_PROXY2 && from->protocol == PROTOCOL_TCP))
		s->keeps_sequences = true;
	add_limits(build, from);
	rc = add_probes(build, from, service, slot.vip);
	if (rc < 0)
		return rc;
	slot.service = (uint16_t)s->n_services;
	slot.id = service->id;
	slot.pool = (uint16_t)from->pool;
	slot.key.beside = slot_options(from, path->options);
	rc = service_table_add(&s->table, &slot);
	if (rc < 0)
		return err_set(build->err, rc, "service %s is given twice", from->name);
	s->n_services++;
	return snapshot_add_schedule(s, build->previous, from) < 0 ? snapshot_no_memory(build) : 0;
}

int
snapshot_add_services(const struct snapshot_build *build)
{
	for (size_t i = 0; i < build->state->n_services; i++) {
		int rc = add_service(build, &build->state->services[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}
