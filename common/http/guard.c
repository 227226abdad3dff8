/* SPDX-License-Identifier: BSD-3-Clause */
/* Strict framing of HTTP/1.1 requests; see guard.h.
 *
 * Each state has a function that eats bytes from the cursor for as long as it can and says where
 * to go on. Rules about the whole header are checked at its end (end_header). */
#include "common/http/guard.h"

#include "common/hex.h"

#include <string.h>

#define METHOD_MAX 32
#define VERSION_SIZE 8      /* "HTTP/1.1" */
#define CHUNK_DIGITS_MAX 15 /* Keeps sizes below 2^60. */
#define CHUNK_LINE_MAX 256
#define LENGTH_DIGITS_MAX 18

/* What a byte may be part of. */
enum {
	TOKEN = 1,  /* RFC 9110 5.6.2. */
	TARGET = 2, /* Visible ASCII but '#': a target has no fragment. */
	VALUE = 4,  /* RFC 9110 5.5: visible, space, tab, obs-text. */
	HOST = 8,   /* RFC 3986 3.2.2 and 3.2.3: reg-name, IP-literal, port. */
};

/* clang-format off */
static const uint8_t classes[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x00 */
	4, 15, 6, 5, 15, 15, 15, 15, 14, 14, 15, 15, 14, 15, 15, 6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 14, 6, 14, 6, 6, /* 0x20 */
	6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 6, 14, 7, 15, /* 0x40 */
	7, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 7, 6, 15, 0, /* 0x60 */
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* 0x80 */
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* 0xa0 */
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* 0xc0 */
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, /* 0xe0 */
};
/* clang-format on */

struct cursor {
	const char *at;
	const char *end;
};

static bool
is(char c, unsigned int class)
{
	return (classes[(unsigned char)c] & class) != 0;
}

static enum guard_state
bad(struct guard *guard, const char *reason)
{
	guard->status = 400;
	guard->reason = reason;
	return GUARD_BAD;
}

/* Takes the line feed that must come now. */
static enum guard_state
expect_lf(struct guard *guard, struct cursor *in, enum guard_state next)
{
	if (*in->at != '\n')
		return bad(guard, "a carriage return without a line feed");
	in->at++;
	return next;
}

static void
begin_request(struct guard *guard)
{
	guard->line_size = 0;
	guard->left = 0;
	guard->n_lengths = 0;
	guard->n_codings = 0;
	guard->n_hosts = 0;
	guard->old = false;
	guard->trailer = false;
}

static enum guard_state
end_request(struct guard *guard)
{
	guard->n_requests++;
	guard->header_size = 0;
	return GUARD_START;
}

/* RFC 9112 2.2: empty lines before a request line are ignored. */
static enum guard_state
start(struct guard *guard, struct cursor *in)
{
	if (*in->at == '\r') {
		in->at++;
		return GUARD_START_LF;
	}
	begin_request(guard);
	return GUARD_METHOD;
}

static enum guard_state
method(struct guard *guard, struct cursor *in)
{
	for (; in->at < in->end; in->at++) {
		if (*in->at == ' ' && guard->line_size > 0) {
			in->at++;
			guard->line_size = 0;
			return GUARD_TARGET;
		}
		if (!is(*in->at, TOKEN))
			return bad(guard, "a malformed method");
		if (++guard->line_size > METHOD_MAX)
			return bad(guard, "a method that is too long");
	}
	return GUARD_METHOD;
}

static enum guard_state
target(struct guard *guard, struct cursor *in)
{
	for (; in->at < in->end; in->at++) {
		if (*in->at == ' ' && guard->line_size > 0) {
			in->at++;
			guard->line_size = 0;
			return GUARD_VERSION;
		}
		if (!is(*in->at, TARGET))
			return bad(guard, "a character in the request target that is not allowed");
		guard->line_size++;
	}
	return GUARD_TARGET;
}

static enum guard_state
version(struct guard *guard, struct cursor *in)
{
	static const char expected[] = "HTTP/1.";

	for (; in->at < in->end; in->at++) {
		char c = *in->at;

		if (guard->line_size == VERSION_SIZE && c == '\r') {
			in->at++;
			return GUARD_LINE_LF;
		}
		if (guard->line_size >= VERSION_SIZE)
			return bad(guard, "a malformed request line");
		if (guard->line_size == VERSION_SIZE - 1) {
			if (c < '0' || c > '9')
				return bad(guard, "a malformed protocol version");
			guard->old = c == '0';
		} else if (c != expected[guard->line_size]) {
			return bad(guard, "a malformed protocol version");
		}
		guard->line_size++;
	}
	return GUARD_VERSION;
}

/* At the start of a line of the header or trailer. */
static enum guard_state
field(struct guard *guard, struct cursor *in)
{
	if (*in->at == '\r') {
		in->at++;
		return GUARD_HEADER_LF;
	}
	if (*in->at == ' ' || *in->at == '\t')
		return bad(guard, "a folded header line");
	guard->line_size = 0;
	return GUARD_NAME;
}

static bool
name_is(const struct guard *guard, const char *name)
{
	return strlen(name) == guard->line_size && memcmp(guard->name, name, guard->line_size) == 0;
}

static enum guard_state
end_name(struct guard *guard)
{
	guard->field = GUARD_OTHER;
	if (guard->line_size == 0)
		return bad(guard, "a header line without a name");
	if (guard->trailer)
		return GUARD_SPACE;
	if (name_is(guard, "content-length")) {
		guard->field = GUARD_LENGTH;
		if (guard->n_lengths++ > 0)
			return bad(guard, "more than one Content-Length");
	} else if (name_is(guard, "transfer-encoding")) {
		guard->field = GUARD_CODING;
		if (guard->n_codings++ > 0)
			return bad(guard, "more than one Transfer-Encoding");
	} else if (name_is(guard, "host")) {
		guard->field = GUARD_HOST;
		if (guard->n_hosts++ > 0)
			return bad(guard, "more than one Host");
	}
	guard->line_size = 0;
	return GUARD_SPACE;
}

static enum guard_state
name(struct guard *guard, struct cursor *in)
{
	for (; in->at < in->end; in->at++) {
		char c = *in->at;

		if (c == ':') {
			in->at++;
			return end_name(guard);
		}
		if (!is(c, TOKEN))
			return bad(guard, "a malformed header name");
		if (guard->line_size < GUARD_NAME_MAX)
			guard->name[guard->line_size] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
		guard->line_size++;
	}
	return GUARD_NAME;
}

static enum guard_state
space(struct guard *guard, struct cursor *in)
{
	(void)guard;
	while (in->at < in->end && (*in->at == ' ' || *in->at == '\t'))
		in->at++;
	return in->at < in->end ? GUARD_VALUE : GUARD_SPACE;
}

/* Takes a byte of a value that decides the framing or the site. Space after such a value is
 * refused, as the server behind reads "chunked " as another coding. */
static bool
take_value(struct guard *guard, char c)
{
	switch (guard->field) {
	case GUARD_LENGTH:
		if (c < '0' || c > '9' || guard->line_size >= LENGTH_DIGITS_MAX)
			return false;
		guard->left = guard->left * 10 + (uint64_t)(c - '0');
		break;
	case GUARD_CODING:
		if (guard->line_size >= GUARD_CODING_MAX)
			return false;
		guard->coding[guard->line_size] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
		break;
	case GUARD_HOST:
		if (!is(c, HOST))
			return false;
		break;
	case GUARD_OTHER:
		break;
	}
	guard->line_size++;
	return true;
}

static enum guard_state
end_value(struct guard *guard)
{
	static const char chunked[] = "chunked";

	if (guard->field == GUARD_LENGTH && guard->line_size == 0)
		return bad(guard, "an empty Content-Length");
	if (guard->field == GUARD_CODING &&
		(guard->line_size != sizeof(chunked) - 1 ||
			memcmp(guard->coding, chunked, sizeof(chunked) - 1) != 0))
		return bad(guard, "a Transfer-Encoding other than chunked");
	return GUARD_VALUE_LF;
}

static enum guard_state
value(struct guard *guard, struct cursor *in)
{
	static const char *const reasons[] = {
		[GUARD_OTHER] = "a control character in a header value",
		[GUARD_LENGTH] = "a malformed Content-Length",
		[GUARD_CODING] = "a Transfer-Encoding other than chunked",
		[GUARD_HOST] = "a malformed Host",
	};

	if (guard->field == GUARD_OTHER) {
		while (in->at < in->end && is(*in->at, VALUE))
			in->at++;
	} else {
		while (in->at < in->end && *in->at != '\r' && take_value(guard, *in->at))
			in->at++;
	}
	if (in->at == in->end)
		return GUARD_VALUE;
	if (*in->at != '\r')
		return bad(guard, reasons[guard->field]);
	in->at++;
	return end_value(guard);
}

/* RFC 9112 6.1 and 6.3: how the body ends must not be open to two readings. */
static enum guard_state
end_header(struct guard *guard)
{
	if (guard->trailer)
		return end_request(guard);
	if (guard->n_codings > 0 && guard->n_lengths > 0)
		return bad(guard, "both Content-Length and Transfer-Encoding");
	if (guard->n_codings > 0 && guard->old)
		return bad(guard, "a Transfer-Encoding with HTTP/1.0");
	if (guard->n_hosts == 0 && !guard->old)
		return bad(guard, "no Host");
	if (guard->n_codings > 0) {
		guard->header_size = 0;
		guard->line_size = 0;
		guard->left = 0;
		return GUARD_CHUNK_SIZE;
	}
	if (guard->left > 0) {
		guard->header_size = 0;
		return GUARD_BODY;
	}
	return end_request(guard);
}

static enum guard_state
chunk_size(struct guard *guard, struct cursor *in)
{
	for (; in->at < in->end; in->at++) {
		int digit = hex_value(*in->at);

		if (digit >= 0) {
			if (++guard->line_size > CHUNK_DIGITS_MAX)
				return bad(guard, "a chunk size that is too large");
			guard->left = guard->left * 16 + (uint64_t)digit;
			continue;
		}
		if (guard->line_size == 0 || (*in->at != '\r' && *in->at != ';'))
			return bad(guard, "a malformed chunk size");
		return *in->at++ == '\r' ? GUARD_CHUNK_LF : GUARD_CHUNK_EXTENSION;
	}
	return GUARD_CHUNK_SIZE;
}

static enum guard_state
chunk_extension(struct guard *guard, struct cursor *in)
{
	for (; in->at < in->end; in->at++) {
		if (*in->at == '\r') {
			in->at++;
			return GUARD_CHUNK_LF;
		}
		if (!is(*in->at, VALUE) || ++guard->line_size > CHUNK_LINE_MAX)
			return bad(guard, "a malformed chunk extension");
	}
	return GUARD_CHUNK_EXTENSION;
}

static enum guard_state
begin_chunk(struct guard *guard, struct cursor *in)
{
	enum guard_state next = GUARD_CHUNK_DATA;

	if (guard->left == 0) {
		guard->trailer = true;
		next = GUARD_FIELD;
	}
	return expect_lf(guard, in, next);
}

/* Skips the bytes of a body or chunk that are here. */
static enum guard_state
skip(struct guard *guard, struct cursor *in)
{
	uint64_t here = (uint64_t)(in->end - in->at);

	if (here < guard->left) {
		guard->left -= here;
		in->at = in->end;
		return guard->state;
	}
	in->at += guard->left;
	guard->left = 0;
	return guard->state == GUARD_BODY ? end_request(guard) : GUARD_CHUNK_DATA_CR;
}

static enum guard_state
end_chunk(struct guard *guard, struct cursor *in)
{
	if (*in->at != '\r')
		return bad(guard, "a chunk that is longer than its size");
	in->at++;
	guard->line_size = 0;
	return GUARD_CHUNK_DATA_LF;
}

static enum guard_state
step(struct guard *guard, struct cursor *in)
{
	switch (guard->state) {
	case GUARD_START:
		return start(guard, in);
	case GUARD_START_LF:
		return expect_lf(guard, in, GUARD_START);
	case GUARD_METHOD:
		return method(guard, in);
	case GUARD_TARGET:
		return target(guard, in);
	case GUARD_VERSION:
		return version(guard, in);
	case GUARD_LINE_LF:
	case GUARD_VALUE_LF:
		return expect_lf(guard, in, GUARD_FIELD);
	case GUARD_FIELD:
		return field(guard, in);
	case GUARD_NAME:
		return name(guard, in);
	case GUARD_SPACE:
		return space(guard, in);
	case GUARD_VALUE:
		return value(guard, in);
	case GUARD_HEADER_LF:
		if (expect_lf(guard, in, GUARD_FIELD) == GUARD_BAD)
			return GUARD_BAD;
		return end_header(guard);
	case GUARD_BODY:
	case GUARD_CHUNK_DATA:
		return skip(guard, in);
	case GUARD_CHUNK_SIZE:
		return chunk_size(guard, in);
	case GUARD_CHUNK_EXTENSION:
		return chunk_extension(guard, in);
	case GUARD_CHUNK_LF:
		return begin_chunk(guard, in);
	case GUARD_CHUNK_DATA_CR:
		return end_chunk(guard, in);
	case GUARD_CHUNK_DATA_LF:
		return expect_lf(guard, in, GUARD_CHUNK_SIZE);
	case GUARD_BAD:
		break;
	}
	return GUARD_BAD;
}

/* Whether the bytes of this state count as header (or trailer). */
static bool
is_header(const struct guard *guard)
{
	return guard->state <= GUARD_HEADER_LF;
}

void
guard_init(struct guard *guard, uint32_t header_max)
{
	memset(guard, 0, sizeof(*guard));
	guard->header_max = header_max;
}

void
guard_feed(struct guard *guard, const char *data, size_t size)
{
	struct cursor in = {.at = data, .end = data + size};

	while (in.at < in.end && guard->state != GUARD_BAD) {
		const char *before = in.at;
		uint32_t index = guard->n_requests;
		bool header = is_header(guard);

		guard->state = step(guard, &in);
		if (!header || guard->n_requests != index || guard->state == GUARD_BAD)
			continue;
		guard->header_size += (uint32_t)(in.at - before);
		if (guard->header_size > guard->header_max) {
			guard->status = 431;
			guard->reason = "a header that is too large";
			guard->state = GUARD_BAD;
		}
	}
}

static bool
is_all(const char *text, unsigned int class)
{
	const char *at = text;

	while (is(*at, class))
		at++;
	return at != text && *at == '\0';
}

bool
guard_is_token(const char *text)
{
	return is_all(text, TOKEN);
}

bool
guard_is_target(const char *text)
{
	return is_all(text, TARGET);
}

bool
guard_is_host(const char *text)
{
	return is_all(text, HOST);
}
