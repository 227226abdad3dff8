/* SPDX-License-Identifier: BSD-3-Clause */
/* Results for people and programs. */
#ifndef DATAPLANE_PKTGEN_REPORT_H
#define DATAPLANE_PKTGEN_REPORT_H

#include "common/err.h"
#include "dataplane/pktgen/result.h"
#include "dataplane/pktgen/search_fsm.h"
#include "dataplane/pktgen/settings.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define REPORT_TRIALS_MAX 64 /* More than any search takes. */

struct report {
	const struct settings *settings;
	struct result results[REPORT_TRIALS_MAX];
	size_t n_results;
	enum search_end end;         /* Of a search. */
	const struct result *chosen; /* The trial at the rate that was found; NULL: none. */
};

/* What the live line shows: counts since the trial's start, and those of the last second. */
struct report_second {
	uint64_t elapsed_ns;
	uint64_t sent;
	uint64_t received;
	uint64_t sent_bits;
	uint64_t missing; /* Lost or still under way, since the start. */
	uint64_t p99_ns;
	uint64_t most_ns;
};

void report_second(FILE *out, const struct report_second *second);

void report_table_head(FILE *out);
void report_table_row(FILE *out, const struct result *result);

/* What the search found, in a sentence. */
void report_search(FILE *out, const struct report *report);

/* Writes all of it to 'path' as JSON, "-": to standard output. Returns 0, or a negative errno with
 * 'err' set. */
int report_json(const struct report *report, const char *path, struct err *err);

#endif /* DATAPLANE_PKTGEN_REPORT_H */
