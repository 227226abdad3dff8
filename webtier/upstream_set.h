/* SPDX-License-Identifier: BSD-3-Clause */
/* The app nodes and whether they can be used: the one thing that all threads of the tier share.
 *
 * The main thread checks the nodes (upstream_check.c) and writes the verdict; a worker that cannot
 * connect ejects the node for a moment, so that the others do not have to find out. Each fact is
 * one atomic word. A node keeps its place for ever, so that an index means the same to everybody:
 * one that is taken out only gets no requests, and new ones come behind. */
#ifndef WEBTIER_UPSTREAM_SET_H
#define WEBTIER_UPSTREAM_SET_H

#include "common/addr.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/model.h"
#include "webtier/circuit.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How long a node that refused a connection is left alone; its active check, which runs several
 * times in this while, then says more. */
#define UPSTREAM_EJECT_NS NS_PER_S

enum upstream_state {
	UPSTREAM_UNKNOWN, /* Not checked yet: it may be tried. */
	UPSTREAM_UP,
	UPSTREAM_DOWN,
	UPSTREAM_GONE, /* Taken out by a reload: gets nothing new. */
};

#define UPSTREAM_SPARE 64 /* Places for nodes that a reload adds. */

struct upstream_node {
	char name[MODEL_NAME_MAX + 1];
	struct endpoint endpoint;
	char host[ENDPOINT_TEXT_SIZE];     /* The endpoint as text. */
	_Atomic int state;                 /* enum upstream_state. main: writes, workers: read */
	_Atomic uint64_t ejected_until_ns; /* workers: write and read */
	struct circuit circuit;
};

struct upstream_set {
	struct upstream_node *nodes;
	atomic_size_t n_nodes; /* main: writes, workers: read */
	size_t n_max;          /* Places that there are. */
};

/* The app nodes of 'model'. Returns 0 or -ENOMEM. */
int upstream_set_init(struct upstream_set *set, const struct model *model);

/* Takes in the app nodes of another model, and takes out those that it has not. By the main thread,
 * while workers use the set. Returns 0; or -ENOSPC with 'err' set when the places are used up, and
 * nothing has changed. */
int upstream_set_update(struct upstream_set *set, const struct model *model, struct err *err);
void upstream_set_fini(struct upstream_set *set);

void upstream_eject(struct upstream_node *node, uint64_t now_ns);
bool upstream_is_ejected(const struct upstream_node *node, uint64_t now_ns);

/* Rise and fall: turns single check results into a state. */
struct upstream_health {
	uint32_t rise;
	uint32_t fall;
	uint32_t n_run; /* Results in a row that contradict 'state'. */
	enum upstream_state state;
};

void upstream_health_init(struct upstream_health *health, uint32_t rise, uint32_t fall);

/* Takes in one result; the first one decides alone. Returns true if 'state' has changed. */
bool upstream_health_result(struct upstream_health *health, bool success);

#endif /* WEBTIER_UPSTREAM_SET_H */
