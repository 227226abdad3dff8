/* SPDX-License-Identifier: BSD-3-Clause */
/* How load balancers tell each other of flows, as one of them needs to know it: where it listens,
 * who the others are, and the secrets that they share. */
#ifndef COMMON_FLOW_SYNC_H
#define COMMON_FLOW_SYNC_H

#include "common/addr.h"
#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

#define FLOW_SYNC_PORT 9694 /* UDP; the default. */
#define FLOW_SYNC_PEERS_MAX 7
#define FLOW_SYNC_KEYS_MAX 4
/* Bytes of a secret: as many as half of HMAC-SHA-256's hash at least (RFC 2104 3). */
#define FLOW_SYNC_SECRET_MIN 16
#define FLOW_SYNC_SECRET_MAX 128

struct flow_sync_key {
	uint8_t id; /* 1 to 255. */
	uint8_t size;
	uint8_t secret[FLOW_SYNC_SECRET_MAX];
};

struct flow_sync {
	struct endpoint listen; /* ADDR_NONE: this node tells and hears nothing. */
	struct endpoint peers[FLOW_SYNC_PEERS_MAX];
	size_t n_peers;
	struct flow_sync_key keys[FLOW_SYNC_KEYS_MAX]; /* Sends with the first, accepts all. */
	size_t n_keys;
};

struct model;
struct node;

/* Makes what 'node', a load balancer of 'model', needs to know; 'listen' is ADDR_NONE if the model
 * has no flow sync. Reads the files of the keys: a secret is the text of a file without the newline
 * at its end, and nobody but owner and group may read it. Returns 0, or a negative errno with 'err'
 * saying what to do; then '*out' is untouched. */
int flow_sync_read(
	struct flow_sync *out, const struct model *model, const struct node *node, struct err *err);

/* Wipes the secrets. */
void flow_sync_fini(struct flow_sync *sync);

#endif /* COMMON_FLOW_SYNC_H */
