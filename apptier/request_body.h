/* SPDX-License-Identifier: BSD-3-Clause */
/* The body of a request as JSON, which input.c reads and request.c frees; for these two alone. */
#ifndef APPTIER_REQUEST_BODY_H
#define APPTIER_REQUEST_BODY_H

#include "apptier/request.h"

/* NULL: none has been read. */
json_t *app_request_body(const struct app_request *request);

/* Takes over the reference. */
void app_request_set_body(struct app_request *request, json_t *body);

#endif /* APPTIER_REQUEST_BODY_H */
