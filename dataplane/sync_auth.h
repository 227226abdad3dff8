/* SPDX-License-Identifier: BSD-3-Clause */
/* Authentication of flow sync's datagrams: HMAC-SHA-256 over header and body, cut to its first 16
 * bytes (RFC 2104 5), by a ring of shared keys.
 *
 * Datagrams are sent with the first key and accepted with any. So keys are changed without a gap:
 * the new one is put behind the old on all nodes, then in front of it, then the old one goes. */
#ifndef DATAPLANE_SYNC_AUTH_H
#define DATAPLANE_SYNC_AUTH_H

#include "common/err.h"
#include "common/flow_sync.h"

#include <stddef.h>
#include <stdint.h>

struct sync_auth;

/* Takes 'n_keys' keys, at least one. Returns 0 and what the caller frees, or a negative errno with
 * 'err' set. */
int sync_auth_new(
	struct sync_auth **out, const struct flow_sync_key *keys, size_t n_keys, struct err *err);
/* NULL is allowed. */
void sync_auth_free(struct sync_auth *auth);

/* Puts the first key's id into a message and the tag behind it; there is room for SYNC_TAG_SIZE
 * more bytes. Returns the datagram's size, or 0 if OpenSSL has no memory. */
size_t sync_auth_sign(struct sync_auth *auth, uint8_t *message, size_t size);

/* Returns the size of the message in a datagram, or 0 if the tag is not that of a known key. */
size_t sync_auth_check(struct sync_auth *auth, const uint8_t *datagram, size_t size);

#endif /* DATAPLANE_SYNC_AUTH_H */
