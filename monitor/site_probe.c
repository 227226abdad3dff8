/* SPDX-License-Identifier: BSD-3-Clause */
/* Site probe; see site_probe.h. A round: DNS in the pool, then one fetch for each address at once;
 * when the last has ended the view gets all answers together. */
#include "monitor/site_probe.h"

#include "common/config.h"
#include "monitor/resolve.h"
#include "monitor/wall.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>

#define ADDRESSES_MAX 8
#define BODY_MAX (1u << 20)
#define ERROR_SIZE 160
#define HOST_SIZE 256

struct ask {
	struct site_probe *probe;
	struct http_fetch *fetch; /* NULL: none under way. */
	struct view_site_answer answer;
	char error[ERROR_SIZE];
};

struct site_probe {
	uv_timer_t timer; /* First: the handle is the probe. */
	uv_work_t work;
	struct model *model; /* Shared: a pool thread may look at it to the end. */
	struct http_client *client;
	struct view *view;
	char host[HOST_SIZE];
	char port[8];
	bool is_resolving; /* A pool thread has the four below. */
	bool is_closed;
	struct addr addrs[ADDRESSES_MAX];
	int n_addrs; /* Or a negative errno. */
	struct err dns_error;
	uint64_t dns_us;
	struct ask asks[ADDRESSES_MAX];
	size_t n_asks, n_open;
};

static void
end_round(struct site_probe *probe)
{
	struct view_site_answer answers[ADDRESSES_MAX];

	for (size_t i = 0; i < probe->n_asks; i++)
		answers[i] = probe->asks[i].answer;
	view_site_result(probe->view, answers, probe->n_asks, wall_now());
}

static void
on_answer(void *ctx, const struct http_answer *answer)
{
	struct ask *ask = ctx;

	ask->fetch = NULL;
	ask->answer.status = answer->status;
	ask->answer.total_us = answer->total_us;
	if (answer->error) {
		snprintf(ask->error, sizeof(ask->error), "%s", answer->error);
		ask->answer.error = ask->error;
	}
	if (--ask->probe->n_open == 0)
		end_round(ask->probe);
}

static void
start_ask(struct site_probe *probe, const struct addr *addr)
{
	struct ask *ask = &probe->asks[probe->n_asks++];
	char text[ADDR_TEXT_SIZE], resolve[HOST_SIZE + 64];
	const struct http_query query = {
		.url = probe->model->monitor.probe_url,
		.resolve = resolve,
		.ca_file = probe->model->monitor.probe_ca,
		.timeout_ms = probe->model->monitor.scrape_timeout_ms,
		.body_max = BODY_MAX,
	};

	memset(ask, 0, sizeof(*ask));
	ask->probe = probe;
	ask->answer.addr = *addr;
	addr_format(addr, text, sizeof(text));
	snprintf(resolve, sizeof(resolve), addr->family == ADDR_V6 ? "%s:%s:[%s]" : "%s:%s:%s",
		probe->host, probe->port, text);
	ask->fetch = http_client_get(probe->client, &query, on_answer, ask);
	if (ask->fetch)
		probe->n_open++;
	else
		ask->answer.error = "out of memory";
}

/* Pool thread. */
static void
resolve(uv_work_t *work)
{
	struct site_probe *probe = work->data;
	uint64_t start_ns = clock_now_ns();

	if (addr_parse(probe->host, &probe->addrs[0], NULL) == 0)
		probe->n_addrs = 1;
	else
		probe->n_addrs = resolve_name(probe->host, &probe->model->monitor.probe_dns,
			probe->model->monitor.scrape_timeout_ms, probe->addrs, ADDRESSES_MAX,
			&probe->dns_error);
	probe->dns_us = (clock_now_ns() - start_ns) / NS_PER_US;
}

static void
free_probe(uv_handle_t *handle)
{
	model_free(((struct site_probe *)handle)->model);
	free(handle);
}

static void
on_resolved(uv_work_t *work, int status)
{
	struct site_probe *probe = work->data;
	size_t n = probe->n_addrs > 0 ? (size_t)probe->n_addrs : 0;

	probe->is_resolving = false;
	if (probe->is_closed) {
		uv_close((uv_handle_t *)&probe->timer, free_probe);
		return;
	}
	if (status < 0)
		return;
	view_dns_result(probe->view, probe->addrs, n, n ? NULL : probe->dns_error.text,
		probe->dns_us, wall_now());
	probe->n_asks = 0;
	for (size_t i = 0; i < n; i++)
		start_ask(probe, &probe->addrs[i]);
	if (probe->n_open == 0)
		end_round(probe);
}

static void
on_timer(uv_timer_t *timer)
{
	struct site_probe *probe = (struct site_probe *)timer;

	if (probe->is_resolving || probe->n_open > 0)
		return; /* The last round is still under way; its timeouts end it. */
	probe->is_resolving = uv_queue_work(timer->loop, &probe->work, resolve, on_resolved) == 0;
}

/* Splits the URL's host and port off, as libcurl understands it. */
static int
parse_url(struct site_probe *probe, const char *url, struct err *err)
{
	char *host = NULL, *port = NULL;
	CURLU *parts = curl_url();
	int code = 0;

	if (!parts || curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
		curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
		curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		code = err_set(err, -EINVAL,
			"monitor.probe_url: '%s' is not a URL: write it like "
			"https://www.example.org/health",
			url);
	if (code == 0) {
		snprintf(probe->host, sizeof(probe->host), "%s", host);
		snprintf(probe->port, sizeof(probe->port), "%s", port);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
	return code;
}

int
site_probe_new(struct site_probe **out, uv_loop_t *loop, struct model *model,
	struct http_client *client, struct view *view, struct err *err)
{
	struct site_probe *probe;
	int code;

	*out = NULL;
	if (!model->monitor.probe_url)
		return 0;
	probe = calloc(1, sizeof(*probe));
	if (!probe)
		return err_set(err, -ENOMEM, "out of memory");
	code = parse_url(probe, model->monitor.probe_url, err);
	if (code < 0) {
		free(probe);
		return code;
	}
	probe->model = model_share(model);
	probe->client = client;
	probe->view = view;
	probe->work.data = probe;
	uv_timer_init(loop, &probe->timer);
	uv_timer_start(&probe->timer, on_timer, 0, model->monitor.scrape_interval_ms);
	*out = probe;
	return 0;
}

void
site_probe_free(struct site_probe *probe)
{
	if (!probe)
		return;
	for (size_t i = 0; i < probe->n_asks; i++) {
		if (probe->asks[i].fetch)
			http_fetch_cancel(probe->asks[i].fetch);
	}
	probe->is_closed = true;
	uv_timer_stop(&probe->timer);
	if (!probe->is_resolving)
		uv_close((uv_handle_t *)&probe->timer, free_probe);
}
