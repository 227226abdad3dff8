/* SPDX-License-Identifier: BSD-3-Clause */
/* Strict response parser; see response_parser.h. */
#include "webtier/response_parser.h"

#include "common/http/guard.h"
#include "common/http/octets.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include <http_parser.h>

#define EXPECTED_BODY_MAX 65536 /* Longer ones find their room as they come. */
#define INTERIM_MAX 8           /* 1xx responses before the final one. */

/* Where the scanner stands in the header's lines. */
enum scan_state {
	SCAN_LINE_START, /* The next byte begins a line. */
	SCAN_LINE,
	SCAN_CR,       /* A CR at a line's end: LF must follow. */
	SCAN_FINAL_CR, /* The CR of the empty line. */
	SCAN_DONE,
};

enum field_part {
	PART_NONE,
	PART_NAME,
	PART_VALUE
};

/* A field in 'text', as offsets because 'text' may move while it grows. */
struct span {
	uint32_t name;
	uint32_t value;
};

struct response_parser {
	http_parser http;
	enum scan_state scan;
	uint32_t n_lines;
	uint32_t head_bytes;
	uint32_t n_interim;
	enum field_part part;
	bool is_head;
	bool may_upgrade;
	bool is_touched;
	bool is_interim;
	bool has_head;
	bool is_complete;
	bool keeps_alive;
	bool has_trailers;
	bool has_excess; /* Bytes behind the end of the response. */
	int failure;     /* Negative errno, once one of the callbacks has refused. */
	const char *why;
	struct byte_queue text; /* Names and values, each with a NUL. */
	struct span spans[RESPONSE_FIELDS_MAX];
	struct response_field fields[RESPONSE_FIELDS_MAX];
	struct byte_queue trailer_text; /* As 'text', behind the body. */
	struct span trailer_spans[RESPONSE_TRAILERS_MAX];
	struct response_field trailers[RESPONSE_TRAILERS_MAX];
	size_t n_trailers;
	struct response_head head;
	struct byte_queue *body;
};

static int
refuse(struct response_parser *parser, int failure, const char *why)
{
	parser->failure = failure;
	parser->why = why;
	return failure;
}

static struct response_parser *
of_http(http_parser *http)
{
	return http->data;
}

/* Where the fields are collected: those of the head, or those behind the last chunk. */
struct collected {
	struct byte_queue *text;
	struct span *spans;
	size_t *n;
	size_t max;
};

static struct collected
collected_of(struct response_parser *parser)
{
	if (parser->has_head)
		return (struct collected){&parser->trailer_text, parser->trailer_spans,
			&parser->n_trailers, RESPONSE_TRAILERS_MAX};
	return (struct collected){
		&parser->text, parser->spans, &parser->head.n_fields, RESPONSE_FIELDS_MAX};
}

/* Ends the text that is being collected. */
static int
end_part(struct response_parser *parser)
{
	struct collected to = collected_of(parser);

	if (parser->part != PART_NONE && !byte_queue_append(to.text, "", 1))
		return refuse(parser, -ENOMEM, "out of memory");
	parser->part = PART_NONE;
	return 0;
}

static int
on_header_field(http_parser *http, const char *at, size_t size)
{
	struct response_parser *parser = of_http(http);
	struct collected to = collected_of(parser);

	parser->has_trailers |= parser->has_head;
	if (parser->part != PART_NAME) {
		if (end_part(parser) < 0)
			return -1;
		if (*to.n == to.max || byte_queue_size(to.text) > RESPONSE_HEAD_MAX)
			return refuse(parser, -EBADMSG, "too many header fields");
		to.spans[*to.n].name = (uint32_t)byte_queue_size(to.text);
		parser->part = PART_NAME;
	}
	return byte_queue_append(to.text, at, size) ? 0 : refuse(parser, -ENOMEM, "out of memory");
}

static int
on_header_value(http_parser *http, const char *at, size_t size)
{
	struct response_parser *parser = of_http(http);
	struct collected to = collected_of(parser);

	if (parser->part != PART_VALUE) {
		if (end_part(parser) < 0)
			return -1;
		to.spans[(*to.n)++].value = (uint32_t)byte_queue_size(to.text);
		parser->part = PART_VALUE;
	}
	return byte_queue_append(to.text, at, size) ? 0 : refuse(parser, -ENOMEM, "out of memory");
}

/* http-parser leaves blanks behind a value. */
static void
trim_right(char *value)
{
	size_t n = strlen(value);

	while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
		value[--n] = '\0';
}

static int
check_fields(struct response_parser *parser)
{
	char *text = parser->text.bytes;
	unsigned int n_encodings = 0;

	for (size_t i = 0; i < parser->head.n_fields; i++) {
		char *name = text + parser->spans[i].name;
		char *value = text + parser->spans[i].value;

		trim_right(value);
		if (!guard_is_token(name))
			return refuse(parser, -EBADMSG, "a header name is not a token");
		if (strcasecmp(name, "transfer-encoding") == 0 &&
			(strcasecmp(value, "chunked") != 0 || ++n_encodings > 1 ||
				parser->http.http_minor == 0))
			return refuse(parser, -EBADMSG, "a transfer coding other than chunked");
		parser->fields[i].name = name;
		parser->fields[i].value = value;
	}
	return 0;
}

static bool
is_value(const char *value)
{
	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* The scanner has not seen these lines, so they are looked at here. */
static int
check_trailers(struct response_parser *parser)
{
	if (end_part(parser) < 0)
		return -1;
	for (size_t i = 0; i < parser->n_trailers; i++) {
		char *name = parser->trailer_text.bytes + parser->trailer_spans[i].name;
		char *value = parser->trailer_text.bytes + parser->trailer_spans[i].value;

		trim_right(value);
		if (!guard_is_token(name) || !is_value(value))
			return refuse(parser, -EBADMSG, "a malformed trailer");
		parser->trailers[i] = (struct response_field){name, value};
	}
	return 0;
}

static int
check_status(struct response_parser *parser)
{
	unsigned int status = parser->http.status_code;

	if (parser->http.http_major != 1 || parser->http.http_minor > 1)
		return refuse(parser, -EBADMSG, "not HTTP/1.0 or HTTP/1.1");
	if (status < 100 || status > 599)
		return refuse(parser, -EBADMSG, "a status code out of range");
	if (status == 101 && !parser->may_upgrade)
		return refuse(parser, -EBADMSG, "an unasked change of protocol");
	return 0;
}

#define NO_BODY 1 /* What http-parser takes as "this message has no body". */

static int
on_headers_complete(http_parser *http)
{
	struct response_parser *parser = of_http(http);
	unsigned int status = http->status_code;

	if (end_part(parser) < 0 || check_status(parser) < 0 || check_fields(parser) < 0)
		return -1;
	if (status < 200 && status != 101) {
		if (++parser->n_interim > INTERIM_MAX)
			return refuse(parser, -EBADMSG, "too many interim responses");
		parser->is_interim = true;
		return NO_BODY;
	}
	if (http->content_length > INT64_MAX && http->content_length != UINT64_MAX)
		return refuse(parser, -EBADMSG, "Content-Length is out of range");
	parser->has_head = true;
	parser->head.status = status;
	parser->head.fields = parser->fields;
	parser->head.body_size = status == 101 || http->content_length == UINT64_MAX
					 ? RESPONSE_BODY_UNKNOWN
					 : (int64_t)http->content_length;
	if (!parser->is_head && parser->head.body_size > 0 &&
		parser->head.body_size <= EXPECTED_BODY_MAX)
		byte_queue_expect(parser->body, (size_t)parser->head.body_size);
	/* RFC 9112, section 6.3: these end with their header whatever it says. */
	return parser->is_head || status == 204 || status == 304 || status == 101 ? NO_BODY : 0;
}

static int
on_body(http_parser *http, const char *at, size_t size)
{
	struct response_parser *parser = of_http(http);

	return byte_queue_append(parser->body, at, size) ? 0
							 : refuse(parser, -ENOMEM, "out of memory");
}

static int
on_message_complete(http_parser *http)
{
	struct response_parser *parser = of_http(http);

	if (parser->has_trailers && check_trailers(parser) < 0)
		return -1;
	if (!parser->is_interim) {
		parser->is_complete = true;
		parser->keeps_alive = http->status_code != 101 && http_should_keep_alive(http);
	}
	http_parser_pause(http, 1); /* What follows is another message. */
	return 0;
}

static const http_parser_settings settings = {
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

static void
begin_message(struct response_parser *parser)
{
	http_parser_init(&parser->http, HTTP_RESPONSE);
	parser->http.data = parser;
	parser->scan = SCAN_LINE_START;
	parser->n_lines = 0;
	parser->head_bytes = 0;
	parser->part = PART_NONE;
	parser->is_interim = false;
	parser->head.n_fields = 0;
	byte_queue_consume(&parser->text, byte_queue_size(&parser->text));
}

int
response_parser_new(struct response_parser **out)
{
	struct response_parser *parser = calloc(1, sizeof(*parser));

	if (!parser)
		return -ENOMEM;
	byte_queue_init(&parser->text);
	byte_queue_init(&parser->trailer_text);
	begin_message(parser);
	*out = parser;
	return 0;
}

void
response_parser_free(struct response_parser *parser)
{
	if (!parser)
		return;
	byte_queue_fini(&parser->text);
	byte_queue_fini(&parser->trailer_text);
	free(parser);
}

void
response_parser_reset(struct response_parser *parser, bool is_head, struct byte_queue *body)
{
	begin_message(parser);
	parser->n_interim = 0;
	parser->is_head = is_head;
	parser->may_upgrade = false;
	parser->is_touched = false;
	parser->has_head = false;
	parser->is_complete = false;
	parser->keeps_alive = false;
	parser->has_trailers = false;
	parser->n_trailers = 0;
	byte_queue_consume(&parser->trailer_text, byte_queue_size(&parser->trailer_text));
	parser->has_excess = false;
	parser->failure = 0;
	parser->why = NULL;
	parser->body = body;
}

void
response_parser_allow_upgrade(struct response_parser *parser)
{
	parser->may_upgrade = true;
}

/* One byte of the header; returns false where it breaks the discipline of its lines. */
static bool
scan_byte(struct response_parser *parser, unsigned char c)
{
	switch (parser->scan) {
	case SCAN_LINE_START:
		if (c == '\r') {
			parser->scan = SCAN_FINAL_CR;
			return parser->n_lines > 0;
		}
		parser->scan = SCAN_LINE;
		return c > ' ' && c != 0x7f; /* No blank: it would continue the line before. */
	case SCAN_LINE:
		if (c == '\r')
			parser->scan = SCAN_CR;
		return c == '\r' || c == '\t' || (c >= ' ' && c != 0x7f);
	case SCAN_CR:
		parser->scan = SCAN_LINE_START;
		parser->n_lines++;
		return c == '\n';
	case SCAN_FINAL_CR:
		parser->scan = SCAN_DONE;
		return c == '\n';
	case SCAN_DONE:
		break;
	}
	return true;
}

/* How many of 'size' bytes belong to the header; negative errno if they may not. */
static ssize_t
scan_head(struct response_parser *parser, const char *data, size_t size)
{
	size_t n = 0;

	while (n < size && parser->scan != SCAN_DONE) {
		size_t step = 1;

		if (!scan_byte(parser, (unsigned char)data[n]))
			return refuse(parser, -EBADMSG, "malformed header lines");
		if (parser->scan == SCAN_LINE) /* Its inside needs no closer look. */
			step += octets_plain(data + n + 1, size - n - 1);
		parser->head_bytes += (uint32_t)step;
		if (parser->head_bytes > RESPONSE_HEAD_MAX)
			return refuse(parser, -EBADMSG, "the header is too large");
		n += step;
	}
	return (ssize_t)n;
}

/* Lets http-parser have 'size' bytes; returns how many it took, or a negative errno. */
static ssize_t
execute(struct response_parser *parser, const char *data, size_t size)
{
	size_t taken = http_parser_execute(&parser->http, &settings, data, size);
	enum http_errno code = HTTP_PARSER_ERRNO(&parser->http);

	if (parser->failure < 0)
		return parser->failure;
	if (code != HPE_OK && code != HPE_PAUSED)
		return refuse(parser, -EBADMSG, http_errno_description(code));
	return (ssize_t)taken;
}

int
response_parser_feed(
	struct response_parser *parser, const char *data, size_t size, const char **why)
{
	size_t at = 0;

	while (at < size && !parser->is_complete && parser->failure == 0) {
		bool in_head = parser->scan != SCAN_DONE;
		ssize_t n =
			in_head ? scan_head(parser, data + at, size - at) : (ssize_t)(size - at);

		parser->is_touched = true;
		if (n >= 0)
			n = execute(parser, data + at, (size_t)n);
		if (n < 0)
			break;
		at += (size_t)n;
		if (parser->is_interim && HTTP_PARSER_ERRNO(&parser->http) == HPE_PAUSED)
			begin_message(parser);
	}
	if (at < size && parser->has_head && parser->head.status == 101 &&
		!byte_queue_append(parser->body, data + at, size - at))
		refuse(parser, -ENOMEM, "out of memory");
	parser->has_excess |= at < size;
	*why = parser->why;
	return parser->failure;
}

int
response_parser_finish(struct response_parser *parser, const char **why)
{
	if (!parser->is_complete && parser->failure == 0) {
		execute(parser, NULL, 0);
		parser->keeps_alive = false;
		if (parser->failure == 0 && !parser->is_complete)
			refuse(parser, -EBADMSG, "the connection was closed before the end");
	}
	*why = parser->why;
	return parser->failure;
}

const struct response_head *
response_parser_head(const struct response_parser *parser)
{
	return parser->has_head ? &parser->head : NULL;
}

const struct response_field *
response_parser_trailers(const struct response_parser *parser, size_t *n)
{
	*n = parser->is_complete ? parser->n_trailers : 0;
	return parser->trailers;
}

bool
response_parser_is_untouched(const struct response_parser *parser)
{
	return !parser->is_touched;
}

bool
response_parser_is_complete(const struct response_parser *parser)
{
	return parser->is_complete;
}

bool
response_parser_keeps_alive(const struct response_parser *parser)
{
	return parser->is_complete && parser->keeps_alive && !parser->has_trailers &&
	       !parser->has_excess;
}
