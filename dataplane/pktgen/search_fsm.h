/* SPDX-License-Identifier: BSD-3-Clause */
/* The search for throughput of RFC 2544 section 26.1: the highest rate at which no more than a
 * tolerated part of the packets is lost, by halving the range between a rate that passed and one
 * that failed. Says which rate to try, takes what came of it; sends nothing and knows no clock. */
#ifndef DATAPLANE_PKTGEN_SEARCH_FSM_H
#define DATAPLANE_PKTGEN_SEARCH_FSM_H

#include <stdbool.h>
#include <stdint.h>

#define SEARCH_WHOLE 1000000000u /* 100 % of packets: loss is told in parts of a billion. */

enum search_end {
	SEARCH_GOES_ON,
	SEARCH_FOUND,     /* A higher rate failed. */
	SEARCH_AT_MOST,   /* The highest rate passed: there may be more. */
	SEARCH_GENERATOR, /* No loss, but the generator could not send faster. */
	SEARCH_NONE       /* Not even the lowest rate passed. */
};

struct search_config {
	uint64_t least;      /* Lowest rate to try, not 0; in the caller's unit. */
	uint64_t most;       /* Highest rate to try; tried first. */
	uint64_t resolution; /* Stop when the range is no larger, not 0. */
	uint32_t tolerance;  /* Loss of SEARCH_WHOLE that still passes; RFC 2544: 0. */
};

struct search_trial {
	uint64_t sent;
	uint64_t received;
	uint64_t rate; /* What the generator has really sent, in the caller's unit. */
};

struct search {
	struct search_config config;
	uint64_t passed; /* Highest rate that did; 0: none. */
	uint64_t failed; /* Lowest rate that did. */
	uint64_t next;
	enum search_end end;
};

/* The first rate to try is 'search->next'. */
void search_init(struct search *search, const struct search_config *config);

/* Takes the trial at 'search->next' and sets the next rate, or 'search->end'. Returns whether the
 * trial passed. */
bool search_take(struct search *search, const struct search_trial *trial);

/* What the end means, for people. */
const char *search_end_text(enum search_end end);

#endif /* DATAPLANE_PKTGEN_SEARCH_FSM_H */
