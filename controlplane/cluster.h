/* SPDX-License-Identifier: BSD-3-Clause */
/* The live state of this node: what the model says, and what has become of it.
 *
 * Three sources write here: the health checks (is a backend up), the operator (is it drained), and
 * the election (who holds a virtual router). Two read: the dataplane client, which pushes the
 * desired state that cluster_build_state() derives, and the admin commands and metrics, which
 * show it. Does no I/O and reads no clock; belongs to the control plane's loop and its thread. */
#ifndef CONTROLPLANE_CLUSTER_H
#define CONTROLPLANE_CLUSTER_H

#include "common/control.h"
#include "common/err.h"
#include "common/model.h"
#include "controlplane/health_fsm.h"
#include "controlplane/history.h"
#include "controlplane/slow_start.h"
#include "controlplane/vrrp_fsm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLUSTER_WHY_SIZE 160

/* What the dataplane counts of a backend that may mean trouble. */
struct cluster_signs {
	uint64_t n_resets;       /* Connections that it has reset. */
	uint64_t n_unreachables; /* ICMP errors that say that it cannot be reached. */
};

/* A backend of a pool. Backends of a pool without a check are HEALTH_UP from the start. */
struct cluster_backend {
	const struct backend *config;
	enum health_state health;
	uint64_t since_ns;  /* When 'health' became what it is. */
	uint64_t n_changes; /* Of 'health', the first verdict not counted. */
	bool stale;         /* The last verdict is of before cluster_renew_health(). */
	bool drained;       /* By the operator: takes no new flows, keeps its old ones. */
	bool rests;         /* As well: a sorry backend with a quorum, or another one without it. */
	bool weight_set;    /* By the operator, in place of the configured one: ... */
	uint16_t weight;    /* ... this. */
	struct slow_start slow_start; /* Of its weight. */
	struct cluster_signs signs;
	char why[CLUSTER_WHY_SIZE]; /* The last verdict's reason ("connection refused"); "" if none.
				     */
};

/* In the order of the model, so that a pool's index there is its index here. */
struct cluster_pool {
	const struct pool *config;
	struct cluster_backend *backends;
	size_t n_backends;
	bool quorum_lost; /* Its sorry backends serve. */
};

/* A virtual router that this node is a member of. */
struct cluster_router {
	const struct virtual_router *config;
	uint8_t configured_priority; /* This node's ... */
	uint8_t priority;            /* ... less what is tracked and not well. */
	enum vrrp_state state;
	uint64_t since_ns; /* When 'state' became what it is. */
	uint64_t n_transitions;
	uint64_t n_sent;     /* Adverts. */
	uint64_t n_received; /* Adverts of other members that were valid. */
	struct addr master;  /* Who holds it, as last heard; ADDR_NONE: unknown. */
	uint8_t master_priority;
	char why[CLUSTER_WHY_SIZE]; /* Reason of the last transition. */
};

/* A script of the model; one that this node does not run is HEALTH_UNKNOWN for ever. */
struct cluster_script {
	const struct script *config;
	enum health_state state;
	char why[CLUSTER_WHY_SIZE]; /* How its last run ended; "" before the first. */
};

/* The connection to this node's dataplane. */
struct cluster_dataplane {
	bool connected;                 /* And said hello. */
	bool accepted;                  /* It has taken a state from this connection. */
	bool ready;                     /* It says that all next hops are resolved. */
	bool behind;                    /* Other nodes are still telling it of their flows. */
	uint64_t since_ns;              /* When 'connected' became what it is. */
	uint64_t generation;            /* Of the state last accepted. */
	char problem[CLUSTER_WHY_SIZE]; /* Last rejection, or what it waits for; "" if nothing. */
};

struct cluster;

/* Who acts on changes. Both are called from within the functions that change something. */
struct cluster_listener {
	/* What cluster_build_state() gives has changed. */
	void (*on_state)(void *ctx);
	/* The operator wants the node to give up 'router' (an index below cluster_n_routers()),
	 * which it holds. */
	void (*on_failover)(void *ctx, size_t router);
	/* What virtual routers track has changed. */
	void (*on_track)(void *ctx);
	/* The pool has lost its quorum, or has it again. */
	void (*on_quorum)(void *ctx, size_t pool);
	/* A virtual router has changed its state. */
	void (*on_transition)(void *ctx, const struct transition *transition);
	void *ctx;
};

/* Makes the state of 'node' (role lb) in 'model'; both must outlive it. Every checked backend is
 * what its check starts with, every router in VRRP_INIT. Returns 0 or -ENOMEM. */
int cluster_new(
	struct cluster **out, const struct model *model, const struct node *node, uint64_t now_ns);
void cluster_free(struct cluster *cluster);

/* What the dataplane is told of flow sync (copied); at first there is none. */
void cluster_set_sync(struct cluster *cluster, const struct flow_sync *sync);
const struct flow_sync *cluster_sync(const struct cluster *cluster);

/* One listener; replaces the former one. Copied. */
void cluster_listen(struct cluster *cluster, const struct cluster_listener *listener);

const struct model *cluster_model(const struct cluster *cluster);
const struct node *cluster_node(const struct cluster *cluster);
size_t cluster_n_routers(const struct cluster *cluster);
const struct cluster_router *cluster_router(const struct cluster *cluster, size_t i);
size_t cluster_n_pools(const struct cluster *cluster); /* The model's n_pools. */
const struct cluster_pool *cluster_pool(const struct cluster *cluster, size_t i);
const struct cluster_dataplane *cluster_dataplane(const struct cluster *cluster);
const struct cluster_script *cluster_script(const struct cluster *cluster, size_t i);
const struct history *cluster_history(const struct cluster *cluster);

/* Whether the node's port called 'name' has a link. */
bool cluster_port_has_link(const struct cluster *cluster, const char *name);

/* True when this node may hold virtual routers; if not, '*why' (may be NULL) says what is
 * missing. */
bool cluster_is_ready(const struct cluster *cluster, const char **why);

/* --- Health checks and operator --- */

/* The checks' verdict on a backend. Tells the listener if it changed anything; 'why' is kept
 * either way ("" or NULL: none). */
void cluster_backend_set_health(struct cluster *cluster, size_t pool, size_t backend,
	enum health_state health, const char *why, uint64_t now_ns);

void cluster_backend_set_drained(
	struct cluster *cluster, size_t pool, size_t backend, bool drained, uint64_t now_ns);

/* Another weight than the configured one, until it is reset. */
void cluster_backend_set_weight(
	struct cluster *cluster, size_t pool, size_t backend, uint16_t weight);
void cluster_backend_reset_weight(struct cluster *cluster, size_t pool, size_t backend);

/* What the dataplane counts now. Returns true if there are more signs than before. */
bool cluster_backend_set_signs(
	struct cluster *cluster, size_t pool, size_t backend, const struct cluster_signs *signs);

/* Makes all verdicts what their checks start with, for the reason 'why', without telling the
 * listener: the checks begin anew. */
void cluster_forget_health(struct cluster *cluster, const char *why, uint64_t now_ns);

/* True when each checked backend has had its first verdict. */
bool cluster_health_is_known(const struct cluster *cluster);

/* The checks begin anew, and until their first results the verdicts stay as they are. */
void cluster_renew_health(struct cluster *cluster);

/* True when each checked backend has had a verdict since the last cluster_renew_health(). */
bool cluster_health_is_fresh(const struct cluster *cluster);

void cluster_script_set(struct cluster *cluster, size_t script, bool good, const char *why);
void cluster_port_set_link(struct cluster *cluster, size_t port, bool link);

/* Takes the weights of backends in slow start to what they are at 'now_ns'. Tells the listener if
 * any changed. A backend's slow start begins when it comes back up, not with its first verdict, and
 * when it is undrained. */
void cluster_advance(struct cluster *cluster, uint64_t now_ns);

/* When cluster_advance() has something to do; SLOW_START_NEVER: nothing as things are. */
uint64_t cluster_deadline_ns(const struct cluster *cluster);

/* The operator's weight, or else the configured one. */
uint16_t cluster_backend_full_weight(const struct cluster_backend *backend);

/* The weight that the dataplane is told: 0 when it is drained or rests, less in slow start. */
uint16_t cluster_backend_weight(const struct cluster_backend *backend);

/* "up", "down", "unknown"; "drained" for a drained backend that is not down, "standby" for one that
 * is up and rests. */
const char *cluster_backend_state_name(const struct cluster_backend *backend);

/* Gives up the virtual router called 'router', or all that this node holds (NULL), in favour of
 * another member; this node then stays a backup until it is needed. Returns how many were asked
 * to move, or with 'err' set -ENOENT (no such router) or -EINVAL (this node does not hold it). */
int cluster_failover(struct cluster *cluster, const char *router, struct err *err);

/* --- Election and dataplane client --- */

void cluster_router_count_adverts(
	struct cluster *cluster, size_t router, unsigned int n_sent, unsigned int n_received);
void cluster_router_set_priority(struct cluster *cluster, size_t router, uint8_t priority);
/* A transition, with its reason. */
void cluster_router_set_state(struct cluster *cluster, size_t router, enum vrrp_state state,
	const char *why, uint64_t now_ns);
void cluster_router_set_master(
	struct cluster *cluster, size_t router, const struct addr *master, uint8_t priority);
void cluster_dataplane_set(struct cluster *cluster, const struct cluster_dataplane *dataplane);
void cluster_set_ready(struct cluster *cluster, bool ready, const char *why);

/* The desired state for the dataplane: the routers this node is a member of, the services on their
 * addresses, all pools. Returns NULL when memory is short; the caller frees it with
 * control_state_free(). */
struct control_state *cluster_build_state(const struct cluster *cluster, uint64_t generation);

#endif /* CONTROLPLANE_CLUSTER_H */
