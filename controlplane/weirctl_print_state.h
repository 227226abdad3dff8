/* SPDX-License-Identifier: BSD-3-Clause */
/* What 'weirctl stats' shows of the state in force; internal to weirctl_print*.c. */
#ifndef CONTROLPLANE_WEIRCTL_PRINT_STATE_H
#define CONTROLPLANE_WEIRCTL_PRINT_STATE_H

#include <jansson.h>
#include <stdio.h>

/* "forgotten after: embryonic 10s, ..."; nothing if 'timeouts' is NULL. */
void print_flow_timeouts(json_t *timeouts, FILE *file);

/* A table with an empty line before it; nothing if there are no lists. */
void print_source_lists(json_t *lists, FILE *file);

#endif /* CONTROLPLANE_WEIRCTL_PRINT_STATE_H */
