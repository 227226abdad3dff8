/* SPDX-License-Identifier: BSD-3-Clause */
/* Which backend a client was given last: how a service with persistence keeps clients where they
 * are from one flow to the next, while backends come and go.
 *
 * A client is a prefix of an address, as long as its service says. Clients are remembered for a
 * pool, so that services of one pool (HTTP and HTTPS) give a client the same backend. All workers
 * share one table, because a client's flows come to all of them. It is of fixed size and never
 * refuses: a bucket of 8 is one cache line, and the client that has been silent longest goes.
 *
 * An entry is one 64-bit word, read and written whole, so there are no locks:
 *
 *   63        48 47            24 23             0
 *   +-----------+----------------+----------------+
 *   | backend   | second of the  | tag: hash of   |
 *   |           | last new flow  | client, pool   |
 *   +-----------+----------------+----------------+
 *
 * Two clients with the same bucket and tag share an entry; of a million pairs less than one does,
 * and they only share a backend. Seconds wrap after 194 days.
 *
 * Nothing of this is sent to other nodes. With a scheduler that all nodes agree on the first choice
 * is by persistence_client(), so that after a takeover the other node comes to the same choice
 * unless backends have changed in between. */
#ifndef DATAPLANE_PERSISTENCE_H
#define DATAPLANE_PERSISTENCE_H

#include <stdbool.h>
#include <stdint.h>

#define PERSISTENCE_ENTRIES 131072 /* One megabyte. */

/* Part of the protocol between nodes, as are the hashes of maglev.h: hash_bytes() of this seed and
 * 24 bytes, the client's address (IPv4 in the first four) with the bits behind its prefix
 * cleared, then zeros. */
#define PERSISTENCE_CLIENT_SEED UINT64_C(0x776569722d737263) /* "weir-src" */

struct persistence;

/* An entry as a look-up saw it. */
struct persistence_seen {
	uint64_t *bucket;
	uint64_t *place; /* The client's, or the one to take for it. */
	uint64_t word;   /* That was there; 0: it was free. */
	uint32_t tag;
	uint32_t age_s;
	uint16_t backend; /* 0: the client is not known. */
};

enum persistence_outcome {
	PERSISTENCE_KEPT,
	PERSISTENCE_EVICTED, /* Kept, and another client forgotten for it. */
	PERSISTENCE_OTHER,   /* Another worker was faster: its choice is what counts. */
};

/* Makes a table of at least 'n_entries'; 'seed' is secret, so that nobody can aim at a bucket.
 * Returns 0 or -ENOMEM. */
int persistence_new(struct persistence **out, uint32_t n_entries, uint64_t seed);
void persistence_free(struct persistence *persistence);

/* The hash of the client of which 'address' (16 bytes) is one, 'prefix' bits long. */
uint64_t persistence_client(const uint8_t *address, unsigned int prefix);

/* These are for any worker at any time. */
struct persistence_seen persistence_find(
	struct persistence *persistence, uint64_t client, uint16_t pool_id, uint32_t now_s);

/* The client began another flow with the backend that was seen. */
void persistence_renew(const struct persistence_seen *seen, uint32_t now_s);

/* Gives the client '*backend', which is changed if another worker has given it one meanwhile. */
enum persistence_outcome persistence_keep(
	const struct persistence_seen *seen, uint16_t *backend, uint32_t now_s);

#endif /* DATAPLANE_PERSISTENCE_H */
