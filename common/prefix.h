/* SPDX-License-Identifier: BSD-3-Clause */
/* Networks: an address and how many of its bits count. Lists of them come inline or as files with
 * one on each line; see docs/config.md, source_lists. */
#ifndef COMMON_PREFIX_H
#define COMMON_PREFIX_H

#include "common/addr.h"
#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

struct prefix {
	struct addr addr; /* Zero behind the prefix. */
	uint8_t bits;     /* At most 32 or 128: one address. */
};

/* Room for any, with the NUL. */
#define PREFIX_TEXT_SIZE (ADDR_TEXT_SIZE + 4)

/* Parses "192.0.2.0/24", "2001:db8::/32", or an address alone. Bits behind the prefix must be zero.
 * As addr_parse(). */
int prefix_parse(const char *text, struct prefix *out, struct err *err);

/* Writes the text form, an address alone where all bits count; returns 'buf'. 'size' should be
 * PREFIX_TEXT_SIZE. */
const char *prefix_format(const struct prefix *prefix, char *buf, size_t size);

bool prefix_covers(const struct prefix *prefix, const struct addr *addr);

struct prefix_list {
	struct prefix *prefixes;
	size_t n;
};

/* Of one list: what keeps reading a wrong file, or an endless one, in bounds. */
#define PREFIX_LIST_MAX 1000000

/* Parses a file's text: one prefix a line, '#' begins a comment, empty lines are skipped. Returns 0
 * and what the caller frees, or -EINVAL or -E2BIG with "FILE:LINE: why" in 'err', or -ENOMEM;
 * '*out' is untouched on failure. */
int prefix_list_parse(
	struct prefix_list *out, const char *text, size_t size, const char *file, struct err *err);
void prefix_list_fini(struct prefix_list *list);

/* Tells one content of a file from another without reading it: the file's number, size and time
 * of change, and nothing that anybody has to understand. */
#define PREFIX_STAMP_SIZE 64

/* Reads a whole file; 'stamp' (may be NULL) is what it had when it was opened. As
 * prefix_list_parse(), and -errno for a file that cannot be read. */
int prefix_list_read(
	struct prefix_list *out, const char *path, char stamp[PREFIX_STAMP_SIZE], struct err *err);

#endif /* COMMON_PREFIX_H */
