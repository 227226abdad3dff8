/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads one HTTP/1 response from an app node: strictly, and with bounds.
 *
 * http-parser does the framing. Where it is lenient a scanner in front of it is not: lines of the
 * header end with CRLF and nothing else, do not continue on the next line, and carry no control
 * characters; names are tokens; Transfer-Encoding is "chunked" alone, once, and not in HTTP/1.0;
 * the status is 200 to 599. Interim (1xx) responses are skipped, and 101 is refused unless asked
 * for. What a lenient reader might see differently from us is an error here, so nobody can be led
 * to disagree about where a response ends.
 *
 * This header names no type of http-parser, whose 'enum http_method' is not ours. Belongs to one
 * thread. */
#ifndef WEBTIER_RESPONSE_PARSER_H
#define WEBTIER_RESPONSE_PARSER_H

#include "webtier/byte_queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESPONSE_HEAD_MAX 32768u /* Bytes of status line and headers. */
#define RESPONSE_FIELDS_MAX 100u
#define RESPONSE_TRAILERS_MAX 20u
#define RESPONSE_BODY_UNKNOWN (-1) /* Chunked, or until the connection closes. */

struct response_field {
	const char *name;
	const char *value;
};

/* Strings live until the parser is reset. */
struct response_head {
	unsigned int status;
	const struct response_field *fields;
	size_t n_fields;
	int64_t body_size; /* Content-Length (also of the answer to HEAD), or _UNKNOWN. */
};

struct response_parser;

/* Returns 0 or -ENOMEM. */
int response_parser_new(struct response_parser **out);
void response_parser_free(struct response_parser *parser);

/* Prepares for the response to one request; body bytes will be appended to 'body'. */
void response_parser_reset(struct response_parser *parser, bool is_head, struct byte_queue *body);

/* For the response to a request that offered another protocol: 101 is then a response whose body
 * are the first bytes of that protocol, as far as they have come. */
void response_parser_allow_upgrade(struct response_parser *parser);

/* Reads 'size' more bytes. Returns 0; or -EBADMSG if they are not a response that we accept, with
 * the reason in '*why' (a constant text); or -ENOMEM. */
int response_parser_feed(
	struct response_parser *parser, const char *data, size_t size, const char **why);

/* The peer has closed. Returns 0 if that completes the response, else as response_parser_feed(). */
int response_parser_finish(struct response_parser *parser, const char **why);

/* The final response's head, once it is there; else NULL. */
const struct response_head *response_parser_head(const struct response_parser *parser);

/* The fields behind a body in chunks, once it is complete; they live as those of the head. */
const struct response_field *response_parser_trailers(
	const struct response_parser *parser, size_t *n);

/* Nothing of the response has been seen yet. */
bool response_parser_is_untouched(const struct response_parser *parser);
bool response_parser_is_complete(const struct response_parser *parser);

/* For a complete response: the connection may carry another one. */
bool response_parser_keeps_alive(const struct response_parser *parser);

#endif /* WEBTIER_RESPONSE_PARSER_H */
