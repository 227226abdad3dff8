/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket's methods that change things; those that only show are in show.c. */
#include "dataplane/control.h"

#include "common/clock.h"
#include "common/control.h"
#include "common/json_field.h"
#include "dataplane/control_capture.h"
#include "dataplane/dataplane.h"
#include "dataplane/intake.h"
#include "dataplane/show.h"
#include "dataplane/snapshot.h"

#include <errno.h>
#include <stdio.h>

static json_t *
describe_port(const struct dataplane *dataplane, uint16_t index)
{
	const struct port *port = &dataplane->ports[index];
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", port->mac[0], port->mac[1],
		port->mac[2], port->mac[3], port->mac[4], port->mac[5]);
	return json_pack("{s:s, s:s, s:s, s:b}", "name", port->name, "mac", mac, "host_interface",
		dataplane->node->lb.ports[index].host_interface, "up", port_is_up(port));
}

static json_t *
hello(void *ctx, json_t *params, struct err *err)
{
	struct dataplane *dataplane = ctx;
	uint64_t version;
	json_t *ports;

	if (json_field_integer(params, "version", 0, INT32_MAX, &version, err) < 0)
		return NULL;
	if (version != CONTROL_VERSION) {
		err_set(err, -EPROTO,
			"version: the control plane speaks %d, this dataplane %d: run both from "
			"the same release",
			(int)version, CONTROL_VERSION);
		return NULL;
	}
	ports = json_array();
	for (uint16_t i = 0; i < dataplane->n_ports; i++)
		json_array_append_new(ports, describe_port(dataplane, i));
	return json_pack("{s:i, s:s, s:o}", "version", CONTROL_VERSION, "node",
		dataplane->node->name, "ports", ports);
}

/* Answered when it is in force. */
static json_t *
set_state(void *ctx, json_t *params, struct err *err)
{
	struct dataplane *dataplane = ctx;
	struct rpc_pending *pending = rpc_defer(dataplane->server);

	if (pending)
		intake_take(dataplane->intake, params, pending);
	else
		err_set(err, -ENOMEM, "state: out of memory");
	return NULL;
}

static json_t *
set_lease(void *ctx, json_t *params, struct err *err)
{
	struct dataplane *dataplane = ctx;
	struct control_lease lease;
	int rc = control_lease_decode(params, &lease, err);

	if (rc < 0)
		return NULL;
	rc = holder_set_lease(dataplane->holder, &lease, clock_now_ns(), err);
	control_lease_fini(&lease);
	return rc < 0 ? NULL : json_object();
}

static json_t *
explain_backend(const struct dataplane *dataplane, const struct snapshot_backend *backend)
{
	char text[256], why[128], addr[ADDR_TEXT_SIZE];

	snprintf(text, sizeof(text), "next hop of %s (%s): %s", backend->name,
		addr_format(&backend->addr, addr, sizeof(addr)),
		netlink_explain(dataplane->netlink, backend->nexthop, why, sizeof(why)));
	return json_string(text);
}

/* Ready is a node that could forward to all backends that are up. */
static json_t *
ready(void *ctx, json_t *params, struct err *err)
{
	struct dataplane *dataplane = ctx;
	const struct snapshot *snapshot = dataplane->shared.snapshot;
	json_t *waiting = json_array();
	size_t n = 0;
	const struct snapshot_backend *backends = snapshot ? snapshot_backends(snapshot, &n) : NULL;

	(void)params;
	(void)err;
	if (!snapshot)
		json_array_append_new(waiting, json_string("a state from the control plane"));
	for (size_t i = 0; i < n; i++) {
		struct nexthop hop = nexthop_get(dataplane->nexthops, backends[i].nexthop);

		if (backends[i].up && hop.state != NEXTHOP_READY)
			json_array_append_new(waiting, explain_backend(dataplane, &backends[i]));
	}
	return json_pack("{s:b, s:b, s:o}", "ready", json_array_size(waiting) == 0, "synced",
		sync_is_synced(dataplane->sync), "waiting", waiting);
}

const struct rpc_method *
control_methods(void)
{
	static const struct rpc_method methods[] = {
		{"hello", hello},
		{"state", set_state},
		{"lease", set_lease},
		{"ready", ready},
		{"stats", show_stats},
		{"signs", show_signs},
		{"flows", show_flows},
		{"trace", show_trace},
		{"sync", show_sync},
		{"capture_start", capture_start},
		{"capture_read", capture_read},
		{"capture_stop", capture_stop},
		{NULL, NULL},
	};

	return methods;
}
