/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP check: GET is answered with the expected status; see check.h.
 *
 * libcurl speaks HTTP; its multi interface tells which sockets to watch and when to wake it, which
 * is done here with the loop's poll handles and one timer. Each probe makes a connection of its
 * own, as a new client would. */
#include "controlplane/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

/* The status is what counts: of a body longer than this the rest is not awaited. */
#define BODY_MAX 65536u

struct engine {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;
};

/* One of curl's sockets. */
struct watch {
	uv_poll_t poll;
	struct engine *engine;
	curl_socket_t fd;
};

struct http_probe {
	struct engine *engine;
	CURL *easy;
	struct curl_slist *headers;
	uint16_t expect_status;
	size_t body_size;
	check_done_fn done;
	void *ctx;
	char error[CURL_ERROR_SIZE];
};

static void
free_probe(struct http_probe *probe)
{
	if (probe->easy) {
		curl_multi_remove_handle(probe->engine->multi, probe->easy);
		curl_easy_cleanup(probe->easy);
	}
	curl_slist_free_all(probe->headers);
	free(probe);
}

/* Says in 'why' what 'code' means for the probe; returns whether it succeeded. */
static bool
judge(const struct http_probe *probe, CURLcode code, char *why, size_t why_size)
{
	long status = 0;
	long os_error = 0;

	curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(probe->easy, CURLINFO_OS_ERRNO, &os_error);
	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && probe->body_size > BODY_MAX)) {
		if (status == probe->expect_status) {
			snprintf(why, why_size, "status %ld", status);
			return true;
		}
		snprintf(why, why_size, "status %ld, expected %u", status, probe->expect_status);
	} else if (code == CURLE_COULDNT_CONNECT && os_error != 0) {
		snprintf(why, why_size, "%s", strerror((int)os_error));
	} else if (code == CURLE_GOT_NOTHING) {
		snprintf(why, why_size, "connection closed without an answer");
	} else {
		snprintf(why, why_size, "%s",
			probe->error[0] ? probe->error : curl_easy_strerror(code));
	}
	return false;
}

/* Ends the probes that curl has finished. */
static void
collect(struct engine *engine)
{
	CURLMsg *message;
	int n_left;

	while ((message = curl_multi_info_read(engine->multi, &n_left)) != NULL) {
		struct http_probe *probe;
		check_done_fn done;
		void *ctx;
		char why[CURL_ERROR_SIZE];
		bool ok;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&probe);
		ok = judge(probe, message->data.result, why, sizeof(why));
		done = probe->done;
		ctx = probe->ctx;
		free_probe(probe);
		done(ctx, ok, why);
	}
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	struct engine *engine = watch->engine;
	int flags = 0;
	int n_running;

	if (status < 0)
		flags |= CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(engine->multi, watch->fd, flags, &n_running);
	collect(engine);
}

static void
on_timer(uv_timer_t *timer)
{
	struct engine *engine = timer->data;
	int n_running;

	curl_multi_socket_action(engine->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
	collect(engine);
}

static void
on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static struct watch *
watch_new(struct engine *engine, curl_socket_t fd)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	if (uv_poll_init_socket(engine->loop, &watch->poll, fd) < 0) {
		free(watch);
		return NULL;
	}
	watch->poll.data = watch;
	watch->engine = engine;
	watch->fd = fd;
	return watch;
}

/* CURLMOPT_SOCKETFUNCTION: curl wants 'fd' watched for 'what'. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct engine *engine = ctx;
	struct watch *watch = socket_ctx;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watch)
			uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
		return 0;
	}
	if (!watch) {
		watch = watch_new(engine, fd);
		if (!watch)
			return -1;
		curl_multi_assign(engine->multi, fd, watch);
	}
	if (what != CURL_POLL_OUT)
		events |= UV_READABLE;
	if (what != CURL_POLL_IN)
		events |= UV_WRITABLE;
	return uv_poll_start(&watch->poll, events, on_poll) < 0 ? -1 : 0;
}

/* CURLMOPT_TIMERFUNCTION: curl wants to be called in 'timeout_ms'; -1: not at all. */
static int
on_timeout_change(CURLM *multi, long timeout_ms, void *ctx)
{
	struct engine *engine = ctx;

	(void)multi;
	if (timeout_ms < 0)
		return uv_timer_stop(&engine->timer);
	return uv_timer_start(&engine->timer, on_timer, (uint64_t)timeout_ms, 0);
}

static int
engine_new(void **out, uv_loop_t *loop, struct err *err)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(engine);
		return err_set(err, -ENOMEM, "cannot start libcurl: out of memory");
	}
	engine->multi = curl_multi_init();
	if (!engine->multi) {
		curl_global_cleanup();
		free(engine);
		return err_set(err, -ENOMEM, "cannot start libcurl: out of memory");
	}
	engine->loop = loop;
	uv_timer_init(loop, &engine->timer);
	engine->timer.data = engine;
	curl_multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(engine->multi, CURLMOPT_SOCKETDATA, engine);
	curl_multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, on_timeout_change);
	curl_multi_setopt(engine->multi, CURLMOPT_TIMERDATA, engine);
	*out = engine;
	return 0;
}

static void
on_engine_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
engine_free(void *ctx)
{
	struct engine *engine = ctx;

	curl_multi_cleanup(engine->multi);
	curl_global_cleanup();
	uv_close((uv_handle_t *)&engine->timer, on_engine_closed);
}

/* CURLOPT_WRITEFUNCTION: counts the body, and ends the transfer when there is too much of it. */
static size_t
on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct http_probe *probe = ctx;

	(void)data;
	probe->body_size += size * n;
	return probe->body_size > BODY_MAX ? 0 : size * n;
}

/* The path goes as it is written in the file, also where curl would normalise it. No proxy of the
 * environment may come between, and no redirect is followed: the backend itself has to answer. */
static void
set_options(struct http_probe *probe, const struct check_target *target)
{
	CURL *easy = probe->easy;
	char endpoint[ENDPOINT_TEXT_SIZE];
	char url[ENDPOINT_TEXT_SIZE + 16];

	snprintf(url, sizeof(url), "http://%s/",
		endpoint_format(&target->endpoint, endpoint, sizeof(endpoint)));
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, target->check->path);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, probe->headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, probe->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, probe);
}

/* Returns 0 with the probe's headers made, or -ENOMEM. */
static int
make_headers(struct http_probe *probe, const struct check *check)
{
	struct curl_slist *grown;
	char host[300];

	probe->headers = curl_slist_append(NULL, "Connection: close");
	if (!probe->headers)
		return -ENOMEM;
	if (!check->host)
		return 0;
	snprintf(host, sizeof(host), "Host: %s", check->host);
	grown = curl_slist_append(probe->headers, host);
	if (!grown)
		return -ENOMEM;
	probe->headers = grown;
	return 0;
}

static void *
start(void *engine, const struct check_target *target, check_done_fn done, void *ctx,
	struct err *err)
{
	struct http_probe *probe = calloc(1, sizeof(*probe));

	if (probe) {
		probe->engine = engine;
		probe->done = done;
		probe->ctx = ctx;
		probe->expect_status = target->check->expect_status;
		probe->easy = curl_easy_init();
	}
	if (!probe || !probe->easy || make_headers(probe, target->check) < 0) {
		if (probe)
			free_probe(probe);
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	set_options(probe, target);
	if (curl_multi_add_handle(probe->engine->multi, probe->easy) != CURLM_OK) {
		free_probe(probe);
		err_set(err, -ENOMEM, "cannot start a request");
		return NULL;
	}
	return probe;
}

static const char *
cancel(void *ctx)
{
	struct http_probe *probe = ctx;
	curl_off_t connect_us = 0;

	curl_easy_getinfo(probe->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
	free_probe(probe);
	return connect_us > 0 ? "answer" : "connection";
}

const struct check_kind check_http = {
	.name = "http",
	.engine_new = engine_new,
	.engine_free = engine_free,
	.start = start,
	.cancel = cancel,
};
