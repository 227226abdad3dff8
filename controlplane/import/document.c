/* SPDX-License-Identifier: BSD-3-Clause */
/* Building a document; see document.h. */
#include "controlplane/import/document.h"

#include "controlplane/import/document_data.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct document *
document_new(void)
{
	struct document *document = calloc(1, sizeof(*document));

	if (document)
		document->root.kind = DOCUMENT_MAP;
	return document;
}

void
document_free(struct document *document)
{
	if (!document)
		return;
	arena_fini(&document->arena);
	free(document);
}

struct document_node *
document_root(struct document *document)
{
	return &document->root;
}

struct document_node *
document_head(struct document *document)
{
	return &document->head;
}

/* The formatted text in the arena; "" with 'failed' set when memory is short. */
__attribute__((format(printf, 2, 0))) static char *
format_text(struct document *document, const char *format, va_list args)
{
	static char nothing[1];
	va_list again;
	char *text;
	int size;

	va_copy(again, args);
	size = vsnprintf(NULL, 0, format, again);
	va_end(again);
	text = size < 0 ? NULL : arena_array(&document->arena, (size_t)size + 1, 1);
	if (!text) {
		document->failed = true;
		return nothing;
	}
	vsnprintf(text, (size_t)size + 1, format, args);
	return text;
}

static struct document_node *
add(struct document *document, struct document_node *parent, const char *key,
	enum document_kind kind)
{
	struct document_node *node;

	if (!parent)
		return NULL;
	node = arena_array(&document->arena, 1, sizeof(*node));
	if (node && key)
		node->key = arena_strdup(&document->arena, key);
	if (!node || (key && !node->key)) {
		document->failed = true;
		return NULL;
	}
	node->kind = kind;
	node->flow = parent->flow;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->n_entries++;
	return node;
}

struct document_node *
document_map(struct document *document, struct document_node *parent, const char *key, bool flow)
{
	struct document_node *node = add(document, parent, key, DOCUMENT_MAP);

	if (node)
		node->flow |= flow;
	return node;
}

struct document_node *
document_list(struct document *document, struct document_node *parent, const char *key, bool flow)
{
	struct document_node *node = add(document, parent, key, DOCUMENT_LIST);

	if (node)
		node->flow |= flow;
	return node;
}

struct document_node *
document_text(struct document *document, struct document_node *parent, const char *key,
	const char *format, ...)
{
	struct document_node *node = add(document, parent, key, DOCUMENT_TEXT);
	va_list args;

	if (!node)
		return NULL;
	va_start(args, format);
	node->text = format_text(document, format, args);
	va_end(args);
	return node;
}

void
document_set(struct document *document, struct document_node *map, const char *key,
	const char *format, ...)
{
	struct document_node *node = document_find(map, key);
	va_list args;

	if (!node)
		node = add(document, map, key, DOCUMENT_TEXT);
	if (!node)
		return;
	va_start(args, format);
	node->text = format_text(document, format, args);
	va_end(args);
}

static void
append_comment(struct document *document, struct document_node *node, char *text, bool fill)
{
	struct document_comment *comment = arena_array(&document->arena, 1, sizeof(*comment));

	if (!comment) {
		document->failed = true;
		return;
	}
	for (char *c = text; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	*comment = (struct document_comment){.text = text, .fill = fill};
	if (node->last_comment)
		node->last_comment->next = comment;
	else
		node->comments = comment;
	node->last_comment = comment;
}

void
document_comment(struct document *document, struct document_node *node, const char *format, ...)
{
	va_list args;

	if (!node)
		return;
	va_start(args, format);
	append_comment(document, node, format_text(document, format, args), false);
	va_end(args);
}

void
document_fill(struct document *document, struct document_node *node, const char *format, ...)
{
	va_list args;

	if (!node)
		return;
	va_start(args, format);
	append_comment(document, node, format_text(document, format, args), true);
	va_end(args);
}

struct document_node *
document_loose(struct document *document)
{
	struct document_node *node = arena_array(&document->arena, 1, sizeof(*node));

	document->failed |= !node;
	return node;
}

void
document_move_comments(struct document_node *to, struct document_node *from)
{
	if (!to || !from || !from->comments)
		return;
	if (to->last_comment)
		to->last_comment->next = from->comments;
	else
		to->comments = from->comments;
	to->last_comment = from->last_comment;
	from->comments = from->last_comment = NULL;
}

struct document_node *
document_find(const struct document_node *map, const char *key)
{
	struct document_node *node = map ? map->first : NULL;

	while (node && !(node->key && strcmp(node->key, key) == 0))
		node = node->next;
	return node;
}

struct document_node *
document_next(const struct document_node *parent, const struct document_node *entry)
{
	if (entry)
		return entry->next;
	return parent ? parent->first : NULL;
}

const char *
document_value(const struct document_node *text)
{
	return text ? text->text : NULL;
}

size_t
document_count(const struct document_node *parent)
{
	return parent ? parent->n_entries : 0;
}

static const struct document_node *
skip(const struct document_node *node, const char *but)
{
	while (node && but && node->key && strcmp(node->key, but) == 0)
		node = node->next;
	return node;
}

bool
document_equal(const struct document_node *a, const struct document_node *b, const char *but)
{
	const struct document_node *left, *right;

	if (!a || !b || a->kind != b->kind)
		return a == b;
	if (a->kind == DOCUMENT_TEXT)
		return strcmp(a->text, b->text) == 0;
	left = skip(a->first, but);
	right = skip(b->first, but);
	while (left && right) {
		if (!left->key != !right->key || (left->key && strcmp(left->key, right->key) != 0))
			return false;
		if (!document_equal(left, right, NULL))
			return false;
		left = skip(left->next, but);
		right = skip(right->next, but);
	}
	return !left && !right;
}

void
document_drop_last(struct document_node *parent)
{
	struct document_node *node;

	if (!parent || !parent->first)
		return;
	parent->n_entries--;
	if (parent->first == parent->last) {
		parent->first = parent->last = NULL;
		return;
	}
	for (node = parent->first; node->next != parent->last; node = node->next)
		;
	node->next = NULL;
	parent->last = node;
}
