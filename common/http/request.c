/* SPDX-License-Identifier: BSD-3-Clause */
/* What a request says: the accessors of http.h that do not depend on the protocol below. */
#include "common/http/request.h"

#include "common/hex.h"
#include "common/http/connection.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

/* A decoded query argument, kept until the request ends. */
struct decoded {
	struct decoded *next;
	char text[];
};

static const char *const method_names[] = {
	[HTTP_METHOD_GET] = "GET",
	[HTTP_METHOD_HEAD] = "HEAD",
	[HTTP_METHOD_POST] = "POST",
	[HTTP_METHOD_PUT] = "PUT",
	[HTTP_METHOD_PATCH] = "PATCH",
	[HTTP_METHOD_DELETE] = "DELETE",
	[HTTP_METHOD_OPTIONS] = "OPTIONS",
};

/* Decodes percent-encoding (and '+' in a query) once. 'out' has room for size + 1 bytes. Returns
 * false for a broken escape and for an encoded NUL, which would end the string early. */
static bool
decode(char *out, const char *text, size_t size, bool query)
{
	for (size_t i = 0; i < size; i++) {
		int high;
		int low;

		if (text[i] != '%') {
			*out++ = query && text[i] == '+' ? ' ' : text[i];
			continue;
		}
		if (size - i < 3)
			return false;
		high = hex_value(text[i + 1]);
		low = hex_value(text[i + 2]);
		if (high < 0 || low < 0 || (high == 0 && low == 0))
			return false;
		*out++ = (char)(high * 16 + low);
		i += 2;
	}
	*out = '\0';
	return true;
}

/* Skips "http://host" of an absolute-form target (RFC 9112 3.2.2). Returns the path's start, or
 * NULL if the target has neither form and is not "*". */
static const char *
path_start(const char *target)
{
	static const char *const schemes[] = {"http://", "https://"};

	if (target[0] == '/' || strcmp(target, "*") == 0)
		return target;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t size = strlen(schemes[i]);

		if (strncasecmp(target, schemes[i], size) == 0)
			return target + size + strcspn(target + size, "/?");
	}
	return NULL;
}

int
request_set_target(struct http_request *req, char *storage, const char *target, size_t size)
{
	const char *start;
	size_t path_size;

	req->target = storage;
	memcpy(req->target, target, size);
	req->target[size] = '\0';
	req->path = storage + size + 1;
	req->path[0] = '\0';
	start = path_start(req->target);
	if (!start)
		return -EINVAL;
	path_size = strcspn(start, "?");
	if (path_size == 0) { /* "http://host" means its root. */
		memcpy(req->path, "/", 2);
		return 0;
	}
	return decode(req->path, start, path_size, false) ? 0 : -EINVAL;
}

void
request_set_method(struct http_request *req, const char *name)
{
	req->method_name = name;
	req->method = HTTP_METHOD_OTHER;
	for (size_t i = 0; i < sizeof(method_names) / sizeof(method_names[0]); i++) {
		if (strcmp(name, method_names[i]) == 0)
			req->method = (enum http_method)i;
	}
}

bool
request_is_dead(const struct http_request *req)
{
	return req->aborted || connection_is_dead(req->connection);
}

void
request_fini(struct http_request *req)
{
	while (req->decoded) {
		struct decoded *next = req->decoded->next;

		free(req->decoded);
		req->decoded = next;
	}
	free(req->body);
	req->body = NULL;
}

enum http_method
http_request_method(const struct http_request *req)
{
	return req->method;
}

const char *
http_request_method_name(const struct http_request *req)
{
	return req->method_name;
}

const char *
http_request_target(const struct http_request *req)
{
	return req->target;
}

const char *
http_request_path(const struct http_request *req)
{
	return req->path;
}

/* Returns the decoded text, or NULL if it cannot be decoded. */
static const char *
keep_decoded(struct http_request *req, const char *text, size_t size)
{
	struct decoded *decoded = malloc(sizeof(*decoded) + size + 1);

	if (!decoded)
		return NULL;
	if (!decode(decoded->text, text, size, true)) {
		free(decoded);
		return NULL;
	}
	decoded->next = req->decoded;
	req->decoded = decoded;
	return decoded->text;
}

const char *
http_request_query(struct http_request *req, const char *name)
{
	size_t name_size = strlen(name);
	const char *at = strchr(req->target, '?');

	while (at && *at) {
		size_t size = strcspn(++at, "&");
		size_t key_size = strcspn(at, "=&");

		if (key_size == name_size && memcmp(at, name, name_size) == 0) {
			size_t skipped = key_size < size ? key_size + 1 : size;

			return keep_decoded(req, at + skipped, size - skipped);
		}
		at += size;
	}
	return NULL;
}

const char *
http_request_header(const struct http_request *req, const char *name)
{
	return req->protocol->header(req, name);
}

void
http_request_each_header(const struct http_request *req,
	void (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
	req->protocol->each_header(req, each, ctx);
}

void
http_request_each_trailer(const struct http_request *req,
	void (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
	req->protocol->each_trailer(req, each, ctx);
}

bool
http_request_takes_trailers(const struct http_request *req)
{
	const char *te = http_request_header(req, "TE");

	return te && strcasestr(te, "trailers") && strcmp(req->version, "HTTP/1.0") != 0;
}

const char *
http_request_version(const struct http_request *req)
{
	return req->version;
}

const struct endpoint *
http_request_peer(const struct http_request *req)
{
	return &req->connection->peer;
}

bool
http_request_is_tls(const struct http_request *req)
{
	return req->connection->ssl != NULL;
}

bool
http_request_client_name(const struct http_request *req, char *out, size_t size)
{
	SSL *ssl = req->connection->ssl;
	X509 *x509 = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
	BIO *bio = x509 ? BIO_new(BIO_s_mem()) : NULL;
	int n = -1;

	if (!bio)
		return false;
	if (X509_NAME_print_ex(bio, X509_get_subject_name(x509), 0, XN_FLAG_RFC2253) >= 0 &&
		BIO_pending(bio) < (int)size)
		n = BIO_read(bio, out, (int)size);
	BIO_free(bio);
	if (n > 0)
		out[n] = '\0';
	return n > 0;
}

int64_t
http_request_body_size(const struct http_request *req)
{
	return req->body_size;
}

const char *
http_request_body(const struct http_request *req, size_t *size)
{
	*size = req->body ? (size_t)req->body_received : 0;
	return req->body ? req->body : "";
}

uint64_t
http_request_start_ns(const struct http_request *req)
{
	return req->start_ns;
}

void
http_request_set_data(
	struct http_request *req, void *data, void (*on_done)(struct http_request *req, void *data))
{
	req->data = data;
	req->on_done = on_done;
}

void *
http_request_data(const struct http_request *req)
{
	return req->data;
}

void
http_request_set_sink(struct http_request *req, const struct http_sink *sink, void *ctx)
{
	assert(req->route && req->route->body == HTTP_BODY_STREAMED);
	req->sink = sink;
	req->sink_ctx = ctx;
}

void
http_request_resume(struct http_request *req)
{
	req->protocol->resume(req);
}

void
http_request_abort(struct http_request *req)
{
	req->aborted = true;
	req->protocol->abort(req);
}
