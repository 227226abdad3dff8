/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow sync in control messages; see control_sync.h. */
#include "common/control_sync.h"

#include "common/hex.h"
#include "common/json_field.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- Encoding --- */

static json_t *
encode_endpoint(const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_SIZE];

	return json_string(endpoint_format(endpoint, text, sizeof(text)));
}

static json_t *
encode_key(const struct flow_sync_key *key)
{
	char hex[2 * FLOW_SYNC_SECRET_MAX + 1] = "";
	json_t *json;

	for (size_t i = 0; i < key->size; i++)
		snprintf(hex + 2 * i, 3, "%02x", key->secret[i]);
	json = json_pack("{s:i, s:s}", "id", key->id, "secret", hex);
	explicit_bzero(hex, sizeof(hex));
	return json;
}

int
control_sync_encode(json_t *json, const struct flow_sync *sync)
{
	json_t *peers, *keys;

	if (sync->listen.addr.family == ADDR_NONE)
		return 0;
	peers = json_array();
	keys = json_array();
	for (size_t i = 0; i < sync->n_peers; i++)
		json_array_append_new(peers, encode_endpoint(&sync->peers[i]));
	for (size_t i = 0; i < sync->n_keys; i++)
		json_array_append_new(keys, encode_key(&sync->keys[i]));
	return json_object_set_new(json, "sync",
		       json_pack("{s:o, s:o, s:o}", "listen", encode_endpoint(&sync->listen),
			       "peers", peers, "keys", keys)) < 0
		       ? -ENOMEM
		       : 0;
}

/* --- Decoding --- */

static int
decode_endpoint(json_t *json, const char *what, struct endpoint *out, struct err *err)
{
	const char *text = json_string_value(json);
	int rc = text ? endpoint_parse(text, out, err)
		      : err_set(err, -EINVAL, "is not an address with a port");

	if (rc < 0)
		err_prefix(err, "%s", what);
	return rc;
}

static int
decode_secret(const char *hex, struct flow_sync_key *key, struct err *err)
{
	size_t length = strlen(hex);

	if (length % 2 || length < 2 * FLOW_SYNC_SECRET_MIN || length > 2 * FLOW_SYNC_SECRET_MAX)
		return err_set(err, -EINVAL, "secret: %zu hexadecimal digits; allowed: %d to %d",
			length, 2 * FLOW_SYNC_SECRET_MIN, 2 * FLOW_SYNC_SECRET_MAX);
	key->size = (uint8_t)(length / 2);
	for (size_t i = 0; i < key->size; i++) {
		int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return err_set(err, -EINVAL, "secret: is not hexadecimal");
		key->secret[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int
decode_key(json_t *json, struct flow_sync_key *key, struct err *err)
{
	static const char *const keys[] = {"id", "secret", NULL};
	char hex[2 * FLOW_SYNC_SECRET_MAX + 2];
	uint64_t id = 0;
	int rc = json_fields_known(json, keys, err);

	if (rc == 0)
		rc = json_field_integer(json, "id", 1, UINT8_MAX, &id, err);
	if (rc == 0)
		rc = json_field_text(json, "secret", hex, sizeof(hex), err);
	if (rc == 0)
		rc = decode_secret(hex, key, err);
	explicit_bzero(hex, sizeof(hex));
	key->id = (uint8_t)id;
	return rc;
}

static int
decode_members(json_t *json, struct flow_sync *sync, struct err *err)
{
	json_t *array;
	int rc = decode_endpoint(json_object_get(json, "listen"), "listen", &sync->listen, err);

	if (rc == 0)
		rc = json_field_array(
			json, "peers", FLOW_SYNC_PEERS_MAX, &array, &sync->n_peers, err);
	for (size_t i = 0; rc == 0 && i < sync->n_peers; i++) {
		rc = decode_endpoint(json_array_get(array, i), "peers", &sync->peers[i], err);
		if (rc == 0 && sync->peers[i].addr.family != sync->listen.addr.family)
			rc = err_set(err, -EINVAL, "peers: not of the family of 'listen'");
	}
	if (rc == 0)
		rc = json_field_array(json, "keys", FLOW_SYNC_KEYS_MAX, &array, &sync->n_keys, err);
	if (rc == 0 && sync->n_keys == 0)
		rc = err_set(err, -EINVAL, "keys: at least one is needed");
	for (size_t i = 0; rc == 0 && i < sync->n_keys; i++) {
		rc = decode_key(json_array_get(array, i), &sync->keys[i], err);
		if (rc < 0)
			err_prefix(err, "keys[%zu]", i);
	}
	return rc;
}

int
control_sync_decode(json_t *json, struct flow_sync *out, struct err *err)
{
	static const char *const keys[] = {"listen", "peers", "keys", NULL};
	json_t *object = json_object_get(json, "sync");
	struct flow_sync sync = {.n_peers = 0};
	int rc;

	if (!object)
		return 0;
	rc = json_fields_known(object, keys, err);
	if (rc == 0)
		rc = decode_members(object, &sync, err);
	if (rc < 0)
		err_prefix(err, "sync");
	else
		*out = sync;
	explicit_bzero(&sync, sizeof(sync));
	return rc;
}
