/* SPDX-License-Identifier: BSD-3-Clause */
/* What is inside an election. For election.c and election_fitness.c; everybody else uses
 * election.h. */
#ifndef CONTROLPLANE_ELECTION_DATA_H
#define CONTROLPLANE_ELECTION_DATA_H

#include "controlplane/election.h"
#include "controlplane/gate.h"
#include "controlplane/lease.h"
#include "controlplane/vrrp_io.h"
#include "controlplane/vrrp_router.h"

/* The sockets of one family on one interface, and the election they serve. */
struct link {
	struct election *election;
	struct vrrp_io *io; /* NULL: the place is free. */
	const char *port;   /* The name; the election's own. */
	enum addr_family family;
	bool lost;            /* Was up once, and is not now. */
	uint64_t returned_ns; /* When it came back; 0: it has not, or that is long ago. */
};

/* Routers that move together. */
struct group {
	const char *name;
	struct vrrp_router *routers[MODEL_ROUTERS_MAX];
	const char *names[MODEL_ROUTERS_MAX];
	size_t n;
};

struct election {
	uv_loop_t *loop;
	struct cluster *cluster;
	struct dataplane_client *client;
	void (*on_link_return)(void *ctx);
	void *ctx;
	struct link *router_links[MODEL_ROUTERS_MAX]; /* Beside 'routers'. */
	struct group groups[MODEL_ROUTERS_MAX / 2];
	size_t n_groups;
	bool busy;             /* Events are being given to several routers. */
	uv_timer_t link_timer; /* A link that came back has been waited with for long enough. */
	uint64_t leased_ns;    /* When the last lease was sent. */
	struct vrrp_router *routers[MODEL_ROUTERS_MAX]; /* In the order of the cluster. */
	size_t n_routers;
	struct link links[MODEL_ROUTERS_MAX]; /* Some places may be free. */
	struct gate gate;
	uv_timer_t gate_timer;
	struct lease lease;
	const char *names[MODEL_ROUTERS_MAX]; /* For lease_message(). */
	bool lease_busy;                      /* The dataplane has not answered the last one. */
	uv_prepare_t prepare;                 /* Leases go out once in a turn of the loop: ... */
	uv_check_t check;                     /* ... after its timers, and after its sockets. */
	uv_timer_t stop_timer;
	void (*on_stopped)(void *ctx); /* NULL: not stopping, or stopped. */
	void *stopped_ctx;
	size_t n_handles; /* Whose close callback has not run. */
};

/* The router with this configuration belongs to a sync group, or to none. */
void election_join_group(
	struct election *election, const struct virtual_router *config, struct vrrp_router *router);

/* Brings the groups in step. While several routers are given events this waits for the last. */
void election_step_groups(struct election *election);

/* Gives all routers an event, and then their groups their word. */
void election_run_all(struct election *election, const struct vrrp_event *event);

/* Starts and stops routers as gate, sockets and tracking say, and sets their priorities. */
void election_update_routers(struct election *election);

/* Makes router 'index' of the cluster. Returns 0, or a negative errno with 'err' set. */
int election_add_router(struct election *election, size_t index, struct err *err);

/* Callbacks: a router's machine has run; a link's sockets have changed ('ctx' is the link); a link
 * that came back has been waited with for long enough. */
void election_on_router_run(void *ctx);
void election_on_link_change(void *ctx);
void election_on_link_timer(uv_timer_t *timer);

#endif /* CONTROLPLANE_ELECTION_DATA_H */
