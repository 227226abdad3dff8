/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests by libmicrohttpd; see mhd_request.h.
 *
 * The library calls its handler at least twice for a request: first at the header's end, then for
 * each piece of the body, and at last when all has come. An answer given in the first call makes
 * it close the connection, as it takes the body for unwanted; so only requests whose body
 * is refused are answered there, and answers are otherwise queued in the last call: what a handler
 * says earlier waits until then. Between calls the connection is suspended when a handler has
 * to go on first. */
#include "common/http/mhd_request.h"

#include "common/clock.h"
#include "common/http/connection.h"
#include "common/http/core.h"
#include "common/http/exchange.h"
#include "common/http/mhd.h"
#include "common/http/mhd_response.h"
#include "common/http/upgrade.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct mhd_request {
	struct http_request base; /* First: handlers have a pointer to it. */
	struct MHD_Connection *mhd;
	struct MHD_Response *response; /* Answered; NULL before, and if it could not be made. */
	struct http_shared *shared;    /* Kept alive until the request is over. */
	const struct http_source *source;
	void *source_ctx;
	int64_t body_size; /* Of the response. */
	uint64_t sent;     /* What the source has given. */
	bool borrowed;     /* 'response' is that of 'shared'. */
	bool valid;        /* The target could be read. */
	bool begun;        /* The first call has been made. */
	bool whole;        /* The last call has been made. */
	bool queued;
	bool suspended;
	bool woken; /* Resumed while it was not suspended. */
	char storage[];
};

static struct mhd_request *
of(const struct http_request *req)
{
	struct mhd_request *mine;

	memcpy(&mine, &req, sizeof(void *)); /* 'base' is the first member; sheds const. */
	return mine;
}

static void
suspend(struct mhd_request *mine)
{
	MHD_suspend_connection(mine->mhd);
	readiness_mute(&mine->base.connection->readiness, true);
	mine->suspended = true;
	mine->base.connection->suspended = true;
}

static void
resume(struct mhd_request *mine)
{
	mine->woken = true;
	if (!mine->suspended)
		return;
	mine->suspended = false;
	mine->base.connection->suspended = false;
	readiness_mute(&mine->base.connection->readiness, false);
	MHD_resume_connection(mine->mhd);
	mhd_wake(mine->base.server->mhd);
}

static void
protocol_resume(struct http_request *req)
{
	resume(of(req));
}

static void
protocol_abort(struct http_request *req)
{
	connection_cut(req->connection, false);
	upgrade_close(req);
	resume(of(req));
	mhd_wake(req->server->mhd);
}

static const char *
protocol_header(const struct http_request *req, const char *name)
{
	return MHD_lookup_connection_value(of(req)->mhd, MHD_HEADER_KIND, name);
}

struct each_header {
	void (*each)(void *ctx, const char *name, const char *value);
	void *ctx;
};

static enum MHD_Result
pass_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	const struct each_header *call = ctx;

	(void)kind;
	call->each(call->ctx, name, value ? value : "");
	return MHD_YES;
}

/* Calls for every field of one kind. */
static void
each_value(const struct http_request *req, enum MHD_ValueKind kind,
	void (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
	struct each_header call = {each, ctx};

	MHD_get_connection_values(of(req)->mhd, kind, pass_header, &call);
}

static void
protocol_each_header(const struct http_request *req,
	void (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
	each_value(req, MHD_HEADER_KIND, each, ctx);
}

static void
protocol_each_trailer(const struct http_request *req,
	void (*each)(void *ctx, const char *name, const char *value), void *ctx)
{
	each_value(req, MHD_FOOTER_KIND, each, ctx);
}

static bool
is_old(const struct mhd_request *mine)
{
	return strcmp(mine->base.version, MHD_HTTP_VERSION_1_0) == 0;
}

/* libmicrohttpd 0.9.75 forgets a connection that its content reader ends: it leaves the ready list
 * without being cleaned up, and the descriptor stays open. A timeout of its own puts it on a list
 * that is visited in every run. */
static void
end_connection(struct mhd_request *mine)
{
	MHD_set_connection_option(mine->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 1u);
	mhd_wake(mine->base.server->mhd);
}

static ssize_t
source_end(struct mhd_request *mine, uint64_t position)
{
	if (mine->body_size >= 0 && position < (uint64_t)mine->body_size)
		return HTTP_SOURCE_ERROR; /* It promised more. */
	if (is_old(mine))
		end_connection(mine);
	return HTTP_SOURCE_END;
}

/* The body cannot be completed. Where only the end of the connection would end it, the client can
 * tell a part from the whole by a reset alone. */
static ssize_t
source_failed(struct mhd_request *mine)
{
	if (is_old(mine) && mine->body_size < 0)
		mine->base.connection->reset = true;
	else
		connection_cut(mine->base.connection, false);
	end_connection(mine);
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t
read_source(void *ctx, uint64_t position, char *buf, size_t size)
{
	struct mhd_request *mine = ctx;
	ssize_t n = HTTP_SOURCE_ERROR;

	do {
		mine->woken = false;
		if (mine->source && !mine->base.connection->dead)
			n = mine->source->read(mine->source_ctx, buf, size);
	} while (n == 0 && mine->woken && !mine->base.connection->dead);
	if (mine->base.connection->dead)
		n = HTTP_SOURCE_ERROR;
	if (n == HTTP_SOURCE_END)
		n = source_end(mine, position);
	if (n == HTTP_SOURCE_END)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n < 0)
		return source_failed(mine);
	if (n == 0)
		suspend(mine);
	mine->sent += (uint64_t)n;
	return n;
}

static void
protocol_answer(struct http_request *req, const struct answer *answer)
{
	struct mhd_request *mine = of(req);
	const struct response_frame frame = {
		.extra = &req->server->extra[req->connection->ssl != NULL],
		.close = answer->kind != ANSWER_UPGRADE && (req->close || req->server->draining),
	};

	switch (answer->kind) {
	case ANSWER_BYTES:
		mine->response = mhd_response_bytes(answer, &frame);
		mine->body_size = (int64_t)answer->size;
		break;
	case ANSWER_SHARED:
		mine->shared = answer->shared;
		mine->body_size = (int64_t)answer->shared->size;
		mine->response = mhd_response_kept(answer->shared, &frame);
		mine->borrowed = mine->response != NULL;
		if (!mine->borrowed)
			mine->response = mhd_response_shared(answer->shared, &frame);
		break;
	case ANSWER_SOURCE:
		mine->source = answer->source;
		mine->source_ctx = answer->source_ctx;
		mine->body_size = answer->body_size;
		mine->response = mhd_response_source(answer, read_source, mine, &frame);
		break;
	case ANSWER_UPGRADE:
		mine->response = upgrade_response(req, answer, &frame);
		break;
	}
	if (!mine->response)
		connection_cut(req->connection, false);
	resume(mine);
}

static void
protocol_trailers(struct http_request *req, const struct http_header *trailers, size_t n)
{
	struct mhd_request *mine = of(req);

	if (!mine->response || !mine->source || mine->body_size >= 0 || is_old(mine))
		return;
	for (size_t i = 0; i < n; i++)
		MHD_add_response_footer(mine->response, trailers[i].name, trailers[i].value);
}

static const struct http_protocol protocol = {
	.header = protocol_header,
	.each_header = protocol_each_header,
	.each_trailer = protocol_each_trailer,
	.answer = protocol_answer,
	.trailers = protocol_trailers,
	.resume = protocol_resume,
	.abort = protocol_abort,
};

void *
mhd_request_begin(void *ctx, const char *uri, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *connection = connection_of(info->connect_fd);
	const char *target = uri ? uri : "";
	size_t size = strlen(target);
	struct mhd_request *mine = malloc(sizeof(*mine) + REQUEST_STORAGE(size));

	if (!mine)
		return NULL; /* The first call will close the connection. */
	memset(mine, 0, sizeof(*mine));
	mine->mhd = mhd;
	mine->base.protocol = &protocol;
	mine->base.connection = connection;
	mine->base.server = ctx;
	mine->base.index = connection->n_requests++;
	mine->base.method_name = "-";
	mine->base.version = "-";
	mine->base.start_ns = clock_now_ns();
	mine->base.method = HTTP_METHOD_OTHER;
	mine->valid = request_set_target(&mine->base, mine->storage, target, size) == 0;
	connection->request = &mine->base;
	connection->sent_bytes = 0;
	return mine;
}

/* Content-Length was checked by the guard: digits, and one of them. */
static int64_t
announced_body(struct MHD_Connection *mhd)
{
	const char *length;

	if (MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING))
		return HTTP_SIZE_UNKNOWN;
	length = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	return length ? (int64_t)strtoll(length, NULL, 10) : 0;
}

static bool
sends_file(const struct mhd_request *mine)
{
	return mine->shared && mine->shared->fd >= 0 && mine->base.method != HTTP_METHOD_HEAD;
}

/* Hands the answer to libmicrohttpd. */
static enum MHD_Result
queue(struct mhd_request *mine)
{
	struct connection *connection = mine->base.connection;
	enum MHD_Result result;

	if (connection->dead || !mine->response)
		return MHD_NO;
	connection->sent_bytes = 0;
	connection->file_left = sends_file(mine) ? mine->shared->size : 0;
	connection->bare_304 = mine->base.status == MHD_HTTP_NOT_MODIFIED && mine->body_size == 0;
	result = MHD_queue_response(mine->mhd, mine->base.status, mine->response);
	mine->queued = result == MHD_YES;
	connection_set_phase(connection, CONNECTION_RESPONDING);
	return result;
}

static enum MHD_Result
first_call(struct mhd_request *mine, const char *method, const char *version)
{
	struct http_request *req = &mine->base;

	mine->begun = true;
	req->version = version;
	request_set_method(req, method);
	req->body_size = announced_body(mine->mhd);
	connection_set_phase(
		req->connection, req->body_size ? CONNECTION_BODY : CONNECTION_WORKING);
	exchange_header(req, mine->valid);
	if (req->connection->dead)
		return MHD_NO;
	if (req->answered && req->body_size != 0)
		return queue(mine);
	return MHD_YES;
}

static enum MHD_Result
body_call(struct mhd_request *mine, const char *data, size_t *size)
{
	do {
		size_t taken;

		mine->woken = false;
		taken = exchange_body(&mine->base, data, *size);
		data += taken;
		*size -= taken;
		if (mine->base.connection->dead)
			return MHD_NO;
	} while (*size > 0 && mine->woken);
	if (*size > 0)
		suspend(mine);
	return MHD_YES;
}

static enum MHD_Result
last_call(struct mhd_request *mine)
{
	if (!mine->whole) {
		mine->whole = true;
		connection_set_phase(mine->base.connection, CONNECTION_WORKING);
		exchange_end(&mine->base);
	}
	if (mine->base.connection->dead)
		return MHD_NO;
	if (mine->base.answered)
		return queue(mine);
	suspend(mine);
	return MHD_YES;
}

enum MHD_Result
mhd_request_handle(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method,
	const char *version, const char *data, size_t *size, void **context)
{
	struct mhd_request *mine = *context;

	(void)ctx;
	(void)mhd;
	(void)url;
	if (!mine || mine->base.connection->dead)
		return MHD_NO;
	if (!mine->begun)
		return first_call(mine, method, version);
	if (*size > 0)
		return body_call(mine, data, size);
	return last_call(mine);
}

/* Body bytes that went out. For an answer that was cut short the header's share is not known, so
 * the number is an upper bound. */
static uint64_t
sent_body(const struct mhd_request *mine, unsigned int status, bool complete)
{
	bool bodyless = mine->base.method == HTTP_METHOD_HEAD || status == MHD_HTTP_NO_CONTENT ||
			status == MHD_HTTP_NOT_MODIFIED;

	if (!mine->queued || bodyless)
		return 0;
	if (mine->base.upgrade)
		return upgrade_sent(&mine->base);
	if (mine->source)
		return mine->sent;
	if (complete || mine->base.connection->sent_bytes > (uint64_t)mine->body_size)
		return (uint64_t)mine->body_size;
	return mine->base.connection->sent_bytes;
}

/* The status that went out: ours, or that of an error page of libmicrohttpd's own; 0: none. */
static unsigned int
sent_status(const struct mhd_request *mine)
{
	const union MHD_ConnectionInfo *info;

	if (mine->queued)
		return mine->base.status;
	info = MHD_get_connection_info(mine->mhd, MHD_CONNECTION_INFO_HTTP_STATUS);
	return info ? info->http_status : 0;
}

void
mhd_request_completed(
	void *ctx, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code)
{
	struct mhd_request *mine = *context;
	struct connection *connection;
	unsigned int status;

	(void)ctx;
	(void)mhd;
	if (!mine)
		return;
	*context = NULL;
	connection = mine->base.connection;
	status = sent_status(mine);
	connection->request = NULL;
	connection->suspended = false;
	exchange_done(&mine->base, status,
		sent_body(mine, status, code == MHD_REQUEST_TERMINATED_COMPLETED_OK));
	connection_set_phase(connection, CONNECTION_IDLE);
	if (mine->response && !mine->borrowed)
		MHD_destroy_response(mine->response);
	http_shared_unref(mine->shared);
	upgrade_fini(&mine->base);
	if (mine->source && mine->source->release)
		mine->source->release(mine->source_ctx);
	free(mine);
}
