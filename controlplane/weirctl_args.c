/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of weirctl; see weirctl_args.h. */
#include "controlplane/weirctl_args.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* An option of all commands: a string when it has a value, else a bool. */
struct option {
	const char *flag;
	const char *value;
	size_t offset; /* In struct arguments. */
	const char *help;
};

static const struct option options[] = {
	{"--socket", "PATH", offsetof(struct arguments, socket), "admin socket to ask"},
	{"--config", "FILE", offsetof(struct arguments, config),
		"cluster file that names the socket (/etc/weir/weir.yaml)"},
	{"--node", "NAME", offsetof(struct arguments, node),
		"load balancer in it to ask (the host's name)"},
	{"--json", NULL, offsetof(struct arguments, json), "answer as JSON, for programs"},
	{"--help", NULL, offsetof(struct arguments, help), "explain weirctl, or the command"},
	{"--version", NULL, offsetof(struct arguments, version), "print the version"},
	{NULL, NULL, 0, NULL},
};

static const char exit_statuses[] =
	"Exit status: 0 done, 1 failed (the reason is on standard error), "
	"2 wrong usage.\n";

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

static int
set_option(struct arguments *arguments, const struct option *option, const char *value,
	struct words *words, struct err *err)
{
	char *field = (char *)arguments + option->offset;
	int rc;

	if (option->value) {
		rc = take_value(words, option->flag, &value, err);
		if (rc < 0)
			return rc;
		memcpy(field, &value, sizeof(value));
		return 0;
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

	if (parameter->number) {
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
		rc = take_value(words, parameter->flag, &value, err);
		return rc < 0 ? rc : set_parameter(arguments, parameter, value, err);
	}
	return err_set(err, -EINVAL, "there is no option '%s'%s%s", word,
		arguments->command ? " of " : "",
		arguments->command ? arguments->command->name : "");
}

static int
read_command(struct arguments *arguments, const struct command *commands, const char *word,
	struct err *err)
{
	for (; commands->name; commands++) {
		if (strcmp(commands->name, word) == 0) {
			arguments->command = commands;
			return 0;
		}
	}
	return err_set(err, -EINVAL, "there is no command '%s'", word);
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
	return check_required(arguments, err);
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

/* "drain BACKEND [--pool POOL]" into 'buf'. */
static void
write_usage(const struct command *command, char *buf, size_t size)
{
	size_t used = (size_t)snprintf(buf, size, "%s", command->name);
	const struct parameter *parameter = command->parameters;

	for (; parameter && parameter->member && used < size; parameter++)
		used += (size_t)snprintf(buf + used, size - used, " %s%s%s%s%s",
			parameter->required ? "" : "[", parameter->flag ? parameter->flag : "",
			parameter->flag ? " " : "", parameter->value,
			parameter->required ? "" : "]");
}

static void
explain_options(FILE *file)
{
	fputs("Options:\n", file);
	for (const struct option *option = options; option->flag; option++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s", option->flag, option->value ? " " : "",
			option->value ? option->value : "");
		fprintf(file, "  %-16s%s\n", left, option->help);
	}
	fprintf(file, "\n%s", exit_statuses);
}

static void
explain_command(const struct command *command, FILE *file)
{
	const struct parameter *parameter = command->parameters;
	char usage[256];

	write_usage(command, usage, sizeof(usage));
	fprintf(file, "Usage: weirctl [OPTION...] %s\n\n%c%s.\n\n", usage,
		toupper((unsigned char)command->help[0]), command->help + 1);
	for (; parameter && parameter->member; parameter++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s", parameter->flag ? parameter->flag : "",
			parameter->flag ? " " : "", parameter->value);
		fprintf(file, "  %-20s%s\n", left, parameter->help);
	}
	if (command->parameters)
		fputs("\n", file);
	explain_options(file);
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
		char usage[256];

		write_usage(commands, usage, sizeof(usage));
		if (strlen(usage) > 26)
			fprintf(file, "  %s\n  %-28s%s\n", usage, "", commands->help);
		else
			fprintf(file, "  %-28s%s\n", usage, commands->help);
	}
	fputs("  help COMMAND                explain one command\n\n", file);
	explain_options(file);
}
