/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON form of the control messages; see control.h. */
#include "common/control.h"

#include "common/control_tunnel.h"
#include "common/json_field.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 2^53: beyond it not every JSON reader keeps integers exact. */
#define GENERATION_MAX (UINT64_C(1) << 53)

struct word {
	const char *name;
	int value;
};

static const struct word forward_modes[] = {{"dr", MODE_DR}, {"tunnel", MODE_TUNNEL},
	{"nat", MODE_NAT}, {"fullnat", MODE_FULLNAT}, {NULL, 0}};
static const struct word schedulers[] = {{"maglev", SCHEDULER_MAGLEV},
	{"round-robin", SCHEDULER_ROUND_ROBIN}, {"least-connections", SCHEDULER_LEAST_CONNECTIONS},
	{"source-hash", SCHEDULER_SOURCE_HASH}, {NULL, 0}};
static const struct word protocols[] = {{"tcp", PROTOCOL_TCP}, {"udp", PROTOCOL_UDP}, {NULL, 0}};

static const char *
word_name(const struct word *words, int value)
{
	for (; words->name; words++) {
		if (words->value == value)
			return words->name;
	}
	return "unknown";
}

/* 'what' is what the words are, for the message. */
static int
word_parse(const struct word *words, const char *text, const char *what, int *out, struct err *err)
{
	char allowed[128] = "";
	size_t size = 0;

	for (const struct word *word = words; word->name; word++) {
		if (strcmp(text, word->name) == 0) {
			*out = word->value;
			return 0;
		}
		if (size < sizeof(allowed))
			size += (size_t)snprintf(allowed + size, sizeof(allowed) - size, "%s%s",
				size > 0 ? ", " : "", word->name);
	}
	return err_set(err, -EINVAL, "'%s' is not a %s: choose %s", text, what, allowed);
}

const char *
forward_mode_name(enum forward_mode mode)
{
	return word_name(forward_modes, (int)mode);
}

const char *
scheduler_name(enum scheduler_kind scheduler)
{
	return word_name(schedulers, (int)scheduler);
}

const char *
protocol_name(enum protocol protocol)
{
	return word_name(protocols, (int)protocol);
}

int
forward_mode_parse(const char *text, enum forward_mode *out, struct err *err)
{
	int value;
	int rc = word_parse(forward_modes, text, "forwarding mode", &value, err);

	if (rc == 0)
		*out = (enum forward_mode)value;
	return rc;
}

int
scheduler_parse(const char *text, enum scheduler_kind *out, struct err *err)
{
	int value;
	int rc = word_parse(schedulers, text, "scheduler", &value, err);

	if (rc == 0)
		*out = (enum scheduler_kind)value;
	return rc;
}

int
protocol_parse(const char *text, enum protocol *out, struct err *err)
{
	int value;
	int rc = word_parse(protocols, text, "protocol", &value, err);

	if (rc == 0)
		*out = (enum protocol)value;
	return rc;
}

/* --- Freeing --- */

void
control_state_free(struct control_state *state)
{
	if (!state)
		return;
	for (size_t i = 0; i < state->n_routers; i++)
		free(state->routers[i].addresses);
	for (size_t i = 0; i < state->n_pools; i++)
		free(state->pools[i].backends);
	for (size_t i = 0; i < state->n_locals; i++)
		free(state->locals[i].addresses);
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
encode_addr(const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	return json_string(addr_format(addr, text, sizeof(text)));
}

static json_t *
encode_addresses(const struct addr *from, size_t n)
{
	json_t *addresses = json_array();

	for (size_t i = 0; i < n; i++) {
		if (append(addresses, encode_addr(&from[i])) < 0) {
			json_decref(addresses);
			return NULL;
		}
	}
	return addresses;
}

static json_t *
encode_router(const struct control_router *router)
{
	return json_pack("{s:s, s:s, s:o}", "name", router->name, "port", router->port, "addresses",
		encode_addresses(router->addresses, router->n_addresses));
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
			encode_addr(&backend->addr), "weight", (int)backend->weight, "up",
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

/* Adds what a service without persistence does not have; frees 'json' when memory is short. */
static json_t *
encode_persistence(json_t *json, const struct control_service *service)
{
	if (!json || service->persistence_timeout_s == 0 ||
		json_object_set_new(json, "persistence",
			json_pack("{s:I, s:i}", "timeout_s",
				(json_int_t)service->persistence_timeout_s, "prefix",
				(int)service->persistence_prefix)) == 0)
		return json;
	json_decref(json);
	return NULL;
}

static json_t *
encode_limits(const struct service_limits *limits)
{
	return json_pack("{s:I, s:I}", "new_flows_per_s", (json_int_t)limits->new_flows_per_s,
		"packets_per_s", (json_int_t)limits->packets_per_s);
}

static json_t *
encode_service(const struct control_service *service)
{
	json_t *json = json_pack("{s:s, s:o, s:i, s:s, s:s, s:s, s:I}", "name", service->name,
		"address", encode_addr(&service->address), "port", (int)service->port, "protocol",
		protocol_name((enum protocol)service->protocol), "mode",
		forward_mode_name((enum forward_mode)service->mode), "scheduler",
		scheduler_name((enum scheduler_kind)service->scheduler), "pool",
		(json_int_t)service->pool);

	if (json && (service->limits.new_flows_per_s || service->limits.packets_per_s))
		json_object_set_new(json, "limits", encode_limits(&service->limits));
	if (json && control_tunnel_encode(json, service) < 0) {
		json_decref(json);
		return NULL;
	}
	return encode_persistence(json, service);
}

json_t *
control_state_encode(const struct control_state *state)
{
	json_t *routers = json_array();
	json_t *pools = json_array();
	json_t *services = json_array();
	json_t *locals = json_array();
	int rc = 0;

	for (size_t i = 0; i < state->n_routers && rc == 0; i++)
		rc = append(routers, encode_router(&state->routers[i]));
	for (size_t i = 0; i < state->n_pools && rc == 0; i++)
		rc = append(pools, encode_pool(&state->pools[i]));
	for (size_t i = 0; i < state->n_services && rc == 0; i++)
		rc = append(services, encode_service(&state->services[i]));
	for (size_t i = 0; i < state->n_locals && rc == 0; i++)
		rc = append(locals, encode_local(&state->locals[i]));
	if (rc < 0) {
		json_decref(locals);
		json_decref(routers);
		json_decref(pools);
		json_decref(services);
		return NULL;
	}
	return json_pack("{s:I, s:o, s:o, s:o, s:o}", "generation", (json_int_t)state->generation,
		"routers", routers, "pools", pools, "services", services, "locals", locals);
}

json_t *
control_lease_encode(const struct control_lease *lease)
{
	json_t *held = json_array();

	for (size_t i = 0; i < lease->n_held; i++) {
		if (append(held, json_string(lease->held[i])) < 0) {
			json_decref(held);
			return NULL;
		}
	}
	return json_pack("{s:I, s:o}", "until_ns", (json_int_t)lease->until_ns, "held", held);
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

/* Reads the member "addresses". */
static int
decode_addresses(json_t *json, size_t max, struct addr **out, size_t *n_out, struct err *err)
{
	json_t *addresses;
	size_t n;
	int rc;

	if ((rc = json_field_array(json, "addresses", max, &addresses, &n, err)) < 0 ||
		(rc = allocate(out, n, sizeof(**out), err)) < 0)
		return rc;
	*n_out = n;
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(addresses, i));

		if (!text)
			return err_set(err, -EINVAL, "addresses[%zu]: must be a string", i);
		rc = addr_parse(text, &(*out)[i], err);
		if (rc < 0) {
			err_prefix(err, "addresses[%zu]", i);
			return rc;
		}
	}
	return 0;
}

/* A number that may be missing or 0: no limit. */
static int
decode_limit(json_t *json, const char *key, uint64_t max, uint32_t *out, struct err *err)
{
	uint64_t value = 0;
	int rc = 0;

	if (json_object_get(json, key))
		rc = json_field_integer(json, key, 0, max, &value, err);
	if (rc == 0)
		*out = (uint32_t)value;
	return rc;
}

static int
decode_limits(json_t *json, struct service_limits *out, struct err *err)
{
	static const char *const keys[] = {"new_flows_per_s", "packets_per_s", NULL};
	int rc;

	if (!json)
		return 0;
	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = decode_limit(json, keys[0], MODEL_RATE_MAX, &out->new_flows_per_s, err)) <
			0 ||
		(rc = decode_limit(json, keys[1], MODEL_RATE_MAX, &out->packets_per_s, err)) < 0)
		err_prefix(err, "limits");
	return rc;
}

static int
decode_router(json_t *json, struct control_router *out, struct err *err)
{
	static const char *const keys[] = {"name", "port", "addresses", NULL};
	int rc;

	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_name(json, "name", out->name, err)) < 0 ||
		(rc = json_field_name(json, "port", out->port, err)) < 0)
		return rc;
	return decode_addresses(json, MODEL_VIPS_MAX, &out->addresses, &out->n_addresses, err);
}

static int
decode_local(json_t *json, struct control_local *out, struct err *err)
{
	static const char *const keys[] = {"port", "addresses", NULL};
	int rc;

	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_name(json, "port", out->port, err)) < 0)
		return rc;
	return decode_addresses(json, MODEL_LOCALS_MAX, &out->addresses, &out->n_addresses, err);
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
		(rc = decode_limit(json, "max_flows", MODEL_FLOWS_MAX, &out->max_flows, err)) < 0)
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

/* 'json' is NULL for a service without it. */
static int
decode_persistence(json_t *json, struct control_service *out, struct err *err)
{
	static const char *const keys[] = {"timeout_s", "prefix", NULL};
	uint64_t timeout_s, prefix;
	int rc;

	if (!json)
		return 0;
	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_integer(
			 json, "timeout_s", 1, MODEL_PERSISTENCE_S_MAX, &timeout_s, err)) < 0 ||
		(rc = json_field_integer(
			 json, "prefix", 1, 8 * addr_size(&out->address), &prefix, err)) < 0) {
		err_prefix(err, "persistence");
		return rc;
	}
	out->persistence_timeout_s = (uint32_t)timeout_s;
	out->persistence_prefix = (uint8_t)prefix;
	return 0;
}

static int
decode_service(json_t *json, size_t n_pools, struct control_service *out, struct err *err)
{
	static const char *const keys[] = {"name", "address", "port", "protocol", "mode",
		"scheduler", "pool", "persistence", "limits", "mss", "tunnel", NULL};
	enum protocol protocol;
	enum forward_mode mode;
	enum scheduler_kind scheduler;
	char protocol_text[16], mode_text[16], scheduler_text[32];
	uint64_t port, pool;
	int rc;

	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_name(json, "name", out->name, err)) < 0 ||
		(rc = json_field_addr(json, "address", &out->address, err)) < 0 ||
		(rc = json_field_integer(json, "port", 0, UINT16_MAX, &port, err)) < 0 ||
		(rc = json_field_text(
			 json, "protocol", protocol_text, sizeof(protocol_text), err)) < 0 ||
		(rc = protocol_parse(protocol_text, &protocol, err)) < 0 ||
		(rc = json_field_text(json, "mode", mode_text, sizeof(mode_text), err)) < 0 ||
		(rc = forward_mode_parse(mode_text, &mode, err)) < 0 ||
		(rc = json_field_text(
			 json, "scheduler", scheduler_text, sizeof(scheduler_text), err)) < 0 ||
		(rc = scheduler_parse(scheduler_text, &scheduler, err)) < 0 ||
		(rc = decode_limits(json_object_get(json, "limits"), &out->limits, err)) < 0)
		return rc;
	if (n_pools == 0)
		return err_set(err, -EINVAL, "pool: the state has no pools");
	if ((rc = json_field_integer(json, "pool", 0, n_pools - 1, &pool, err)) < 0)
		return rc;
	out->port = (uint16_t)port;
	out->protocol = (uint8_t)protocol;
	out->mode = (uint8_t)mode;
	out->scheduler = (uint8_t)scheduler;
	out->pool = (uint32_t)pool;
	if (decode_persistence(json_object_get(json, "persistence"), out, err) < 0)
		return -EINVAL;
	return control_tunnel_decode(json, out, err);
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
		rc = decode_service(
			json_array_get(array, i), state->n_pools, &state->services[i], err);
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
	static const char *const keys[] = {
		"generation", "routers", "pools", "services", "locals", NULL};
	struct control_state *state = calloc(1, sizeof(*state));
	int rc;

	if (!state)
		return err_set(err, -ENOMEM, "state: out of memory");
	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_integer(
			 json, "generation", 0, GENERATION_MAX, &state->generation, err)) < 0 ||
		(rc = decode_routers(json, state, err)) < 0 ||
		(rc = decode_pools(json, state, err)) < 0 ||
		(rc = decode_services(json, state, err)) < 0 ||
		(rc = decode_locals(json, state, err)) < 0) {
		err_prefix(err, "state");
		control_state_free(state);
		return rc;
	}
	*out = state;
	return 0;
}

int
control_lease_decode(json_t *json, struct control_lease *out, struct err *err)
{
	static const char *const keys[] = {"until_ns", "held", NULL};
	struct control_lease lease = {0};
	json_t *held;
	size_t n;
	int rc;

	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_integer(json, "until_ns", 1, INT64_MAX, &lease.until_ns, err)) <
			0 ||
		(rc = json_field_array(json, "held", MODEL_ROUTERS_MAX, &held, &n, err)) < 0 ||
		(rc = allocate(&lease.held, n, sizeof(*lease.held), err)) < 0) {
		err_prefix(err, "lease");
		return rc;
	}
	lease.n_held = n;
	for (size_t i = 0; i < n; i++) {
		rc = json_name_check(json_array_get(held, i), lease.held[i], err);
		if (rc < 0) {
			err_prefix(err, "lease: held[%zu]", i);
			control_lease_fini(&lease);
			return rc;
		}
	}
	*out = lease;
	return 0;
}
