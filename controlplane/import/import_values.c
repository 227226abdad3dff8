/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers, addresses and commands of a translation; see import_data.h. */
#include "controlplane/import/import_data.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
import_number(const char *text, long long min, long long max, long long *out)
{
	long long number;
	char *end;

	if (!text || isspace((unsigned char)*text))
		return false;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (end == text || *end || errno || number < min || number > max)
		return false;
	*out = number;
	return true;
}

bool
import_ms(const char *text, unsigned int min_ms, unsigned int max_ms, unsigned int *out)
{
	double seconds;
	char *end;

	if (!text || strspn(text, "0123456789.") != strlen(text))
		return false;
	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds * 1000 >= min_ms && seconds * 1000 <= max_ms))
		return false;
	*out = (unsigned int)lround(seconds * 1000);
	return true;
}

bool
import_bool(const char *text)
{
	return !text || !(strcasecmp(text, "off") == 0 || strcasecmp(text, "false") == 0 ||
				strcasecmp(text, "no") == 0);
}

bool
import_addr(const char *text, struct addr *out)
{
	char alone[ADDR_TEXT_SIZE];
	size_t size = text ? strcspn(text, "/") : sizeof(alone);
	struct addr addr;

	if (size >= sizeof(alone))
		return false;
	snprintf(alone, sizeof(alone), "%.*s", (int)size, text);
	if (addr_parse(alone, &addr, NULL) < 0 || addr_is_multicast(&addr))
		return false;
	*out = addr;
	return true;
}

const char *
import_addr_text(struct import *import, const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	return import_text(import, "%s", addr_format(addr, text, sizeof(text)));
}

/* --- Commands --- */

/* Where the program of this name is; keepalived looks into PATH as well. */
static const char *
find_program(struct import *import, const char *name, bool *found)
{
	static const char *const folders[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"};

	*found = true;
	if (strchr(name, '/'))
		return name;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const char *path = import_text(import, "%s/%s", folders[i], name);

		if (access(path, X_OK) == 0)
			return path;
	}
	*found = false;
	return import_text(import, "/usr/bin/%s", name);
}

/* The next word at '*next', spaces part them, single quotes keep them together; NULL at the end. */
static const char *
next_word(struct import *import, const char **next)
{
	const char *c = *next + strspn(*next, " \t");
	bool quoted = false;
	char *word, *end;

	if (*c == '\0')
		return NULL;
	word = end = arena_array(&import->arena, strlen(c) + 1, 1);
	if (!word) {
		import->no_memory = true;
		return NULL;
	}
	for (; *c && (quoted || !strchr(" \t", *c)); c++) {
		if (*c == '\'')
			quoted = !quoted;
		else
			*end++ = *c;
	}
	*next = c;
	return word;
}

/* Whether there is outside of single quotes what only a shell understands. */
static bool
needs_shell(const char *command)
{
	bool quoted = false;

	for (; *command; command++) {
		if (*command == '\'')
			quoted = !quoted;
		else if (!quoted && strchr("|&;<>()$`\"*?[~\t", *command))
			return true;
	}
	return quoted;
}

/* The words; NULL ends them. What cannot be words becomes those of a shell with a comment. */
static size_t
split(struct import *import, struct document_node *at, const struct statement *statement,
	const char *command, const char *words[static MODEL_COMMAND_MAX + 1])
{
	const char *next = command, *word;
	bool found = true;
	size_t n = 0;

	while (!needs_shell(command) && n <= MODEL_COMMAND_MAX &&
		(word = next_word(import, &next)) != NULL) {
		/* An empty word is nothing that a configuration can hold. */
		if (*word == '\0' || n == MODEL_COMMAND_MAX)
			n = MODEL_COMMAND_MAX;
		else
			words[n] = word;
		n++;
	}
	if (n == 0 || n > MODEL_COMMAND_MAX) {
		words[0] = "/bin/sh";
		words[1] = "-c";
		words[2] = *command ? command : "false";
		import_note(import, at, statement,
			"runs in a shell, as weir runs programs without one; a script of its own "
			"is easier to test");
		return 3;
	}
	words[0] = find_program(import, words[0], &found);
	if (!found)
		document_fill(import->document, at,
			"'%s' is not on this machine: give the path of the program", words[0]);
	return n;
}

void
import_command(struct import *import, struct document_node *list, struct document_node *at,
	const struct statement *statement, const char *command)
{
	const char *words[MODEL_COMMAND_MAX + 1];
	size_t n = split(import, at, statement, command, words);

	for (size_t i = 0; i < n; i++)
		document_text(import->document, list, NULL, "%s", words[i]);
}

const char *
import_quote(struct import *import, const char *text)
{
	/* Out of the quotes, the quote itself, and in again. */
	static const char escaped[4] = {'\'', '\\', '\'', '\''};
	const char *c = text;
	char *quoted, *end;

	if (*text && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789_./:,=+@%-")] == '\0')
		return text;
	quoted = end = arena_array(&import->arena, 4 * strlen(text) + 3, 1);
	if (!quoted) {
		import->no_memory = true;
		return "";
	}
	*end++ = '\'';
	for (; *c; c++) {
		if (*c == '\'') {
			memcpy(end, escaped, sizeof(escaped));
			end += sizeof(escaped);
		} else {
			*end++ = *c;
		}
	}
	*end = '\'';
	return quoted;
}

const char *
import_shell_command(struct import *import, struct document_node *at,
	const struct statement *statement, const char *command)
{
	const char *words[MODEL_COMMAND_MAX + 1];
	const char *text = "";
	size_t n;

	if (needs_shell(command))
		return command;
	n = split(import, at, statement, command, words);
	for (size_t i = 0; i < n; i++)
		text = import_text(
			import, "%s%s%s", text, i > 0 ? " " : "", import_quote(import, words[i]));
	return text;
}
