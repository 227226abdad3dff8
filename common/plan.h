/* SPDX-License-Identifier: BSD-3-Clause */
/* What a reload would do: the difference of two models as a list of changes.
 *
 * Compares what the files mean, not their text: a default that is spelled out is no change. Objects
 * are matched by their names, so that a new order is none either. Each change says what it does to
 * flows, which processes take it by a reload, and which have to restart for it. The tables in
 * plan_keys*.c have an entry for every key of the file; a test walks the schema to see to that.
 *
 * Pure: does no I/O, keeps no pointer into the models. */
#ifndef COMMON_PLAN_H
#define COMMON_PLAN_H

#include "common/model.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Bits, so that several can be meant at once. */
enum plan_process {
	PLAN_DATAPLANE = 1,
	PLAN_CONTROLPLANE = 2,
	PLAN_WEBTIER = 4,
	PLAN_APPTIER = 8,
	PLAN_MONITOR = 16,
};
#define PLAN_N_PROCESSES 5

enum plan_action {
	PLAN_ADDED,
	PLAN_REMOVED,
	PLAN_CHANGED
};

struct plan_change {
	enum plan_action action;
	char *path;           /* "pools[web4].backends[web1]", with ".weight" if a key changed. */
	char *from, *to;      /* Of a key that changed; else NULL. */
	char *node;           /* Whose processes are concerned; NULL: those of all nodes. */
	unsigned int reload;  /* Processes that take it by a reload ... */
	unsigned int restart; /* ... and those that have to restart for it. */
	const char *effect;   /* What it does to flows. */
};

struct plan {
	struct plan_change *changes;
	size_t n_changes;
};

/* Returns 0 or -ENOMEM. */
int plan_new(struct plan **out, const struct model *from, const struct model *to);
void plan_free(struct plan *plan);

/* Processes (bits) of 'node' that have to restart for the plan. */
unsigned int plan_restart(const struct plan *plan, const struct node *node);

/* Says in the log which changes concern processes of 'node', and which of them need a restart. */
void plan_log(const struct plan *plan, const struct node *node);

/* True if two checks mean the same, their names apart. */
bool plan_same_check(const struct check *a, const struct check *b);
bool plan_same_script(const struct script *a, const struct script *b);

/* "dataplane" for PLAN_DATAPLANE, and so on. */
const char *plan_process_name(enum plan_process process);
const char *plan_action_name(enum plan_action action);

/* {changes: [{action, path, from?, to?, node?, reload: [PROCESS], restart: [PROCESS], effect}],
 *  restart: [{process, node?}]}; 'from' and 'to' are missing where a key was or is not given.
 * Returns a new reference, or NULL when memory is short. */
json_t *plan_json(const struct plan *plan);

#endif /* COMMON_PLAN_H */
