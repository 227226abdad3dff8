/* SPDX-License-Identifier: BSD-3-Clause */
/* Watches the raw bytes of a client's connection and judges whether they are strict HTTP/1.1.
 *
 * libmicrohttpd 0.9.75 is lenient where leniency lets one request be read as two: it takes both
 * Content-Length and Transfer-Encoding, the first of several lengths, bare LF, folded lines, NUL
 * in values, several Host fields. So every byte passes here first (connection.c). The guard follows
 * the framing (RFC 9112) with a state machine of its own and remembers the first request that
 * breaks a rule; the adapter refuses that request and all after it on the connection.
 *
 * It knows no socket and no clock and allocates nothing. One guard belongs to one connection. */
#ifndef COMMON_HTTP_GUARD_H
#define COMMON_HTTP_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_NAME_MAX 18  /* Longer field names are none that the guard must know. */
#define GUARD_CODING_MAX 8 /* "chunked" and one more to tell longer ones. */

enum guard_state {
	GUARD_START, /* Between requests: nothing of the next has come but empty lines. */
	GUARD_START_LF,
	GUARD_METHOD,
	GUARD_TARGET,
	GUARD_VERSION,
	GUARD_LINE_LF,
	GUARD_FIELD,
	GUARD_NAME,
	GUARD_SPACE,
	GUARD_VALUE,
	GUARD_VALUE_LF,
	GUARD_HEADER_LF,
	GUARD_BODY,
	GUARD_CHUNK_SIZE,
	GUARD_CHUNK_EXTENSION,
	GUARD_CHUNK_LF,
	GUARD_CHUNK_DATA,
	GUARD_CHUNK_DATA_CR,
	GUARD_CHUNK_DATA_LF,
	GUARD_BAD,
};

enum guard_field {
	GUARD_OTHER,
	GUARD_LENGTH,
	GUARD_CODING,
	GUARD_HOST
};

struct guard {
	enum guard_state state;
	enum guard_field field; /* Whose value is being read. */
	unsigned int status;    /* With GUARD_BAD: what to answer, 400 or 431. */
	const char *reason;     /* With GUARD_BAD: what rule was broken. */
	uint32_t n_requests;    /* That have ended: the index of the one that is being read. */
	uint32_t header_max;    /* Bytes of request line and header. */
	uint32_t header_size;   /* Of the current request so far. */
	uint32_t line_size;     /* Of the word being read (method, version, name, chunk line). */
	uint64_t left; /* Bytes to come of the body or chunk; the length while it is read. */
	char name[GUARD_NAME_MAX];
	char coding[GUARD_CODING_MAX];
	uint8_t n_lengths;
	uint8_t n_codings;
	uint8_t n_hosts;
	bool old;     /* HTTP/1.0. */
	bool trailer; /* The fields being read follow a chunked body. */
};

/* Starts at the beginning of a connection. */
void guard_init(struct guard *guard, uint32_t header_max);

/* Reads the next 'size' bytes of the connection. */
void guard_feed(struct guard *guard, const char *data, size_t size);

/* Whether all requests so far have come in whole. */
static inline bool
guard_is_between(const struct guard *guard)
{
	return guard->state == GUARD_START;
}

/* Whether the request with this index (from 0, in order of arrival) is to be refused. */
static inline bool
guard_refuses(const struct guard *guard, uint32_t index)
{
	return guard->state == GUARD_BAD && index >= guard->n_requests;
}

/* Whether a text is made of what a token (RFC 9110 5.6.2), a request target and a host may have. */
bool guard_is_token(const char *text);
bool guard_is_target(const char *text);
bool guard_is_host(const char *text);

#endif /* COMMON_HTTP_GUARD_H */
