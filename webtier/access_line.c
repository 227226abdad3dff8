/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of the access log; see access_line.h. */
#include "webtier/access_line.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#define FIELD_MAX 1024u /* Characters of one field that a client chose. */

/* And where the line would be too long in JSON: all of it five times as long and five of these,
 * with what else is in a line, fit. */
#define FIELD_CUT_MAX 256u

static const char hex_digits[] = "0123456789abcdef";

/* Copies 'text' with quotes, backslashes, control characters and bytes beyond ASCII as \xHH.
 * Reads 'max' of them at most. Returns the characters written; 'out' has room for 4 * max + 1. */
static size_t
escape(const char *text, size_t max, char *out)
{
	size_t used = 0;

	for (size_t i = 0; text[i] != '\0' && i < max; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
			out[used++] = (char)c;
			continue;
		}
		out[used++] = '\\';
		out[used++] = 'x';
		out[used++] = hex_digits[c >> 4];
		out[used++] = hex_digits[c & 15];
	}
	out[used] = '\0';
	return used;
}

/* A line under construction; what does not fit is left out. */
struct line {
	char *out;
	size_t used;
	size_t size; /* Without the newline. */
};

static void
add(struct line *line, const char *text, size_t n)
{
	if (n > line->size - line->used)
		n = line->size - line->used;
	memcpy(line->out + line->used, text, n);
	line->used += n;
}

static void
add_escaped(struct line *line, const char *text)
{
	char escaped[4 * FIELD_MAX + 1];

	if (text)
		add(line, escaped, escape(text, FIELD_MAX, escaped));
	else
		add(line, "-", 1);
}

/* The months are spelled out because strftime() follows the locale. */
static size_t
format_time(time_t time, char *out, size_t size)
{
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm tm;

	gmtime_r(&time, &tm);
	return (size_t)snprintf(out, size, "%02d/%s/%04d:%02d:%02d:%02d +0000", tm.tm_mday,
		months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* ADDRESS - - [TIME] "METHOD TARGET VERSION" STATUS BYTES "REFERER" "USER-AGENT" */
static size_t
format_combined(const struct access_record *record, char *out, size_t size)
{
	struct line line = {.out = out, .size = size - 1};
	char address[ADDR_TEXT_SIZE];
	char text[96];
	size_t n;

	addr_format(record->peer, address, sizeof(address));
	add(&line, address, strlen(address));
	add(&line, " - - [", 6);
	n = format_time(record->time, text, sizeof(text));
	add(&line, text, n);
	add(&line, "] \"", 3);
	add_escaped(&line, record->method);
	add(&line, " ", 1);
	add_escaped(&line, record->target);
	add(&line, " ", 1);
	add_escaped(&line, record->version);
	/* 499 as other servers log it: the client closed the request. */
	n = (size_t)snprintf(text, sizeof(text), "\" %u %" PRIu64 " \"",
		record->status ? record->status : 499, record->sent);
	add(&line, text, n);
	add_escaped(&line, record->referer);
	add(&line, "\" \"", 3);
	add_escaped(&line, record->user_agent);
	add(&line, "\"", 1);
	out[line.used++] = '\n';
	return line.used;
}

/* JSON has only UTF-8; other text is escaped as in the combined format. */
static void
set_text(json_t *object, const char *key, const char *text, size_t max)
{
	char escaped[4 * FIELD_MAX + 1];
	json_t *value;

	if (!text)
		return;
	value = strlen(text) <= max ? json_string(text) : NULL;
	if (!value) {
		escape(text, max, escaped);
		value = json_string(escaped);
	}
	json_object_set_new(object, key, value);
}

/* Returns the size, or 0 if the line does not fit or memory is short. */
static size_t
format_json(const struct access_record *record, size_t max, char *out, size_t size)
{
	json_t *object = json_object();
	char address[ADDR_TEXT_SIZE];
	char time_text[32];
	struct tm tm;
	size_t n;

	gmtime_r(&record->time, &tm);
	strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	set_text(object, "time", time_text, max);
	set_text(object, "remote", addr_format(record->peer, address, sizeof(address)), max);
	set_text(object, "method", record->method, max);
	set_text(object, "target", record->target, max);
	set_text(object, "version", record->version, max);
	json_object_set_new(object, "status", json_integer(record->status ? record->status : 499));
	json_object_set_new(object, "bytes", json_integer((json_int_t)record->sent));
	json_object_set_new(object, "duration_us", json_integer((json_int_t)record->duration_us));
	json_object_set_new(object, "tls", json_boolean(record->is_tls));
	set_text(object, "host", record->host, max);
	set_text(object, "referer", record->referer, max);
	set_text(object, "user_agent", record->user_agent, max);
	set_text(object, "upstream", record->upstream, max);
	set_text(object, "request_id", record->request_id, max);
	n = json_dumpb(object, out, size - 1, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(object);
	if (n == 0 || n > size - 1)
		return 0;
	out[n++] = '\n';
	return n;
}

size_t
access_line_format(
	enum log_format format, const struct access_record *record, char *out, size_t size)
{
	size_t n;

	assert(size >= ACCESS_LINE_MAX);
	switch (format) {
	case LOG_FORMAT_COMBINED:
		return format_combined(record, out, size);
	case LOG_FORMAT_JSON:
		n = format_json(record, FIELD_MAX, out, size);
		return n > 0 ? n : format_json(record, FIELD_CUT_MAX, out, size);
	}
	return 0;
}
