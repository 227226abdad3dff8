/* SPDX-License-Identifier: BSD-3-Clause */
/* '--watch': a request asked again and again, shown with rates. */
#ifndef CONTROLPLANE_WEIRCTL_WATCH_H
#define CONTROLPLANE_WEIRCTL_WATCH_H

#include "controlplane/weirctl_args.h"

/* Shows the answers of 'socket' to the command until standard output is closed or a signal comes:
 * on a terminal each in place of the one before, else one below the other; with --json each is a
 * line. The first must come; later ones that fail are told of and tried again. Returns the exit
 * status. */
int watch_run(const struct arguments *arguments, const char *socket);

#endif /* CONTROLPLANE_WEIRCTL_WATCH_H */
