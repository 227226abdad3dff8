/* SPDX-License-Identifier: BSD-3-Clause */
/* The Range header (RFC 9110, section 14): which part of a representation is asked for. */
#ifndef WEBTIER_RANGE_H
#define WEBTIER_RANGE_H

#include <stdint.h>

enum range_verdict {
	RANGE_WHOLE,         /* No usable range: send everything. */
	RANGE_PART,          /* Send the part. */
	RANGE_UNSATISFIABLE, /* 416. */
};

struct range {
	uint64_t offset;
	uint64_t size; /* At least 1. */
};

/* Reads 'text' (NULL: no Range header) against a representation of 'total' bytes. A header that is
 * malformed, of another unit or asks for several ranges is ignored, as the RFC allows; '*out' is
 * set for RANGE_PART only. */
enum range_verdict range_parse(const char *text, uint64_t total, struct range *out);

#endif /* WEBTIER_RANGE_H */
