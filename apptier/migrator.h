/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread that brings the schema up to date and keeps trying until it is. */
#ifndef APPTIER_MIGRATOR_H
#define APPTIER_MIGRATOR_H

#include "common/err.h"
#include "common/model.h"

struct migrator;

/* Starts the thread. 'ready' is called once, in that thread, as soon as statements may run. 'model'
 * and 'password' outlive it. Returns 0, or a negative errno with 'err' set. */
int migrator_new(struct migrator **out, const struct model *model, const char *password,
	void (*ready)(void *ctx), void *ctx, struct err *err);

/* Ends the thread; waits for the statement under way, as a half-made change helps nobody. NULL is
 * allowed. */
void migrator_free(struct migrator *migrator);

#endif /* APPTIER_MIGRATOR_H */
