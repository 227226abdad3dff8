/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of weirctl, read and explained from one table of commands.
 *
 *   weirctl [OPTION...] COMMAND [ARGUMENT...]
 *
 * Options may stand anywhere; "--name value" and "--name=value" are the same. */
#ifndef CONTROLPLANE_WEIRCTL_ARGS_H
#define CONTROLPLANE_WEIRCTL_ARGS_H

#include "common/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct arguments;

#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_FLOWS_LEFT 3

/* An argument of a command, passed on as a member of the request's parameters. */
struct parameter {
	const char *flag;   /* "--limit"; NULL: by its position. */
	const char *member; /* NULL ends the list. */
	const char *value;  /* What help calls it, and what it is to completion: "N". NULL: it has
			     * none, and 'member' is true if it is there. */
	const char *help;
	bool number; /* An integer; else a string. */
	bool required;
};

struct command {
	const char *name; /* NULL ends the list. */
	const char *help;
	const struct parameter *parameters; /* NULL: none. */
	/* Carries the command out; returns the exit status. */
	int (*run)(const struct arguments *arguments);
	/* Shows the answer to people. */
	void (*print)(json_t *answer, FILE *file);
};

struct arguments {
	const char *socket; /* Options that all commands share; NULL: not given. */
	const char *config;
	const char *node;
	bool json;
	double watch_s; /* Seconds between two views; 0: show once. */
	bool help;      /* Explain 'command', or all when it is NULL. */
	bool version;
	const struct command *command; /* NULL only with 'help' or 'version'. */
	json_t *params;                /* For the request. */
};

/* Reads the command line. Returns 0, and the caller calls arguments_fini(); or -EINVAL with 'err'
 * saying what is wrong and which help to ask for. 'argv' must outlive the result. */
int arguments_parse(struct arguments *arguments, int argc, char **argv,
	const struct command *commands, struct err *err);
void arguments_fini(struct arguments *arguments);

/* Explains 'command', or everything when it is NULL. */
void arguments_explain(const struct command *commands, const struct command *command, FILE *file);

/* --- What the manual page and completion need to know besides --- */

struct exit_status {
	int status;
	const char *meaning; /* NULL ends the list. */
};

const struct exit_status *arguments_exit_statuses(void);

/* An option of all commands; 'value' is NULL if it has none, and in brackets if it may have one. */
struct option_text {
	const char *flag, *value, *help;
};

/* The option at 'i'; returns false behind the last. */
bool arguments_option(size_t i, struct option_text *out);

/* Whether --watch is for the command. */
bool command_is_watchable(const struct command *command);

#endif /* CONTROLPLANE_WEIRCTL_ARGS_H */
