/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers in JSON; see reply.h. */
#include "apptier/reply.h"

#include "apptier/app.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define RETRY_AFTER_S "1" /* About as long as a fail-over of the database takes. */
#define HEADERS_MAX 4

struct headers {
	struct http_header list[HEADERS_MAX];
	size_t n;
	char cookie[SESSION_SET_COOKIE_SIZE];
};

static void
add(struct headers *headers, const char *name, const char *value)
{
	headers->list[headers->n++] = (struct http_header){name, value};
}

/* The later of what the client had and what it has just written, so that answers that overtake each
 * other never take a client back. */
static void
add_session(struct headers *headers, struct app *app, struct http_request *req,
	const struct gtid *written)
{
	struct gtid before, latest;

	if (!written || !gtid_is_set(written))
		return;
	before = reply_session(app, req);
	latest = gtid_latest(&before, written);
	if (session_set_cookie(app->signer, &latest, headers->cookie, sizeof(headers->cookie)))
		add(headers, "Set-Cookie", headers->cookie);
}

struct gtid
reply_session(struct app *app, struct http_request *req)
{
	struct gtid gtid = {0};

	session_from_cookie(app->signer, http_request_header(req, "Cookie"), &gtid);
	return gtid;
}

void
reply_json(struct app *app, struct http_request *req, unsigned int status, json_t *body,
	const struct gtid *written)
{
	struct headers headers = {.n = 0};
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	json_decref(body);
	if (!text) {
		reply_error(req, 500, "the server is out of memory");
		return;
	}
	add(&headers, "Content-Type", "application/json");
	add(&headers, "Cache-Control", "no-store");
	add_session(&headers, app, req, written);
	http_respond(req, status, headers.list, headers.n, text, strlen(text));
	free(text);
}

void
reply_empty(
	struct app *app, struct http_request *req, unsigned int status, const struct gtid *written)
{
	struct headers headers = {.n = 0};

	add(&headers, "Cache-Control", "no-store");
	add_session(&headers, app, req, written);
	http_respond(req, status, headers.list, headers.n, "", 0);
}

void
reply_redirect(struct app *app, struct http_request *req, unsigned int status, const char *location,
	const struct gtid *written)
{
	struct headers headers = {.n = 0};

	add(&headers, "Location", location);
	add(&headers, "Cache-Control", "no-store"); /* Every visit shall be counted. */
	add_session(&headers, app, req, written);
	http_respond(req, status, headers.list, headers.n, "", 0);
}

void
reply_error(struct http_request *req, unsigned int status, const char *format, ...)
{
	struct headers headers = {.n = 0};
	char message[ERR_TEXT_SIZE];
	json_t *body;
	char *text;
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	/* A message that was cut in the middle of a character is not UTF-8; then without it. */
	body = json_pack("{s:s}", "error", message);
	text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	add(&headers, "Content-Type", "application/json");
	add(&headers, "Cache-Control", "no-store");
	if (status == 503)
		add(&headers, "Retry-After", RETRY_AFTER_S);
	if (text)
		http_respond(req, status, headers.list, headers.n, text, strlen(text));
	else
		http_respond(req, status, headers.list, headers.n, "{}", 2);
	free(text);
}

void
reply_db_failure(struct http_request *req, enum db_status status)
{
	switch (status) {
	case DB_UNAVAILABLE:
		reply_error(req, 503,
			"the database is not available now; nothing was changed, try again");
		break;
	case DB_BUSY:
		reply_error(req, 503, "the database is too busy; nothing was changed, try again");
		break;
	case DB_TIMEOUT:
		reply_error(req, 503, "the database took too long; nothing was changed, try again");
		break;
	case DB_CONFLICT:
		reply_error(req, 503,
			"another change was made at the same time; nothing was changed, try again");
		break;
	case DB_UNKNOWN:
		reply_error(req, 503,
			"the database was lost while it stored this, so it may be stored or not; "
			"requests with an Idempotency-Key can be repeated safely");
		break;
	case DB_OK:
	case DB_DUPLICATE:
	case DB_FAILED:
		reply_error(
			req, 500, "the database refused the request; the server's log says why");
		break;
	}
}
