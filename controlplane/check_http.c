/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP and HTTPS checks: a request gets the expected status and body; and TLS checks: the handshake
 * succeeds. See check.h. Each probe makes a connection of its own, as a new client would. */
#include "controlplane/check.h"

#include "common/http_client.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* Of a body longer than this the rest is not awaited. */
#define BODY_MAX 65536u

#define URL_SIZE 2048u

struct http_probe {
	struct http_fetch *fetch;
	const struct check *check;
	check_done_fn done;
	void *ctx;
};

static int
engine_new(void **out, uv_loop_t *loop, struct err *err)
{
	struct http_client *client;
	int rc = http_client_new(&client, loop, err);

	if (rc == 0)
		*out = client;
	return rc;
}

static void
engine_free(void *engine)
{
	http_client_free(engine);
}

/* True if the body is as expected, which is only a question when something is. */
static bool
body_is_good(const struct check_http *http, const struct http_answer *answer)
{
	regex_t regex;
	bool found;

	if (http->body)
		return memmem(answer->body, answer->body_size, http->body, strlen(http->body));
	if (!http->body_regex)
		return true;
	/* It compiled when the configuration was read. */
	if (regcomp(&regex, http->body_regex, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	found = regexec(&regex, answer->body, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

static bool
judge(const struct check *check, const struct http_answer *answer, char *why, size_t size)
{
	const struct check_http *http = &check->http;

	if (answer->error) {
		snprintf(why, size, "%s", answer->error);
		return false;
	}
	if (check->type == CHECK_TLS) {
		snprintf(why, size, "TLS is ready");
		return true;
	}
	if (!check_http_expects(http, answer->status)) {
		snprintf(why, size, "status %u, expected %s", answer->status, http->expected);
		return false;
	}
	if (!body_is_good(http, answer)) {
		snprintf(why, size, "status %u, but the body does not %s '%s'", answer->status,
			http->body ? "contain" : "match",
			http->body ? http->body : http->body_regex);
		return false;
	}
	snprintf(why, size, "status %u", answer->status);
	return true;
}

static void
on_answer(void *ctx, const struct http_answer *answer)
{
	struct http_probe *probe = ctx;
	check_done_fn done = probe->done;
	void *done_ctx = probe->ctx;
	char why[256];
	bool ok = judge(probe->check, answer, why, sizeof(why));

	free(probe);
	done(done_ctx, ok, why);
}

/* The name of the certificate comes from the URL's host, where to connect from elsewhere. */
static bool
write_url(const struct check_target *target, char *url, size_t url_size)
{
	const struct check *check = target->check;
	bool tls = check->type != CHECK_HTTP;
	char endpoint[ENDPOINT_TEXT_SIZE];
	int size;

	endpoint_format(&target->endpoint, endpoint, sizeof(endpoint));
	if (tls && check->tls.name)
		size = snprintf(url, url_size, "https://%s:%u%s", check->tls.name,
			target->endpoint.port, check->http.path ? check->http.path : "/");
	else
		size = snprintf(url, url_size, "http%s://%s%s", tls ? "s" : "", endpoint,
			check->http.path ? check->http.path : "/");
	return size >= 0 && (size_t)size < url_size;
}

static void *
start(void *engine, const struct check_target *target, check_done_fn done, void *ctx,
	struct err *err)
{
	const struct check *check = target->check;
	char connect_to[ENDPOINT_TEXT_SIZE + 2] = "::";
	char url[URL_SIZE];
	struct http_query query = {
		.url = url,
		.host = check->http.host,
		.connect_to = connect_to,
		.method = check->http.method,
		.headers = check->http.headers,
		.ca_file = check->tls.ca_file,
		.any_certificate = check->type != CHECK_HTTP && !check->tls.verify,
		.tls_only = check->type == CHECK_TLS,
		.body_max = BODY_MAX,
		.cut_body = true,
		.local_port = target->local_port,
	};
	struct http_probe *probe;

	endpoint_format(&target->endpoint, connect_to + 2, sizeof(connect_to) - 2);
	if (!write_url(target, url, sizeof(url))) {
		err_set(err, -EINVAL, "the check's path is too long");
		return NULL;
	}
	probe = calloc(1, sizeof(*probe));
	if (!probe) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	probe->check = check;
	probe->done = done;
	probe->ctx = ctx;
	probe->fetch = http_client_get(engine, &query, on_answer, probe);
	if (!probe->fetch) {
		free(probe);
		err_set(err, -EINVAL, "cannot ask for %s", url);
		return NULL;
	}
	return probe;
}

static const char *
cancel(void *ctx)
{
	struct http_probe *probe = ctx;
	bool connected = http_fetch_is_connected(probe->fetch);
	bool tls = probe->check->type != CHECK_HTTP;

	http_fetch_cancel(probe->fetch);
	free(probe);
	if (connected)
		return "answer";
	return tls ? "connection with TLS" : "connection";
}

const struct check_kind check_http = {
	.engine_new = engine_new,
	.engine_free = engine_free,
	.start = start,
	.cancel = cancel,
};
