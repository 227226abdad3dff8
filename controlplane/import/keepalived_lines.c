/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of a keepalived configuration; see keepalived_lines.h.
 *
 * What is still to be read is a stack of texts: the file, on top of it a file that it includes, on
 * top of that the lines that a parameter stands for, and so on. Its height, the number of lines and
 * all the bytes that are made on the way are bounded. */
#include "controlplane/import/keepalived_lines.h"

#include "controlplane/import/keepalived_expand.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXTS_MAX 64
#define FILES_MAX 256 /* That may be included in all. */
#define PATTERN_SIZE_MAX 4096
#define PATTERN_BRACES_MAX 16
#define LINES_MAX 200000u
#define BUDGET (32u << 20)

/* A text that is being read. */
struct text {
	const char *next;   /* What of it is left. */
	const char *file;   /* Where it stands. */
	const char *folder; /* Of the file, with its '/' at the end; "" is this one. */
	unsigned int number;
	bool is_file; /* With comments, and lines that count. */
};

struct reader {
	struct keepalived_lines *lines;
	struct arena *arena;
	const char *id;
	bool follows;
	struct expander expander;
	struct text texts[TEXTS_MAX];
	size_t n_texts, n_files;
	struct err *err;
};

static int
no_memory(const struct reader *reader)
{
	return err_set(reader->err, -ENOMEM, "out of memory");
}

/* Puts where it was before what 'err' says. */
static int
blame(const struct reader *reader, const struct text *text, int code)
{
	err_prefix(reader->err, "%s:%u", text->file, text->number);
	return code;
}

static int
push(struct reader *reader, const struct text *at, const char *text)
{
	if (reader->n_texts == TEXTS_MAX)
		return err_set(reader->err, -E2BIG,
			"nested deeper than %d levels: does it include itself?", TEXTS_MAX);
	reader->texts[reader->n_texts] = *at;
	reader->texts[reader->n_texts].next = text;
	reader->texts[reader->n_texts++].is_file = false;
	return 0;
}

/* --- Files --- */

static const char *
folder_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return arena_printf(arena, "%.*s", slash ? (int)(slash - path + 1) : 0, path);
}

static int
push_file(struct reader *reader, const struct source *source)
{
	const char *folder = folder_of(reader->arena, source->path);
	const char *file = arena_strdup(reader->arena, source->path);
	const char *pwd = folder && *folder ? folder : "./";
	const char *copy;

	if (source->size >= reader->expander.budget)
		return err_set(
			reader->err, -E2BIG, "with this file it is more than %u MB", BUDGET >> 20);
	reader->expander.budget -= source->size;
	copy = arena_strdup(reader->arena, source->text);
	if (!folder || !file || !copy)
		return no_memory(reader);
	if (reader->n_texts == TEXTS_MAX)
		return err_set(reader->err, -E2BIG,
			"nested deeper than %d levels: does it include itself?", TEXTS_MAX);
	reader->texts[reader->n_texts++] =
		(struct text){.next = copy, .file = file, .folder = folder, .is_file = true};
	copy = arena_printf(reader->arena, "%.*s", (int)strlen(pwd) - 1, pwd);
	return copy ? expand_define(&reader->expander, "_PWD", 4, copy) : no_memory(reader);
}

/* A pattern that nothing matches is no mistake: keepalived goes on as well. */
static int
note_missing(struct reader *reader, const struct text *at, const char *pattern)
{
	struct keepalived_lines *lines = reader->lines;

	if (!lines->missing)
		lines->missing = arena_array(&lines->arena, FILES_MAX, sizeof(*lines->missing));
	if (!lines->missing)
		return no_memory(reader);
	if (lines->n_missing == FILES_MAX)
		return 0;
	lines->missing[lines->n_missing] =
		arena_printf(&lines->arena, "%s:%u: include %s", at->file, at->number, pattern);
	return lines->missing[lines->n_missing++] ? 0 : no_memory(reader);
}

/* Each pair of braces may double what there is to look for. */
static bool
is_bounded(const char *pattern)
{
	size_t n = 0;

	for (const char *c = pattern; *c; c++)
		n += *c == '{' || *c == ',';
	return n <= PATTERN_BRACES_MAX && strlen(pattern) < PATTERN_SIZE_MAX;
}

static int
include(struct reader *reader, const struct text *at, const char *pattern)
{
	const char *full = *pattern == '/'
				   ? pattern
				   : arena_printf(reader->arena, "%s%s", at->folder, pattern);
	glob_t found = {.gl_pathc = 0};
	int rc = 0;

	if (!full)
		return no_memory(reader);
	if (!is_bounded(pattern))
		return err_set(reader->err, -E2BIG, "'%.40s...' has too many braces, or is no path",
			pattern);
	if (!reader->follows || glob(full, GLOB_BRACE, NULL, &found) != 0)
		return note_missing(reader, at, pattern);
	/* The first is read first, so it is the last to be put on top. */
	for (size_t i = found.gl_pathc; i > 0 && rc == 0; i--) {
		struct source source;

		if (reader->n_files++ == FILES_MAX) {
			rc = err_set(reader->err, -E2BIG, "more than %d included files", FILES_MAX);
			break;
		}
		rc = source_read(&source, found.gl_pathv[i - 1], reader->err);
		if (rc < 0)
			break;
		rc = push_file(reader, &source);
		source_fini(&source);
	}
	globfree(&found);
	return rc;
}

/* If 'line' is "include FILE" or one of its kin, returns its file; else NULL. */
static const char *
included(const char *line)
{
	const char *word = line + strlen("include");

	if (strncmp(line, "include", strlen("include")) != 0)
		return NULL;
	word += *word && strchr("rmwba", *word) != NULL;
	if (!isspace((unsigned char)*word))
		return NULL;
	word += strspn(word, " \t");
	return *word ? word : NULL;
}

/* --- Lines --- */

/* The size of 'line' without its comment, and without spaces at the end. */
static size_t
size_without_comment(const char *line)
{
	char quote = '\0';
	size_t size = 0;

	for (; line[size] && !(quote == '\0' && strchr("#!", line[size])); size++) {
		if (line[size] == '\\' && line[size + 1])
			size++;
		else if (line[size] == quote)
			quote = '\0';
		else if (quote == '\0' && strchr("\"'", line[size]))
			quote = line[size];
	}
	while (size > 0 && isspace((unsigned char)line[size - 1]))
		size--;
	return size;
}

/* Takes the next line off 'text'; NULL when memory is short. */
static char *
take_line(struct reader *reader, struct text *text)
{
	size_t size = strcspn(text->next, "\n");
	char *line = arena_printf(reader->arena, "%.*s", (int)size, text->next);

	text->next += size + (text->next[size] == '\n');
	text->number += text->is_file;
	if (line && text->is_file)
		line[size_without_comment(line)] = '\0';
	return line;
}

static bool
goes_on(char *line)
{
	size_t size = strlen(line);

	if (size == 0 || line[size - 1] != '\\')
		return false;
	line[size - 1] = '\0';
	return true;
}

/* As take_line(), with the lines behind it that a '\' at the end joins, parted by '\n'. */
static const char *
take_long_line(struct reader *reader, struct text *text)
{
	char *line = take_line(reader, text);
	const char *joined = NULL;
	char *all = NULL;
	size_t size = 0;
	FILE *out;

	if (!line || !text->is_file || !goes_on(line))
		return line;
	out = open_memstream(&all, &size);
	if (!out)
		return NULL;
	fputs(line, out);
	for (bool more = true; more && line && *text->next;) {
		line = take_line(reader, text);
		more = line && goes_on(line);
		fprintf(out, "\n%s", line ? line : "");
	}
	if (fclose(out) == 0 && line)
		joined = arena_strdup(reader->arena, all);
	free(all);
	return joined;
}

static int
remember_id(struct reader *reader, const char *id, size_t size)
{
	struct keepalived_lines *lines = reader->lines;

	if (size == 0)
		return 0;
	for (size_t i = 0; i < lines->n_ids; i++) {
		if (strlen(lines->ids[i]) == size && memcmp(lines->ids[i], id, size) == 0)
			return 0;
	}
	if (lines->n_ids == KEEPALIVED_IDS_MAX)
		return 0;
	lines->ids[lines->n_ids] = arena_printf(&lines->arena, "%.*s", (int)size, id);
	return lines->ids[lines->n_ids++] ? 0 : no_memory(reader);
}

/* "@ID REST" and "@^ID REST": moves '*line' to the rest, or to the end if it is not for this
 * machine. */
static int
judge_condition(struct reader *reader, const char **line)
{
	bool negative = (*line)[1] == '^';
	const char *id = *line + 1 + negative;
	size_t size = strcspn(id, " \t\n");
	bool is_it = strlen(reader->id) == size && memcmp(reader->id, id, size) == 0;

	*line = id + size;
	*line += strspn(*line, " \t\n");
	if (is_it == negative)
		*line += strlen(*line);
	return remember_id(reader, id, size);
}

static int
add_line(struct reader *reader, const struct text *at, const char *line)
{
	struct keepalived_lines *lines = reader->lines;

	if (lines->n == LINES_MAX)
		return err_set(reader->err, -E2BIG, "more than %u lines", LINES_MAX);
	if (lines->n == lines->capacity) {
		size_t capacity = lines->capacity ? lines->capacity * 2 : 256;
		struct keepalived_line *grown = realloc(lines->lines, capacity * sizeof(*grown));

		if (!grown)
			return no_memory(reader);
		lines->lines = grown;
		lines->capacity = capacity;
	}
	lines->lines[lines->n++] = (struct keepalived_line){line, at->file, at->number};
	return 0;
}

/* What does not define a parameter goes on as one line, however many it was written on. */
static const char *
join(struct reader *reader, const char *line)
{
	char *copy = arena_strdup(reader->arena, line);

	for (char *c = copy; c && *c; c++) {
		if (*c == '\n')
			*c = ' ';
	}
	return copy;
}

/* Lines that stand for others are exchanged for these until they stand for themselves. 'line' may
 * hold '\n' only where it is the value of a parameter. */
static int
read_line(struct reader *reader, const struct text *at, const char *line)
{
	const char *value, *expanded;
	size_t size;
	int rc;

	for (;;) {
		line += strspn(line, " \t\r\v\f\n");
		if (*line == '\0')
			return 0;
		if (*line == '@') {
			rc = judge_condition(reader, &line);
			if (rc < 0)
				return rc;
			continue;
		}
		if (expand_is_definition(line, &size, &value)) {
			rc = expand_define(
				&reader->expander, line + 1, size, value + strspn(value, "\n"));
			return rc == -E2BIG ? err_set(reader->err, rc,
						      "more parameters than "
						      "anybody defines")
			       : rc < 0     ? no_memory(reader)
					    : 0;
		}
		if (strchr(line, '\n')) {
			line = join(reader, line);
			if (!line)
				return no_memory(reader);
		}
		rc = expand_sequence(&reader->expander, line, &expanded, reader->err);
		if (rc != 0)
			return rc < 0 ? rc : push(reader, at, expanded);
		rc = expand_parameter(&reader->expander, line, &expanded, reader->err);
		if (rc < 0)
			return rc;
		if (rc > 0 && strchr(expanded, '\n'))
			return push(reader, at, expanded);
		if (rc == 0)
			break;
		line = expanded;
	}
	value = included(line);
	return value ? include(reader, at, value) : add_line(reader, at, line);
}

static int
read_texts(struct reader *reader)
{
	while (reader->n_texts > 0) {
		struct text *text = &reader->texts[reader->n_texts - 1];
		const char *line;
		struct text at;
		int rc;

		if (*text->next == '\0') {
			reader->n_texts--;
			continue;
		}
		at = *text;
		at.number += at.is_file;
		line = take_long_line(reader, text);
		rc = line ? read_line(reader, &at, line) : no_memory(reader);
		if (rc < 0)
			return blame(reader, &at, rc);
	}
	return 0;
}

int
keepalived_lines_init(struct keepalived_lines *lines, const struct source *source, const char *id,
	struct err *err)
{
	struct reader reader = {
		.lines = lines,
		.arena = &lines->arena,
		.id = id,
		.follows = source->follows,
		.expander = {.arena = &lines->arena, .budget = BUDGET},
		.err = err,
	};
	int rc;

	*lines = (struct keepalived_lines){.n = 0};
	rc = expand_define(&reader.expander, "_HASH", 5, "#");
	if (rc == 0)
		rc = expand_define(&reader.expander, "_BANG", 5, "!");
	if (rc == 0)
		rc = expand_define(&reader.expander, "_INSTANCE", 9, id);
	if (rc == 0)
		rc = push_file(&reader, source);
	else
		no_memory(&reader);
	if (rc == 0)
		rc = read_texts(&reader);
	else
		err_prefix(err, "%s", source->path);
	if (rc < 0)
		keepalived_lines_fini(lines);
	return rc;
}

void
keepalived_lines_fini(struct keepalived_lines *lines)
{
	arena_fini(&lines->arena);
	free(lines->lines);
	*lines = (struct keepalived_lines){.n = 0};
}
