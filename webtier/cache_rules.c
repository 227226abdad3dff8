/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of the cache; see cache_rules.h. */
#include "webtier/cache_rules.h"

#include "webtier/conditional.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Those that a cache may keep where the response says how long; 206 would need its ranges put
 * together, and 304 is about another response. */
static const uint16_t storable[] = {
	200, 203, 204, 300, 301, 302, 307, 308, 404, 405, 410, 414, 501};

void
cache_control_init(struct cache_control *control)
{
	*control = (struct cache_control){
		.max_age_s = -1, .s_maxage_s = -1, .while_revalidate_s = -1, .if_error_s = -1};
}

/* A number of seconds (RFC 9111, section 1.2.2); one that is none counts as 0. */
static int32_t
read_seconds(const char *text, size_t size)
{
	int64_t seconds = 0;

	for (size_t i = 0; i < size; i++) {
		if (!isdigit((unsigned char)text[i]))
			return 0;
		seconds = seconds * 10 + (text[i] - '0');
		if (seconds > CACHE_AGE_MAX_S)
			seconds = CACHE_AGE_MAX_S;
	}
	return (int32_t)seconds;
}

static void
set_seconds(int32_t *to, const char *value, size_t size)
{
	int32_t seconds;

	if (size >= 2 && value[0] == '"' && value[size - 1] == '"') {
		value++;
		size -= 2;
	}
	seconds = read_seconds(value, size);
	if (*to < 0 || seconds < *to)
		*to = seconds;
}

static bool
is_named(const char *name, size_t size, const char *expected)
{
	return strlen(expected) == size && strncasecmp(name, expected, size) == 0;
}

static void
set_directive(struct cache_control *control, const char *name, size_t name_size, const char *value,
	size_t size)
{
	const struct {
		const char *name;
		bool *flag;
		int32_t *seconds;
	} directives[] = {
		{"no-store", &control->no_store, NULL},
		{"no-cache", &control->no_cache, NULL}, /* With fields: taken for all of them. */
		{"private", &control->is_private, NULL},
		{"public", &control->is_public, NULL},
		{"must-revalidate", &control->must_revalidate, NULL},
		{"proxy-revalidate", &control->must_revalidate, NULL},
		{"only-if-cached", &control->only_if_cached, NULL},
		{"max-age", NULL, &control->max_age_s},
		{"s-maxage", NULL, &control->s_maxage_s},
		{"stale-while-revalidate", NULL, &control->while_revalidate_s},
		{"stale-if-error", NULL, &control->if_error_s},
	};

	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
		if (!is_named(name, name_size, directives[i].name))
			continue;
		if (directives[i].flag)
			*directives[i].flag = true;
		else
			set_seconds(directives[i].seconds, value, size);
	}
}

/* Where the value that begins at 'at' ends: a quoted one may have commas in it. */
static const char *
skip_value(const char *at)
{
	if (*at != '"')
		return at + strcspn(at, ", \t");
	for (at++; *at != '\0' && *at != '"'; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
	}
	return *at == '"' ? at + 1 : at;
}

void
cache_control_add(struct cache_control *control, const char *value)
{
	const char *at = value;

	while (*(at += strspn(at, " \t,")) != '\0') {
		size_t name_size = strcspn(at, "=, \t");
		const char *name = at;
		const char *from;

		at += name_size;
		from = *at == '=' ? at + 1 : at;
		at = *at == '=' ? skip_value(from) : at;
		set_directive(control, name, name_size, from, (size_t)(at - from));
		if (at == name)
			at++; /* A '=' without a name. */
	}
}

/* What the cache looks at in a response. */
struct seen {
	struct cache_control control;
	const char *vary;
	const char *expires;
	const char *date;
	const char *age;
	bool is_refused; /* Has a field by which it must not be kept. */
};

static void
see_field(struct seen *seen, const struct response_field *field)
{
	if (strcasecmp(field->name, "Cache-Control") == 0) {
		cache_control_add(&seen->control, field->value);
	} else if (strcasecmp(field->name, "Vary") == 0) {
		/* Two of them are rare; "*" is no set of fields. */
		seen->is_refused |= seen->vary || strchr(field->value, '*');
		seen->vary = field->value;
	} else if (strcasecmp(field->name, "Expires") == 0) {
		seen->expires = field->value;
	} else if (strcasecmp(field->name, "Date") == 0) {
		seen->date = field->value;
	} else if (strcasecmp(field->name, "Age") == 0) {
		seen->age = field->value;
	} else if (strcasecmp(field->name, "Set-Cookie") == 0 ||
		   strcasecmp(field->name, "Content-Range") == 0) {
		seen->is_refused = true;
	}
}

/* RFC 9111, section 4.2.1; 0 where the response does not say. */
static uint32_t
fresh_for(const struct seen *seen, time_t date)
{
	time_t expires;

	if (seen->control.s_maxage_s >= 0)
		return (uint32_t)seen->control.s_maxage_s;
	if (seen->control.max_age_s >= 0)
		return (uint32_t)seen->control.max_age_s;
	if (!seen->expires || !http_date_parse(seen->expires, &expires) || expires <= date)
		return 0;
	return expires - date > CACHE_AGE_MAX_S ? CACHE_AGE_MAX_S : (uint32_t)(expires - date);
}

/* RFC 9111, section 4.2.3. */
static uint32_t
age_of(const struct seen *seen, time_t date, time_t now, uint32_t delay_s)
{
	time_t apparent_s = now > date ? now - date : 0;
	uint32_t told_s = delay_s;

	if (seen->age)
		told_s += (uint32_t)read_seconds(seen->age, strlen(seen->age));
	if (apparent_s > CACHE_AGE_MAX_S)
		apparent_s = CACHE_AGE_MAX_S;
	return told_s > (uint32_t)apparent_s ? told_s : (uint32_t)apparent_s;
}

static bool
may_keep_status(unsigned int status)
{
	for (size_t i = 0; i < sizeof(storable) / sizeof(storable[0]); i++)
		if (storable[i] == status)
			return true;
	return false;
}

static uint32_t
grace(const struct cache_control *control, int32_t seconds)
{
	return control->must_revalidate || seconds < 0 ? 0 : (uint32_t)seconds;
}

bool
cache_may_store(const struct response_head *head, bool is_authorized, time_t now, uint32_t delay_s,
	struct cache_lifetime *out)
{
	struct seen seen = {0};
	const struct cache_control *control = &seen.control;
	time_t date = now;

	cache_control_init(&seen.control);
	for (size_t i = 0; i < head->n_fields; i++)
		see_field(&seen, &head->fields[i]);
	if (!may_keep_status(head->status) || seen.is_refused || control->no_store ||
		control->no_cache || control->is_private)
		return false;
	if (seen.date && !http_date_parse(seen.date, &date))
		date = now;
	*out = (struct cache_lifetime){
		.age_s = age_of(&seen, date, now, delay_s),
		.fresh_s = fresh_for(&seen, date),
		.while_revalidate_s = grace(control, control->while_revalidate_s),
		.if_error_s = grace(control, control->if_error_s),
		/* RFC 9111, section 3.5 */
		.is_for_authorized =
			control->is_public || control->must_revalidate || control->s_maxage_s >= 0,
		.vary = seen.vary,
	};
	return out->fresh_s > out->age_s && (!is_authorized || out->is_for_authorized);
}
