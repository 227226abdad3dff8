/* SPDX-License-Identifier: BSD-3-Clause */
/* Watches one database server over a connection of its own: does it answer, may it be written to,
 * which transactions has it got?
 *
 * The connection is closed by a dying server, so a crash is noticed at once; a server that hangs or
 * is cut off is noticed when an answer is late; a promotion by the next question. Belongs to one
 * loop and its thread. */
#ifndef APPTIER_DB_PROBE_H
#define APPTIER_DB_PROBE_H

#include "apptier/db_connection.h"
#include "apptier/gtid_set.h"

struct db_probe;

#define DB_PROBE_INTERVAL_MS 250
#define DB_PROBE_TIMEOUT_MS 1000

struct db_probe_events {
	/* With the first verdict and whenever it changes. 'why' says why the server is down, or is
	 * NULL. */
	void (*changed)(void *ctx, bool up, bool writable, const char *why);
	/* With each answer, after 'changed': the question was asked at 'asked_ns'. */
	void (*answered)(void *ctx, uint64_t asked_ns, const struct gtid_set *position);
};

/* Begins to watch. 'account' and 'events' outlive the probe. Returns 0, or -ENOMEM with 'err' set.
 */
int db_probe_new(struct db_probe **out, uv_loop_t *loop, const struct db_account *account,
	const struct db_probe_events *events, void *ctx, struct err *err);
void db_probe_free(struct db_probe *probe);

/* Asks now instead of at the next turn: something just went wrong there. */
void db_probe_now(struct db_probe *probe);

#endif /* APPTIER_DB_PROBE_H */
