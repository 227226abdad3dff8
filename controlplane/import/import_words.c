/* SPDX-License-Identifier: BSD-3-Clause */
/* Keywords, comments and names of a translation; see import_data.h. */
#include "controlplane/import/import_data.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 80 /* Bytes of a statement that a comment repeats. */

const char *
import_text(struct import *import, const char *format, ...)
{
	va_list args;
	char *text;
	int size;

	va_start(args, format);
	size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = size < 0 ? NULL : arena_array(&import->arena, (size_t)size + 1, 1);
	if (!text) {
		import->no_memory = true;
		return "";
	}
	va_start(args, format);
	vsnprintf(text, (size_t)size + 1, format, args);
	va_end(args);
	return text;
}

/* The words of 'statement', cut off where they are too many. */
static void
show(const struct statement *statement, char *out, size_t size)
{
	size_t used = 0;

	*out = '\0';
	for (size_t i = 0; i < statement->n_words && used < size; i++)
		used += (size_t)snprintf(
			out + used, size - used, "%s%s", i > 0 ? " " : "", statement->words[i]);
	if (used >= size)
		snprintf(out + size - 4, 4, "...");
}

void
import_note(struct import *import, struct document_node *at, const struct statement *statement,
	const char *format, ...)
{
	char shown[SHOWN_MAX];
	char text[ERR_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	show(statement, shown, sizeof(shown));
	document_comment(import->document, at, "%s:%u: %s: %s", statement->file, statement->line,
		shown, text);
}

void
import_block(struct import *import, const struct statement *parent,
	const struct import_keyword *keywords, struct document_node *at, void *ctx)
{
	const struct statement *statement;

	for (statement = parent->first; statement; statement = statement->next) {
		const struct import_keyword *keyword = keywords;

		while (keyword->word && strcmp(keyword->word, statement->words[0]) != 0)
			keyword++;
		if (!keyword->word)
			import_note(import, at, statement,
				"not known to weirctl: see what keepalived.conf(5) says of it");
		else if (keyword->take)
			keyword->take(import, ctx, statement);
		else if (*keyword->reason)
			import_note(import, at, statement, "%s", keyword->reason);
	}
}

/* What a name has in the place of 'c'. */
static char
clean(char c)
{
	c = (char)tolower((unsigned char)c);
	return c == '_' || islower((unsigned char)c) || isdigit((unsigned char)c) ? c : '-';
}

const char *
import_clean_name(struct import *import, const char *wanted)
{
	char name[MODEL_NAME_MAX + 1] = "";
	size_t size = 0;

	while (*wanted && !isalpha((unsigned char)*wanted))
		wanted++;
	for (; *wanted && size < MODEL_NAME_MAX; wanted++) {
		char c = clean(*wanted);

		if (c != '-' || (size > 0 && name[size - 1] != '-'))
			name[size++] = c;
	}
	while (size > 0 && name[size - 1] == '-')
		size--;
	name[size] = '\0';
	return import_text(import, "%s", size > 0 ? name : "unnamed");
}

struct document_node *
import_find_named(const struct document_node *list, const char *name)
{
	struct document_node *node = NULL;

	while ((node = document_next(list, node)) != NULL) {
		const char *has = document_value(document_find(node, "name"));

		if (has && strcmp(has, name) == 0)
			return node;
	}
	return NULL;
}

const char *
import_name(struct import *import, const struct document_node *list, const char *wanted)
{
	const char *name = import_clean_name(import, wanted);
	const char *base = name;

	while (import_find_named(list, name) && !import->no_memory)
		name = import_text(import, "%.22s-%zu", base, ++import->n_names + 1);
	return name;
}
