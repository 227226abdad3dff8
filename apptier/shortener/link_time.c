/* SPDX-License-Identifier: BSD-3-Clause */
/* Times of links; see link_time.h. */
#include "apptier/shortener/link_time.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400
#define YEAR_MIN 1970
#define TIME_MAX_S INT64_C(253402300799) /* The last second that SQL's DATETIME knows. */

static void
format(time_t seconds, unsigned int ms, char out[static LINK_TIME_SIZE])
{
	struct tm tm;
	size_t length;

	gmtime_r(&seconds, &tm);
	length = strftime(out, LINK_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(out + length, LINK_TIME_SIZE - length, ".%03u", ms);
}

/* Reads 'n' digits at '*at', which then stands behind them. */
static bool
read_digits(const char **at, unsigned int n, int *out)
{
	int value = 0;

	for (; n > 0; n--, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return false;
		value = value * 10 + (**at - '0');
	}
	*out = value;
	return true;
}

static bool
read_character(const char **at, const char *of)
{
	if (!**at || !strchr(of, **at))
		return false;
	(*at)++;
	return true;
}

static bool
read_date(const char **at, struct tm *tm)
{
	struct tm there = {0};

	if (!read_digits(at, 4, &there.tm_year) || !read_character(at, "-") ||
		!read_digits(at, 2, &there.tm_mon) || !read_character(at, "-") ||
		!read_digits(at, 2, &there.tm_mday) || there.tm_year < YEAR_MIN)
		return false;
	there.tm_year -= 1900;
	there.tm_mon--;
	*tm = there;
	/* A day that there is not, as 30 February, is made another one. */
	timegm(&there);
	return there.tm_mday == tm->tm_mday && there.tm_mon == tm->tm_mon;
}

/* RFC 3339 5.6: "Z" or the offset from UTC, in seconds. */
static bool
read_offset(const char **at, int *out)
{
	int sign = **at == '-' ? -1 : 1;
	int hours, minutes;

	*out = 0;
	if (read_character(at, "Zz"))
		return true;
	if (!read_character(at, "+-") || !read_digits(at, 2, &hours) || !read_character(at, ":") ||
		!read_digits(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*out = sign * (hours * 60 + minutes) * 60;
	return true;
}

/* "03:04:05" and a fraction, of which milliseconds are kept. */
static bool
read_clock(const char **at, struct tm *tm, unsigned int *ms)
{
	unsigned int weight = 100;

	if (!read_digits(at, 2, &tm->tm_hour) || !read_character(at, ":") ||
		!read_digits(at, 2, &tm->tm_min) || !read_character(at, ":") ||
		!read_digits(at, 2, &tm->tm_sec) || tm->tm_hour > 23 || tm->tm_min > 59 ||
		tm->tm_sec > 60)
		return false;
	*ms = 0;
	if (!read_character(at, "."))
		return true;
	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); (*at)++, weight /= 10)
		*ms += weight * (unsigned int)(**at - '0');
	return true;
}

void
link_time_now(char out[static LINK_TIME_SIZE])
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	format(now.tv_sec, (unsigned int)(now.tv_nsec / 1000000), out);
}

uint32_t
link_day_today(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (uint32_t)(now.tv_sec / DAY_S);
}

void
link_day_format(uint32_t day, char out[static LINK_DAY_SIZE])
{
	char text[LINK_TIME_SIZE];

	format((time_t)day * DAY_S, 0, text);
	snprintf(out, LINK_DAY_SIZE, "%.10s", text);
}

int
link_day_parse(const char *text, uint32_t *out)
{
	struct tm tm;

	if (!read_date(&text, &tm) || *text)
		return -EINVAL;
	*out = (uint32_t)(timegm(&tm) / DAY_S);
	return 0;
}

int
link_time_parse(const char *text, char out[static LINK_TIME_SIZE], struct err *err)
{
	struct tm tm;
	unsigned int ms;
	int offset_s;
	time_t seconds;

	if (!read_date(&text, &tm) || !read_character(&text, "Tt ") ||
		!read_clock(&text, &tm, &ms) || !read_offset(&text, &offset_s) || *text)
		return err_set(err, -EINVAL,
			"it must be a time as in RFC 3339, like 2030-01-31T12:00:00Z, that there "
			"is");
	seconds = timegm(&tm) - offset_s;
	if (seconds < 0 || seconds > TIME_MAX_S)
		return err_set(err, -EINVAL, "it must be a time of the years 1970 to 9999");
	format(seconds, ms, out);
	return 0;
}

void
link_time_format(const char *sql, char out[static LINK_TIME_SIZE])
{
	char *blank;

	snprintf(out, LINK_TIME_SIZE, "%.*sZ", LINK_TIME_SIZE - 2, sql);
	blank = strchr(out, ' ');
	if (blank)
		*blank = 'T';
}
