/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON form of the control messages; see control.h. */
#include "common/control.h"

#include "common/control_lists.h"
#include "common/control_service.h"
#include "common/control_sync.h"
#include "common/control_timeouts.h"
#include "common/json_field.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 2^53: beyond it not every JSON reader keeps integers exact. */
#define GENERATION_MAX (UINT64_C(1) << 53)

/* --- Freeing --- */

void
control_state_free(struct control_state *state)
{
	if (!state)
		return;
	for (size_t i = 0; i < state->n_routers; i++) {
		free(state->routers[i].addresses);
		free(state->routers[i].locals);
	}
	for (size_t i = 0; i < state->n_pools; i++)
		free(state->pools[i].backends);
	for (size_t i = 0; i < state->n_locals; i++)
		free(state->locals[i].addresses);
	control_lists_free(state);
	flow_sync_fini(&state->sync);
	free(state->locals);
	free(state->routers);
	free(state->pools);
	free(state->services);
	free(state);
}

void
control_lease_fini(struct control_lease *lease)
{
	free(lease->held);
	free(lease->announce);
	memset(lease, 0, sizeof(*lease));
}

/* --- Encoding --- */

/* Appends 'value' (given away; NULL when memory was short). Returns 0 or -ENOMEM. */
static int
append(json_t *array, json_t *value)
{
	return json_array_append_new(array, value) < 0 ? -ENOMEM : 0;
}

static json_t *
encode_addresses(const struct addr *from, size_t n)
{
	json_t *addresses = json_array();

	for (size_t i = 0; i < n; i++) {
		if (append(addresses, json_addr(&from[i])) < 0) {
			json_decref(addresses);
			return NULL;
		}
	}
	return addresses;
}

static json_t *
encode_router(const struct control_router *router)
{
	json_t *json = json_pack("{s:s, s:s, s:o}", "name", router->name, "port", router->port,
		"addresses", encode_addresses(router->addresses, router->n_addresses));

	if (json && router->vrid)
		json_object_set_new(json, "vrid", json_integer(router->vrid));
	if (json && !router->accept)
		json_object_set_new(json, "accept", json_false());
	if (json && router->n_locals > 0 &&
		json_object_set_new(json, "local_addresses",
			encode_addresses(router->locals, router->n_locals)) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static json_t *
encode_local(const struct control_local *local)
{
	return json_pack("{s:s, s:o}", "port", local->port, "addresses",
		encode_addresses(local->addresses, local->n_addresses));
}

static json_t *
encode_pool(const struct control_pool *pool)
{
	json_t *backends = json_array();

	for (size_t i = 0; i < pool->n_backends; i++) {
		const struct control_backend *backend = &pool->backends[i];
		json_t *json = json_pack("{s:s, s:o, s:i, s:b}", "name", backend->name, "address",
			json_addr(&backend->addr), "weight", (int)backend->weight, "up",
			(int)backend->up);

		if (backend->max_flows)
			json_object_set_new(json, "max_flows", json_integer(backend->max_flows));
		if (backend->port)
			json_object_set_new(json, "port", json_integer(backend->port));
		if (append(backends, json) < 0) {
			json_decref(backends);
			return NULL;
		}
	}
	return json_pack("{s:s, s:o}", "name", pool->name, "backends", backends);
}

json_t *
control_state_encode(const struct control_state *state)
{
	json_t *routers = json_array();
	json_t *pools = json_array();
	json_t *services = json_array();
	json_t *locals = json_array();
	json_t *json;
	int rc = 0;

	for (size_t i = 0; i < state->n_routers && rc == 0; i++)
		rc = append(routers, encode_router(&state->routers[i]));
	for (size_t i = 0; i < state->n_pools && rc == 0; i++)
		rc = append(pools, encode_pool(&state->pools[i]));
	for (size_t i = 0; i < state->n_services && rc == 0; i++)
		rc = append(services, control_service_encode(&state->services[i]));
	for (size_t i = 0; i < state->n_locals && rc == 0; i++)
		rc = append(locals, encode_local(&state->locals[i]));
	if (rc < 0) {
		json_decref(locals);
		json_decref(routers);
		json_decref(pools);
		json_decref(services);
		return NULL;
	}
	json = json_pack("{s:I, s:o, s:o, s:o, s:o}", "generation", (json_int_t)state->generation,
		"routers", routers, "pools", pools, "services", services, "locals", locals);
	if (json && (control_lists_encode(json, state) < 0 ||
			    control_timeouts_encode(json, &state->flow_timeouts) < 0 ||
			    control_sync_encode(json, &state->sync) < 0)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static json_t *
encode_names(char (*names)[CONTROL_NAME_SIZE], size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		if (append(array, json_string(names[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

json_t *
control_lease_encode(const struct control_lease *lease)
{
	json_t *json = json_pack("{s:I, s:o}", "until_ns", (json_int_t)lease->until_ns, "held",
		encode_names(lease->held, lease->n_held));

	if (json && lease->n_announce > 0)
		json_object_set_new(
			json, "announce", encode_names(lease->announce, lease->n_announce));
	return json;
}

/* --- Decoding --- */

/* Notes 'name' in the set 'seen'; refuses one that is there already. */
static int
claim_name(json_t *seen, const char *name, struct err *err)
{
	if (json_object_get(seen, name))
		return err_set(err, -EINVAL, "the name '%s' is given twice", name);
	return json_object_set_new(seen, name, json_true()) < 0
		       ? err_set(err, -ENOMEM, "out of memory")
		       : 0;
}

/* Room for 'n' objects; never NULL for n = 0, so that NULL always means short memory. */
static int
allocate(void *out, size_t n, size_t size, struct err *err)
{
	void *memory = calloc(n > 0 ? n : 1, size);

	if (!memory)
		return err_set(err, -ENOMEM, "out of memory");
	memcpy(out, &memory, sizeof(memory));
	return 0;
}

/* Reads the member 'key', a list of addresses. */
static int
decode_addresses(json_t *json, const char *key, size_t max, struct addr **out, size_t *n_out,
	struct err *err)
{
	json_t *addresses;
	size_t n;
	int rc;

	if ((rc = json_field_array(json, key, max, &addresses, &n, err)) < 0 ||
		(rc = allocate(out, n, sizeof(**out), err)) < 0)
		return rc;
	*n_out = n;
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(addresses, i));

		if (!text)
			return err_set(err, -EINVAL, "%s[%zu]: must be a string", key, i);
		rc = addr_parse(text, &(*out)[i], err);
		if (rc < 0) {
			err_prefix(err, "%s[%zu]", key, i);
			return rc;
		}
	}
	return 0;
}

static int
decode_router(json_t *json, struct control_router *out, struct err *err)
{
	static const char *const keys[] = {
		"name", "port", "addresses", "local_addresses", "vrid", "accept", NULL};
	uint64_t vrid = 0;
	int rc;

	out->accept = true;
	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_name(json, "name", out->name, err)) < 0 ||
		(rc = json_field_name(json, "port", out->port, err)) < 0 ||
		(json_object_get(json, "vrid") &&
			(rc = json_field_integer(json, "vrid", 1, 255, &vrid, err)) < 0) ||
		(json_object_get(json, "accept") &&
			(rc = json_field_bool(json, "accept", &out->accept, err)) < 0))
		return rc;
	out->vrid = (uint8_t)vrid;
	rc = decode_addresses(
		json, "addresses", MODEL_VIPS_MAX, &out->addresses, &out->n_addresses, err);
	if (rc == 0 && json_object_get(json, "local_addresses"))
		rc = decode_addresses(json, "local_addresses", MODEL_LOCALS_MAX, &out->locals,
			&out->n_locals, err);
	return rc;
}

static int
decode_local(json_t *json, struct control_local *out, struct err *err)
{
	static const char *const keys[] = {"port", "addresses", NULL};
	int rc;

	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_name(json, "port", out->port, err)) < 0)
		return rc;
	return decode_addresses(
		json, "addresses", MODEL_LOCALS_MAX, &out->addresses, &out->n_addresses, err);
}

static int
decode_backend(json_t *json, struct control_backend *out, struct err *err)
{
	static const char *const keys[] = {
		"name", "address", "weight", "up", "max_flows", "port", NULL};
	uint64_t weight, port = 0;
	int rc;

	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_name(json, "name", out->name, err)) < 0 ||
		(rc = json_field_addr(json, "address", &out->addr, err)) < 0 ||
		(rc = json_field_integer(json, "weight", 0, MODEL_WEIGHT_MAX, &weight, err)) < 0 ||
		(rc = json_field_bool(json, "up", &out->up, err)) < 0 ||
		(rc = json_field_limit(json, "max_flows", MODEL_FLOWS_MAX, &out->max_flows, err)) <
			0)
		return rc;
	if (json_object_get(json, "port") &&
		(rc = json_field_integer(json, "port", 1, UINT16_MAX, &port, err)) < 0)
		return rc;
	out->weight = (uint16_t)weight;
	out->port = (uint16_t)port;
	return 0;
}

static int
decode_pool(json_t *json, struct control_pool *out, struct err *err)
{
	static const char *const keys[] = {"name", "backends", NULL};
	json_t *backends, *seen;
	size_t n;
	int rc;

	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_name(json, "name", out->name, err)) < 0 ||
		(rc = json_field_array(
			 json, "backends", CONTROL_BACKENDS_MAX, &backends, &n, err)) < 0 ||
		(rc = allocate(&out->backends, n, sizeof(*out->backends), err)) < 0)
		return rc;
	out->n_backends = n;
	seen = json_object();
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = decode_backend(json_array_get(backends, i), &out->backends[i], err);
		if (rc == 0)
			rc = claim_name(seen, out->backends[i].name, err);
		if (rc < 0)
			err_prefix(err, "backends[%zu]", i);
	}
	json_decref(seen);
	return rc;
}

static int
decode_routers(json_t *json, struct control_state *state, struct err *err)
{
	json_t *array, *seen;
	size_t n;
	int rc;

	if ((rc = json_field_array(json, "routers", MODEL_ROUTERS_MAX, &array, &n, err)) < 0 ||
		(rc = allocate(&state->routers, n, sizeof(*state->routers), err)) < 0)
		return rc;
	state->n_routers = n;
	seen = json_object();
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = decode_router(json_array_get(array, i), &state->routers[i], err);
		if (rc == 0)
			rc = claim_name(seen, state->routers[i].name, err);
		if (rc < 0)
			err_prefix(err, "routers[%zu]", i);
	}
	json_decref(seen);
	return rc;
}

static int
decode_pools(json_t *json, struct control_state *state, struct err *err)
{
	json_t *array, *seen;
	size_t n;
	int rc;

	if ((rc = json_field_array(json, "pools", CONTROL_SERVICES_MAX, &array, &n, err)) < 0 ||
		(rc = allocate(&state->pools, n, sizeof(*state->pools), err)) < 0)
		return rc;
	state->n_pools = n;
	seen = json_object();
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = decode_pool(json_array_get(array, i), &state->pools[i], err);
		if (rc == 0)
			rc = claim_name(seen, state->pools[i].name, err);
		if (rc < 0)
			err_prefix(err, "pools[%zu]", i);
	}
	json_decref(seen);
	return rc;
}

static int
decode_services(json_t *json, struct control_state *state, struct err *err)
{
	json_t *array, *seen;
	size_t n;
	int rc;

	if ((rc = json_field_array(json, "services", CONTROL_SERVICES_MAX, &array, &n, err)) < 0 ||
		(rc = allocate(&state->services, n, sizeof(*state->services), err)) < 0)
		return rc;
	state->n_services = n;
	seen = json_object();
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = control_service_decode(
			json_array_get(array, i), state, &state->services[i], err);
		if (rc == 0)
			rc = claim_name(seen, state->services[i].name, err);
		if (rc < 0)
			err_prefix(err, "services[%zu]", i);
	}
	json_decref(seen);
	return rc;
}

static int
decode_locals(json_t *json, struct control_state *state, struct err *err)
{
	json_t *array;
	size_t n;
	int rc;

	if (!json_object_get(json, "locals"))
		return 0;
	if ((rc = json_field_array(json, "locals", MODEL_PORTS_MAX, &array, &n, err)) < 0 ||
		(rc = allocate(&state->locals, n, sizeof(*state->locals), err)) < 0)
		return rc;
	state->n_locals = n;
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = decode_local(json_array_get(array, i), &state->locals[i], err);
		if (rc < 0)
			err_prefix(err, "locals[%zu]", i);
	}
	return rc;
}

int
control_state_decode(json_t *json, struct control_state **out, struct err *err)
{
	static const char *const keys[] = {"generation", "routers", "pools", "services", "locals",
		"lists", "flow_timeouts", "sync", NULL};
	struct control_state *state = calloc(1, sizeof(*state));
	int rc;

	if (!state)
		return err_set(err, -ENOMEM, "state: out of memory");
	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_integer(
			 json, "generation", 0, GENERATION_MAX, &state->generation, err)) < 0 ||
		(rc = decode_routers(json, state, err)) < 0 ||
		(rc = decode_pools(json, state, err)) < 0 ||
		(rc = control_lists_decode(json, state, err)) < 0 ||
		(rc = decode_services(json, state, err)) < 0 ||
		(rc = decode_locals(json, state, err)) < 0 ||
		(rc = control_timeouts_decode(json, &state->flow_timeouts, err)) < 0 ||
		(rc = control_sync_decode(json, &state->sync, err)) < 0) {
		err_prefix(err, "state");
		control_state_free(state);
		return rc;
	}
	*out = state;
	return 0;
}

/* Reads the names in the member 'key'. */
static int
decode_names(json_t *json, const char *key, char (**out)[CONTROL_NAME_SIZE], size_t *n_out,
	struct err *err)
{
	json_t *names;
	size_t n;
	int rc;

	if ((rc = json_field_array(json, key, MODEL_ROUTERS_MAX, &names, &n, err)) < 0 ||
		(rc = allocate(out, n, sizeof(**out), err)) < 0)
		return rc;
	*n_out = n;
	for (size_t i = 0; i < n; i++) {
		rc = json_name_check(json_array_get(names, i), (*out)[i], err);
		if (rc < 0) {
			err_prefix(err, "%s[%zu]", key, i);
			return rc;
		}
	}
	return 0;
}

int
control_lease_decode(json_t *json, struct control_lease *out, struct err *err)
{
	static const char *const keys[] = {"until_ns", "held", "announce", NULL};
	struct control_lease lease = {0};
	int rc;

	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_integer(json, "until_ns", 1, INT64_MAX, &lease.until_ns, err)) <
			0 ||
		(rc = decode_names(json, "held", &lease.held, &lease.n_held, err)) < 0 ||
		(json_object_get(json, "announce") &&
			(rc = decode_names(
				 json, "announce", &lease.announce, &lease.n_announce, err)) < 0)) {
		err_prefix(err, "lease");
		control_lease_fini(&lease);
		return rc;
	}
	*out = lease;
	return 0;
}
