/* SPDX-License-Identifier: BSD-3-Clause */
/* How long to wait before the next attempt: doubling from 'min_ms' to 'max_ms', each wait shortened
 * by a random part of up to half, so that nodes that lost a server together do not return to it
 * together. No clock, no random source: the caller passes the random number. */
#ifndef APPTIER_BACKOFF_H
#define APPTIER_BACKOFF_H

#include <stdint.h>

struct backoff {
	uint32_t min_ms;
	uint32_t max_ms;
	uint32_t next_ms; /* Before jitter; 0: no failure since the last success. */
};

/* 'min_ms' must not be 0 nor above 'max_ms'. */
void backoff_init(struct backoff *backoff, uint32_t min_ms, uint32_t max_ms);

/* The wait after one more failure. */
uint32_t backoff_fail(struct backoff *backoff, uint32_t random);

/* After a success: the next failure waits 'min_ms' again. */
void backoff_reset(struct backoff *backoff);

#endif /* APPTIER_BACKOFF_H */
