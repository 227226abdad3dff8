/* SPDX-License-Identifier: BSD-3-Clause */
/* Content types; see mime.h. */
#include "webtier/mime.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct mime_type {
	char *extension; /* Without its dot. */
	char *type;
	size_t order; /* Position in the file: the first mention of an extension counts. */
};

struct mime_types {
	struct mime_type *types; /* Sorted by extension, then by order. */
	size_t n_types;
	size_t capacity;
};

/* What a site consists of, known even without the system's list. */
static const struct {
	const char *extension;
	const char *type;
} fallback_types[] = {
	{"avif", "image/avif"},
	{"css", "text/css; charset=utf-8"},
	{"gif", "image/gif"},
	{"htm", "text/html; charset=utf-8"},
	{"html", "text/html; charset=utf-8"},
	{"ico", "image/x-icon"},
	{"jpeg", "image/jpeg"},
	{"jpg", "image/jpeg"},
	{"js", "text/javascript; charset=utf-8"},
	{"json", "application/json; charset=utf-8"},
	{"map", "application/json; charset=utf-8"},
	{"md", "text/markdown; charset=utf-8"},
	{"mjs", "text/javascript; charset=utf-8"},
	{"mp4", "video/mp4"},
	{"pdf", "application/pdf"},
	{"png", "image/png"},
	{"svg", "image/svg+xml"},
	{"txt", "text/plain; charset=utf-8"},
	{"wasm", "application/wasm"},
	{"webm", "video/webm"},
	{"webmanifest", "application/manifest+json"},
	{"webp", "image/webp"},
	{"woff", "font/woff"},
	{"woff2", "font/woff2"},
	{"xml", "text/xml; charset=utf-8"},
};

static int
compare_types(const void *a, const void *b)
{
	const struct mime_type *left = a;
	const struct mime_type *right = b;
	int order = strcasecmp(left->extension, right->extension);

	if (order != 0)
		return order;
	return left->order < right->order ? -1 : left->order > right->order;
}

static bool
is_text(const char *type)
{
	return strncmp(type, "text/", 5) == 0 || strcmp(type, "application/json") == 0 ||
	       strcmp(type, "application/javascript") == 0;
}

static int
add_type(struct mime_types *types, const char *extension, const char *type)
{
	struct mime_type *slot;

	if (types->n_types == types->capacity) {
		size_t capacity = types->capacity ? types->capacity * 2 : 256;
		struct mime_type *grown = reallocarray(types->types, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		types->types = grown;
		types->capacity = capacity;
	}
	slot = &types->types[types->n_types];
	slot->extension = strdup(extension);
	if (asprintf(&slot->type, "%s%s", type, is_text(type) ? "; charset=utf-8" : "") < 0)
		slot->type = NULL;
	if (!slot->extension || !slot->type) {
		free(slot->extension);
		free(slot->type);
		return -ENOMEM;
	}
	slot->order = types->n_types++;
	return 0;
}

/* A line is "TYPE EXTENSION EXTENSION ... # comment". */
static int
add_line(struct mime_types *types, char *line)
{
	static const char blanks[] = " \t\r\n";
	char *rest = line;
	const char *type;
	const char *word;

	line[strcspn(line, "#")] = '\0';
	type = strtok_r(line, blanks, &rest);
	if (!type || !strchr(type, '/'))
		return 0;
	while ((word = strtok_r(NULL, blanks, &rest)) != NULL) {
		int rc = add_type(types, word, type);

		if (rc < 0)
			return rc;
	}
	return 0;
}

int
mime_types_new(struct mime_types **out, const char *path)
{
	struct mime_types *types = calloc(1, sizeof(*types));
	FILE *file;
	char *line = NULL;
	size_t line_size = 0;
	int rc = 0;

	if (!types)
		return -ENOMEM;
	file = fopen(path, "re");
	while (file && rc == 0 && getline(&line, &line_size, file) >= 0)
		rc = add_line(types, line);
	free(line);
	if (file)
		fclose(file);
	if (rc < 0) {
		mime_types_free(types);
		return rc;
	}
	if (types->n_types > 0)
		qsort(types->types, types->n_types, sizeof(types->types[0]), compare_types);
	*out = types;
	return 0;
}

void
mime_types_free(struct mime_types *types)
{
	if (!types)
		return;
	for (size_t i = 0; i < types->n_types; i++) {
		free(types->types[i].extension);
		free(types->types[i].type);
	}
	free(types->types);
	free(types);
}

/* The first entry of 'extension', as entries of one extension are neighbours in file order. */
static const char *
find_type(const struct mime_types *types, const char *extension)
{
	size_t low = 0;
	size_t high = types->n_types;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcasecmp(types->types[middle].extension, extension) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < types->n_types && strcasecmp(types->types[low].extension, extension) == 0)
		return types->types[low].type;
	return NULL;
}

const char *
mime_type_of(const struct mime_types *types, const char *name)
{
	const char *base = strrchr(name, '/');
	const char *dot = strrchr(base ? base + 1 : name, '.');
	const char *type;

	if (!dot || dot[1] == '\0')
		return MIME_UNKNOWN;
	type = find_type(types, dot + 1);
	if (type)
		return type;
	for (size_t i = 0; i < sizeof(fallback_types) / sizeof(fallback_types[0]); i++) {
		if (strcasecmp(fallback_types[i].extension, dot + 1) == 0)
			return fallback_types[i].type;
	}
	return MIME_UNKNOWN;
}
