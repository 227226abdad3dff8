/* SPDX-License-Identifier: BSD-3-Clause */
/* What services in modes nat and fullnat may have, in control messages; see control_nat.h. */
#include "common/control_nat.h"

#include "common/json_field.h"

#include <errno.h>

int
control_nat_encode(json_t *json, const struct control_service *service)
{
	enum client_address client_address = (enum client_address)service->client_address;
	int rc = 0;

	if (client_address != CLIENT_ADDRESS_NONE)
		rc = json_object_set_new(
			json, "client_address", json_string(client_address_name(client_address)));
	if (rc == 0 && service->syn_cookies)
		rc = json_object_set_new(json, "syn_cookies", json_true());
	return rc < 0 ? -ENOMEM : 0;
}

static int
check_client_address(const struct control_service *service, struct err *err)
{
	if (service->client_address == CLIENT_ADDRESS_NONE)
		return 0;
	if (service->mode != MODE_FULLNAT)
		return err_set(err, -EINVAL, "client_address: is of mode fullnat only");
	if (service->client_address == CLIENT_ADDRESS_TOA && service->protocol != PROTOCOL_TCP)
		return err_set(err, -EINVAL, "client_address: toa is of protocol tcp only");
	return 0;
}

static int
decode_client_address(json_t *json, struct control_service *out, struct err *err)
{
	enum client_address client_address;
	char text[16];
	int rc;

	if (!json_object_get(json, "client_address"))
		return 0;
	rc = json_field_text(json, "client_address", text, sizeof(text), err);
	if (rc < 0)
		return rc;
	rc = client_address_parse(text, &client_address, err);
	if (rc < 0) {
		err_prefix(err, "client_address");
		return rc;
	}
	out->client_address = (uint8_t)client_address;
	return check_client_address(out, err);
}

int
control_nat_decode(json_t *json, struct control_service *out, struct err *err)
{
	int rc = decode_client_address(json, out, err);

	if (rc == 0 && json_object_get(json, "syn_cookies"))
		rc = json_field_bool(json, "syn_cookies", &out->syn_cookies, err);
	if (rc < 0)
		return rc;
	if (out->syn_cookies && (out->protocol != PROTOCOL_TCP || !mode_translates(out->mode)))
		return err_set(err, -EINVAL,
			"syn_cookies: is of protocol tcp in modes nat and fullnat only");
	return 0;
}
