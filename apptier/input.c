/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client sent, read within bounds; see input.h. */
#include "apptier/input.h"

#include "apptier/request_body.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* Reads a decimal number, with '-' in front if it is negative. Returns false on anything else. */
static bool
parse_integer(const char *text, int64_t *out)
{
	bool negative = *text == '-';
	uint64_t limit = negative ? UINT64_C(1) << 63 : INT64_MAX, value = 0;
	const char *at = text + negative;

	if (!*at)
		return false;
	for (; *at; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (*at < '0' || *at > '9' || value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = negative ? -(int64_t)(value - (value > 0)) - (value > 0) : (int64_t)value;
	return true;
}

/* How many bytes the character at 'text' has; 0 if it is none (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
static size_t
character_size(const unsigned char *text, size_t size)
{
	static const struct {
		unsigned char first, last; /* Of the first byte. */
		unsigned char low, high;   /* Of the second. */
		size_t size;
	} forms[] = {
		{0x01, 0x7f, 0x00, 0x00, 1},
		{0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (*text < forms[i].first || *text > forms[i].last)
			continue;
		if (forms[i].size > size ||
			(forms[i].size > 1 && (text[1] < forms[i].low || text[1] > forms[i].high)))
			return 0;
		for (size_t byte = 2; byte < forms[i].size; byte++) {
			if ((text[byte] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].size;
	}
	return 0;
}

/* The number of characters; -1 if it is not UTF-8. */
static int64_t
count_characters(const char *text, size_t size)
{
	int64_t n = 0;

	for (size_t at = 0; at < size; n++) {
		size_t step = character_size((const unsigned char *)text + at, size - at);

		if (step == 0)
			return -1;
		at += step;
	}
	return n;
}

static bool
check_length(struct app_request *request, unsigned int status, const char *name, int64_t n,
	struct app_range length)
{
	if (n >= length.min && n <= length.max)
		return true;
	if (n < 0)
		app_reply_error(request, status, "%s is not UTF-8", name);
	else
		app_reply_error(request, status,
			"%s has %" PRId64 " characters; %" PRId64 " to %" PRId64 " are allowed",
			name, n, length.min, length.max);
	return false;
}

bool
app_query_integer(
	struct app_request *request, const char *name, struct app_range range, int64_t *out)
{
	const char *text = http_request_query(app_request_http(request), name);
	int64_t value;

	if (!text)
		return true;
	if (parse_integer(text, &value) && value >= range.min && value <= range.max) {
		*out = value;
		return true;
	}
	app_reply_error(request, 400, "%s must be a number from %" PRId64 " to %" PRId64, name,
		range.min, range.max);
	return false;
}

bool
app_query_text(
	struct app_request *request, const char *name, struct app_range length, const char **out)
{
	const char *text = http_request_query(app_request_http(request), name);

	if (!text)
		return true;
	if (!check_length(request, 400, name, count_characters(text, strlen(text)), length))
		return false;
	*out = text;
	return true;
}

bool
app_body_is(const struct http_request *req, const char *type)
{
	const char *content_type = http_request_header(req, "Content-Type");
	size_t length = strlen(type);

	return content_type && strncasecmp(content_type, type, length) == 0 &&
	       (content_type[length] == '\0' || content_type[length] == ';' ||
		       content_type[length] == ' ');
}

static bool
is_among(const char *name, const char *const *names)
{
	for (; *names; names++) {
		if (strcmp(name, *names) == 0)
			return true;
	}
	return false;
}

bool
app_json_object(struct app_request *request, const char *const *names)
{
	struct http_request *req = app_request_http(request);
	json_error_t where;
	const char *text, *name;
	json_t *body, *value;
	size_t size;

	if (!app_body_is(req, "application/json")) {
		app_reply_error(request, 415, "Content-Type must be application/json");
		return false;
	}
	text = http_request_body(req, &size);
	body = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
	app_request_set_body(request, body);
	if (!body) {
		app_reply_error(request, 400, "the body is not JSON: line %d, column %d: %s",
			where.line, where.column, where.text);
		return false;
	}
	if (!json_is_object(body)) {
		app_reply_error(request, 422, "the body must be a JSON object");
		return false;
	}
	json_object_foreach(body, name, value)
	{
		if (is_among(name, names))
			continue;
		app_reply_error(request, 422, "there is no member \"%.64s\"", name);
		return false;
	}
	return true;
}

static json_t *
find(const struct app_request *request, const char *name)
{
	json_t *value = json_object_get(app_request_body(request), name);

	return json_is_null(value) ? NULL : value;
}

bool
app_json_has(const struct app_request *request, const char *name)
{
	return find(request, name) != NULL;
}

/* Says that the member is not there, or not 'what'. */
static bool
refuse(struct app_request *request, const char *name, const char *what)
{
	if (find(request, name))
		app_reply_error(request, 422, "\"%s\" must be %s", name, what);
	else
		app_reply_error(request, 422, "the member \"%s\" is missing", name);
	return false;
}

bool
app_json_text(
	struct app_request *request, const char *name, struct app_range length, const char **out)
{
	const json_t *value = find(request, name);

	if (!json_is_string(value))
		return refuse(request, name, "a string");
	if (!check_length(request, 422, name,
		    count_characters(json_string_value(value), json_string_length(value)), length))
		return false;
	*out = json_string_value(value);
	return true;
}

bool
app_json_integer(
	struct app_request *request, const char *name, struct app_range range, int64_t *out)
{
	const json_t *value = find(request, name);

	if (!json_is_integer(value))
		return refuse(request, name, "a whole number");
	if (json_integer_value(value) < range.min || json_integer_value(value) > range.max) {
		app_reply_error(request, 422,
			"\"%s\" must be a number from %" PRId64 " to %" PRId64, name, range.min,
			range.max);
		return false;
	}
	*out = json_integer_value(value);
	return true;
}

bool
app_json_boolean(struct app_request *request, const char *name, bool *out)
{
	const json_t *value = find(request, name);

	if (!json_is_boolean(value))
		return refuse(request, name, "true or false");
	*out = json_is_true(value);
	return true;
}
