/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client says of a link; see link_fields.h. */
#include "apptier/shortener/link_fields.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

/* Checks 'value' and takes it over. Returns 0, or -EINVAL with 'err' set. */
typedef int (*read_fn)(
	struct link_fields *out, const json_t *value, const char *now, struct err *err);

static int
read_url(struct link_fields *out, const json_t *value, const char *now, struct err *err)
{
	const char *url = json_string_value(value);
	size_t size = json_string_length(value);
	int rc;

	(void)now;
	if (!url)
		return err_set(err, -EINVAL, "\"url\" must be a string");
	rc = link_url_check(url, size, err);
	if (rc == 0)
		memcpy(out->url, url, size + 1);
	return rc;
}

static int
read_title(struct link_fields *out, const json_t *value, const char *now, struct err *err)
{
	const char *title = json_string_value(value);
	size_t size = json_string_length(value);
	int rc;

	(void)now;
	if (json_is_null(value))
		return 0;
	if (!title)
		return err_set(err, -EINVAL, "\"title\" must be a string or null");
	rc = link_title_check(title, size, err);
	if (rc == 0)
		memcpy(out->title, title, size + 1);
	return rc;
}

static int
read_code(struct link_fields *out, const json_t *value, const char *now, struct err *err)
{
	const char *code = json_string_value(value);
	int rc;

	(void)now;
	if (!code || json_string_length(value) != strlen(code))
		return err_set(err, -EINVAL, "\"code\" must be a string");
	rc = link_code_check_custom(code, err);
	if (rc == 0)
		memcpy(out->code, code, strlen(code) + 1);
	return rc;
}

static int
read_permanent(struct link_fields *out, const json_t *value, const char *now, struct err *err)
{
	(void)now;
	if (!json_is_boolean(value))
		return err_set(err, -EINVAL, "\"permanent\" must be true or false");
	out->permanent = json_is_true(value);
	return 0;
}

static int
read_expires(struct link_fields *out, const json_t *value, const char *now, struct err *err)
{
	const char *text = json_string_value(value);
	int rc;

	if (json_is_null(value))
		return 0;
	if (!text)
		return err_set(err, -EINVAL, "\"expires\" must be a string or null");
	rc = link_time_parse(text, out->expires_at, err);
	if (rc < 0) {
		err_prefix(err, "\"expires\"");
		return rc;
	}
	if (strcmp(out->expires_at, now) <= 0)
		return err_set(err, -EINVAL, "\"expires\" is %s, which is not in the future", text);
	return 0;
}

static const struct member {
	const char *name;
	enum link_field field;
	read_fn read;
} members[] = {
	{"url", LINK_FIELD_URL, read_url},
	{"title", LINK_FIELD_TITLE, read_title},
	{"code", LINK_FIELD_CODE, read_code},
	{"permanent", LINK_FIELD_PERMANENT, read_permanent},
	{"expires", LINK_FIELD_EXPIRES, read_expires},
};

#define N_MEMBERS (sizeof(members) / sizeof(members[0]))

static int
read_member(struct link_fields *out, const char *name, const json_t *value, const char *now,
	struct err *err)
{
	for (size_t i = 0; i < N_MEMBERS; i++) {
		if (strcmp(members[i].name, name) != 0)
			continue;
		out->given |= members[i].field;
		return members[i].read(out, value, now, err);
	}
	return 0;
}

/* Says which members are known if there is another one. */
static int
check_names(json_t *body, unsigned int allowed, struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach(body, name, value)
	{
		bool known = false;

		for (size_t i = 0; i < N_MEMBERS; i++)
			known = known ||
				(allowed & members[i].field && strcmp(members[i].name, name) == 0);
		if (!known)
			return err_set(err, -EINVAL,
				"only the members url, title, %spermanent and expires are known "
				"here",
				allowed & LINK_FIELD_CODE ? "code, " : "");
	}
	return 0;
}

unsigned int
link_fields_parse(struct link_fields *out, const char *text, size_t size, unsigned int allowed,
	const char *now, struct err *err)
{
	json_error_t where;
	json_t *value, *body = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
	const char *name;
	int rc;

	if (!body) {
		err_set(err, 0, "the body is not JSON: line %d, column %d: %s", where.line,
			where.column, where.text);
		return 400;
	}
	rc = json_is_object(body) ? check_names(body, allowed, err)
				  : err_set(err, -EINVAL,
					    "the body must be an object like {\"url\": "
					    "\"https://example.org/\"}");
	json_object_foreach(body, name, value)
	{
		if (rc == 0)
			rc = read_member(out, name, value, now, err);
	}
	json_decref(body);
	return rc == 0 ? 0 : 422;
}
