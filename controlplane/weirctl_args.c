/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of weirctl; see weirctl_args.h. */
#include "controlplane/weirctl_args.h"

#include "controlplane/weirctl_nearest.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Seconds between two views, unless --watch says otherwise, and how many it may say. */
#define WATCH_S 2.0
#define WATCH_MIN_S 0.1
#define WATCH_MAX_S 3600.0

enum option_kind {
	OPTION_FLAG,   /* A bool. */
	OPTION_TEXT,   /* A string. */
	OPTION_SECONDS /* A double; a number may follow, and else it is WATCH_S. */
};

/* An option of all commands. */
struct option {
	const char *flag;
	const char *value; /* What help calls it; NULL: none. */
	enum option_kind kind;
	size_t offset; /* In struct arguments. */
	const char *help;
};

static const struct option options[] = {
	{"--socket", "PATH", OPTION_TEXT, offsetof(struct arguments, socket),
		"admin socket to ask"},
	{"--config", "FILE", OPTION_TEXT, offsetof(struct arguments, config),
		"cluster file that names the socket (/etc/weir/weir.yaml)"},
	{"--node", "NAME", OPTION_TEXT, offsetof(struct arguments, node),
		"load balancer in it to ask (the host's name)"},
	{"--json", NULL, OPTION_FLAG, offsetof(struct arguments, json),
		"answer as JSON, for programs"},
	{"--watch", "[SECONDS]", OPTION_SECONDS, offsetof(struct arguments, watch_s),
		"of lists: show them every 2 or so many seconds, with rates"},
	{"--help", NULL, OPTION_FLAG, offsetof(struct arguments, help),
		"explain weirctl, or the command"},
	{"--version", NULL, OPTION_FLAG, offsetof(struct arguments, version), "print the version"},
	{NULL, NULL, OPTION_FLAG, 0, NULL},
};

/* Commands that --watch is for: they list what changes, and change nothing. */
static const char *const watchable[] = {
	"status", "services", "backends", "flows", "stats", "sync", "history", NULL};

static const struct exit_status exit_statuses[] = {
	{EXIT_DONE, "done"},
	{EXIT_FAILED, "failed: the reason is on standard error, with what to do"},
	{EXIT_USAGE, "wrong usage: nothing was done"},
	{EXIT_FLOWS_LEFT, "of drain --wait: the time was over, and flows are left"},
	{0, NULL},
};

/* The words not read yet. */
struct words {
	char **next;
	size_t n_left;
};

/* If 'word' is 'flag' or "flag=value", returns true; '*value' is then the value or NULL. */
static bool
is_flag(const char *word, const char *flag, const char **value)
{
	size_t size = strlen(flag);

	if (strncmp(word, flag, size) != 0 || (word[size] != '\0' && word[size] != '='))
		return false;
	*value = word[size] == '=' ? word + size + 1 : NULL;
	return true;
}

/* The value of an option: behind its '=' or the next word. */
static int
take_value(struct words *words, const char *flag, const char **value, struct err *err)
{
	if (*value)
		return 0;
	if (words->n_left == 0)
		return err_set(err, -EINVAL, "%s needs a value", flag);
	*value = *words->next++;
	words->n_left--;
	return 0;
}

/* "--watch", "--watch 5" and "--watch=5"; names begin with a letter, so a number is the value. */
static int
set_seconds(double *seconds, const struct option *option, const char *value, struct words *words,
	struct err *err)
{
	char *end;

	*seconds = WATCH_S;
	if (!value && words->n_left > 0 && isdigit((unsigned char)words->next[0][0])) {
		value = *words->next++;
		words->n_left--;
	}
	if (!value)
		return 0;
	*seconds = strtod(value, &end);
	if (end == value || *end != '\0' || !(*seconds >= WATCH_MIN_S && *seconds <= WATCH_MAX_S))
		return err_set(err, -EINVAL, "%s: '%s' is not a number of seconds from %g to %g",
			option->flag, value, WATCH_MIN_S, WATCH_MAX_S);
	return 0;
}

static int
set_option(struct arguments *arguments, const struct option *option, const char *value,
	struct words *words, struct err *err)
{
	void *field = (char *)arguments + option->offset;
	int rc;

	switch (option->kind) {
	case OPTION_TEXT:
		rc = take_value(words, option->flag, &value, err);
		if (rc == 0)
			memcpy(field, &value, sizeof(value));
		return rc;
	case OPTION_SECONDS:
		return set_seconds(field, option, value, words, err);
	case OPTION_FLAG:
		break;
	}
	if (value)
		return err_set(err, -EINVAL, "%s takes no value", option->flag);
	*(bool *)field = true;
	return 0;
}

static int
set_parameter(struct arguments *arguments, const struct parameter *parameter, const char *value,
	struct err *err)
{
	json_t *json;

	if (!parameter->value || !value) {
		json = json_true();
	} else if (parameter->number) {
		char *end;
		long long number;

		errno = 0;
		number = strtoll(value, &end, 10);
		if (errno != 0 || end == value || *end != '\0')
			return err_set(err, -EINVAL, "'%s' is not a whole number (%s %s)", value,
				parameter->flag ? parameter->flag : "", parameter->value);
		json = json_integer(number);
	} else {
		json = json_string(value);
		if (!json)
			return err_set(err, -EINVAL, "'%s' is not UTF-8", value);
	}
	json_object_set_new(arguments->params, parameter->member, json);
	return 0;
}

static int
refuse_flag(const struct arguments *arguments, const char *word, struct err *err)
{
	const struct parameter *parameter =
		arguments->command ? arguments->command->parameters : NULL;
	struct nearest nearest;

	nearest_init(&nearest, word);
	for (const struct option *option = options; option->flag; option++)
		nearest_add(&nearest, option->flag);
	for (; parameter && parameter->member; parameter++) {
		if (parameter->flag)
			nearest_add(&nearest, parameter->flag);
	}
	return err_set(err, -EINVAL, "there is no option '%s'%s%s%s%s", word,
		arguments->command ? " of " : "",
		arguments->command ? arguments->command->name : "",
		nearest.text[0] ? ", but there is " : "", nearest.text);
}

static int
read_flag(struct arguments *arguments, const char *word, struct words *words, struct err *err)
{
	const struct parameter *parameter =
		arguments->command ? arguments->command->parameters : NULL;
	const char *value;
	int rc;

	for (const struct option *option = options; option->flag; option++) {
		if (is_flag(word, option->flag, &value))
			return set_option(arguments, option, value, words, err);
	}
	for (; parameter && parameter->member; parameter++) {
		if (!parameter->flag || !is_flag(word, parameter->flag, &value))
			continue;
		if (!parameter->value && value)
			return err_set(err, -EINVAL, "%s takes no value", parameter->flag);
		rc = parameter->value ? take_value(words, parameter->flag, &value, err) : 0;
		return rc < 0 ? rc : set_parameter(arguments, parameter, value, err);
	}
	return refuse_flag(arguments, word, err);
}

static int
read_command(struct arguments *arguments, const struct command *commands, const char *word,
	struct err *err)
{
	struct nearest nearest;

	nearest_init(&nearest, word);
	for (; commands->name; commands++) {
		if (strcmp(commands->name, word) == 0) {
			arguments->command = commands;
			return 0;
		}
		nearest_add(&nearest, commands->name);
	}
	return err_set(err, -EINVAL, "there is no command '%s'%s%s", word,
		nearest.text[0] ? ", but there is " : "", nearest.text);
}

/* Takes 'word' for the first positional parameter that has no value yet. */
static int
read_positional(struct arguments *arguments, const char *word, struct err *err)
{
	const struct parameter *parameter = arguments->command->parameters;

	for (; parameter && parameter->member; parameter++) {
		if (!parameter->flag && !json_object_get(arguments->params, parameter->member))
			return set_parameter(arguments, parameter, word, err);
	}
	return err_set(err, -EINVAL, "'%s' is one argument too many", word);
}

static int
check_required(const struct arguments *arguments, struct err *err)
{
	const struct parameter *parameter = arguments->command->parameters;

	for (; parameter && parameter->member; parameter++) {
		if (parameter->required && !json_object_get(arguments->params, parameter->member))
			return err_set(err, -EINVAL, "%s needs %s: %s", arguments->command->name,
				parameter->value, parameter->help);
	}
	return 0;
}

bool
command_is_watchable(const struct command *command)
{
	size_t i = 0;

	while (watchable[i] && strcmp(watchable[i], command->name) != 0)
		i++;
	return watchable[i] != NULL;
}

static int
check_watchable(const struct arguments *arguments, struct err *err)
{
	if (arguments->watch_s <= 0 || command_is_watchable(arguments->command))
		return 0;
	return err_set(err, -EINVAL, "%s is no list to watch: 'weirctl backends --watch' is one",
		arguments->command->name);
}

static int
read_words(struct arguments *arguments, const struct command *commands, struct words *words,
	struct err *err)
{
	int rc = 0;

	while (rc == 0 && words->n_left > 0) {
		const char *word = *words->next++;

		words->n_left--;
		if (word[0] == '-' && word[1] != '\0')
			rc = read_flag(arguments, word, words, err);
		else if (arguments->command)
			rc = read_positional(arguments, word, err);
		else if (strcmp(word, "help") == 0 && !arguments->help)
			arguments->help = true;
		else
			rc = read_command(arguments, commands, word, err);
	}
	if (rc < 0 || arguments->help || arguments->version)
		return rc;
	if (!arguments->command)
		return err_set(err, -EINVAL, "a command is missing");
	rc = check_required(arguments, err);
	return rc < 0 ? rc : check_watchable(arguments, err);
}

int
arguments_parse(struct arguments *arguments, int argc, char **argv, const struct command *commands,
	struct err *err)
{
	struct words words = {argv + 1, argc > 0 ? (size_t)argc - 1 : 0};
	int rc;

	*arguments = (struct arguments){.params = json_object()};
	rc = read_words(arguments, commands, &words, err);
	if (rc < 0 && err) {
		size_t size = strlen(err->text);

		snprintf(err->text + size, sizeof(err->text) - size, "; try 'weirctl help%s%s'",
			arguments->command ? " " : "",
			arguments->command ? arguments->command->name : "");
	}
	if (rc < 0)
		arguments_fini(arguments);
	return rc;
}

void
arguments_fini(struct arguments *arguments)
{
	json_decref(arguments->params);
	arguments->params = NULL;
}

/* --- Help --- */

#define LINE_WIDTH 79
#define HELP_COLUMN 30 /* Of commands' help in the list of all. */
#define USAGE_INDENT 6 /* Of its further lines. */

/* Prints a command with its parameters, "drain BACKEND [--pool POOL]", broken into lines where it
 * gets too long; 'column' is where it begins. Returns the column behind it, or LINE_WIDTH when
 * there were several lines. */
static size_t
print_usage(const struct command *command, size_t column, FILE *file)
{
	const struct parameter *parameter = command->parameters;
	bool broken = false;

	fputs(command->name, file);
	column += strlen(command->name);
	for (; parameter && parameter->member; parameter++) {
		char text[64];
		size_t size = (size_t)snprintf(text, sizeof(text), "%s%s%s%s%s",
			parameter->required ? "" : "[", parameter->flag ? parameter->flag : "",
			parameter->flag && parameter->value ? " " : "",
			parameter->value ? parameter->value : "", parameter->required ? "" : "]");

		if (column + 1 + size > LINE_WIDTH) {
			fprintf(file, "\n%*s", USAGE_INDENT, "");
			column = USAGE_INDENT;
			broken = true;
		} else {
			fputs(" ", file);
			column++;
		}
		fputs(text, file);
		column += size;
	}
	return broken ? LINE_WIDTH : column;
}

static void
explain_options(FILE *file)
{
	fputs("Options:\n", file);
	for (const struct option *option = options; option->flag; option++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s", option->flag, option->value ? " " : "",
			option->value ? option->value : "");
		fprintf(file, "  %-20s%s\n", left, option->help);
	}
	fputs("\nExit status:\n", file);
	for (const struct exit_status *exit = exit_statuses; exit->meaning; exit++)
		fprintf(file, "  %-20d%s\n", exit->status, exit->meaning);
}

static void
explain_command(const struct command *command, FILE *file)
{
	const struct parameter *parameter = command->parameters;

	fputs("Usage: weirctl [OPTION...] ", file);
	print_usage(command, strlen("Usage: weirctl [OPTION...] "), file);
	fprintf(file, "\n\n%c%s.\n\n", toupper((unsigned char)command->help[0]), command->help + 1);
	for (; parameter && parameter->member; parameter++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s", parameter->flag ? parameter->flag : "",
			parameter->flag && parameter->value ? " " : "",
			parameter->value ? parameter->value : "");
		fprintf(file, "  %-20s%s\n", left, parameter->help);
	}
	if (command->parameters)
		fputs("\n", file);
	explain_options(file);
}

const struct exit_status *
arguments_exit_statuses(void)
{
	return exit_statuses;
}

bool
arguments_option(size_t i, struct option_text *out)
{
	if (i >= sizeof(options) / sizeof(options[0]) - 1)
		return false;
	*out = (struct option_text){options[i].flag, options[i].value, options[i].help};
	return true;
}

void
arguments_explain(const struct command *commands, const struct command *command, FILE *file)
{
	if (command) {
		explain_command(command, file);
		return;
	}
	fputs("Usage: weirctl [OPTION...] COMMAND [ARGUMENT...]\n\n"
	      "Asks and tells the control plane of a weir load balancer.\n\nCommands:\n",
		file);
	for (; commands->name; commands++) {
		size_t column;

		fputs("  ", file);
		column = print_usage(commands, 2, file);
		if (column > HELP_COLUMN - 2)
			fprintf(file, "\n%*s%s\n", HELP_COLUMN, "", commands->help);
		else
			fprintf(file, "%*s%s\n", (int)(HELP_COLUMN - column), "", commands->help);
	}
	fputs("  help COMMAND                explain one command\n\n", file);
	explain_options(file);
}
