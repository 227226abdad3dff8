/* SPDX-License-Identifier: BSD-3-Clause */
/* Timeouts of flows in control messages; see control_timeouts.h. */
#include "common/control_timeouts.h"

#include "common/json_field.h"

#include <errno.h>

int
control_timeouts_encode(json_t *json, const struct flow_timeouts *timeouts)
{
	json_t *object = json_object();

	for (size_t i = 0; i < N_FLOW_TIMEOUTS; i++)
		if (flow_timeout_given(timeouts, i) > 0)
			json_object_set_new(object, flow_timeout_fields[i].name,
				json_integer(flow_timeout_given(timeouts, i)));
	if (json_object_size(object) == 0) {
		json_decref(object);
		return 0;
	}
	return json_object_set_new(json, "flow_timeouts", object) < 0 ? -ENOMEM : 0;
}

int
control_timeouts_decode(json_t *json, struct flow_timeouts *out, struct err *err)
{
	const char *keys[N_FLOW_TIMEOUTS + 1] = {NULL};
	json_t *object = json_object_get(json, "flow_timeouts");
	int rc = 0;

	if (!object)
		return 0;
	for (size_t i = 0; i < N_FLOW_TIMEOUTS; i++)
		keys[i] = flow_timeout_fields[i].name;
	rc = json_fields_known(object, keys, err);
	for (size_t i = 0; i < N_FLOW_TIMEOUTS && rc == 0; i++) {
		uint64_t ms = 0;

		if (json_object_get(object, keys[i]))
			rc = json_field_integer(object, keys[i], FLOW_TIMEOUT_MIN_MS,
				FLOW_TIMEOUT_MAX_MS, &ms, err);
		flow_timeout_set(out, i, (uint32_t)ms);
	}
	if (rc < 0)
		err_prefix(err, "flow_timeouts");
	return rc;
}
