/* SPDX-License-Identifier: BSD-3-Clause */
/* Tunnels in control messages; see control_tunnel.h. */
#include "common/control_tunnel.h"

#include "common/json_field.h"

#include <errno.h>

int
control_tunnel_encode(json_t *json, const struct control_service *service)
{
	int rc = 0;

	if (service->mss)
		rc = json_object_set_new(json, "mss", json_integer(service->mss));
	if (rc == 0 && service->mode == MODE_TUNNEL)
		rc = json_object_set_new(json, "tunnel", tunnel_encode(&service->tunnel));
	return rc < 0 ? -ENOMEM : 0;
}

int
control_tunnel_decode(json_t *json, struct control_service *out, struct err *err)
{
	bool v6 = out->address.family == ADDR_V6;
	uint64_t mss = 0;
	int rc;

	if (json_object_get(json, "mss")) {
		rc = json_field_integer(json, "mss", v6 ? MSS_MIN_V6 : MSS_MIN_V4,
			v6 ? MSS_MAX_V6 : MSS_MAX_V4, &mss, err);
		if (rc < 0)
			return rc;
		if (out->protocol != PROTOCOL_TCP)
			return err_set(err, -EINVAL, "mss: is of protocol tcp only");
	}
	out->mss = (uint16_t)mss;
	if (out->mode != MODE_TUNNEL)
		return json_object_get(json, "tunnel")
			       ? err_set(err, -EINVAL, "tunnel: is of mode tunnel only")
			       : 0;
	rc = tunnel_decode(json_object_get(json, "tunnel"), &out->tunnel, err);
	if (rc < 0)
		err_prefix(err, "tunnel");
	return rc;
}
