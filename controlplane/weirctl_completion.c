/* SPDX-License-Identifier: BSD-3-Clause */
/* Completion; see weirctl_completion.h. */
#include "controlplane/weirctl_completion.h"

#include "controlplane/weirctl_cells.h"
#include "controlplane/weirctl_request.h"

#include <stdlib.h>
#include <string.h>

const struct parameter completion_parameters[] = {
	{NULL, "shell", "SHELL", "bash or zsh", false, true},
	{NULL, NULL, NULL, NULL, false, false},
};

/* What a value may be, by what help calls it. */
static const struct value_kind {
	const char *value;
	const char *words;  /* With blanks between; NULL: none that are known here. */
	const char *method; /* That lists them; NULL: nobody. */
	const char *array;  /* The member of the answer that lists them; NULL: the answer itself. */
	const char *member; /* Of each element. */
} value_kinds[] = {
	{"SERVICE", NULL, "services", NULL, "name"},
	{"BACKEND", NULL, "backends", NULL, "backend"},
	{"POOL", NULL, "backends", NULL, "pool"},
	{"ROUTER", NULL, "status", "routers", "name"},
	{"PORT", NULL, "stats", "ports", "name"},
	{"PATH", COMPLETION_FILES, NULL, NULL, NULL},
	{"FILE", COMPLETION_FILES, NULL, NULL, NULL},
	{"PEER", COMPLETION_FILES, NULL, NULL, NULL},
	{"RULES", COMPLETION_FILES, NULL, NULL, NULL},
	{"PROTOCOL", "tcp udp icmp", NULL, NULL, NULL},
	{"STATE", "embryonic established fin closed udp_new udp", NULL, NULL, NULL},
	{"FLAG", "syn ack fin rst", NULL, NULL, NULL},
	{"ERROR", "unreachable too-big time-exceeded", NULL, NULL, NULL},
	{"PART", "first later lost", NULL, NULL, NULL},
	{"SHELL", "bash zsh", NULL, NULL, NULL},
};

/* The line so far. */
struct line {
	const struct command *commands;
	const struct command *command; /* NULL: there is none yet. */
	const char *awaited;           /* What the next word is the value of; NULL: of nothing. */
	size_t n_positional;
	struct arguments arguments; /* Which node is meant. */
	const char *prefix;         /* What the candidates begin with. */
	const char *front;          /* Put in front of each: "--flag=". */
	FILE *file;
};

static void
offer(const struct line *line, const char *word, const char *help)
{
	if (!word || strncmp(word, line->prefix, strlen(line->prefix)) != 0)
		return;
	fprintf(line->file, "%s%s%s%s\n", line->front, word, help ? "\t" : "", help ? help : "");
}

static void
offer_words(const struct line *line, const char *words)
{
	char copy[128];
	char *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, " ")) != NULL)
		offer(line, word, NULL);
}

/* Each name once, although a backend may be in several pools. A node that does not answer has
 * none: nobody wants to read of it between two words. */
static void
offer_names(const struct line *line, const struct value_kind *kind)
{
	struct err err = {""};
	char *socket = request_socket(&line->arguments, &err);
	json_t *answer = socket ? request_send(socket, kind->method, NULL, &err) : NULL;
	json_t *array = kind->array ? json_object_get(answer, kind->array) : answer;
	json_t *seen = json_object();
	json_t *element;
	size_t i;

	json_array_foreach(array, i, element)
	{
		const char *name = text_of(element, kind->member);

		if (json_object_get(seen, name))
			continue;
		json_object_set_new(seen, name, json_true());
		offer(line, name, NULL);
	}
	json_decref(seen);
	json_decref(answer);
	free(socket);
}

static void
offer_values(const struct line *line, const char *value)
{
	for (size_t i = 0; i < sizeof(value_kinds) / sizeof(value_kinds[0]); i++) {
		const struct value_kind *kind = &value_kinds[i];

		if (strcmp(kind->value, value) != 0)
			continue;
		if (kind->method)
			offer_names(line, kind);
		else if (strcmp(kind->words, COMPLETION_FILES) == 0)
			fputs(COMPLETION_FILES "\n", line->file);
		else
			offer_words(line, kind->words);
	}
}

static void
offer_flags(const struct line *line)
{
	const struct parameter *parameter = line->command ? line->command->parameters : NULL;
	struct option_text option;

	for (; parameter && parameter->member; parameter++)
		offer(line, parameter->flag, parameter->help);
	for (size_t i = 0; arguments_option(i, &option); i++)
		offer(line, option.flag, option.help);
}

static void
offer_commands(const struct line *line)
{
	for (const struct command *command = line->commands; command->name; command++)
		offer(line, command->name, command->help);
	if (!line->arguments.help)
		offer(line, "help", "explain one command");
}

/* What stands at the place of the next word without a flag; NULL: nothing may. */
static const struct parameter *
next_positional(const struct line *line)
{
	const struct parameter *parameter = line->command->parameters;
	size_t n = 0;

	for (; parameter && parameter->member; parameter++) {
		if (!parameter->flag && n++ == line->n_positional)
			return parameter;
	}
	return NULL;
}

/* What the flag's value is called; NULL: it is no flag, or has none. */
static const char *
value_of(const struct line *line, const char *flag, size_t size)
{
	const struct parameter *parameter = line->command ? line->command->parameters : NULL;
	struct option_text option;

	for (; parameter && parameter->member; parameter++) {
		if (parameter->flag && strlen(parameter->flag) == size &&
			strncmp(parameter->flag, flag, size) == 0)
			return parameter->value;
	}
	for (size_t i = 0; arguments_option(i, &option); i++) {
		if (strlen(option.flag) == size && strncmp(option.flag, flag, size) == 0)
			return option.value;
	}
	return NULL;
}

/* Keeps what says which node is meant. */
static void
note_option(struct line *line, const char *flag, size_t size, const char *value)
{
	static const struct {
		const char *flag;
		size_t offset;
	} kept[] = {
		{"--socket", offsetof(struct arguments, socket)},
		{"--config", offsetof(struct arguments, config)},
		{"--node", offsetof(struct arguments, node)},
	};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (strlen(kept[i].flag) == size && strncmp(kept[i].flag, flag, size) == 0)
			memcpy((char *)&line->arguments + kept[i].offset, &value, sizeof(value));
	}
}

static void
note_plain(struct line *line, const char *word)
{
	if (line->command) {
		line->n_positional++;
		return;
	}
	line->arguments.help = line->arguments.help || strcmp(word, "help") == 0;
	for (const struct command *command = line->commands; command->name; command++) {
		if (strcmp(command->name, word) == 0)
			line->command = command;
	}
}

/* Goes over the words before the last one. bash makes "--flag=value" three words. */
static void
read_line(struct line *line, char **words, size_t n)
{
	const char *flag = "";

	for (size_t i = 0; i < n; i++) {
		const char *word = words[i];
		const char *equals = strchr(word, '=');
		size_t size = equals ? (size_t)(equals - word) : strlen(word);

		if (strcmp(word, "=") == 0 && *flag)
			continue;
		if (line->awaited) {
			note_option(line, flag, strlen(flag), word);
			line->awaited = NULL;
		} else if (word[0] == '-' && word[1] != '\0') {
			flag = word;
			line->awaited = value_of(line, word, size);
			/* A value that may be left out is not waited for. */
			if (line->awaited && (equals || line->awaited[0] == '['))
				line->awaited = NULL;
			if (equals)
				note_option(line, word, size, equals + 1);
		} else {
			note_plain(line, word);
		}
	}
}

/* "--flag=val", in one word, as zsh has it. */
static bool
is_value_of_flag(struct line *line, char *front, size_t front_size)
{
	const char *equals = line->prefix[0] == '-' ? strchr(line->prefix, '=') : NULL;

	if (!equals)
		return false;
	snprintf(front, front_size, "%.*s", (int)(equals - line->prefix + 1), line->prefix);
	line->awaited = value_of(line, line->prefix, (size_t)(equals - line->prefix));
	line->prefix = equals + 1;
	line->front = front;
	return line->awaited != NULL;
}

void
completion_print(const struct command *commands, char **words, size_t n, FILE *file)
{
	struct line line = {.commands = commands, .prefix = "", .front = "", .file = file};
	const struct parameter *positional;
	char front[64];

	if (n > 0) {
		read_line(&line, words, n - 1);
		line.prefix = words[n - 1];
	}
	if (strcmp(line.prefix, "=") == 0 && line.awaited)
		line.prefix = "";
	if (line.awaited || is_value_of_flag(&line, front, sizeof(front))) {
		offer_values(&line, line.awaited);
	} else if (line.prefix[0] == '-') {
		offer_flags(&line);
	} else if (!line.command) {
		offer_commands(&line);
	} else {
		positional = next_positional(&line);
		if (positional)
			offer_values(&line, positional->value);
	}
}

/* --- Scripts --- */

static const char bash_script[] =
	"# bash completion of weirctl: source <(weirctl completion bash)\n"
	"_weirctl() {\n"
	"	local cur=${COMP_WORDS[COMP_CWORD]} line\n"
	"	COMPREPLY=()\n"
	"	while IFS= read -r line; do\n"
	"		if [[ $line == '" COMPLETION_FILES "' ]]; then\n"
	"			compopt -o filenames 2>/dev/null\n"
	"			mapfile -t -O ${#COMPREPLY[@]} COMPREPLY "
	"< <(compgen -f -- \"${cur#=}\")\n"
	"		else\n"
	"			COMPREPLY+=(\"${line%%$'\\t'*}\")\n"
	"		fi\n"
	"	done < <(\"${COMP_WORDS[0]}\" " COMPLETION_WORD
	" \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _weirctl weirctl\n";

static const char zsh_script[] =
	"#compdef weirctl\n"
	"# zsh completion of weirctl: source <(weirctl completion zsh)\n"
	"_weirctl() {\n"
	"	local line\n"
	"	local -a plain described\n"
	"	while IFS= read -r line; do\n"
	"		if [[ $line == '" COMPLETION_FILES "' ]]; then\n"
	"			_files\n"
	"		elif [[ $line == *$'\\t'* ]]; then\n"
	"			described+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
	"		else\n"
	"			plain+=(\"$line\")\n"
	"		fi\n"
	"	done < <(\"${words[1]}\" " COMPLETION_WORD
	" \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
	"	(( $#described )) && _describe weirctl described\n"
	"	(( $#plain )) && compadd -- \"${plain[@]}\"\n"
	"}\n"
	"if [[ $funcstack[1] == _weirctl ]]; then _weirctl; else compdef _weirctl weirctl; fi\n";

int
completion_run(const struct arguments *arguments)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}};
	const char *shell = text_of(arguments->params, "shell");
	struct err err;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		if (strcmp(scripts[i].shell, shell) == 0) {
			fputs(scripts[i].script, stdout);
			return EXIT_DONE;
		}
	}
	err_set(&err, 0,
		"'%s' is not a shell that can be completed in: choose bash or zsh; try "
		"'weirctl help completion'",
		shell);
	return complain(&err, EXIT_USAGE);
}
