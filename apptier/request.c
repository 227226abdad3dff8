/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests as modules work on them; see request.h.
 *
 * The object outlives its HTTP request while work is under way in a thread, which cannot be called
 * back: 'http' is NULL then. */
#include "apptier/request.h"

#include "apptier/app.h"
#include "apptier/db_batch.h"
#include "apptier/reply.h"
#include "apptier/request_body.h"
#include "common/clock.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct app_request {
	struct http_request *http; /* NULL: it has ended. */
	struct app *app;
	uint64_t deadline_ns;
	struct gtid written;    /* By this request. */
	struct db_job *job;     /* Under way, or NULL. */
	struct db_batch *batch; /* Under way, or NULL. */
	app_result_fn on_result;
	json_t *body; /* input.c's, or NULL. */
	uv_work_t work;
	bool working; /* 'work' is queued or runs. */
	void (*work_fn)(void *data);
	void (*on_worked)(struct app_request *request);
	alignas(max_align_t) unsigned char data[]; /* The module's. */
};

static void
on_http_done(struct http_request *http, void *data)
{
	struct app_request *request = data;

	(void)http;
	request->http = NULL;
	db_job_detach(request->job);
	db_batch_cancel(request->batch);
	json_decref(request->body);
	request->body = NULL;
	/* What has begun is waited for; on_worked() frees. */
	if (request->working)
		uv_cancel((uv_req_t *)&request->work);
	else
		free(request);
}

struct app_request *
app_request_new(struct http_request *req, void *ctx, size_t size)
{
	struct app *app = ctx;
	struct app_request *request = calloc(1, sizeof(*request) + size);

	if (!request) {
		reply_error(req, 500, "the server is out of memory");
		return NULL;
	}
	request->http = req;
	request->app = app;
	request->deadline_ns = clock_now_ns() + app->model->app.query_timeout_ms * NS_PER_MS;
	request->work.data = request;
	http_request_set_data(req, request, on_http_done);
	return request;
}

void *
app_request_data(struct app_request *request)
{
	return request->data;
}

struct app *
app_request_app(const struct app_request *request)
{
	return request->app;
}

struct http_request *
app_request_http(const struct app_request *request)
{
	return request->http;
}

json_t *
app_request_body(const struct app_request *request)
{
	return request->body;
}

void
app_request_set_body(struct app_request *request, json_t *body)
{
	json_decref(request->body);
	request->body = body;
}

static void
on_db_result(void *ctx, const struct db_result *result)
{
	struct app_request *request = ctx;

	request->job = NULL;
	request->batch = NULL;
	request->written = gtid_latest(&request->written, &result->gtid);
	if (result->status == DB_OK || result->status == DB_DUPLICATE)
		request->on_result(request, result);
	else
		reply_db_failure(request->http, result->status);
}

static void
begin_read(struct app_request *request, const struct db_call *call, const struct gtid *after,
	app_result_fn fn)
{
	const struct db_want want = {.after = *after, .deadline_ns = request->deadline_ns};

	assert(!request->job && !request->batch);
	request->on_result = fn;
	request->job = db_read(request->app->db, call, &want, on_db_result, request);
	if (!request->job)
		reply_error(request->http, 500, "the server is out of memory");
}

void
app_read(struct app_request *request, const struct db_call *call, app_result_fn fn)
{
	const struct gtid any = {0};

	begin_read(request, call, &any, fn);
}

void
app_read_own(struct app_request *request, const struct db_call *call, app_result_fn fn)
{
	struct gtid before = reply_session(request->app, request->http);
	struct gtid after = gtid_latest(&before, &request->written);

	begin_read(request, call, &after, fn);
}

void
app_write(
	struct app_request *request, const struct db_call *calls, size_t n_calls, app_result_fn fn)
{
	assert(!request->job && !request->batch && n_calls > 0);
	request->on_result = fn;
	if (n_calls == 1)
		request->job = db_write(
			request->app->db, calls, request->deadline_ns, on_db_result, request);
	else
		request->batch = db_batch_run(request->app->db, calls, n_calls,
			request->deadline_ns, on_db_result, request);
	if (!request->job && !request->batch)
		reply_error(request->http, 500, "the server is out of memory");
}

/* In a thread of the pool. */
static void
run_work(uv_work_t *work)
{
	struct app_request *request = work->data;

	request->work_fn(request->data);
}

static void
on_worked(uv_work_t *work, int status)
{
	struct app_request *request = work->data;

	(void)status; /* It was cancelled only if the request has ended. */
	request->working = false;
	request->app->n_works--;
	if (request->http)
		request->on_worked(request);
	else
		free(request);
}

void
app_work(struct app_request *request, void (*work)(void *data),
	void (*done)(struct app_request *request))
{
	struct app *app = request->app;
	int rc;

	assert(!request->working);
	if (app->n_works >= app->model->app.work_queue_max) {
		app->n_works_refused++;
		reply_error(request->http, 503, "the server has too much to do now; try again");
		return;
	}
	request->work_fn = work;
	request->on_worked = done;
	rc = uv_queue_work(&app->loop, &request->work, run_work, on_worked);
	if (rc < 0) {
		reply_error(
			request->http, 500, "the server cannot do this now: %s", uv_strerror(rc));
		return;
	}
	request->working = true;
	app->n_works++;
}

void
app_reply_json(struct app_request *request, unsigned int status, json_t *body)
{
	reply_json(request->app, request->http, status, body, &request->written);
}

void
app_reply_empty(struct app_request *request, unsigned int status)
{
	reply_empty(request->app, request->http, status, &request->written);
}

void
app_reply_error(struct app_request *request, unsigned int status, const char *format, ...)
{
	char message[ERR_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	reply_error(request->http, status, "%s", message);
}
