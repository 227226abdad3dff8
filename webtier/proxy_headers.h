/* SPDX-License-Identifier: BSD-3-Clause */
/* What is passed on of a message's header, in both directions.
 *
 * Requests are written anew from what was parsed, never copied as bytes, so no oddity of a client
 * reaches the app tier. Hop-by-hop fields (RFC 9110, section 7.6.1) end here, and the fields that
 * say who the client is are ours alone: what a client claims in them is dropped. */
#ifndef WEBTIER_PROXY_HEADERS_H
#define WEBTIER_PROXY_HEADERS_H

#include "common/http/http.h"
#include "webtier/byte_queue.h"
#include "webtier/response_parser.h"

/* True if the comma-separated 'list' (NULL: empty) names 'token', in any case. */
bool header_list_has(const char *list, const char *token);

/* True if a request field may be passed on. 'connection' is the Connection header or NULL. */
bool request_field_passes(const char *name, const char *connection);

/* True if a response field may be passed on to the client. */
bool response_field_passes(const char *name, const char *connection);

/* The host that is asked for, with its port if it has one: an absolute target overrules the Host
 * field; 'default_host' where there is neither. Returns false if it cannot be one. */
bool proxy_find_host(
	const struct http_request *req, const char *default_host, char *out, size_t size);

/* The path and query of a request target, which may be in absolute form ("http://host/path",
 * RFC 9112, section 3.2.2). */
const char *proxy_target_path(const char *target);

/* True if the client asks for a WebSocket (RFC 6455, section 4.1) where it can have one. */
bool proxy_asks_for_websocket(const struct http_request *req);

/* True if a response of status 101 agrees to that. */
bool proxy_grants_websocket(const struct response_head *head);

/* What a request is given on its way. */
struct proxy_outgoing {
	const char *default_host; /* Where an HTTP/1.0 client gave no Host. */
	const char *request_id;
	bool is_websocket;     /* Passes on that this is asked for. */
	bool is_unconditional; /* Leaves out what the client has already. */
};

/* Appends the header of the request to the app node. Returns 0, -EINVAL if the request has
 * something that must not be passed on, or -ENOMEM. */
int proxy_write_request(struct byte_queue *out, const struct http_request *req,
	const struct proxy_outgoing *outgoing);

/* True if a field may be passed on behind a body, where it must not say how to read, route, cache
 * or trust the message (RFC 9110, section 6.5.1). */
bool trailer_field_passes(const char *name);

/* Appends the fields behind a request's body in chunks, and the empty line. Returns as above. */
int proxy_write_trailers(struct byte_queue *out, const struct http_request *req);

/* Fills 'out' (room for RESPONSE_FIELDS_MAX) with the fields to pass on; returns how many. */
size_t proxy_filter_response(const struct response_head *head, struct http_header *out);

#endif /* WEBTIER_PROXY_HEADERS_H */
