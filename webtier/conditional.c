/* SPDX-License-Identifier: BSD-3-Clause */
/* Conditional requests; see conditional.h. */
#include "webtier/conditional.h"

#include <stdio.h>
#include <string.h>

/* The names are written out because strftime() follows the locale. */
static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const month_names[] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void
http_date_format(time_t time, char out[static HTTP_DATE_SIZE])
{
	struct tm tm;

	gmtime_r(&time, &tm);
	/* The remainders tell the compiler what the fields' ranges are. */
	snprintf(out, HTTP_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT", day_names[tm.tm_wday],
		(unsigned int)tm.tm_mday % 100, month_names[tm.tm_mon],
		(unsigned int)(tm.tm_year + 1900) % 10000, (unsigned int)tm.tm_hour % 100,
		(unsigned int)tm.tm_min % 100, (unsigned int)tm.tm_sec % 100);
}

/* A cursor over a date: each reader moves it and returns false where the text does not fit. */
static bool
read_literal(const char **at, const char *literal)
{
	size_t size = strlen(literal);

	if (strncmp(*at, literal, size) != 0)
		return false;
	*at += size;
	return true;
}

static bool
read_digits(const char **at, int n, int *out)
{
	int value = 0;

	for (int i = 0; i < n; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	*out = value;
	return true;
}

static bool
read_month(const char **at, int *out)
{
	for (int i = 0; i < 12; i++) {
		if (read_literal(at, month_names[i])) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool
read_clock(const char **at, struct tm *tm)
{
	return read_digits(at, 2, &tm->tm_hour) && read_literal(at, ":") &&
	       read_digits(at, 2, &tm->tm_min) && read_literal(at, ":") &&
	       read_digits(at, 2, &tm->tm_sec) && tm->tm_hour < 24 && tm->tm_min < 60 &&
	       tm->tm_sec < 61;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool
read_imf(const char *at, struct tm *tm)
{
	if (strlen(at) != HTTP_DATE_SIZE - 1)
		return false;
	at += 3;
	if (!read_literal(&at, ", ") || !read_digits(&at, 2, &tm->tm_mday) ||
		!read_literal(&at, " ") || !read_month(&at, &tm->tm_mon) ||
		!read_literal(&at, " ") || !read_digits(&at, 4, &tm->tm_year))
		return false;
	tm->tm_year -= 1900;
	return read_literal(&at, " ") && read_clock(&at, tm) && read_literal(&at, " GMT");
}

/* "Sunday, 06-Nov-94 08:49:37 GMT": a year that seems more than 50 years ahead is in the past. */
static bool
read_rfc850(const char *at, struct tm *tm)
{
	time_t now = time(NULL);
	struct tm today;

	at = strchr(at, ',');
	if (!at || !read_literal(&at, ", ") || !read_digits(&at, 2, &tm->tm_mday) ||
		!read_literal(&at, "-") || !read_month(&at, &tm->tm_mon) ||
		!read_literal(&at, "-") || !read_digits(&at, 2, &tm->tm_year))
		return false;
	gmtime_r(&now, &today);
	tm->tm_year += today.tm_year / 100 * 100;
	if (tm->tm_year > today.tm_year + 50)
		tm->tm_year -= 100;
	return read_literal(&at, " ") && read_clock(&at, tm) && read_literal(&at, " GMT") &&
	       *at == '\0';
}

/* "Sun Nov  6 08:49:37 1994" */
static bool
read_asctime(const char *at, struct tm *tm)
{
	if (strlen(at) != 24)
		return false;
	at += 3;
	if (!read_literal(&at, " ") || !read_month(&at, &tm->tm_mon) || !read_literal(&at, " "))
		return false;
	if (read_literal(&at, " ") ? !read_digits(&at, 1, &tm->tm_mday)
				   : !read_digits(&at, 2, &tm->tm_mday))
		return false;
	if (!read_literal(&at, " ") || !read_clock(&at, tm) || !read_literal(&at, " ") ||
		!read_digits(&at, 4, &tm->tm_year))
		return false;
	tm->tm_year -= 1900;
	return true;
}

bool
http_date_parse(const char *text, time_t *out)
{
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	if (!read_imf(text, &tm)) {
		memset(&tm, 0, sizeof(tm));
		if (!read_rfc850(text, &tm)) {
			memset(&tm, 0, sizeof(tm));
			if (!read_asctime(text, &tm))
				return false;
		}
	}
	if (tm.tm_mday < 1 || tm.tm_mday > 31)
		return false;
	*out = timegm(&tm);
	return true;
}

/* True if 'etag' is in the list 'text'. A weak tag in the list ("W/"...) matches only where 'weak'
 * comparison is meant; our own tag is strong (RFC 9110, section 8.8.3.2). */
static bool
list_has_etag(const char *text, const char *etag, bool weak)
{
	size_t etag_size = strlen(etag);

	for (;;) {
		bool is_weak;
		const char *end;

		text += strspn(text, " \t,");
		if (*text == '*')
			return true;
		is_weak = read_literal(&text, "W/");
		if (*text != '"' || !(end = strchr(text + 1, '"')))
			return false; /* The end, or not a list of tags. */
		end++;
		if ((weak || !is_weak) && (size_t)(end - text) == etag_size &&
			memcmp(text, etag, etag_size) == 0)
			return true;
		text = end;
	}
}

enum conditional_verdict
conditional_evaluate(const struct conditions *conditions, const struct validators *validators)
{
	time_t date;

	if (conditions->if_match) {
		if (!list_has_etag(conditions->if_match, validators->etag, false))
			return CONDITIONAL_FAILED;
	} else if (conditions->if_unmodified_since &&
		   http_date_parse(conditions->if_unmodified_since, &date) &&
		   validators->last_modified > date) {
		return CONDITIONAL_FAILED;
	}
	if (conditions->if_none_match) {
		if (list_has_etag(conditions->if_none_match, validators->etag, true))
			return CONDITIONAL_NOT_MODIFIED;
	} else if (conditions->if_modified_since &&
		   http_date_parse(conditions->if_modified_since, &date) &&
		   validators->last_modified <= date) {
		return CONDITIONAL_NOT_MODIFIED;
	}
	return CONDITIONAL_GO_ON;
}

bool
conditional_range_applies(const struct conditions *conditions, const struct validators *validators)
{
	const char *text = conditions->if_range;
	time_t date;

	if (!text)
		return true;
	if (text[0] == '"')
		return strcmp(text, validators->etag) == 0;
	/* A weak tag never matches here; a date must be exactly ours (section 13.1.5). */
	return http_date_parse(text, &date) && date == validators->last_modified;
}
