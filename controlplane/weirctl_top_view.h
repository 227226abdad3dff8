/* SPDX-License-Identifier: BSD-3-Clause */
/* What 'weirctl top' shows, as lines of text, and what keys change of it. Knows no terminal and no
 * clock. */
#ifndef CONTROLPLANE_WEIRCTL_TOP_VIEW_H
#define CONTROLPLANE_WEIRCTL_TOP_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Keys that are no characters. */
enum top_key {
	TOP_KEY_UP = 0x100,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
};

enum top_panel {
	TOP_BOTH,
	TOP_SERVICES,
	TOP_BACKENDS,
	N_TOP_PANELS
};

struct top_view {
	size_t sort; /* Index into the sort keys. */
	bool reverse;
	bool paused;
	enum top_panel panel;
	size_t offset; /* Rows of the lists that are above the screen. */
	double interval_s;
};

/* Answers of the admin socket with their rates, borrowed; NULL: not there. */
struct top_data {
	json_t *status, *services, *backends, *stats;
	const char *problem; /* Why they are old; NULL: they are not. */
	const char *time;    /* Of day. */
};

enum top_style {
	TOP_PLAIN,
	TOP_HEAD,  /* The first line. */
	TOP_TITLE, /* Of a table. */
	TOP_BAD,   /* Down, or a problem. */
	TOP_DIM,   /* Drained, or held elsewhere. */
	TOP_HELP,  /* The last line. */
};

struct top_line {
	char *text;
	enum top_style style;
};

struct top_lines {
	struct top_line *lines;
	size_t n;
	size_t capacity;
};

void top_view_init(struct top_view *view, double interval_s);

/* Does what 'key' (a character, or enum top_key) means. Returns false if that is to end. */
bool top_view_key(struct top_view *view, int key);

/* Sorts the lists of 'data' and lays out exactly 'height' lines of at most 'width' letters; the
 * caller ends with top_lines_fini(). */
void top_view_draw(struct top_view *view, const struct top_data *data, size_t width, size_t height,
	struct top_lines *out);
void top_lines_fini(struct top_lines *lines);

#endif /* CONTROLPLANE_WEIRCTL_TOP_VIEW_H */
