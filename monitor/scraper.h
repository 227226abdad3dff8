/* SPDX-License-Identifier: BSD-3-Clause */
/* Fetches every node's /metrics page at its own pace: one timer a node, spread over the interval,
 * so that a dead node never delays the others. Puts the results into the view. Loop's thread. */
#ifndef MONITOR_SCRAPER_H
#define MONITOR_SCRAPER_H

#include "common/http_client.h"
#include "monitor/view.h"

struct scraper;

/* 'view' and 'client' are borrowed. Returns 0, or a negative errno with 'err' set. */
int scraper_new(struct scraper **out, uv_loop_t *loop, const struct model *model,
	struct http_client *client, struct view *view, struct err *err);

/* Before the client is freed. NULL is allowed. */
void scraper_free(struct scraper *scraper);

#endif /* MONITOR_SCRAPER_H */
