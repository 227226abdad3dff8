/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of a snapshot for nat; see snapshot_nat.h. */
#include "dataplane/snapshot_nat.h"

#include "dataplane/flow_table.h"
#include "dataplane/snapshot_data.h"
#include "dataplane/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How many keys there can be; 0: there are no such services. */
static size_t
count_returns(const struct control_state *state)
{
	size_t n = 0;

	for (size_t i = 0; i < state->n_services; i++)
		if (mode_translates(state->services[i].mode))
			n += 2 * state->pools[state->services[i].pool].n_backends + 1;
	for (size_t i = 0; n > 0 && i < state->n_locals; i++)
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
		struct service_key key = {
			.port = be16_from(port),
			.protocol = service->protocol,
			.family = backends[i].addr.family | FLOW_REVERSE,
		};

		memcpy(key.address, backends[i].addr.bytes, sizeof(key.address));
		/* Services may share backends: then it is there already, with the same id. */
		service_table_add(&nat->returns, &key, backends[i].nexthop, 0);
		key.port = be16_from(0);
		key.protocol = 0;
		service_table_add(&nat->returns, &key, backends[i].nexthop, 0);
	}
}

static int
add_local(struct snapshot_nat *nat, const struct snapshot_vip *vip, struct err *err)
{
	bool is_v4 = vip->addr.family == ADDR_V4;
	struct nat_locals *locals = is_v4 ? &nat->locals4[vip->port] : &nat->locals6[vip->port];
	struct service_key key = {.family = vip->addr.family | FLOW_REVERSE | FLOW_LOCAL};
	struct nat_local *local;

	if (locals->n == MODEL_LOCALS_MAX)
		return err_set(
			err, -E2BIG, "more than %d local addresses of one port", MODEL_LOCALS_MAX);
	local = &locals->locals[locals->n++];
	memcpy(local->address, vip->addr.bytes, sizeof(local->address));
	local->id = vip->id;
	local->lease = vip->lease;
	locals->any_leased |= vip->lease != LEASE_NONE;
	memcpy(key.address, vip->addr.bytes, sizeof(key.address));
	service_table_add(&nat->returns, &key, vip->id, 0);
	nat->any_local = true;
	return 0;
}

int
snapshot_nat_new(struct snapshot_nat **out, const struct control_state *state,
	const struct snapshot *snapshot, struct err *err)
{
	size_t n = count_returns(state);
	struct snapshot_nat *nat;
	int rc = 0;

	*out = NULL;
	if (n == 0)
		return 0;
	nat = calloc(1, sizeof(*nat));
	if (nat)
		nat->reals = calloc(STATS_BACKENDS_MAX, sizeof(*nat->reals));
	if (!nat || !nat->reals || service_table_init(&nat->returns, n) < 0) {
		snapshot_nat_free(nat);
		return err_set(err, -ENOMEM, "not enough memory for the configuration");
	}
	fill_reals(nat, state, snapshot);
	for (size_t i = 0; i < state->n_services; i++)
		if (state->services[i].mode == MODE_NAT)
			add_returns(nat, state, snapshot, &state->services[i]);
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
