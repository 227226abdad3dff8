/* SPDX-License-Identifier: BSD-3-Clause */
/* The session cookie: what a client carries so that it reads its own writes on every node.
 *
 *   weir_session=1.0-1-42.MAC
 *
 * "1" is the format, "0-1-42" the GTID of the client's last write, MAC the HMAC-SHA-256 of both in
 * base64url. It is signed because a made-up GTID of the future would make every read wait. There
 * may be several keys, so that one can be changed while old cookies are around: the first signs,
 * all are accepted. A signer belongs to one thread. */
#ifndef APPTIER_SESSION_H
#define APPTIER_SESSION_H

#include "apptier/gtid.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

#define SESSION_COOKIE_NAME "weir_session"
#define SESSION_KEY_MIN 32 /* Bytes. */
#define SESSION_KEYS_MAX 4

/* Room for the value of a Set-Cookie header. */
#define SESSION_SET_COOKIE_SIZE 256

struct session_signer;

/* 'keys' has one on each line and is not kept. 'secure': the cookie is for HTTPS alone. Returns 0,
 * or -EINVAL with 'err' set when a key is too short or there are too many, or -ENOMEM. */
int session_signer_new(struct session_signer **out, const char *keys, bool secure, struct err *err);
void session_signer_free(struct session_signer *signer);

/* Writes the value of a Set-Cookie header that carries 'gtid'. Returns 'buf', or NULL if the
 * signature could not be made (memory). */
const char *session_set_cookie(
	struct session_signer *signer, const struct gtid *gtid, char *buf, size_t size);

/* Finds the session in the value of a Cookie header (NULL: none). Returns true and the GTID if its
 * signature is right; false, leaving '*out' untouched, if there is none or it was tampered with. */
bool session_from_cookie(struct session_signer *signer, const char *cookie, struct gtid *out);

#endif /* APPTIER_SESSION_H */
