/* SPDX-License-Identifier: BSD-3-Clause */
/* PATCH and DELETE of /api/links/CODE, by the link's owner. */
#ifndef APPTIER_SHORTENER_LINK_CHANGE_H
#define APPTIER_SHORTENER_LINK_CHANGE_H

#include "apptier/shortener/link_request.h"

void link_handle_change(struct http_request *req, void *ctx);
void link_handle_delete(struct http_request *req, void *ctx);

#endif /* APPTIER_SHORTENER_LINK_CHANGE_H */
