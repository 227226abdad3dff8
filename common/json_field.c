/* SPDX-License-Identifier: BSD-3-Clause */
/* Checked reading of JSON members; see json_field.h. */
#include "common/json_field.h"

#include "common/model.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const char *
type_name(json_t *value)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string",
		[JSON_INTEGER] = "an integer",
		[JSON_REAL] = "a real number",
		[JSON_TRUE] = "true",
		[JSON_FALSE] = "false",
		[JSON_NULL] = "null",
	};

	return value ? names[json_typeof(value)] : "missing";
}

int
json_field_text(json_t *object, const char *key, char *out, size_t size, struct err *err)
{
	json_t *value = json_object_get(object, key);
	size_t length;

	if (!json_is_string(value))
		return err_set(err, -EINVAL, "%s: is %s, must be a string", key, type_name(value));
	length = json_string_length(value);
	if (length == 0 || length >= size)
		return err_set(err, -EINVAL, "%s: has %zu bytes, must have 1 to %zu", key, length,
			size - 1);
	memcpy(out, json_string_value(value), length + 1);
	return 0;
}

int
json_name_check(json_t *value, char *out, struct err *err)
{
	const char *text = json_string_value(value);
	size_t length;

	if (!text)
		return err_set(err, -EINVAL, "is %s, must be a name", type_name(value));
	length = json_string_length(value);
	if (length == 0 || length > MODEL_NAME_MAX)
		return err_set(
			err, -EINVAL, "has %zu letters, must have 1 to %d", length, MODEL_NAME_MAX);
	for (size_t i = 0; i < length; i++) {
		bool letter = text[i] >= 'a' && text[i] <= 'z';
		bool later = (text[i] >= '0' && text[i] <= '9') || text[i] == '-' || text[i] == '_';

		if (!letter && !(later && i > 0))
			return err_set(err, -EINVAL,
				"'%s' is not a name: a-z, 0-9, '-' and '_', beginning with a "
				"letter",
				text);
	}
	memcpy(out, text, length + 1);
	return 0;
}

int
json_field_name(json_t *object, const char *key, char *out, struct err *err)
{
	int rc = json_name_check(json_object_get(object, key), out, err);

	if (rc < 0)
		err_prefix(err, "%s", key);
	return rc;
}

int
json_field_integer(
	json_t *object, const char *key, uint64_t min, uint64_t max, uint64_t *out, struct err *err)
{
	json_t *value = json_object_get(object, key);
	json_int_t number;

	if (!json_is_integer(value))
		return err_set(
			err, -EINVAL, "%s: is %s, must be an integer", key, type_name(value));
	number = json_integer_value(value);
	if (number < 0 || (uint64_t)number < min || (uint64_t)number > max)
		return err_set(err, -EINVAL,
			"%s: %" JSON_INTEGER_FORMAT " is not from %" PRIu64 " to %" PRIu64, key,
			number, min, max);
	*out = (uint64_t)number;
	return 0;
}

int
json_field_limit(json_t *object, const char *key, uint64_t max, uint32_t *out, struct err *err)
{
	uint64_t value = 0;
	int rc = 0;

	if (json_object_get(object, key))
		rc = json_field_integer(object, key, 0, max, &value, err);
	if (rc == 0)
		*out = (uint32_t)value;
	return rc;
}

int
json_field_bool(json_t *object, const char *key, bool *out, struct err *err)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_boolean(value))
		return err_set(
			err, -EINVAL, "%s: is %s, must be true or false", key, type_name(value));
	*out = json_is_true(value);
	return 0;
}

int
json_field_addr(json_t *object, const char *key, struct addr *out, struct err *err)
{
	char text[ADDR_TEXT_SIZE];
	int rc = json_field_text(object, key, text, sizeof(text), err);

	if (rc < 0)
		return rc;
	rc = addr_parse(text, out, err);
	if (rc < 0)
		err_prefix(err, "%s", key);
	return rc;
}

int
json_field_prefix(json_t *object, const char *key, struct prefix *out, struct err *err)
{
	char text[PREFIX_TEXT_SIZE];
	int rc = json_field_text(object, key, text, sizeof(text), err);

	if (rc < 0)
		return rc;
	rc = prefix_parse(text, out, err);
	if (rc < 0)
		err_prefix(err, "%s", key);
	return rc;
}

int
json_field_array(
	json_t *object, const char *key, size_t max, json_t **out, size_t *n_out, struct err *err)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_array(value))
		return err_set(err, -EINVAL, "%s: is %s, must be an array", key, type_name(value));
	if (json_array_size(value) > max)
		return err_set(err, -EINVAL, "%s: has %zu elements, may have %zu", key,
			json_array_size(value), max);
	*out = value;
	*n_out = json_array_size(value);
	return 0;
}

int
json_fields_known(json_t *json, const char *const *keys, struct err *err)
{
	const char *key;
	json_t *value;

	if (!json_is_object(json))
		return err_set(err, -EINVAL, "is %s, must be an object", type_name(json));
	json_object_foreach(json, key, value)
	{
		size_t i = 0;

		while (keys[i] && strcmp(key, keys[i]) != 0)
			i++;
		if (!keys[i])
			return err_set(err, -EINVAL, "'%.64s' is not a known member", key);
	}
	return 0;
}

json_t *
json_addr(const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	return json_string(addr_format(addr, text, sizeof(text)));
}
