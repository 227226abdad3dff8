/* SPDX-License-Identifier: BSD-3-Clause */
/* What the shortener's handlers share; see link_request.h. */
#include "apptier/shortener/link_request.h"

#include "apptier/reply.h"
#include "apptier/shortener/shortener.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>

static void
on_request_done(struct http_request *req, void *data)
{
	struct link_request *link = data;

	(void)req;
	db_job_detach(link->job);
	db_tx_rollback(link->tx);
	count_writer_cancel(link->shortener->counts, &link->wait);
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

json_t *
link_to_json(const struct shortener *shortener, const char *code, const char *url, int64_t count,
	const char *created_at)
{
	char created[LINK_TIME_SIZE];
	char *blank;

	/* RFC 3339 instead of SQL's "2026-01-02 03:04:05.678". */
	snprintf(created, sizeof(created), "%sZ", created_at);
	blank = strchr(created, ' ');
	if (blank)
		*blank = 'T';
	return json_pack("{s:s, s:s, s:o, s:I, s:s}", "code", code, "url", url, "short_url",
		json_sprintf("%s" LINK_REDIRECT_PREFIX "%s",
			app_model(shortener->app)->app.public_url, code),
		"count", (json_int_t)count, "created", created);
}
