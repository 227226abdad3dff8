/* SPDX-License-Identifier: BSD-3-Clause */
/* Those who wait for a connection, first come first served. No I/O. */
#ifndef APPTIER_DB_QUEUE_H
#define APPTIER_DB_QUEUE_H

#include "apptier/db_connection.h"

/* A wish for a connection. The caller's storage; zeroed, then the first four fields set. */
struct db_lease {
	uint64_t deadline_ns; /* For waiting in the queue. */
	void (*granted)(void *ctx, struct db_connection *connection);
	/* DB_UNAVAILABLE: the server cannot be reached or hangs. DB_BUSY: the queue is full or was
	 * too slow for the deadline. */
	void (*refused)(void *ctx, enum db_status why);
	void *ctx;
	struct db_lease *next; /* The queue's. */
	uint64_t queued_ns;    /* The pool's: since when. */
	bool queued;           /* The queue's. */
};

/* Zeroed: empty. */
struct db_queue {
	struct db_lease *first;
	struct db_lease *last;
	uint32_t n;
};

void db_queue_add(struct db_queue *queue, struct db_lease *lease, uint64_t now_ns);

/* Takes out 'lease', which is in it. */
void db_queue_remove(struct db_queue *queue, struct db_lease *lease);

#endif /* APPTIER_DB_QUEUE_H */
