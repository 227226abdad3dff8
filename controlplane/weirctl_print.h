/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers of the admin socket (admin.h) as text for people, one function for each command. Members
 * that an answer lacks are shown as "-": a newer or older control plane may be asked. */
#ifndef CONTROLPLANE_WEIRCTL_PRINT_H
#define CONTROLPLANE_WEIRCTL_PRINT_H

#include <jansson.h>
#include <stdio.h>

void print_status(json_t *answer, FILE *file);
void print_services(json_t *answer, FILE *file);
void print_backends(json_t *answer, FILE *file);
void print_flows(json_t *answer, FILE *file);
void print_stats(json_t *answer, FILE *file);
void print_sync(json_t *answer, FILE *file);
void print_trace(json_t *answer, FILE *file);
void print_drained(json_t *answer, FILE *file);
void print_undrained(json_t *answer, FILE *file);
void print_weights(json_t *answer, FILE *file);
void print_failover(json_t *answer, FILE *file);
void print_history(json_t *answer, FILE *file);

#endif /* CONTROLPLANE_WEIRCTL_PRINT_H */
