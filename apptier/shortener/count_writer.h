/* SPDX-License-Identifier: BSD-3-Clause */
/* Stores hits of links in the primary, at most once and without holding up a redirect for long.
 *
 * A hit goes into a count_buffer and is stored at once if nothing is being stored, else together
 * with all that came meanwhile: under load the hits of a link become one update. Each update
 * carries a sequence number that the database keeps per writer (table count_writers) and refuses to
 * go back on, so that an update whose answer was lost is simply sent again. While the primary is
 * down hits stay in memory. Belongs to one worker. */
#ifndef APPTIER_SHORTENER_COUNT_WRITER_H
#define APPTIER_SHORTENER_COUNT_WRITER_H

#include "apptier/module.h"
#include "common/model.h"

#include <stdbool.h>

struct count_writer;

/* Someone who waits for a hit to be stored. The caller's storage, zeroed; then the first two set.
 */
struct count_wait {
	/* 'gtid' is the transaction that stored it, or NULL: not yet, do not wait any longer. */
	void (*done)(void *ctx, const struct gtid *gtid);
	void *ctx;
	uint64_t ticket; /* The writer's, as are all below. */
	uint64_t until_ns;
	struct count_wait *next;
	struct count_wait *previous;
	bool waiting;
};

struct count_writer_stats {
	uint64_t n_stored;
	uint64_t n_pending; /* Only in memory now. */
	uint64_t n_lost;    /* The buffer was full, or the process ended without a primary. */
	uint64_t n_flushes;
};

int count_writer_new(struct count_writer **out, struct app *app, struct err *err);

/* Gives up what is not stored. Nobody may wait any more. NULL is allowed. */
void count_writer_free(struct count_writer *writer);

/* Counts a hit of 'code'. Returns true if 'wait->done' will be called, never before this returns,
 * within COUNT_WAIT_MS; false if there is nothing to wait for, as the primary is down or the buffer
 * full. */
#define COUNT_WAIT_MS 100
bool count_writer_hit(struct count_writer *writer, const char *code, struct count_wait *wait);

/* 'done' will not be called. Allowed whether it waits or not. */
void count_writer_cancel(struct count_writer *writer, struct count_wait *wait);

/* Has the writer say, with its next update, that it still lives. */
void count_writer_refresh(struct count_writer *writer);

/* Calls 'done' when all is stored, or at 'until_ns'; perhaps before it returns. */
void count_writer_drain(
	struct count_writer *writer, uint64_t until_ns, void (*done)(void *ctx), void *ctx);

void count_writer_stats(const struct count_writer *writer, struct count_writer_stats *out);

#endif /* APPTIER_SHORTENER_COUNT_WRITER_H */
