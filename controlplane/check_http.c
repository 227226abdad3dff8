/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP check: GET is answered with the expected status; see check.h. Each probe makes a connection
 * of its own, as a new client would. */
#include "controlplane/check.h"

#include "common/http_client.h"

#include <errno.h>
#include <stdlib.h>

/* The status is what counts: of a body longer than this the rest is not awaited. */
#define BODY_MAX 65536u

#define URL_SIZE 2048u

struct http_probe {
	struct http_fetch *fetch;
	uint16_t expect_status;
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

static void
on_answer(void *ctx, const struct http_answer *answer)
{
	struct http_probe *probe = ctx;
	check_done_fn done = probe->done;
	void *done_ctx = probe->ctx;
	bool ok = !answer->error && answer->status == probe->expect_status;
	char why[256];

	if (answer->error)
		snprintf(why, sizeof(why), "%s", answer->error);
	else if (ok)
		snprintf(why, sizeof(why), "status %u", answer->status);
	else
		snprintf(why, sizeof(why), "status %u, expected %u", answer->status,
			probe->expect_status);
	free(probe);
	done(done_ctx, ok, why);
}

static void *
start(void *engine, const struct check_target *target, check_done_fn done, void *ctx,
	struct err *err)
{
	char endpoint[ENDPOINT_TEXT_SIZE];
	char url[URL_SIZE];
	struct http_query query = {
		.url = url,
		.host = target->check->host,
		.body_max = BODY_MAX,
		.cut_body = true,
	};
	struct http_probe *probe;
	int size = snprintf(url, sizeof(url), "http://%s%s",
		endpoint_format(&target->endpoint, endpoint, sizeof(endpoint)),
		target->check->path);

	if (size < 0 || (size_t)size >= sizeof(url)) {
		err_set(err, -EINVAL, "the check's path is too long");
		return NULL;
	}
	probe = calloc(1, sizeof(*probe));
	if (!probe) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	probe->expect_status = target->check->expect_status;
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

	http_fetch_cancel(probe->fetch);
	free(probe);
	return connected ? "answer" : "connection";
}

const struct check_kind check_http = {
	.name = "http",
	.engine_new = engine_new,
	.engine_free = engine_free,
	.start = start,
	.cancel = cancel,
};
