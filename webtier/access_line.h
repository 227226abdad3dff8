/* SPDX-License-Identifier: BSD-3-Clause */
/* One line of the access log: pure formatting of what is known about a finished request.
 *
 * Whatever a client has sent is escaped, so that no request can forge a line, break the quotes of
 * a field or move the cursor of who reads the log. */
#ifndef WEBTIER_ACCESS_LINE_H
#define WEBTIER_ACCESS_LINE_H

#include "common/addr.h"
#include "common/model.h"

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define ACCESS_LINE_MAX 8192u

struct access_record {
	const struct addr *peer;
	time_t time; /* When the request ended. */
	const char *method;
	const char *target;
	const char *version;
	unsigned int status; /* 0: the client left before an answer. */
	uint64_t sent;       /* Body bytes. */
	uint64_t duration_us;
	bool is_tls;
	const char *host; /* These five may be NULL. */
	const char *referer;
	const char *user_agent;
	const char *upstream;   /* The app node that was asked last, ... */
	const char *request_id; /* ... and by which name it knows the request. */
};

/* Writes the line with its newline. Returns its size; a line that would not fit in 'size' (at least
 * ACCESS_LINE_MAX) has its long fields cut. 0 if memory is short. */
size_t access_line_format(
	enum log_format format, const struct access_record *record, char *out, size_t size);

#endif /* WEBTIER_ACCESS_LINE_H */
