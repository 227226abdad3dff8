/* SPDX-License-Identifier: BSD-3-Clause */
/* The manual page weirctl(8), written from the table of commands. */
#ifndef CONTROLPLANE_WEIRCTL_MANUAL_H
#define CONTROLPLANE_WEIRCTL_MANUAL_H

#include "controlplane/weirctl_args.h"

/* The only word of a command line that asks for it; the build does. */
#define MANUAL_WORD "__manual"

/* Writes the page in mdoc(7). */
void manual_print(const struct command *commands, FILE *file);

#endif /* CONTROLPLANE_WEIRCTL_MANUAL_H */
