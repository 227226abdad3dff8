/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of TLS: the keys that session tickets are sealed with (RFC 5077, RFC 8446 4.6.1).
 *
 * With a file, every node that has the same one can open the others' tickets, so a client resumes
 * whichever it comes to. The file has up to TLS_TICKET_KEYS_MAX lines, each a key of 80 random
 * bytes in base64 (`openssl rand -base64 80 | tr -d '\n'`); new tickets are sealed with the first,
 * and those of all are opened. Without a file the keys are the process's own; a new one is made
 * every few hours, and the one before it still opens. */
#ifndef COMMON_HTTP_TLS_TICKETS_H
#define COMMON_HTTP_TLS_TICKETS_H

#include "common/err.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

#define TLS_TICKET_KEYS_MAX 8
#define TLS_TICKET_LIFE_S (8 * 3600) /* Of a key that the process made. */

struct tls_tickets;

/* Reads the file 'path' (NULL: keys of its own). Returns 0, or a negative errno with 'err' set. */
int tls_tickets_new(struct tls_tickets **out, const char *path, struct err *err);
void tls_tickets_free(struct tls_tickets *tickets);

/* The keys of the file as it is now, for tls_tickets_take(); on failure nothing changes. */
int tls_tickets_read(struct tls_tickets *tickets, struct tls_tickets **fresh, struct err *err);

/* Puts the keys of 'fresh' (from tls_tickets_read(); NULL is allowed) in force and frees it. */
void tls_tickets_take(struct tls_tickets *tickets, struct tls_tickets *fresh);

/* Has sessions of 'ctx' use the keys. 'tickets' outlives them. Returns false when OpenSSL refuses.
 */
bool tls_tickets_install(struct tls_tickets *tickets, SSL_CTX *ctx);

/* Makes a new key if the process's own is older than it may be at 'now_ns'. */
void tls_tickets_age(struct tls_tickets *tickets, uint64_t now_ns);

#endif /* COMMON_HTTP_TLS_TICKETS_H */
