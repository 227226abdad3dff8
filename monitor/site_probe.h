/* SPDX-License-Identifier: BSD-3-Clause */
/* Uses the site as a client does: asks DNS for its name, then fetches the probe URL through each
 * of the addresses it got, IPv4 and IPv6 apart, over HTTPS with a new connection each time.
 *
 * DNS is asked in the loop's thread pool; everything else is the loop's. */
#ifndef MONITOR_SITE_PROBE_H
#define MONITOR_SITE_PROBE_H

#include "common/http_client.h"
#include "monitor/view.h"

struct site_probe;

/* Returns 0 (with '*out' NULL where the model names no probe URL), or a negative errno with 'err'
 * saying what is wrong with the URL. 'client' and 'view' are borrowed. */
int site_probe_new(struct site_probe **out, uv_loop_t *loop, struct model *model,
	struct http_client *client, struct view *view, struct err *err);

/* Before the client is freed. Memory goes when the loop has run on. NULL is allowed. */
void site_probe_free(struct site_probe *probe);

#endif /* MONITOR_SITE_PROBE_H */
