/* SPDX-License-Identifier: BSD-3-Clause */
/* One request as a module works on it: what it asks of the databases and of the thread pool, and
 * its answer.
 *
 *   app_read        from a replica that is fresh enough, whatever the client wrote
 *   app_read_own    from a replica, or the primary, that has what the client wrote before
 *   app_write       one transaction on the primary; the answer's cookie then carries its GTID
 *   app_work        long work in a thread
 *
 * All of it is done by the request's deadline (query_timeout_ms after its beginning), and what
 * fails is answered here: 503 with Retry-After when a server is down, busy or too slow, 500 when it
 * refuses the statement. If the client leaves, no function is called any more. One thing is under
 * way at a time, and the functions that are told of its end come after the call that began it has
 * returned. In the worker's thread. */
#ifndef APPTIER_REQUEST_H
#define APPTIER_REQUEST_H

#include "apptier/db_value.h"
#include "common/http/http.h"

#include <jansson.h>

struct app;
struct app_request;

/* Begins to work on 'req' in the worker 'ctx', with 'size' bytes for the module's own use, zeroed.
 * Returns NULL after having answered 500 if memory is short. It ends when it has been answered. */
struct app_request *app_request_new(struct http_request *req, void *ctx, size_t size);
void *app_request_data(struct app_request *request);
struct app *app_request_app(const struct app_request *request);
struct http_request *app_request_http(const struct app_request *request);

/* Called with DB_OK, or, after a write, DB_DUPLICATE: then nothing was changed. */
typedef void (*app_result_fn)(struct app_request *request, const struct db_result *result);

/* Runs a SELECT. The call's values are copied. */
void app_read(struct app_request *request, const struct db_call *call, app_result_fn fn);
void app_read_own(struct app_request *request, const struct db_call *call, app_result_fn fn);

/* Runs INSERT, UPDATE and DELETE statements, all or none. Begins anew by itself when the database
 * has rolled them back because of somebody else's. A single call's values are copied; several calls
 * and their values must stay until 'fn' is called, best in the request's own data. The result is
 * the last call's, with the transaction's GTID. */
void app_write(
	struct app_request *request, const struct db_call *calls, size_t n_calls, app_result_fn fn);

/* Has 'work' called in a thread of the pool with the request's data, which is all that it may
 * touch, and then 'done'. Answers 503 if too much work is waiting already. */
void app_work(struct app_request *request, void (*work)(void *data),
	void (*done)(struct app_request *request));

/* Answers with 'body', taking over the reference; NULL (no memory) becomes a 500. */
void app_reply_json(struct app_request *request, unsigned int status, json_t *body);

/* Answers without a body. */
void app_reply_empty(struct app_request *request, unsigned int status);

/* Answers {"error": "..."}. */
void app_reply_error(struct app_request *request, unsigned int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* APPTIER_REQUEST_H */
