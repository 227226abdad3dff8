/* SPDX-License-Identifier: BSD-3-Clause */
/* Completion of weirctl's command line in bash and zsh.
 *
 * The shells only hand over the words that stand there, and show what comes back: what may follow
 * is decided here, from the table of commands, so it cannot be another than what is understood.
 * Names of services, backends, pools, routers and ports are asked of the node that the words
 * mean. */
#ifndef CONTROLPLANE_WEIRCTL_COMPLETION_H
#define CONTROLPLANE_WEIRCTL_COMPLETION_H

#include "controlplane/weirctl_args.h"

/* The first word of a command line that asks for completion; the words so far follow. */
#define COMPLETION_WORD "__complete"

/* The line that stands for the names of files. */
#define COMPLETION_FILES ":files"

/* Prints what the last of 'n' words may become, a line each: the word and, behind a tab, what it
 * means; COMPLETION_FILES: names of files as well. */
void completion_print(const struct command *commands, char **words, size_t n, FILE *file);

extern const struct parameter completion_parameters[];

/* Prints the script for a shell: 'weirctl completion bash'. Returns the exit status. */
int completion_run(const struct arguments *arguments);

#endif /* CONTROLPLANE_WEIRCTL_COMPLETION_H */
