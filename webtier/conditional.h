/* SPDX-License-Identifier: BSD-3-Clause */
/* Conditional requests (RFC 9110, section 13): is the client's copy still right, may the method
 * go on, and does a range belong to the representation we have. Pure functions on header values. */
#ifndef WEBTIER_CONDITIONAL_H
#define WEBTIER_CONDITIONAL_H

#include <stdbool.h>
#include <time.h>

/* What is known of the representation that would be sent. */
struct validators {
	const char *etag;     /* With its quotes; strong. */
	time_t last_modified; /* In whole seconds. */
};

/* Header values of the request; NULL where there is none. */
struct conditions {
	const char *if_match;
	const char *if_none_match;
	const char *if_modified_since;
	const char *if_unmodified_since;
	const char *if_range;
};

enum conditional_verdict {
	CONDITIONAL_GO_ON,
	CONDITIONAL_NOT_MODIFIED, /* 304 */
	CONDITIONAL_FAILED,       /* 412 */
};

/* The verdict for GET and HEAD, in the order of precedence of section 13.2.2. */
enum conditional_verdict conditional_evaluate(
	const struct conditions *conditions, const struct validators *validators);

/* True if a Range header may be obeyed: there is no If-Range or it names this representation. */
bool conditional_range_applies(
	const struct conditions *conditions, const struct validators *validators);

#define HTTP_DATE_SIZE 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" with its NUL. */

/* Writes the usual form (IMF-fixdate). */
void http_date_format(time_t time, char out[static HTTP_DATE_SIZE]);

/* Reads any of the three forms of section 5.6.7. Returns false if it is none of them. */
bool http_date_parse(const char *text, time_t *out);

#endif /* WEBTIER_CONDITIONAL_H */
