/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers in JSON, and the session by which a client reads its own writes. For handlers, in their
 * worker's thread. No answer made here may be cached. */
#ifndef APPTIER_REPLY_H
#define APPTIER_REPLY_H

#include "apptier/db_value.h"
#include "apptier/gtid.h"
#include "apptier/module.h"

#include <jansson.h>

/* The last write of the client that sent 'req', as its cookie says; unset if it has none. */
struct gtid reply_session(struct app *app, struct http_request *req);

/* Answers with 'body', taking over the reference; NULL (no memory) becomes a 500. 'written', if not
 * NULL and set, is the transaction that the client shall see from now on. */
void reply_json(struct app *app, struct http_request *req, unsigned int status, json_t *body,
	const struct gtid *written);

/* Answers 'status' without a body. 'written' as in reply_json(). */
void reply_empty(
	struct app *app, struct http_request *req, unsigned int status, const struct gtid *written);

/* Answers 'status', 301 or 302, to 'location', which is ready for a header. 'written' as in
 * reply_json(). */
void reply_redirect(struct app *app, struct http_request *req, unsigned int status,
	const char *location, const struct gtid *written);

/* Answers {"error": "..."}; a 503 tells the client when to come back. */
void reply_error(struct http_request *req, unsigned int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Answers for a statement that did not go well ('status' is not DB_OK): 503 or 500 with the reason
 * that a client can use. */
void reply_db_failure(struct http_request *req, enum db_status status);

#endif /* APPTIER_REPLY_H */
