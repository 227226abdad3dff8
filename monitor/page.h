/* SPDX-License-Identifier: BSD-3-Clause */
/* What the monitor serves: its page, the view as JSON (/api/state), as a stream of server-sent
 * events (/api/events) and as metrics. Read-only. Loop's thread. */
#ifndef MONITOR_PAGE_H
#define MONITOR_PAGE_H

#include "common/http/server.h"
#include "monitor/view.h"

struct page;

/* Serves on 'listener'. 'view' and 'self' (the monitor's node) are borrowed. Returns 0, or a
 * negative errno with 'err' set. */
int page_new(struct page **out, uv_loop_t *loop, const struct http_listener *listener,
	const struct view *view, const struct node *self, struct err *err);

/* Ends all connections. Memory goes when the loop has run on. NULL is allowed. */
void page_free(struct page *page);

#endif /* MONITOR_PAGE_H */
