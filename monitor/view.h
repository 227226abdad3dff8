/* SPDX-License-Identifier: BSD-3-Clause */
/* What the monitor knows of the cluster now: every node, every edge of the picture between them,
 * the virtual routers' holders, and the changes seen so far.
 *
 * Probes put facts in (view_*_result); the view derives states, notes each change once with its
 * reason, and renders itself as JSON and as metrics. No I/O, no clock: callers pass the time
 * (monotonic for ages, the wall clock for what people read). Belongs to one thread. */
#ifndef MONITOR_VIEW_H
#define MONITOR_VIEW_H

#include "common/metrics.h"
#include "common/model.h"

#include <jansson.h>

enum view_state {
	VIEW_UNKNOWN,
	VIEW_OK,
	VIEW_WARNING,
	VIEW_FAILED
};

/* What an edge of the picture stands for. */
enum view_edge_kind {
	EDGE_DNS,         /* client -> dns: the name resolves to the virtual addresses. */
	EDGE_CLIENT,      /* client -> vip: the site answers through its addresses. */
	EDGE_HOLDS,       /* vip -> lb: that node holds the addresses. */
	EDGE_BALANCE,     /* lb -> web */
	EDGE_PROXY,       /* web -> app */
	EDGE_QUERY,       /* app -> db */
	EDGE_REPLICATION, /* primary -> replica */
	EDGE_WATCH,       /* monitor -> node */
};

/* The two times of an observation. */
struct view_time {
	uint64_t now_ns;  /* clock_now_ns() */
	uint64_t wall_ms; /* Milliseconds since 1970, UTC. */
};

/* What a probe of one address of the site found. */
struct view_site_answer {
	struct addr addr;
	const char *error; /* NULL: it answered with 'status'. */
	unsigned int status;
	uint64_t total_us;
};

/* What a database server said of itself. */
struct view_database {
	const char *error; /* NULL: it answered. */
	bool is_read_only;
	bool is_replica; /* Has a replication source configured. */
	bool io_running; /* The three below of a replica only. */
	bool sql_running;
	int64_t lag_s;                 /* -1: unknown. */
	const char *replication_error; /* NULL or "": none. */
	const char *gtid;              /* Its GTID position. */
};

struct view;

/* Makes a view of 'model' (borrowed) in which all is unknown. 'self' is the monitor's node. NULL
 * when memory is short. */
struct view *view_new(const struct model *model, const struct node *self, struct view_time time);
void view_free(struct view *view);

/* Makes it the view of another model, which it borrows from then on; what is still there keeps what
 * is known of it. Returns 0 or -ENOMEM; then nothing has changed. */
int view_reload(struct view *view, const struct model *model, const struct node *self,
	struct view_time time);

/* A node's /metrics page was fetched ('page'), or not ('page' NULL, 'error' says why). */
void view_scrape_result(struct view *view, const struct node *node, const char *page,
	const char *error, uint64_t took_us, struct view_time time);

void view_database_result(struct view *view, const struct node *node,
	const struct view_database *result, struct view_time time);

/* The name's addresses as DNS gave them; 'error' (NULL: none) says why there are none. */
void view_dns_result(struct view *view, const struct addr *addrs, size_t n_addrs, const char *error,
	uint64_t took_us, struct view_time time);

/* The answers of all of the site's addresses from one round of probes. */
void view_site_result(struct view *view, const struct view_site_answer *answers, size_t n_answers,
	struct view_time time);

/* Rises with every change of a state; a page that has seen this number is up to date. */
uint64_t view_version(const struct view *view);

/* The whole view as a new JSON object, or NULL when memory is short. */
json_t *view_json(const struct view *view, struct view_time time);

void view_metrics(const struct view *view, struct metrics *metrics);

#endif /* MONITOR_VIEW_H */
