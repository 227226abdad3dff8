/* SPDX-License-Identifier: BSD-3-Clause */
/* Owners of links: whoever has the token that POST /api/owners gave. The database has only its
 * hash, and with it how much the owner may still write (its limit, in the transaction of the write,
 * so it holds over all workers and nodes). */
#ifndef APPTIER_SHORTENER_LINK_OWNER_H
#define APPTIER_SHORTENER_LINK_OWNER_H

#include "apptier/shortener/link_request.h"

/* True if the request says whose it is. */
bool link_owner_is_told(const struct http_request *req);

/* Finds whose request it is ('link->owner'; without a token LINK_OWNER_NONE), and then calls
 * 'then', perhaps at once; or answers. */
void link_owner_find(struct link_request *link, void (*then)(struct link_request *link));

/* The statement that takes a write from what the owner may do; it finds no row when that is used
 * up. Fills values of 'link'. */
const struct db_call *link_owner_charge(struct link_request *link);

/* Answers 429, and when to come back. */
void link_owner_reply_limited(struct link_request *link);

/* Answers 401: 'why' says what needs a token. */
void link_owner_reply_unknown(struct http_request *req, const char *why);

/* POST /api/owners. */
void link_owner_handle_create(struct http_request *req, void *ctx);

#endif /* APPTIER_SHORTENER_LINK_OWNER_H */
