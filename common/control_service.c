/* SPDX-License-Identifier: BSD-3-Clause */
/* A service's JSON form; see control_service.h. */
#include "common/control_service.h"

#include "common/control_lists.h"
#include "common/control_nat.h"
#include "common/control_tunnel.h"
#include "common/json_field.h"

#include <errno.h>
#include <string.h>

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

json_t *
control_service_encode(const struct control_service *service)
{
	json_t *json = json_pack("{s:s, s:o, s:i, s:s, s:s, s:s, s:I}", "name", service->name,
		"address", json_addr(&service->address), "port", (int)service->port, "protocol",
		protocol_name((enum protocol)service->protocol), "mode",
		forward_mode_name((enum forward_mode)service->mode), "scheduler",
		scheduler_name((enum scheduler_kind)service->scheduler), "pool",
		(json_int_t)service->pool);

	if (json && (service->limits.new_flows_per_s || service->limits.packets_per_s))
		json_object_set_new(json, "limits", encode_limits(&service->limits));
	if (json && service->probe_port)
		json_object_set_new(json, "probe_port", json_integer(service->probe_port));
	if (json && (control_tunnel_encode(json, service) < 0 ||
			    control_nat_encode(json, service) < 0 ||
			    control_service_lists_encode(json, service) < 0)) {
		json_decref(json);
		return NULL;
	}
	return encode_persistence(json, service);
}

static int
decode_limits(json_t *json, struct service_limits *out, struct err *err)
{
	static const char *const keys[] = {"new_flows_per_s", "packets_per_s", NULL};
	int rc;

	if (!json)
		return 0;
	if ((rc = json_fields_known(json, keys, err)) < 0 ||
		(rc = json_field_limit(json, keys[0], MODEL_RATE_MAX, &out->new_flows_per_s, err)) <
			0 ||
		(rc = json_field_limit(json, keys[1], MODEL_RATE_MAX, &out->packets_per_s, err)) <
			0)
		err_prefix(err, "limits");
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

int
control_service_decode(json_t *json, const struct control_state *state, struct control_service *out,
	struct err *err)
{
	static const char *const keys[] = {"name", "address", "port", "protocol", "mode",
		"scheduler", "pool", "persistence", "limits", "mss", "tunnel", "client_address",
		"syn_cookies", "block", "allow", "probe_port", NULL};
	enum protocol protocol;
	enum forward_mode mode;
	enum scheduler_kind scheduler;
	char protocol_text[16], mode_text[16], scheduler_text[32];
	uint64_t port, pool, probe_port = 0;
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
		(rc = decode_limits(json_object_get(json, "limits"), &out->limits, err)) < 0 ||
		(json_object_get(json, "probe_port") &&
			(rc = json_field_integer(
				 json, "probe_port", 1, UINT16_MAX, &probe_port, err)) < 0))
		return rc;
	if (state->n_pools == 0)
		return err_set(err, -EINVAL, "pool: the state has no pools");
	if ((rc = json_field_integer(json, "pool", 0, state->n_pools - 1, &pool, err)) < 0)
		return rc;
	out->port = (uint16_t)port;
	out->probe_port = (uint16_t)probe_port;
	out->protocol = (uint8_t)protocol;
	out->mode = (uint8_t)mode;
	out->scheduler = (uint8_t)scheduler;
	out->pool = (uint32_t)pool;
	if (decode_persistence(json_object_get(json, "persistence"), out, err) < 0)
		return -EINVAL;
	rc = control_tunnel_decode(json, out, err);
	if (rc == 0)
		rc = control_service_lists_decode(json, state->n_lists, out, err);
	return rc < 0 ? rc : control_nat_decode(json, out, err);
}
