/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of a YAML text; see yaml_lines.h. */
#include "common/yaml_lines.h"

#include "common/arena.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#define DEPTH_MAX 32
#define PATH_SIZE 512

struct entry {
	const char *path;
	unsigned int line;
};

struct yaml_lines {
	struct arena arena;
	struct entry *entries;
	size_t n_entries;
	size_t capacity;
};

/* A mapping or sequence that the parser is inside of. */
struct level {
	size_t path_size; /* Bytes of the path up to and without this level's child. */
	size_t n_items;   /* Items seen (sequence). */
	bool is_sequence;
	bool wants_value; /* A key has been read and its value comes next (mapping). */
};

struct walk {
	const char *file;
	struct yaml_lines *lines;
	struct level levels[DEPTH_MAX];
	size_t depth;
	char path[PATH_SIZE];
};

static int
add_entry(struct yaml_lines *lines, const char *path, unsigned int line)
{
	if (lines->n_entries == lines->capacity) {
		size_t capacity = lines->capacity ? lines->capacity * 2 : 256;
		struct entry *grown = realloc(lines->entries, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		lines->entries = grown;
		lines->capacity = capacity;
	}
	path = arena_strdup(&lines->arena, path);
	if (!path)
		return -ENOMEM;
	lines->entries[lines->n_entries++] = (struct entry){path, line};
	return 0;
}

/* A value begins: an item of a sequence gets its own path; the value of a key keeps the key's. */
static int
begin_value(struct walk *walk, unsigned int line)
{
	struct level *level;

	if (walk->depth == 0)
		return 0;
	level = &walk->levels[walk->depth - 1];
	if (!level->is_sequence) {
		level->wants_value = false;
		return 0;
	}
	snprintf(walk->path + level->path_size, sizeof(walk->path) - level->path_size, "[%zu]",
		level->n_items++);
	return add_entry(walk->lines, walk->path, line);
}

static int
begin_level(struct walk *walk, unsigned int line, bool is_sequence, struct err *err)
{
	int code = begin_value(walk, line);

	if (code < 0)
		return code;
	if (walk->depth == DEPTH_MAX)
		return err_set(err, -EINVAL, "%s:%u: nested deeper than %d levels", walk->file,
			line, DEPTH_MAX);
	walk->levels[walk->depth++] =
		(struct level){.path_size = strlen(walk->path), .is_sequence = is_sequence};
	return 0;
}

static void
end_level(struct walk *walk)
{
	walk->depth--;
	walk->path[walk->depth ? walk->levels[walk->depth - 1].path_size : 0] = '\0';
}

static int
take_scalar(struct walk *walk, const char *text, unsigned int line)
{
	struct level *level = walk->depth ? &walk->levels[walk->depth - 1] : NULL;

	if (!level || level->is_sequence || level->wants_value)
		return begin_value(walk, line);
	level->wants_value = true;
	snprintf(walk->path + level->path_size, sizeof(walk->path) - level->path_size, "%s%s",
		level->path_size ? "." : "", text);
	return add_entry(walk->lines, walk->path, line);
}

static int
take_event(struct walk *walk, const yaml_event_t *event, struct err *err)
{
	unsigned int line = (unsigned int)event->start_mark.line + 1;

	switch ((int)event->type) {
	case YAML_SCALAR_EVENT:
		return take_scalar(walk, (const char *)event->data.scalar.value, line);
	case YAML_MAPPING_START_EVENT:
		return begin_level(walk, line, false, err);
	case YAML_SEQUENCE_START_EVENT:
		return begin_level(walk, line, true, err);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		end_level(walk);
		return 0;
	case YAML_ALIAS_EVENT:
		return begin_value(walk, line);
	default:
		return 0;
	}
}

static int
walk_events(struct walk *walk, yaml_parser_t *parser, struct err *err)
{
	yaml_event_t event;
	bool at_end = false;

	while (!at_end) {
		int code;

		if (!yaml_parser_parse(parser, &event))
			return err_set(err, -EINVAL, "%s:%zu: %s%s%s", walk->file,
				parser->problem_mark.line + 1,
				parser->problem ? parser->problem : "not YAML",
				parser->context ? " " : "", parser->context ? parser->context : "");
		code = take_event(walk, &event, err);
		at_end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
		if (code == -ENOMEM)
			return err_set(err, code, "%s: out of memory", walk->file);
		if (code < 0)
			return code;
	}
	return 0;
}

int
yaml_lines_new(
	struct yaml_lines **out, const char *file, const char *text, size_t size, struct err *err)
{
	struct walk walk = {.file = file};
	yaml_parser_t parser;
	int code;

	walk.lines = calloc(1, sizeof(*walk.lines));
	if (!walk.lines || !yaml_parser_initialize(&parser)) {
		free(walk.lines);
		return err_set(err, -ENOMEM, "%s: out of memory", file);
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	code = walk_events(&walk, &parser, err);
	yaml_parser_delete(&parser);
	if (code < 0) {
		yaml_lines_free(walk.lines);
		return code;
	}
	*out = walk.lines;
	return 0;
}

void
yaml_lines_free(struct yaml_lines *lines)
{
	if (!lines)
		return;
	arena_fini(&lines->arena);
	free(lines->entries);
	free(lines);
}

unsigned int
yaml_lines_find(const struct yaml_lines *lines, const char *path)
{
	char prefix[PATH_SIZE];
	size_t size;

	snprintf(prefix, sizeof(prefix), "%s", path);
	size = strlen(prefix);
	while (size > 0) {
		for (size_t i = 0; i < lines->n_entries; i++) {
			if (strcmp(lines->entries[i].path, prefix) == 0)
				return lines->entries[i].line;
		}
		do
			size--;
		while (size > 0 && prefix[size] != '.' && prefix[size] != '[');
		prefix[size] = '\0';
	}
	return 1;
}
