/* SPDX-License-Identifier: BSD-3-Clause */
/* What the shortener's handlers share; see link_request.h. */
#include "apptier/shortener/link_request.h"

#include "apptier/reply.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

static void
on_request_done(struct http_request *req, void *data)
{
	struct link_request *link = data;

	(void)req;
	db_job_detach(link->job);
	db_tx_rollback(link->tx);
	count_writer_cancel(link->shortener->counts, &link->wait);
	csv_fini(&link->csv);
	free(link);
}

struct link_request *
link_request_new(struct http_request *req, struct app *app)
{
	struct link_request *link = calloc(1, sizeof(*link));

	if (!link) {
		reply_error(req, 500, "the server is out of memory");
		return NULL;
	}
	link->req = req;
	link->shortener = app_module_state(app, &shortener_module);
	link->session = reply_session(app, req);
	link->deadline_ns = clock_now_ns() + app_model(app)->app.query_timeout_ms * NS_PER_MS;
	http_request_set_data(req, link, on_request_done);
	return link;
}

const char *
link_request_now(struct link_request *link)
{
	if (!link->now[0])
		link_time_now(link->now);
	return link->now;
}

void
link_request_read(struct link_request *link, const struct db_statement *statement, db_result_fn fn)
{
	const struct db_want want = {.after = link->session,
		.primary = link->from_primary,
		.deadline_ns = link->deadline_ns};

	link->call = (struct db_call){statement, link->values};
	link->job = db_read(app_db(link->shortener->app), &link->call, &want, fn, link);
	if (!link->job)
		reply_error(link->req, 500, "the server is out of memory");
}

bool
link_request_hash(const void *bytes, size_t size, char out[static LINK_HASH_SIZE])
{
	unsigned char digest[32];

	if (!EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL))
		return false;
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return true;
}

bool
link_request_read_fields(struct link_request *link, unsigned int allowed)
{
	size_t size;
	const char *body = http_request_body(link->req, &size);
	unsigned int status;
	struct err err;

	/* RFC 7396: absent members stay, null ones become empty; that is what PATCH does. */
	if (!app_body_is(link->req, "application/json") &&
		!app_body_is(link->req, "application/merge-patch+json")) {
		reply_error(link->req, 415, "Content-Type must be application/json");
		return false;
	}
	status =
		link_fields_parse(&link->fields, body, size, allowed, link_request_now(link), &err);
	if (status != 0)
		reply_error(link->req, status, "%s", err.text);
	return status == 0;
}
