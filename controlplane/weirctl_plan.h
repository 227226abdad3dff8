/* SPDX-License-Identifier: BSD-3-Clause */
/* Plans (common/plan.h) for people: what a reload would do, or has done. */
#ifndef CONTROLPLANE_WEIRCTL_PLAN_H
#define CONTROLPLANE_WEIRCTL_PLAN_H

#include "controlplane/weirctl_args.h"

/* The plan from the configuration in force, or the file given by --against, to the file that is
 * given. Returns the caller's, or NULL with 'err' set. */
json_t *plan_files(const struct arguments *arguments, struct err *err);

void print_plan(json_t *answer, FILE *file);
void print_reloaded(json_t *answer, FILE *file);

#endif /* CONTROLPLANE_WEIRCTL_PLAN_H */
