/* SPDX-License-Identifier: BSD-3-Clause */
/* Hits of links that the database has not stored yet.
 *
 * Hits on the same code on the same day merge into one entry, and entries leave in the order they
 * came, in batches. A batch stays as it is, sequence numbers included, until it is known to be
 * stored: repeating it is then harmless, because the database skips sequence numbers it has seen
 * from this writer (see count_writer.h). The buffer is bounded; what does not fit is refused, and
 * the caller counts it. No I/O; belongs to one thread. */
#ifndef APPTIER_SHORTENER_COUNT_BUFFER_H
#define APPTIER_SHORTENER_COUNT_BUFFER_H

#include "apptier/shortener/link_code.h"

#include <stddef.h>
#include <stdint.h>

/* Entries of one batch: one transaction, short enough to hold its locks briefly. */
#define COUNT_BATCH_MAX 64

struct count_entry {
	char code[LINK_CODE_SIZE];
	uint32_t day; /* Since 1970-01-01, UTC. */
	uint64_t n_hits;
	uint64_t sequence; /* Set when the entry joins a batch; rises by one with each. */
};

struct count_buffer;

/* 'n_entries': how many codes, or days of them, may wait at once. Returns 0 or -ENOMEM. */
int count_buffer_new(struct count_buffer **out, size_t n_entries);
void count_buffer_free(struct count_buffer *buffer);

/* Adds a hit on 'day'. Returns the ticket of the entry it went to (from 1), or 0 if the buffer is
 * full. */
uint64_t count_buffer_add(struct count_buffer *buffer, const char *code, uint32_t day);

/* The batch to store, of entries ordered by code and day (so that two writers cannot deadlock): the
 * one taken before if it is not done, else a new one. Returns its size, 0 if there is nothing to
 * do. */
size_t count_buffer_take(struct count_buffer *buffer, const struct count_entry **batch);

/* The batch is stored. Returns the highest ticket that is now stored; all below are too. */
uint64_t count_buffer_done(struct count_buffer *buffer);

/* Hits that are not stored yet, those of the batch included. */
uint64_t count_buffer_pending(const struct count_buffer *buffer);

#endif /* APPTIER_SHORTENER_COUNT_BUFFER_H */
