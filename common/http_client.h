/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP requests of the house itself (health checks, scrapes, probes): libcurl's multi interface on
 * a libuv loop. Any number run at once in the loop's thread; none blocks it but the resolution of
 * host names, so callers give addresses. Redirects are not followed. */
#ifndef COMMON_HTTP_CLIENT_H
#define COMMON_HTTP_CLIENT_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct http_client;
struct http_fetch;

/* What to ask for. Strings are copied. */
struct http_query {
	const char *url;
	const char *host;    /* Host header; NULL: from the URL. */
	const char *resolve; /* "NAME:PORT:ADDRESS": where NAME is, without DNS; NULL: as usual. */
	const char *connect_to;     /* "::ADDRESS:PORT": where to connect whatever the URL says. */
	const char *method;         /* NULL: GET. */
	const char *const *headers; /* More "Name: value", ended by NULL; NULL: none. */
	const char *ca_file;        /* PEM authorities for https; NULL: the system's. */
	bool any_certificate;       /* https: the server's is not looked at. */
	bool tls_only;       /* https: the end is when TLS is ready; nothing is asked (status 0). */
	uint32_t timeout_ms; /* Of the whole request; 0: none. */
	size_t body_max;     /* A longer body is an error, ... */
	bool cut_body;       /* ... or, with this, cut off there and the rest not awaited. */
	bool reuse;          /* Keep the connection for the next request. */
	uint16_t local_port; /* To come from, again and again: it is closed by a reset; 0: any. */
};

/* Exactly one of 'error' set (no answer) or a status. Valid during the callback only. */
struct http_answer {
	const char *error; /* Why there is no answer, in words; NULL: there is one. */
	unsigned int status;
	const char *body; /* NUL-terminated behind 'body_size' bytes. */
	size_t body_size;
	uint64_t connect_us; /* From the start until connected, ... */
	uint64_t tls_us;     /* ... until TLS is ready (0 without), ... */
	uint64_t first_us;   /* ... until the first byte, ... */
	uint64_t total_us;   /* ... and until the end. */
};

typedef void (*http_client_fn)(void *ctx, const struct http_answer *answer);

int http_client_new(struct http_client **out, uv_loop_t *loop, struct err *err);

/* Cancels what is under way (without calling back) and frees the client; its handles are gone when
 * the loop has run their close callbacks. NULL is allowed. */
void http_client_free(struct http_client *client);

/* Starts a GET. 'done' is called once, later, from the loop. Returns the fetch, or NULL when memory
 * is short or the URL is malformed ('done' is then not called). */
struct http_fetch *http_client_get(
	struct http_client *client, const struct http_query *query, http_client_fn done, void *ctx);

/* True once the connection is there. */
bool http_fetch_is_connected(const struct http_fetch *fetch);

/* Ends a fetch without calling back. */
void http_fetch_cancel(struct http_fetch *fetch);

#endif /* COMMON_HTTP_CLIENT_H */
