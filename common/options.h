/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line that all daemons share:
 *   weir-NAME --config FILE --node NODE [--log-level LEVEL] | --help | --version */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include "common/err.h"
#include "common/model.h"

struct options {
	const char *config_path;
	const char *node_name;
	struct model *model;     /* Loaded from 'config_path'; the caller frees it. */
	const struct node *node; /* The node called 'node_name', of the role asked for. */
};

/* Parses the arguments of the daemon 'program' (described by 'summary' in its help) into 'chosen',
 * sets the log level, loads the configuration and finds the node, which must have 'role'. Does not
 * return on --help and --version (exit status 0) or on an error, which it prints (exit status 2:
 * what was wrong with the arguments or the file, and what to do). Call first in main(). */
void options_parse(struct options *chosen, int argc, char **argv, const char *program,
	const char *summary, enum node_role role);

/* Loads the file again for a reload. Returns 0 with the new model (the caller's) and the node in
 * it; or a negative errno with 'err' set when the file is wrong, or has no such node any more. */
int options_reload(const struct options *chosen, struct model **model, const struct node **node,
	struct err *err);

/* The same for a process that takes nothing of it: says in the log which changes it would have to
 * be restarted for. */
void options_explain_reload(const struct options *chosen);

#endif /* COMMON_OPTIONS_H */
