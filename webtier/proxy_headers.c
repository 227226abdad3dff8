/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers of proxied messages; see proxy_headers.h. */
#include "webtier/proxy_headers.h"

#include "common/http/guard.h"
#include "common/http/octets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Fields of one connection only, in either direction. */
static const char *const hop_by_hop[] = {"Connection", "Keep-Alive", "Proxy-Authenticate",
	"Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"};

/* Request fields that we write ourselves. Expect has been answered by the server already. */
static const char *const own_request_fields[] = {"Content-Length", "Expect", "Forwarded", "Host",
	"X-Client-Certificate", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port",
	"X-Forwarded-Proto", "X-Real-IP", "X-Request-Id"};

/* Response fields that the server writes itself. */
static const char *const own_response_fields[] = {"Content-Length", "Date", "Server"};

#define HOST_SIZE 272 /* A name of 253 characters and a port fit. */

#define NAME_SIZE 1024 /* Of a client, by its certificate. */

#define IN_LIST(name, list) is_in_list(name, list, sizeof(list) / sizeof((list)[0]))

static bool
is_in_list(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		/* The first letter settles most of it: this runs for every field of every message.
		 */
		if (((name[0] ^ list[i][0]) & ~0x20) == 0 && strcasecmp(name, list[i]) == 0)
			return true;
	}
	return false;
}

bool
header_list_has(const char *list, const char *token)
{
	size_t size = strlen(token);

	while (list && *list != '\0') {
		size_t n;

		list += strspn(list, " \t,");
		n = strcspn(list, " \t,");
		if (n == size && strncasecmp(list, token, size) == 0)
			return true;
		list += n;
	}
	return false;
}

bool
request_field_passes(const char *name, const char *connection)
{
	return !IN_LIST(name, hop_by_hop) && !IN_LIST(name, own_request_fields) &&
	       !header_list_has(connection, name);
}

bool
response_field_passes(const char *name, const char *connection)
{
	return !IN_LIST(name, hop_by_hop) && !IN_LIST(name, own_response_fields) &&
	       !header_list_has(connection, name);
}

bool
trailer_field_passes(const char *name)
{
	static const char *const not_behind[] = {"Age", "Authorization", "Cache-Control", "Cookie",
		"Date", "Expires", "Location", "Max-Forwards", "Pragma", "Range", "Retry-After",
		"Set-Cookie", "Vary", "Warning", "WWW-Authenticate"};

	return request_field_passes(name, NULL) && response_field_passes(name, NULL) &&
	       !IN_LIST(name, not_behind) && strncasecmp(name, "Content-", 8) != 0 &&
	       strncasecmp(name, "If-", 3) != 0;
}

/* The request while it is written: the first failure is kept. */
struct writer {
	struct byte_queue *out;
	char connection[256]; /* All Connection fields, joined. */
	bool is_unconditional;
	int status;
};

/* Whether a value has nothing in it that could end a line or hide from another reader. */
static bool
is_clean(const char *value, size_t size)
{
	size_t n = octets_plain(value, size);

	while (n < size && value[n] == '\t')
		n += 1 + octets_plain(value + n + 1, size - n - 1);
	return n == size;
}

/* The same of a name, which nothing in it may end either. */
static bool
is_clean_name(const char *name, size_t size)
{
	return size > 0 && octets_plain(name, size) == size && !memchr(name, ' ', size) &&
	       !memchr(name, ':', size);
}

static void
write_text(struct writer *writer, const char *text)
{
	if (!byte_queue_append_text(writer->out, text))
		writer->status = -ENOMEM;
}

static void
write_field(struct writer *writer, const char *name, const char *value)
{
	size_t name_size = strlen(name);
	size_t value_size = strlen(value);
	char *out;

	if (!is_clean_name(name, name_size) || !is_clean(value, value_size)) {
		writer->status = -EINVAL;
		return;
	}
	out = byte_queue_extend(writer->out, name_size + value_size + 4);
	if (!out) {
		writer->status = -ENOMEM;
		return;
	}
	out = stpcpy(mempcpy(out, name, name_size), ": ");
	memcpy(mempcpy(out, value, value_size), "\r\n", 2);
}

static void
collect_connection(void *ctx, const char *name, const char *value)
{
	struct writer *writer = ctx;
	size_t used = strlen(writer->connection);

	if (strcasecmp(name, "Connection") != 0)
		return;
	if (used + strlen(value) + 2 > sizeof(writer->connection))
		writer->status = -EINVAL; /* Nobody honest names that many fields. */
	else
		snprintf(
			writer->connection + used, sizeof(writer->connection) - used, ",%s", value);
}

static void
pass_field(void *ctx, const char *name, const char *value)
{
	struct writer *writer = ctx;

	if (writer->is_unconditional && (strcasecmp(name, "If-None-Match") == 0 ||
						strcasecmp(name, "If-Modified-Since") == 0))
		return;
	if (request_field_passes(name, writer->connection))
		write_field(writer, name, value);
}

/* Who asked, by which host and scheme: RFC 7239 and the older fields that applications know. */
static void
write_client(struct writer *writer, const struct http_request *req, const char *host)
{
	const struct endpoint *peer = http_request_peer(req);
	const char *scheme = http_request_is_tls(req) ? "https" : "http";
	char address[ADDR_TEXT_SIZE];
	char forwarded[HOST_SIZE + ADDR_TEXT_SIZE + 64];
	char name[NAME_SIZE];
	char *at;
	bool is_v6 = peer->addr.family == ADDR_V6;

	addr_format(&peer->addr, address, sizeof(address));
	at = stpcpy(stpcpy(forwarded, is_v6 ? "for=\"[" : "for="), address);
	at = stpcpy(stpcpy(stpcpy(at, is_v6 ? "]\";host=\"" : ";host=\""), host), "\";proto=");
	stpcpy(at, scheme);
	write_field(writer, "Forwarded", forwarded);
	write_field(writer, "X-Forwarded-For", address);
	write_field(writer, "X-Forwarded-Proto", scheme);
	write_field(writer, "X-Forwarded-Host", host);
	if (http_request_client_name(req, name, sizeof(name)))
		write_field(writer, "X-Client-Certificate", name);
}

static bool
method_has_body(enum http_method method)
{
	return method == HTTP_METHOD_POST || method == HTTP_METHOD_PUT ||
	       method == HTTP_METHOD_PATCH;
}

static void
write_framing(struct writer *writer, const struct http_request *req)
{
	int64_t size = http_request_body_size(req);
	char text[24];

	if (size < 0) {
		write_field(writer, "Transfer-Encoding", "chunked");
	} else if (size > 0 || method_has_body(http_request_method(req))) {
		snprintf(text, sizeof(text), "%lld", (long long)size);
		write_field(writer, "Content-Length", text);
	}
}

/* Skips the scheme of an absolute-form target; returns NULL if it is of another form. */
static const char *
skip_scheme(const char *target)
{
	if (strncasecmp(target, "http://", 7) == 0)
		return target + 7;
	return strncasecmp(target, "https://", 8) == 0 ? target + 8 : NULL;
}

const char *
proxy_target_path(const char *target)
{
	const char *authority = skip_scheme(target);

	return authority ? authority + strcspn(authority, "/?") : target;
}

bool
proxy_find_host(const struct http_request *req, const char *default_host, char *out, size_t size)
{
	const char *authority = skip_scheme(http_request_target(req));
	const char *host = authority ? authority : http_request_header(req, "Host");
	size_t n;

	if (!host)
		host = default_host;
	n = authority ? strcspn(authority, "/?") : strlen(host);
	if (n >= size)
		return false;
	*(char *)mempcpy(out, host, n) = '\0';
	return guard_is_host(out); /* Else it could break out of the quotes of Forwarded. */
}

bool
proxy_asks_for_websocket(const struct http_request *req)
{
	const char *upgrade = http_request_header(req, "Upgrade");

	return upgrade && http_request_method(req) == HTTP_METHOD_GET &&
	       http_request_can_upgrade(req) && header_list_has(upgrade, "websocket") &&
	       header_list_has(http_request_header(req, "Connection"), "upgrade");
}

bool
proxy_grants_websocket(const struct response_head *head)
{
	bool has_upgrade = false;
	bool has_connection = false;

	for (size_t i = 0; i < head->n_fields; i++) {
		const struct response_field *field = &head->fields[i];

		if (strcasecmp(field->name, "Upgrade") == 0)
			has_upgrade = strcasecmp(field->value, "websocket") == 0;
		else if (strcasecmp(field->name, "Connection") == 0)
			has_connection |= header_list_has(field->value, "upgrade");
	}
	return has_upgrade && has_connection;
}

int
proxy_write_request(struct byte_queue *out, const struct http_request *req,
	const struct proxy_outgoing *outgoing)
{
	struct writer writer = {
		.out = out, .connection = "", .is_unconditional = outgoing->is_unconditional};
	char host[HOST_SIZE];

	if (!proxy_find_host(req, outgoing->default_host, host, sizeof(host)))
		return -EINVAL;
	http_request_each_header(req, collect_connection, &writer);
	write_text(&writer, http_request_method_name(req));
	write_text(&writer, " ");
	write_text(&writer, proxy_target_path(http_request_target(req)));
	write_text(&writer, " HTTP/1.1\r\n");
	write_field(&writer, "Host", host);
	http_request_each_header(req, pass_field, &writer);
	write_client(&writer, req, host);
	write_field(&writer, "X-Request-Id", outgoing->request_id);
	if (!outgoing->is_websocket && http_request_takes_trailers(req)) {
		write_field(&writer, "Connection", "TE");
		write_field(&writer, "TE", "trailers");
	}
	if (outgoing->is_websocket) {
		write_field(&writer, "Connection", "Upgrade");
		write_field(&writer, "Upgrade", "websocket");
	}
	write_framing(&writer, req);
	write_text(&writer, "\r\n");
	return writer.status;
}

static void
pass_trailer(void *ctx, const char *name, const char *value)
{
	struct writer *writer = ctx;

	if (trailer_field_passes(name))
		write_field(writer, name, value);
}

int
proxy_write_trailers(struct byte_queue *out, const struct http_request *req)
{
	struct writer writer = {.out = out, .connection = ""};

	http_request_each_trailer(req, pass_trailer, &writer);
	write_text(&writer, "\r\n");
	return writer.status;
}

size_t
proxy_filter_response(const struct response_head *head, struct http_header *out)
{
	const char *connections[RESPONSE_FIELDS_MAX];
	size_t n_connections = 0;
	size_t n = 0;

	for (size_t i = 0; i < head->n_fields; i++) {
		if (strcasecmp(head->fields[i].name, "Connection") == 0)
			connections[n_connections++] = head->fields[i].value;
	}
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct response_field *field = &head->fields[i];
		bool passes = response_field_passes(field->name, NULL);

		for (size_t j = 0; passes && j < n_connections; j++)
			passes = !header_list_has(connections[j], field->name);
		if (passes)
			out[n++] = (struct http_header){field->name, field->value};
	}
	return n;
}
