/* SPDX-License-Identifier: BSD-3-Clause */
/* Content codings (RFC 9110, section 8.4): which one a client is sent, and how it is made. */
#ifndef WEBTIER_CODING_H
#define WEBTIER_CODING_H

#include <stdbool.h>
#include <stddef.h>

enum coding {
	CODING_IDENTITY,
	CODING_GZIP,
	CODING_BR,
	N_CODINGS,
};

#define CODING_BIT(coding) (1u << (coding))

/* "gzip"; NULL for identity. */
const char *coding_name(enum coding coding);

/* What a file's name ends with that has this coding already: ".gz". "" for identity. */
const char *coding_suffix(enum coding coding);

/* The coding that the client likes best by its Accept-Encoding 'accept' (NULL: none) among 'had',
 * bits of CODING_BIT(). Of those that it likes equally the densest. */
enum coding coding_choose(const char *accept, unsigned int had);

/* Compresses 'size' bytes by gzip. Returns what the caller frees and its size; NULL when memory is
 * short or the result would not be smaller. */
char *coding_gzip(const char *data, size_t size, size_t *out_size);

#endif /* WEBTIER_CODING_H */
