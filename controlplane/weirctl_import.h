/* SPDX-License-Identifier: BSD-3-Clause */
/* weirctl import: a cluster file from what keepalived or ipvsadm had. */
#ifndef CONTROLPLANE_WEIRCTL_IMPORT_H
#define CONTROLPLANE_WEIRCTL_IMPORT_H

#include "controlplane/weirctl_args.h"

extern const struct parameter weirctl_import_parameters[];

/* Writes the cluster file to standard output, and what is to be filled in to standard error.
 * Returns 0, or a negative errno with 'err' set. */
int weirctl_import(const struct arguments *arguments, struct err *err);

#endif /* CONTROLPLANE_WEIRCTL_IMPORT_H */
