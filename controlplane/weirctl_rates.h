/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates from two answers to the same question, one after the other. No I/O, no clock. */
#ifndef CONTROLPLANE_WEIRCTL_RATES_H
#define CONTROLPLANE_WEIRCTL_RATES_H

#include <jansson.h>

#define RATE_SUFFIX "_per_s"

/* Adds to 'answer', for each counter "NAME" in its objects, a member "NAME_per_s" (a real): how
 * much it has grown since 'before', 'seconds' ago. What 'before' has not, or has greater because
 * the counting process was started again, becomes null. Maps of counters ("verdicts", ...) get a
 * map "verdicts_per_s" beside them. */
void rates_add(json_t *answer, json_t *before, double seconds);

#endif /* CONTROLPLANE_WEIRCTL_RATES_H */
