/* SPDX-License-Identifier: BSD-3-Clause */
/* Scrapes; see scraper.h. */
#include "monitor/scraper.h"

#include "monitor/wall.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE_MAX (8u << 20)

struct target {
	uv_timer_t timer; /* First: the handle is the target. */
	struct scraper *scraper;
	const struct node *node;
	struct http_fetch *fetch; /* NULL: none under way. */
	char url[ENDPOINT_TEXT_SIZE + 32];
};

struct scraper {
	const struct model *model;
	struct http_client *client;
	struct view *view;
	struct target **targets;
	size_t n_targets;
};

static void
on_answer(void *ctx, const struct http_answer *answer)
{
	struct target *target = ctx;
	char error[64];

	target->fetch = NULL;
	if (answer->error) {
		view_scrape_result(target->scraper->view, target->node, NULL, answer->error,
			answer->total_us, wall_now());
	} else if (answer->status != 200) {
		snprintf(error, sizeof(error), "/metrics answers with status %u", answer->status);
		view_scrape_result(target->scraper->view, target->node, NULL, error,
			answer->total_us, wall_now());
	} else {
		view_scrape_result(target->scraper->view, target->node, answer->body, NULL,
			answer->total_us, wall_now());
	}
}

static void
on_timer(uv_timer_t *timer)
{
	struct target *target = (struct target *)timer;
	struct scraper *scraper = target->scraper;
	const struct http_query query = {
		.url = target->url,
		.timeout_ms = scraper->model->monitor.scrape_timeout_ms,
		.body_max = PAGE_MAX,
		.reuse = true,
	};

	if (target->fetch)
		return; /* The last one is still under way; its timeout ends it. */
	target->fetch = http_client_get(scraper->client, &query, on_answer, target);
	if (!target->fetch)
		view_scrape_result(
			scraper->view, target->node, NULL, "out of memory", 0, wall_now());
}

static int
add_target(struct scraper *scraper, uv_loop_t *loop, const struct node *node, uint64_t delay_ms)
{
	struct target *target = calloc(1, sizeof(*target));
	char text[ENDPOINT_TEXT_SIZE];

	if (!target)
		return -ENOMEM;
	target->scraper = scraper;
	target->node = node;
	snprintf(target->url, sizeof(target->url), "http://%s/metrics",
		endpoint_format(&node->metrics, text, sizeof(text)));
	uv_timer_init(loop, &target->timer);
	uv_timer_start(
		&target->timer, on_timer, delay_ms, scraper->model->monitor.scrape_interval_ms);
	scraper->targets[scraper->n_targets++] = target;
	return 0;
}

int
scraper_new(struct scraper **out, uv_loop_t *loop, const struct model *model,
	struct http_client *client, struct view *view, struct err *err)
{
	struct scraper *scraper = calloc(1, sizeof(*scraper));

	if (!scraper || !(scraper->targets = calloc(model->n_nodes, sizeof(struct target *)))) {
		free(scraper);
		return err_set(err, -ENOMEM, "out of memory");
	}
	scraper->model = model;
	scraper->client = client;
	scraper->view = view;
	for (size_t i = 0; i < model->n_nodes; i++) {
		uint64_t delay_ms = model->monitor.scrape_interval_ms * i / model->n_nodes;

		if (model->nodes[i].metrics.addr.family == ADDR_NONE)
			continue;
		if (add_target(scraper, loop, &model->nodes[i], delay_ms) < 0) {
			scraper_free(scraper);
			return err_set(err, -ENOMEM, "out of memory");
		}
	}
	*out = scraper;
	return 0;
}

static void
free_target(uv_handle_t *handle)
{
	free(handle);
}

void
scraper_free(struct scraper *scraper)
{
	if (!scraper)
		return;
	for (size_t i = 0; i < scraper->n_targets; i++) {
		if (scraper->targets[i]->fetch)
			http_fetch_cancel(scraper->targets[i]->fetch);
		uv_close((uv_handle_t *)&scraper->targets[i]->timer, free_target);
	}
	free(scraper->targets);
	free(scraper);
}
