/* SPDX-License-Identifier: BSD-3-Clause */
/* The header list of an HTTP/2 request: gathered field by field, then checked and put into the form
 * that handlers know from HTTP/1.1 (RFC 9113 8.3).
 *
 * nghttp2 has looked at each field already: names are tokens in small letters, values have no
 * control characters, pseudo-header fields come first and once, fields of a connection are refused.
 * What remains is what the target and the host are made of, and how much it all may be. Knows
 * neither socket nor session. */
#ifndef COMMON_HTTP_H2_FIELDS_H
#define COMMON_HTTP_H2_FIELDS_H

#include <stddef.h>
#include <stdint.h>

enum h2_pseudo {
	H2_METHOD,
	H2_SCHEME,
	H2_AUTHORITY,
	H2_PATH,
	H2_N_PSEUDO,
};

struct h2_fields {
	char *text;       /* Names and values in turn, each with its NUL. */
	size_t used;      /* Bytes of 'text'. */
	size_t capacity;  /* Of 'text'. */
	size_t first;     /* Where the fields begin, behind the pseudo-header fields' values. */
	size_t list_size; /* As in RFC 9113 6.5.2, of all that came, whether it was kept or not. */
	size_t list_max;
	size_t pseudo[H2_N_PSEUDO]; /* Offsets of their values; SIZE_MAX: not there. */
	size_t n_cookies;
};

void h2_fields_init(struct h2_fields *fields, size_t list_max);
void h2_fields_fini(struct h2_fields *fields);

/* Takes the next field. One that is beyond the limit is counted and dropped. Returns 0 or
 * -ENOMEM. */
int h2_fields_add(struct h2_fields *fields, const char *name, size_t name_size, const char *value,
	size_t value_size);

/* All fields are there: joins what came in pieces and adds Host. Returns 0, or the status to answer
 * (400, 431, 503) with '*reason' set. */
unsigned int h2_fields_complete(struct h2_fields *fields, const char **reason);

/* The value of a pseudo-header field, or NULL. */
const char *h2_fields_pseudo(const struct h2_fields *fields, enum h2_pseudo pseudo);

/* The first value of the field 'name' (any case), or NULL. */
const char *h2_fields_find(const struct h2_fields *fields, const char *name);

/* Calls 'each' for every field in order. */
void h2_fields_each(const struct h2_fields *fields,
	void (*each)(void *ctx, const char *name, const char *value), void *ctx);

/* Content-Length, which nghttp2 has checked; -1: there is none. */
int64_t h2_fields_length(const struct h2_fields *fields);

#endif /* COMMON_HTTP_H2_FIELDS_H */
