/* SPDX-License-Identifier: BSD-3-Clause */
/* The interface for programs; see openapi.h. The build embeds the file (scripts/embed). */
#include "apptier/shortener/openapi.h"

extern const char shortener_openapi_json[];
extern const char shortener_openapi_json_end[];

void
openapi_handle(struct http_request *req, void *ctx)
{
	static const struct http_header headers[] = {
		{"Content-Type", "application/json"}, {"Cache-Control", "public, max-age=300"}};

	(void)ctx;
	http_respond(req, 200, headers, sizeof(headers) / sizeof(headers[0]),
		shortener_openapi_json,
		(size_t)(shortener_openapi_json_end - shortener_openapi_json));
}
