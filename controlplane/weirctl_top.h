/* SPDX-License-Identifier: BSD-3-Clause */
/* 'weirctl top': services and backends on the whole terminal, with rates. */
#ifndef CONTROLPLANE_WEIRCTL_TOP_H
#define CONTROLPLANE_WEIRCTL_TOP_H

#include "controlplane/weirctl_args.h"

extern const struct parameter top_parameters[];

/* Runs until a key or a signal ends it; the terminal is then as it was. Returns the exit status. */
int top_run(const struct arguments *arguments);

#endif /* CONTROLPLANE_WEIRCTL_TOP_H */
