/* SPDX-License-Identifier: BSD-3-Clause */
/* POST /api/links, and where links may lead. */
#ifndef APPTIER_SHORTENER_LINK_CREATE_H
#define APPTIER_SHORTENER_LINK_CREATE_H

#include "apptier/shortener/link_request.h"

/* True if a link may lead to 'url': its host is not refused, nor is it a short link itself. Returns
 * false after having answered. */
bool link_create_may_lead_to(struct link_request *link, const char *url);

void link_handle_create(struct http_request *req, void *ctx);

#endif /* APPTIER_SHORTENER_LINK_CREATE_H */
