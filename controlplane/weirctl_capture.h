/* SPDX-License-Identifier: BSD-3-Clause */
/* 'weirctl capture': a pcapng file of what the dataplane receives and sends. */
#ifndef CONTROLPLANE_WEIRCTL_CAPTURE_H
#define CONTROLPLANE_WEIRCTL_CAPTURE_H

#include "controlplane/weirctl_args.h"

extern const struct parameter capture_parameters[];

/* Captures until enough frames are there, the time is over, or SIGINT or SIGTERM comes; what there
 * is then is in the file, whole. Returns the exit status. */
int capture_run(const struct arguments *arguments);

/* Tells how many frames there are. */
void capture_print(json_t *answer, FILE *file);

#endif /* CONTROLPLANE_WEIRCTL_CAPTURE_H */
