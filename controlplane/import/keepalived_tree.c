/* SPDX-License-Identifier: BSD-3-Clause */
/* Statements of a keepalived configuration; see keepalived_tree.h. */
#include "controlplane/import/keepalived_tree.h"

#include "common/hex.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16

/* A line that is being parted. */
struct line {
	const char *next;   /* What of it is left. */
	char *room;         /* For the words: as many bytes as the line has. */
	const char **words; /* For pointers to them: one for each two bytes. */
	bool quoted;        /* The last word had quotes, so it is no brace. */
	bool open;          /* A '{' stuck to the last word. */
};

/* --- Words --- */

/* "\n", "\x41", "\101", "\cA" and the like, of which 'next' is at what follows the '\'. */
static char
read_escape(const char **next)
{
	static const char letters[] = "abEfnrtv", meanings[] = "\a\b\033\f\n\r\t\v";
	const char *c = *next;
	const char *letter = strchr(letters, *c);
	unsigned int value = 0;

	if (*c >= '0' && *c <= '7') {
		for (size_t i = 0; i < 3 && *c >= '0' && *c <= '7'; i++)
			value = value * 8 + (unsigned int)(*c++ - '0');
	} else if (*c == 'x' && hex_value(c[1]) >= 0) {
		for (c++; hex_value(*c) >= 0; c++)
			value = value << 4 | (unsigned int)hex_value(*c);
	} else if (*c == 'c' && c[1]) {
		value = (unsigned char)c[1] & 0x1f;
		c += 2;
	} else {
		value = letter ? (unsigned char)meanings[letter - letters] : (unsigned char)*c;
		c++;
	}
	*next = c;
	return (char)value;
}

/* The next word, or NULL at the end of the line. Quoted parts may stand anywhere in it: a"b c"d is
 * one. */
static const char *
take_word(struct line *line)
{
	const char *c = line->next + strspn(line->next, " \t\r\v\f\n");
	char *word = line->room, *end = word;
	char quote = '\0';

	line->next = c;
	line->quoted = false;
	line->open = false;
	if (*c == '\0')
		return NULL;
	while (*c && (quote != '\0' || !isspace((unsigned char)*c))) {
		char is = *c++;

		if (is == '\\' && *c) {
			*end = read_escape(&c);
			end += *end != '\0';
		} else if (is == quote) {
			quote = '\0';
		} else if (quote == '\0' && (is == '"' || is == '\'')) {
			quote = is;
			line->quoted = true;
		} else {
			*end++ = is;
		}
	}
	/* "vrrp_instance VI_1{" */
	line->open =
		!line->quoted && end - word > 1 && end[-1] == '{' && c[strspn(c, " \t\r")] == '\0';
	end -= line->open;
	*end = '\0';
	line->room = end + 1;
	line->next = c;
	return word;
}

static size_t
sequence_size(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead < 0xe0)
		return 2;
	if (lead >= 0xe0 && lead < 0xf0)
		return 3;
	return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

/* UTF-8 without what YAML does not take, and without controls (RFC 3629 3). */
static bool
is_clean(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	while (*c) {
		size_t size = sequence_size(*c);

		if (size == 0 || (size == 1 && (*c < ' ' || *c == 0x7f) && *c != '\t'))
			return false;
		for (size_t i = 1; i < size; i++) {
			if ((c[i] & 0xc0) != 0x80)
				return false;
		}
		/* Overlong forms, surrogates, beyond U+10FFFF, controls of C1. */
		if ((*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) ||
			(*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] > 0x8f) ||
			(*c == 0xc2 && c[1] < 0xa0))
			return false;
		/* U+FEFF, U+FFFE and U+FFFF. */
		if (*c == 0xef &&
			((c[1] == 0xbb && c[2] == 0xbf) || (c[1] == 0xbf && c[2] >= 0xbe)))
			return false;
		c += size;
	}
	return true;
}

/* --- Statements --- */

struct builder {
	struct keepalived_tree *tree;
	struct statement *block; /* Being filled. */
	size_t depth;
	const struct keepalived_line *line;
	struct err *err;
};

static int
fail(const struct builder *builder, int code, const char *what)
{
	return err_set(
		builder->err, code, "%s:%u: %s", builder->line->file, builder->line->number, what);
}

static struct statement *
add_statement(struct builder *builder, const char **words)
{
	struct statement *statement = arena_array(&builder->tree->arena, 1, sizeof(*statement));
	struct statement *block = builder->block;

	if (!statement)
		return NULL;
	statement->words = words;
	statement->file = builder->line->file;
	statement->line = builder->line->number;
	statement->parent = block;
	if (block->last)
		block->last->next = statement;
	else
		block->first = statement;
	block->last = statement;
	return statement;
}

static int
open_block(struct builder *builder)
{
	struct statement *statement = builder->block->last;

	if (!statement || statement->has_block)
		return fail(builder, -EINVAL,
			"there is nothing before this '{' that it could belong to");
	if (builder->depth == DEPTH_MAX)
		return fail(builder, -E2BIG, "blocks are nested deeper than any of keepalived's");
	statement->has_block = true;
	builder->block = statement;
	builder->depth++;
	return 0;
}

static int
close_block(struct builder *builder)
{
	if (builder->depth == 0)
		return fail(builder, -EINVAL,
			"this '}' closes nothing: take it out, or find the "
			"'{' that is missing before it");
	builder->block = builder->block->parent;
	builder->depth--;
	return 0;
}

static int
add_word(struct builder *builder, struct statement **statement, const char *word, struct line *line)
{
	if (!is_clean(word))
		return fail(builder, -EINVAL,
			"a word has bytes that are not UTF-8, or control characters: convert the "
			"file (iconv -t UTF-8)");
	if (!*statement)
		*statement = add_statement(builder, line->words);
	if (!*statement)
		return fail(builder, -ENOMEM, "out of memory");
	*line->words++ = word;
	(*statement)->n_words++;
	return 0;
}

/* A line is a statement, or several where braces part them: "url { path / }". */
static int
read_line(struct builder *builder)
{
	struct line line = {.next = builder->line->text};
	struct statement *statement = NULL;
	size_t size = strlen(line.next);
	const char *word;
	int rc = 0;

	line.room = arena_array(&builder->tree->arena, size + 2, 1);
	line.words = arena_array(&builder->tree->arena, size / 2 + 1, sizeof(*line.words));
	if (!line.room || !line.words)
		return fail(builder, -ENOMEM, "out of memory");
	while (rc == 0 && (word = take_word(&line)) != NULL) {
		char brace = !line.quoted && word[0] && !word[1] ? word[0] : '\0';

		if (brace == '{')
			rc = open_block(builder);
		else if (brace == '}')
			rc = close_block(builder);
		else
			rc = add_word(builder, &statement, word, &line);
		if (brace == '{' || brace == '}')
			statement = NULL;
		if (rc == 0 && line.open) {
			rc = open_block(builder);
			statement = NULL;
		}
	}
	return rc;
}

int
keepalived_tree_init(
	struct keepalived_tree *tree, const struct keepalived_lines *lines, struct err *err)
{
	struct builder builder = {.tree = tree, .err = err};
	int rc = 0;

	*tree = (struct keepalived_tree){.root = {.has_block = true}};
	builder.block = &tree->root;
	for (size_t i = 0; rc == 0 && i < lines->n; i++) {
		builder.line = &lines->lines[i];
		rc = read_line(&builder);
	}
	if (rc == 0 && builder.depth > 0)
		rc = err_set(err, -EINVAL,
			"%s:%u: the block of '%s' is never closed: a '}' is "
			"missing",
			builder.block->file, builder.block->line, builder.block->words[0]);
	if (rc < 0)
		keepalived_tree_fini(tree);
	return rc;
}

void
keepalived_tree_fini(struct keepalived_tree *tree)
{
	arena_fini(&tree->arena);
	tree->root = (struct statement){.has_block = true};
}

/* --- Looking --- */

const char *
statement_word(const struct statement *statement, size_t index)
{
	return index < statement->n_words ? statement->words[index] : NULL;
}

static const struct statement *
find_from(const struct statement *statement, const char *word)
{
	while (statement && strcmp(statement->words[0], word) != 0)
		statement = statement->next;
	return statement;
}

const struct statement *
statement_find(const struct statement *parent, const char *word)
{
	return find_from(parent->first, word);
}

const struct statement *
statement_find_next(const struct statement *statement)
{
	return find_from(statement->next, statement->words[0]);
}
