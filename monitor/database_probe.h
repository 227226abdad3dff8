/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks each database server how it is and how its replication stands.
 *
 * The questions are asked in the loop's thread pool, one connection a server, kept while it works;
 * results reach the view in the loop's thread. */
#ifndef MONITOR_DATABASE_PROBE_H
#define MONITOR_DATABASE_PROBE_H

#include "monitor/view.h"

#include <uv.h>

struct database_probe;

/* Reads the password file. Returns 0 (with '*out' NULL where the model has no database or no
 * monitor user), or a negative errno with 'err' saying what is wrong with the file. */
int database_probe_new(struct database_probe **out, uv_loop_t *loop, struct model *model,
	struct view *view, struct err *err);

/* Stops. Questions under way end within the scrape timeout and are not reported; memory goes when
 * the loop has run on. NULL is allowed. */
void database_probe_free(struct database_probe *probe);

#endif /* MONITOR_DATABASE_PROBE_H */
