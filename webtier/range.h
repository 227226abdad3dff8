/* SPDX-License-Identifier: BSD-3-Clause */
/* The Range header (RFC 9110, section 14): which parts of a representation are asked for. */
#ifndef WEBTIER_RANGE_H
#define WEBTIER_RANGE_H

#include <stddef.h>
#include <stdint.h>

enum range_verdict {
	RANGE_WHOLE,         /* No usable range: send everything. */
	RANGE_PARTS,         /* Send the parts. */
	RANGE_UNSATISFIABLE, /* 416. */
};

struct range {
	uint64_t offset;
	uint64_t size; /* At least 1. */
};

#define RANGES_MAX 16

struct ranges {
	size_t n;
	struct range parts[RANGES_MAX];
};

/* Reads 'text' (NULL: no Range header) against a representation of 'total' bytes. A header that is
 * malformed or of another unit is ignored, as the RFC allows, and so is one that asks for more
 * than RANGES_MAX parts, or, by several, for more bytes than there are. '*out' is set for
 * RANGE_PARTS only. */
enum range_verdict range_parse(const char *text, uint64_t total, struct ranges *out);

#endif /* WEBTIER_RANGE_H */
