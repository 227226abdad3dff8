/* SPDX-License-Identifier: BSD-3-Clause */
/* The view's insides, shared by view_facts.c (pages into facts), view.c (facts into states),
 * view_edges.c (the picture) and view_render.c (states into JSON and metrics), and by nobody else.
 */
#ifndef MONITOR_VIEW_STATE_H
#define MONITOR_VIEW_STATE_H

#include "monitor/view.h"

#define VIEW_REASON_SIZE 160
#define VIEW_EVENTS_MAX 256
#define VIEW_ADDRESSES_MAX 16
#define VIEW_SERVICES_MAX 200 /* More, and nobody would read the page. */

/* A state with why and since when. */
struct view_item {
	enum view_state state;
	char reason[VIEW_REASON_SIZE];
	uint64_t since_wall_ms;
};

/* Packets of a service, as a load balancer counts them. */
struct view_service {
	double told;  /* By the page being read. */
	double total; /* By the last one, */
	double rate;  /* ... and its growth a second. */
};

struct view_node {
	const struct node *node;
	struct view_item item;
	unsigned int n_failures; /* Fetches in a row that failed. */
	uint64_t took_us;        /* Of the last fetch. */
	double total;            /* The node's work counter (packets or requests) when last seen, */
	uint64_t total_ns;       /* ... when that was (0: never), */
	double rate;             /* ... and its growth a second. */
	bool *holds;             /* lb: for each virtual router, whether it says to be master. */
	struct view_service *services; /* lb: for each service that is shown. */
	unsigned int *n_up_of_pools;   /* lb: for each pool, backends that are up. */
	struct {
		bool is_known, is_read_only, is_replica;
		int64_t lag_s;
		char gtid[128];
	} db;
};

struct view_edge {
	const char *from, *to;
	enum view_edge_kind kind;
	struct view_item item;
	unsigned int n_up, n_down; /* Samples about it in the page being read. */
	bool is_active;            /* EDGE_HOLDS: the addresses are there. */
};

struct view_router {
	const struct virtual_router *router;
	struct view_item item;
};

struct view_event {
	uint64_t wall_ms;
	char subject[2 * MODEL_NAME_MAX + 16]; /* "web1", "web1 > app1" */
	enum view_state from, to;
	char reason[VIEW_REASON_SIZE];
};

struct view_site_address {
	struct addr addr;
	enum view_state state;
	char reason[VIEW_REASON_SIZE];
	uint64_t total_us;
};

struct view {
	const struct model *model;
	const struct node *self;
	uint64_t version;
	struct view_node *nodes; /* All but the monitor itself. */
	size_t n_nodes;
	struct view_edge *edges;
	size_t n_edges;
	struct view_router *routers;
	size_t n_routers;
	struct view_event events[VIEW_EVENTS_MAX]; /* A ring; */
	uint64_t n_events;                         /* ... how many there ever were. */
	struct view_site_address site[VIEW_ADDRESSES_MAX];
	size_t n_site;
	uint64_t dns_us;
};

/* Puts 'item' into 'state' for the reason in 'format'; a change of state is noted as an event of
 * 'subject' and counted in the version. */
void view_set(struct view *view, struct view_item *item, const char *subject, enum view_state state,
	struct view_time time, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* As view_set() for an edge. */
void view_set_edge(struct view *view, struct view_edge *edge, enum view_state state,
	struct view_time time, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* What a page says of its node as a whole. */
struct view_page {
	double work; /* The node's work counter. */
	bool is_draining, dataplane_down;
};

/* Reads a node's page into 'told', into the node's 'holds' and into the counts of its edges. */
void view_read_page(
	struct view *view, struct view_node *node, const char *page, struct view_page *told);

/* Room for what the node, a load balancer, tells of services. Returns 0 or -ENOMEM; to be undone by
 * view_services_fini() in both cases, which also takes a node without any. */
int view_services_init(struct view_node *node, const struct model *model);
void view_services_fini(struct view_node *node);

/* Before, within and after the reading of a page; 'seconds' have passed since the last one (0: it
 * is the first). */
void view_services_begin(struct view_node *node, const struct model *model);
void view_services_told(
	struct view_node *node, const struct model *model, const char *name, double n_packets);
void view_services_end(struct view_node *node, const struct model *model, double seconds);

/* Takes over what 'old', the same node in another model, was told. */
void view_services_inherit(struct view_node *node, const struct model *model,
	const struct view_node *old, const struct model *old_model);

json_t *view_services_json(const struct view *view);

/* Makes all edges of the picture from the model. Returns 0 or -ENOMEM. */
int view_make_edges(struct view *view);

/* The edge of that kind; NULL as 'from' or 'to' matches any. NULL if there is none. */
struct view_edge *view_find_edge(
	const struct view *view, enum view_edge_kind kind, const char *from, const char *to);

/* The node on which the pool's backend runs: of the backend's name, else of its address. */
const struct node *view_backend_node(const struct model *model, const struct backend *backend);

const char *view_state_name(enum view_state state);
const char *view_edge_kind_name(enum view_edge_kind kind);

#endif /* MONITOR_VIEW_STATE_H */
