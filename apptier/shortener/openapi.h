/* SPDX-License-Identifier: BSD-3-Clause */
/* GET /api/openapi.json: the shortener's interface for programs (OpenAPI 3.1), as openapi.json has
 * it. */
#ifndef APPTIER_SHORTENER_OPENAPI_H
#define APPTIER_SHORTENER_OPENAPI_H

#include "common/http/http.h"

void openapi_handle(struct http_request *req, void *ctx);

#endif /* APPTIER_SHORTENER_OPENAPI_H */
