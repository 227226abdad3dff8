/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading many links: a page of a list, and all as CSV. They are the owner's or, without a token,
 * nobody's; pages go on behind the last link of the one before, so that none is left out or comes
 * twice when others are made meanwhile. */
#ifndef APPTIER_SHORTENER_LINK_LIST_H
#define APPTIER_SHORTENER_LINK_LIST_H

#include "apptier/shortener/link_request.h"

/* GET /api/links. */
void link_handle_list(struct http_request *req, void *ctx);

/* GET /api/links.csv. */
void link_handle_export(struct http_request *req, void *ctx);

#endif /* APPTIER_SHORTENER_LINK_LIST_H */
