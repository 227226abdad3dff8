/* SPDX-License-Identifier: BSD-3-Clause */
/* The other load balancers of flow sync: a UDP socket, the shared keys, and a session
 * (sync_session.h) with each. Belongs to the loop's thread. */
#ifndef DATAPLANE_SYNC_PEERS_H
#define DATAPLANE_SYNC_PEERS_H

#include "common/err.h"
#include "common/flow_sync.h"
#include "dataplane/sync_record.h"
#include "dataplane/sync_session.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct sync_peers;

struct sync_peers_config {
	const char *node; /* This node's name. */
	/* A session with one of them (an index) has begun. */
	void (*meet)(void *ctx, unsigned int peer);
	/* Takes a record of one of them. */
	void (*take)(void *ctx, unsigned int peer, const struct sync_record *record);
	/* One has come, or has missed something: all is to be told in whole. */
	void (*want_all)(void *ctx);
	/* None is left. */
	void (*gone)(void *ctx);
	void *ctx;
};

/* Datagrams that never came to a session. */
struct sync_strays {
	uint64_t strangers; /* Of an address that is no peer's. */
	uint64_t forged;    /* Without the tag of a shared key. */
};

/* One of them, to be shown. */
struct sync_peer_view {
	const char *name; /* "" if it was never heard. */
	struct endpoint endpoint;
	bool up, synced;
	const struct sync_session_counters *counters;
};

/* Returns 0 with nobody to talk to, or -ENOMEM. */
int sync_peers_new(
	struct sync_peers **out, uv_loop_t *loop, const struct sync_peers_config *config);

/* Memory goes when the loop has run its close callbacks. NULL is allowed. */
void sync_peers_free(struct sync_peers *peers);

/* From now on there are these (copied). Sessions go on if only the keys have changed. Returns 0, or
 * a negative errno with 'err' set; then all is as it was. */
int sync_peers_configure(struct sync_peers *peers, const struct flow_sync *sync, struct err *err);

/* Queues a record for all that are there. Returns false, and does nothing, if one has no room. */
bool sync_peers_send(struct sync_peers *peers, const struct sync_record *record);

/* Sends what is due. */
void sync_peers_run(struct sync_peers *peers, uint64_t now_ns);

/* When sync_peers_run() is to be called; UINT64_MAX: there are no peers. */
uint64_t sync_peers_deadline(const struct sync_peers *peers);

/* Whether there is nothing more to be learned from any of them. */
bool sync_peers_are_synced(const struct sync_peers *peers, uint64_t now_ns);

/* What is configured; 'listen' is ADDR_NONE if there is no flow sync. */
const struct flow_sync *sync_peers_configured(const struct sync_peers *peers);
const struct sync_strays *sync_peers_strays(const struct sync_peers *peers);
struct sync_peer_view sync_peers_view(const struct sync_peers *peers, size_t i, uint64_t now_ns);

#endif /* DATAPLANE_SYNC_PEERS_H */
