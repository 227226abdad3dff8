/* SPDX-License-Identifier: BSD-3-Clause */
/* Running a program beside the loop: never through a shell, never waited for.
 *
 * The program gets a process group of its own, /dev/null to read from, and its output goes where
 * the log goes. Not even a program on a file system that hangs stops the loop: what may block
 * happens in the child. Belongs to a libuv loop and its thread. */
#ifndef CONTROLPLANE_COMMAND_H
#define CONTROLPLANE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define COMMAND_WHY_SIZE 64

struct command;

/* It has ended; 'ok': with status 0. 'why' says how ("exit status 1"). */
typedef void (*command_done_fn)(void *ctx, bool ok, const char *why);

/* Runs 'words' (ended by NULL; the first is a path) with 'settings' ("NAME=value", ended by NULL;
 * may be NULL) beside the own environment. Returns 0, or a negative errno and then 'on_done' is not
 * called; else it is called once, from the loop. */
int command_start(struct command **out, uv_loop_t *loop, const char *const *words,
	const char *const *settings, command_done_fn on_done, void *ctx);

/* Kills its whole process group; 'on_done' is not called. */
void command_kill(struct command *command);

/* Lets it go on, and knows nothing of it any more; 'on_done' is not called. */
void command_leave(struct command *command);

#endif /* CONTROLPLANE_COMMAND_H */
