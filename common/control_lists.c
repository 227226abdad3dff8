/* SPDX-License-Identifier: BSD-3-Clause */
/* Source lists in control messages; see control_lists.h. */
#include "common/control_lists.h"

#include "common/json_field.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

/* --- Encoding --- */

static json_t *
encode_prefixes(const struct prefix_list *list)
{
	json_t *json = json_array();
	char text[PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(
			json, json_string(prefix_format(&list->prefixes[i], text, sizeof(text))));
	return json;
}

static json_t *
encode_list(const struct control_list *list)
{
	if (list->file)
		return json_pack("{s:s, s:s, s:s}", "name", list->name, "file", list->file, "stamp",
			list->stamp);
	return json_pack(
		"{s:s, s:o}", "name", list->name, "prefixes", encode_prefixes(&list->content));
}

int
control_lists_encode(json_t *json, const struct control_state *state)
{
	json_t *lists;

	if (state->n_lists == 0)
		return 0;
	lists = json_array();
	for (size_t i = 0; i < state->n_lists; i++) {
		if (json_array_append_new(lists, encode_list(&state->lists[i])) < 0) {
			json_decref(lists);
			return -ENOMEM;
		}
	}
	return json_object_set_new(json, "lists", lists) < 0 ? -ENOMEM : 0;
}

static int
encode_indices(json_t *json, const char *key, const struct control_lists *lists)
{
	json_t *indices;

	if (lists->n == 0)
		return 0;
	indices = json_array();
	for (size_t i = 0; i < lists->n; i++)
		json_array_append_new(indices, json_integer(lists->lists[i]));
	return json_object_set_new(json, key, indices) < 0 ? -ENOMEM : 0;
}

int
control_service_lists_encode(json_t *json, const struct control_service *service)
{
	int rc = encode_indices(json, "block", &service->block);

	return rc < 0 ? rc : encode_indices(json, "allow", &service->allow);
}

/* --- Decoding --- */

static int
decode_prefixes(json_t *json, struct prefix_list *out, struct err *err)
{
	json_t *prefixes;
	size_t n;
	int rc = json_field_array(json, "prefixes", MODEL_LIST_PREFIXES_MAX, &prefixes, &n, err);

	if (rc < 0)
		return rc;
	out->prefixes = calloc(n + 1, sizeof(*out->prefixes));
	if (!out->prefixes)
		return err_set(err, -ENOMEM, "out of memory");
	out->n = n;
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(prefixes, i));

		if (!text)
			return err_set(err, -EINVAL, "prefixes[%zu]: must be a string", i);
		rc = prefix_parse(text, &out->prefixes[i], err);
		if (rc < 0) {
			err_prefix(err, "prefixes[%zu]", i);
			return rc;
		}
	}
	return 0;
}

static int
decode_list(json_t *json, struct control_list *out, struct err *err)
{
	static const char *const inline_keys[] = {"name", "prefixes", NULL};
	static const char *const file_keys[] = {"name", "file", "stamp", NULL};
	char file[PATH_MAX];
	int rc;

	if ((rc = json_field_name(json, "name", out->name, err)) < 0)
		return rc;
	if (!json_object_get(json, "file"))
		return (rc = json_fields_known(json, inline_keys, err)) < 0
			       ? rc
			       : decode_prefixes(json, &out->content, err);
	if ((rc = json_fields_known(json, file_keys, err)) < 0 ||
		(rc = json_field_text(json, "file", file, sizeof(file), err)) < 0 ||
		(rc = json_field_text(json, "stamp", out->stamp, sizeof(out->stamp), err)) < 0)
		return rc;
	if (file[0] != '/')
		return err_set(err, -EINVAL, "file: '%s' is not an absolute path", file);
	out->file = strdup(file);
	return out->file ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int
check_name(const struct control_state *state, size_t i, struct err *err)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(state->lists[j].name, state->lists[i].name) == 0)
			return err_set(
				err, -EINVAL, "the name '%s' is given twice", state->lists[i].name);
	return 0;
}

int
control_lists_decode(json_t *json, struct control_state *state, struct err *err)
{
	json_t *array;
	size_t n;
	int rc;

	if (!json_object_get(json, "lists"))
		return 0;
	rc = json_field_array(json, "lists", MODEL_LISTS_MAX, &array, &n, err);
	if (rc < 0)
		return rc;
	state->lists = calloc(n + 1, sizeof(*state->lists));
	if (!state->lists)
		return err_set(err, -ENOMEM, "lists: out of memory");
	state->n_lists = n;
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = decode_list(json_array_get(array, i), &state->lists[i], err);
		if (rc == 0)
			rc = check_name(state, i, err);
		if (rc < 0)
			err_prefix(err, "lists[%zu]", i);
	}
	return rc;
}

static int
decode_indices(
	json_t *json, const char *key, size_t n_lists, struct control_lists *out, struct err *err)
{
	json_t *array;
	size_t n;
	int rc;

	if (!json_object_get(json, key))
		return 0;
	rc = json_field_array(json, key, MODEL_SERVICE_LISTS_MAX, &array, &n, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		json_t *index = json_array_get(array, i);
		json_int_t value = json_integer_value(index);

		if (!json_is_integer(index) || value < 0 || (size_t)value >= n_lists)
			return err_set(err, -EINVAL,
				"%s[%zu]: must be the index of one of the state's %zu lists", key,
				i, n_lists);
		out->lists[out->n++] = (uint8_t)value;
	}
	return 0;
}

int
control_service_lists_decode(
	json_t *json, size_t n_lists, struct control_service *out, struct err *err)
{
	int rc = decode_indices(json, "block", n_lists, &out->block, err);

	return rc < 0 ? rc : decode_indices(json, "allow", n_lists, &out->allow, err);
}

void
control_lists_free(struct control_state *state)
{
	for (size_t i = 0; i < state->n_lists; i++) {
		free(state->lists[i].file);
		prefix_list_fini(&state->lists[i].content);
	}
	free(state->lists);
}
