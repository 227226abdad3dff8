/* SPDX-License-Identifier: BSD-3-Clause */
/* Several ranges of a file in one answer: multipart/byteranges (RFC 9110, section 14.6). */
#ifndef WEBTIER_MULTIPART_H
#define WEBTIER_MULTIPART_H

#include "common/http/http.h"
#include "webtier/range.h"

struct multipart_file {
	int fd; /* Borrowed for the call. */
	uint64_t size;
	const char *type;
};

/* Answers 206 with the parts; 'headers' without Content-Type. Returns 0, or a negative errno with
 * nothing answered. */
int multipart_respond(struct http_request *req, const struct multipart_file *file,
	const struct ranges *ranges, const struct http_header *headers, size_t n_headers);

#endif /* WEBTIER_MULTIPART_H */
