/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading one link: GET of what is about a code, and the redirect. */
#ifndef APPTIER_SHORTENER_LINK_READ_H
#define APPTIER_SHORTENER_LINK_READ_H

#include "apptier/shortener/link_request.h"

/* GET /api/links/CODE and what is below it. 'ctx' is the struct app, as with all handlers. */
void link_handle_get(struct http_request *req, void *ctx);

/* GET /l/CODE. */
void link_handle_redirect(struct http_request *req, void *ctx);

/* Reads the link 'link->code' from the primary alone, for a change by 'link->owner', and calls
 * 'then' if it is that owner's; else answers. */
void link_read_for_change(struct link_request *link, void (*then)(struct link_request *link));

#endif /* APPTIER_SHORTENER_LINK_READ_H */
