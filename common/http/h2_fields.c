/* SPDX-License-Identifier: BSD-3-Clause */
/* Header lists of HTTP/2; see h2_fields.h. */
#include "common/http/h2_fields.h"

#include "common/http/guard.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIELD_OVERHEAD 32 /* RFC 9113 6.5.2. */
#define FIRST_BYTES 512u
#define ABSENT SIZE_MAX

static const char *const pseudo_names[] = {
	[H2_METHOD] = ":method",
	[H2_SCHEME] = ":scheme",
	[H2_AUTHORITY] = ":authority",
	[H2_PATH] = ":path",
};

void
h2_fields_init(struct h2_fields *fields, size_t list_max)
{
	*fields = (struct h2_fields){.list_max = list_max};
	for (size_t i = 0; i < H2_N_PSEUDO; i++)
		fields->pseudo[i] = ABSENT;
}

void
h2_fields_fini(struct h2_fields *fields)
{
	free(fields->text);
	fields->text = NULL;
}

static bool
grow(struct h2_fields *fields, size_t size)
{
	size_t capacity = fields->capacity ? fields->capacity : FIRST_BYTES;
	char *grown;

	if (fields->used + size <= fields->capacity)
		return true;
	while (capacity < fields->used + size)
		capacity *= 2;
	grown = realloc(fields->text, capacity);
	if (!grown)
		return false;
	fields->text = grown;
	fields->capacity = capacity;
	return true;
}

/* Appends a text for which there is room; returns its offset. */
static size_t
put(struct h2_fields *fields, const char *text, size_t size)
{
	size_t at = fields->used;

	memcpy(fields->text + at, text, size);
	fields->text[at + size] = '\0';
	fields->used += size + 1;
	return at;
}

static int
put_field(struct h2_fields *fields, const char *name, size_t name_size, const char *value,
	size_t value_size)
{
	if (!grow(fields, name_size + value_size + 2))
		return -ENOMEM;
	put(fields, name, name_size);
	put(fields, value, value_size);
	return 0;
}

static int
put_pseudo(struct h2_fields *fields, const char *name, size_t name_size, const char *value,
	size_t value_size)
{
	if (!grow(fields, value_size + 1))
		return -ENOMEM;
	for (size_t i = 0; i < H2_N_PSEUDO; i++) {
		if (strlen(pseudo_names[i]) == name_size &&
			memcmp(pseudo_names[i], name, name_size) == 0)
			fields->pseudo[i] = put(fields, value, value_size);
	}
	fields->first = fields->used;
	return 0;
}

int
h2_fields_add(struct h2_fields *fields, const char *name, size_t name_size, const char *value,
	size_t value_size)
{
	static const char cookie[] = "cookie";

	fields->list_size += name_size + value_size + FIELD_OVERHEAD;
	if (fields->list_size > fields->list_max)
		return 0;
	if (name_size > 0 && name[0] == ':')
		return put_pseudo(fields, name, name_size, value, value_size);
	if (name_size == sizeof(cookie) - 1 && memcmp(name, cookie, name_size) == 0)
		fields->n_cookies++;
	return put_field(fields, name, name_size, value, value_size);
}

const char *
h2_fields_pseudo(const struct h2_fields *fields, enum h2_pseudo pseudo)
{
	return fields->pseudo[pseudo] == ABSENT ? NULL : fields->text + fields->pseudo[pseudo];
}

/* The field at the offset '*at', which then is that of the next; NULL at the end. */
static const char *
next_field(const struct h2_fields *fields, size_t *at, const char **value)
{
	const char *name;

	if (!fields->text || *at >= fields->used)
		return NULL;
	name = fields->text + *at;
	*value = name + strlen(name) + 1;
	*at = (size_t)(*value - fields->text) + strlen(*value) + 1;
	return name;
}

const char *
h2_fields_find(const struct h2_fields *fields, const char *name)
{
	size_t at = fields->first;
	const char *value;
	const char *found;

	while ((found = next_field(fields, &at, &value)) != NULL) {
		if (strcasecmp(found, name) == 0)
			return value;
	}
	return NULL;
}

void
h2_fields_each(const struct h2_fields *fields,
	void (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
	size_t at = fields->first;
	const char *value;
	const char *name;

	while ((name = next_field(fields, &at, &value)) != NULL)
		each(ctx, name, value);
}

int64_t
h2_fields_length(const struct h2_fields *fields)
{
	const char *length = h2_fields_find(fields, "content-length");

	return length ? (int64_t)strtoll(length, NULL, 10) : -1;
}

/* A browser may send its cookies one by one; HTTP/1.1 knows one field of them (RFC 9113 8.2.3). */
static bool
join_cookies(struct h2_fields *fields)
{
	size_t room = fields->used + fields->n_cookies * 2 + sizeof("cookie");
	struct h2_fields joined = {.text = malloc(room), .capacity = room};
	size_t at = fields->first;
	const char *value;
	const char *name;
	char *end;

	assert(fields->text); /* It has cookies. */
	if (!joined.text)
		return false;
	memcpy(joined.text, fields->text, fields->first);
	joined.used = fields->first;
	while ((name = next_field(fields, &at, &value)) != NULL) {
		if (strcmp(name, "cookie") == 0)
			continue;
		put(&joined, name, strlen(name));
		put(&joined, value, strlen(value));
	}
	put(&joined, "cookie", strlen("cookie"));
	end = joined.text + joined.used;
	for (at = fields->first; (name = next_field(fields, &at, &value)) != NULL;) {
		if (strcmp(name, "cookie") != 0)
			continue;
		if (end != joined.text + joined.used)
			end = stpcpy(end, "; ");
		end = stpcpy(end, value);
	}
	joined.used = (size_t)(end - joined.text) + 1;
	free(fields->text);
	fields->text = joined.text;
	fields->used = joined.used;
	fields->capacity = joined.capacity;
	return true;
}

/* RFC 9113 8.3.1: where both say who is asked, they must agree, or one server takes the request for
 * another's. */
static unsigned int
complete_host(struct h2_fields *fields, const char **reason)
{
	const char *authority = h2_fields_pseudo(fields, H2_AUTHORITY);
	const char *host = h2_fields_find(fields, "host");

	*reason = "a malformed host";
	if ((authority && !guard_is_host(authority)) || (host && !guard_is_host(host)))
		return 400;
	*reason = "a Host that is not the authority";
	if (authority && host && strcasecmp(authority, host) != 0)
		return 400;
	*reason = "no host";
	if (!authority && !host)
		return 400;
	*reason = "out of memory";
	if (host)
		return 0;
	/* The authority moves with the text: make room first. */
	if (!grow(fields, sizeof("host") + strlen(authority) + 1))
		return 503;
	authority = h2_fields_pseudo(fields, H2_AUTHORITY);
	put(fields, "host", strlen("host"));
	put(fields, authority, strlen(authority));
	return 0;
}

static bool
has_two(const struct h2_fields *fields, const char *wanted)
{
	size_t at = fields->first;
	unsigned int n = 0;
	const char *value;
	const char *name;

	while ((name = next_field(fields, &at, &value)) != NULL)
		n += strcmp(name, wanted) == 0;
	return n > 1;
}

unsigned int
h2_fields_complete(struct h2_fields *fields, const char **reason)
{
	const char *path = h2_fields_pseudo(fields, H2_PATH);

	*reason = "a header that is too large";
	if (fields->list_size > fields->list_max)
		return 431;
	*reason = "a character in the request target that is not allowed";
	if (path && !guard_is_target(path))
		return 400;
	*reason = "more than one Host";
	if (has_two(fields, "host"))
		return 400;
	*reason = "out of memory";
	if (fields->n_cookies > 1 && !join_cookies(fields))
		return 503;
	return complete_host(fields, reason);
}
