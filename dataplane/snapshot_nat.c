/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of a snapshot for nat; see snapshot_nat.h. */
#include "dataplane/snapshot_nat.h"

#include "dataplane/flow_table.h"
#include "dataplane/snapshot_data.h"
#include "dataplane/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Services whose answers look alike: from the same backends and, where those have no ports of their
 * own, from the same port. There may be thousands of services before one pool, and one key of a
 * backend does for all. */
static int
compare_answers(const void *a, const void *b)
{
	const struct control_service *left = *(const struct control_service *const *)a;
	const struct control_service *right = *(const struct control_service *const *)b;

	if (left->pool != right->pool)
		return left->pool < right->pool ? -1 : 1;
	if (left->protocol != right->protocol)
		return (int)left->protocol - (int)right->protocol;
	return (int)left->port - (int)right->port;
}

/* Sets '*out' (the caller's to free) to services in mode nat, one of each that look alike. */
static int
choose_services(
	const struct control_state *state, const struct control_service ***out, size_t *n_out)
{
	const struct control_service **services = calloc(state->n_services, sizeof(*services));
	size_t n = 0, n_kept = 0;

	if (!services)
		return -ENOMEM;
	for (size_t i = 0; i < state->n_services; i++)
		if (state->services[i].mode == MODE_NAT)
			services[n++] = &state->services[i];
	qsort(services, n, sizeof(*services), compare_answers);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || compare_answers(&services[i - 1], &services[i]) != 0)
			services[n_kept++] = services[i];
	*out = services;
	*n_out = n_kept;
	return 0;
}

static bool
has_translated(const struct control_state *state)
{
	for (size_t i = 0; i < state->n_services; i++)
		if (mode_translates(state->services[i].mode))
			return true;
	return false;
}

/* How many keys there can be. Of fullnat's backends none is kept: they speak to local addresses. */
static size_t
count_returns(const struct control_state *state, const struct control_service *const *services,
	size_t n_services)
{
	size_t n = 1;

	for (size_t i = 0; i < n_services; i++)
		n += 2 * state->pools[services[i]->pool].n_backends;
	for (size_t i = 0; i < state->n_locals; i++)
		n += state->locals[i].n_addresses;
	for (size_t i = 0; n > 0 && i < state->n_routers; i++)
		n += state->routers[i].n_locals;
	return n;
}

static void
fill_reals(struct snapshot_nat *nat, const struct control_state *state,
	const struct snapshot *snapshot)
{
	const struct snapshot_backend *backend = snapshot->backends;

	for (size_t i = 0; i < state->n_pools; i++) {
		for (size_t j = 0; j < state->pools[i].n_backends; j++, backend++) {
			struct nat_real *real = &nat->reals[backend->id];

			memcpy(real->address, backend->addr.bytes, sizeof(real->address));
			real->port = be16_from(state->pools[i].backends[j].port);
			real->id = backend->nexthop;
		}
	}
}

/* The first backend of a pool in the order of the state. */
static const struct snapshot_backend *
first_backend(const struct control_state *state, const struct snapshot *snapshot, uint32_t pool)
{
	const struct snapshot_backend *backend = snapshot->backends;

	for (uint32_t i = 0; i < pool; i++)
		backend += state->pools[i].n_backends;
	return backend;
}

static void
add_returns(struct snapshot_nat *nat, const struct control_state *state,
	const struct snapshot *snapshot, const struct control_service *service)
{
	const struct control_pool *pool = &state->pools[service->pool];
	const struct snapshot_backend *backends = first_backend(state, snapshot, service->pool);

	for (size_t i = 0; i < pool->n_backends; i++) {
		uint16_t port = pool->backends[i].port ? pool->backends[i].port : service->port;
		struct service_slot slot = {
			.key.beside = SERVICE_THOROUGH, .vip = backends[i].nexthop};

		slot.key.port = be16_from(port);
		slot.key.protocol = service->protocol;
		slot.key.family = backends[i].addr.family | FLOW_REVERSE;
		memcpy(slot.key.address, backends[i].addr.bytes, sizeof(slot.key.address));
		/* Services may share backends: then it is there already, with the same id. */
		service_table_add(&nat->returns, &slot);
		slot.key.port = be16_from(0);
		slot.key.protocol = 0;
		service_table_add(&nat->returns, &slot);
	}
}

static int
add_local(struct snapshot_nat *nat, const struct snapshot_vip *vip, struct err *err)
{
	bool is_v4 = vip->addr.family == ADDR_V4;
	struct nat_locals *locals = is_v4 ? &nat->locals4[vip->port] : &nat->locals6[vip->port];
	struct service_slot slot = {.key.beside = SERVICE_THOROUGH, .vip = vip->id};
	struct nat_local *local;

	if (locals->n == MODEL_LOCALS_MAX)
		return err_set(
			err, -E2BIG, "more than %d local addresses of one port", MODEL_LOCALS_MAX);
	local = &locals->locals[locals->n++];
	memcpy(local->address, vip->addr.bytes, sizeof(local->address));
	local->id = vip->id;
	local->lease = vip->lease;
	locals->any_leased |= vip->lease != LEASE_NONE;
	slot.key.family = vip->addr.family | FLOW_REVERSE | FLOW_LOCAL;
	memcpy(slot.key.address, vip->addr.bytes, sizeof(slot.key.address));
	service_table_add(&nat->returns, &slot);
	nat->any_local = true;
	return 0;
}

int
snapshot_nat_new(struct snapshot_nat **out, const struct control_state *state,
	const struct snapshot *snapshot, struct err *err)
{
	const struct control_service **services = NULL;
	struct snapshot_nat *nat;
	size_t n = 0;
	int rc = 0;

	*out = NULL;
	if (!has_translated(state))
		return 0;
	nat = calloc(1, sizeof(*nat));
	if (nat)
		nat->reals = calloc(STATS_BACKENDS_MAX, sizeof(*nat->reals));
	if (!nat || !nat->reals || choose_services(state, &services, &n) < 0 ||
		service_table_init(&nat->returns, count_returns(state, services, n)) < 0) {
		free(services);
		snapshot_nat_free(nat);
		return err_set(err, -ENOMEM, "not enough memory for the configuration");
	}
	fill_reals(nat, state, snapshot);
	for (size_t i = 0; i < n; i++)
		add_returns(nat, state, snapshot, services[i]);
	free(services);
	for (size_t i = 0; i < snapshot->n_vips && rc == 0; i++)
		if (snapshot->vips[i].local)
			rc = add_local(nat, &snapshot->vips[i], err);
	if (rc < 0) {
		snapshot_nat_free(nat);
		return rc;
	}
	*out = nat;
	return 0;
}

void
snapshot_nat_free(struct snapshot_nat *nat)
{
	if (!nat)
		return;
	service_table_fini(&nat->returns);
	free(nat->reals);
	free(nat);
}
