/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP client; see http_client.h.
 *
 * libcurl tells which sockets it waits for (socket_changed) and when it wants to be woken
 * (timer_changed); each socket gets a uv_poll handle. curl_multi_* may not be called from within
 * its callbacks, so finished transfers are collected after each step (collect). */
#include "common/http_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <curl/curl.h>

/* One uv handle must outlive the client until its close callback. */
struct watch {
	uv_poll_t poll; /* First: the handle is the watch. */
	struct http_client *client;
	curl_socket_t fd;
};

struct timer {
	uv_timer_t timer;           /* First. */
	struct http_client *client; /* NULL once the client is gone. */
};

struct http_client {
	uv_loop_t *loop;
	CURLM *multi;
	struct timer *timer;
	struct http_fetch *fetches;
};

struct http_fetch {
	struct http_client *client;
	struct http_fetch *next, **link; /* In the client's list. */
	CURL *easy;
	struct curl_slist *headers, *resolve, *connect_to;
	char *body;
	size_t body_size, body_max;
	bool cut_body;
	bool is_cut; /* The transfer was ended because the body was long enough. */
	char error[CURL_ERROR_SIZE];
	http_client_fn done;
	void *ctx;
};

static void
free_fetch(struct http_fetch *fetch)
{
	*fetch->link = fetch->next;
	if (fetch->next)
		fetch->next->link = fetch->link;
	curl_multi_remove_handle(fetch->client->multi, fetch->easy);
	curl_easy_cleanup(fetch->easy);
	curl_slist_free_all(fetch->headers);
	curl_slist_free_all(fetch->resolve);
	curl_slist_free_all(fetch->connect_to);
	free(fetch->body);
	free(fetch);
}

static uint64_t
time_of(CURL *easy, CURLINFO info)
{
	curl_off_t us = 0;

	curl_easy_getinfo(easy, info, &us);
	return us > 0 ? (uint64_t)us : 0;
}

/* Says in 'text' why there is no answer; the system's own word where there is one ("Connection
 * refused"). */
static const char *
explain(struct http_fetch *fetch, CURLcode code, char *text, size_t size)
{
	long os_error = 0;

	curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &os_error);
	if (code == CURLE_COULDNT_CONNECT && os_error != 0)
		snprintf(text, size, "%s", strerror((int)os_error));
	else
		snprintf(text, size, "%s", *fetch->error ? fetch->error : curl_easy_strerror(code));
	return text;
}

static void
finish(struct http_fetch *fetch, CURLcode code)
{
	struct http_answer answer = {
		.body = fetch->body ? fetch->body : "", .body_size = fetch->body_size};
	http_client_fn done = fetch->done;
	void *ctx = fetch->ctx;
	char error[CURL_ERROR_SIZE];
	long status = 0;
	char *body = fetch->body;

	if (code != CURLE_OK && !fetch->is_cut) {
		answer.error = explain(fetch, code, error, sizeof(error));
	} else {
		curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
		answer.status = (unsigned int)status;
	}
	answer.connect_us = time_of(fetch->easy, CURLINFO_CONNECT_TIME_T);
	answer.tls_us = time_of(fetch->easy, CURLINFO_APPCONNECT_TIME_T);
	answer.first_us = time_of(fetch->easy, CURLINFO_STARTTRANSFER_TIME_T);
	answer.total_us = time_of(fetch->easy, CURLINFO_TOTAL_TIME_T);
	fetch->body = NULL; /* Kept for the callback, which may start or cancel other fetches. */
	free_fetch(fetch);
	done(ctx, &answer);
	free(body);
}

/* Reports the transfers that have ended. A callback that frees the client ends the loop, as the
 * timer then no longer points to it. */
static void
collect(struct timer *timer)
{
	CURLMsg *message;
	int n_left;

	while (timer->client && (message = curl_multi_info_read(timer->client->multi, &n_left))) {
		struct http_fetch *fetch = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
		finish(fetch, message->data.result);
	}
}

static void
on_timer(uv_timer_t *handle)
{
	struct timer *timer = (struct timer *)handle;
	int n_running;

	if (!timer->client)
		return;
	curl_multi_socket_action(timer->client->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
	collect(timer);
}

static int
timer_changed(CURLM *multi, long timeout_ms, void *ctx)
{
	struct http_client *client = ctx;

	(void)multi;
	if (timeout_ms < 0)
		uv_timer_stop(&client->timer->timer);
	else
		uv_timer_start(&client->timer->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

static void
free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void
on_socket(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = (struct watch *)poll;
	struct timer *timer = watch->client->timer;
	int flags = 0, n_running;

	if (status < 0)
		flags = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(watch->client->multi, watch->fd, flags, &n_running);
	collect(timer); /* 'watch' may be closing by now. */
}

static int
socket_changed(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct http_client *client = ctx;
	struct watch *watch = socket_ctx;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watch) {
			uv_poll_stop(&watch->poll);
			uv_close((uv_handle_t *)&watch->poll, free_handle);
			curl_multi_assign(client->multi, fd, NULL);
		}
		return 0;
	}
	if (!watch) {
		watch = calloc(1, sizeof(*watch));
		if (!watch || uv_poll_init(client->loop, &watch->poll, fd) < 0) {
			free(watch);
			return -1;
		}
		watch->client = client;
		watch->fd = fd;
		curl_multi_assign(client->multi, fd, watch);
	}
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	uv_poll_start(&watch->poll, events, on_socket);
	return 0;
}

static size_t
take_body(char *data, size_t size, size_t n, void *ctx)
{
	struct http_fetch *fetch = ctx;
	bool too_long;
	char *grown;

	size *= n;
	too_long = fetch->body_size + size > fetch->body_max;
	if (too_long && !fetch->cut_body)
		return 0; /* CURLE_WRITE_ERROR */
	if (too_long)
		size = fetch->body_max - fetch->body_size;
	grown = realloc(fetch->body, fetch->body_size + size + 1);
	if (!grown)
		return 0;
	fetch->body = grown;
	memcpy(fetch->body + fetch->body_size, data, size);
	fetch->body_size += size;
	fetch->body[fetch->body_size] = '\0';
	fetch->is_cut = too_long;
	return too_long ? CURL_WRITEFUNC_ERROR : size;
}

int
http_client_new(struct http_client **out, uv_loop_t *loop, struct err *err)
{
	struct http_client *client = calloc(1, sizeof(*client));
	struct timer *timer = calloc(1, sizeof(*timer));
	CURLM *multi = NULL;

	if (client && timer && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		multi = curl_multi_init();
	if (!multi) {
		free(client);
		free(timer);
		return err_set(err, -ENOMEM, "libcurl could not be started: out of memory");
	}
	client->loop = loop;
	client->multi = multi;
	client->timer = timer;
	timer->client = client;
	uv_timer_init(loop, &timer->timer);
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
	*out = client;
	return 0;
}

void
http_client_free(struct http_client *client)
{
	if (!client)
		return;
	while (client->fetches)
		free_fetch(client->fetches);
	curl_multi_cleanup(client->multi);
	client->timer->client = NULL;
	uv_close((uv_handle_t *)&client->timer->timer, free_handle);
	free(client);
	curl_global_cleanup();
}

static bool
append(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	if (longer)
		*list = longer;
	return longer != NULL;
}

static bool
set_lists(struct http_fetch *fetch, const struct http_query *query)
{
	char host[300];

	snprintf(host, sizeof(host), "Host: %s", query->host ? query->host : "");
	if (query->host && !append(&fetch->headers, host))
		return false;
	for (size_t i = 0; query->headers && query->headers[i]; i++) {
		if (!append(&fetch->headers, query->headers[i]))
			return false;
	}
	if (query->resolve && !append(&fetch->resolve, query->resolve))
		return false;
	if (query->connect_to && !append(&fetch->connect_to, query->connect_to))
		return false;
	curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->headers);
	curl_easy_setopt(fetch->easy, CURLOPT_RESOLVE, fetch->resolve);
	curl_easy_setopt(fetch->easy, CURLOPT_CONNECT_TO, fetch->connect_to);
	return true;
}

/* A POST has an empty body. */
static void
set_method(CURL *easy, const char *method)
{
	if (!method || strcmp(method, "GET") == 0)
		return;
	if (strcmp(method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	} else if (strcmp(method, "POST") == 0) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
	} else {
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	}
}

/* Without a reset TIME_WAIT would keep the port from the next request. */
static int
prepare_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	int on = 1;

	(void)ctx;
	(void)purpose;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return CURL_SOCKOPT_OK;
}

static void
set_options(struct http_fetch *fetch, const struct http_query *query)
{
	CURL *easy = fetch->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)query->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Addresses need no cache of names, which libcurl goes through whole after each transfer:
	 * with thousands of them that was most of the work. */
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
	if (!query->reuse) {
		curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	}
	if (query->local_port) {
		curl_easy_setopt(easy, CURLOPT_LOCALPORT, (long)query->local_port);
		curl_easy_setopt(easy, CURLOPT_LOCALPORTRANGE, 1L);
		curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, prepare_socket);
	}
	if (query->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, query->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (query->any_certificate) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (query->tls_only) {
		/* What is behind TLS need not be HTTP. */
		curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
		curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
	}
}

struct http_fetch *
http_client_get(
	struct http_client *client, const struct http_query *query, http_client_fn done, void *ctx)
{
	struct http_fetch *fetch = calloc(1, sizeof(*fetch));

	if (!fetch)
		return NULL;
	fetch->client = client;
	fetch->body_max = query->body_max;
	fetch->cut_body = query->cut_body;
	fetch->done = done;
	fetch->ctx = ctx;
	fetch->next = client->fetches;
	fetch->link = &client->fetches;
	if (fetch->next)
		fetch->next->link = &fetch->next;
	client->fetches = fetch;
	fetch->easy = curl_easy_init();
	if (!fetch->easy || curl_easy_setopt(fetch->easy, CURLOPT_URL, query->url) != CURLE_OK ||
		!set_lists(fetch, query)) {
		free_fetch(fetch);
		return NULL;
	}
	set_method(fetch->easy, query->method);
	set_options(fetch, query);
	if (curl_multi_add_handle(client->multi, fetch->easy) != CURLM_OK) {
		free_fetch(fetch);
		return NULL;
	}
	return fetch;
}

bool
http_fetch_is_connected(const struct http_fetch *fetch)
{
	return time_of(fetch->easy, CURLINFO_CONNECT_TIME_T) > 0;
}

void
http_fetch_cancel(struct http_fetch *fetch)
{
	free_fetch(fetch);
}
