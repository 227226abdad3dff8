/* SPDX-License-Identifier: BSD-3-Clause */
/* The web tier of one node: its workers, the checks of the app nodes, /metrics and the way out.
 *
 * Belongs to the main thread and its loop. Leaving has three steps: /health answers 503 for as long
 * as the load balancers need to notice, while everything is still served; then nothing new is
 * accepted and what is in flight is finished; then the workers end. */
#ifndef WEBTIER_TIER_H
#define WEBTIER_TIER_H

#include "common/err.h"
#include "common/model.h"

#include <uv.h>

struct tier;

/* Prepares everything and binds all sockets. 'model' and 'node' outlive the tier. Returns 0, or a
 * negative errno with 'err' set and nothing left open. */
int tier_new(struct tier **out, uv_loop_t *loop, const struct model *model, const struct node *node,
	struct err *err);

/* Starts the workers and the checks. Returns 0, or a negative errno with 'err' set. */
int tier_start(struct tier *tier, struct err *err);

/* Begins to leave; 'on_left' is called when the workers have ended. A second call hurries: the
 * workers end at once. */
void tier_leave(struct tier *tier, void (*on_left)(void *ctx), void *ctx);

/* Starts 'argv' as the process that takes the place of this one (successor.h). When it serves, this
 * one accepts nothing more, finishes what it has, and calls 'on_left'; until then, and if it fails,
 * nothing changes. Returns 0, or a negative errno with 'err' set. */
int tier_hand_over(
	struct tier *tier, char **argv, void (*on_left)(void *ctx), void *ctx, struct err *err);

/* Loads certificates, OCSP responses and ticket keys again, and takes the app nodes and their check
 * from 'model', which from then on outlives the tier as well. Returns 0, or a negative errno with
 * 'err' saying what stays as it was. */
int tier_reload(struct tier *tier, const struct model *model, struct err *err);

/* Begins a new access log file. */
void tier_reopen_log(struct tier *tier);

/* Closes what is in the loop, ends the workers and frees all but memory that goes when the loop has
 * run. NULL is allowed. */
void tier_free(struct tier *tier);

/* How long the load balancers may take to notice that this node wants no more: the slowest check of
 * a pool, at most half of the time that the whole leave may take. */
uint32_t tier_notice_ms(const struct model *model);

/* 'pattern' with "%n" replaced by 'node'; to be freed; NULL if memory is short. */
char *tier_log_path(const char *pattern, const char *node);

#endif /* WEBTIER_TIER_H */
