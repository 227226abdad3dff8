/* SPDX-License-Identifier: BSD-3-Clause */
/* A YAML document with comments, made piece by piece and written at the end.
 *
 * libyaml writes the values, so that each is quoted as YAML wants it; but it can neither read nor
 * write comments. As it is told to break no lines, every entry of a block is one line, and the
 * line on which each begins is known when it is written: the comments are put in between
 * afterwards.
 *
 * Where memory is short functions return NULL, and take NULL for a node and do nothing; the
 * document remembers, and document_write() fails. So nobody has to look in between. */
#ifndef CONTROLPLANE_IMPORT_DOCUMENT_H
#define CONTROLPLANE_IMPORT_DOCUMENT_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

struct document;
struct document_node; /* A map, a list or a text, with the comments that stand before it. */

/* Returns NULL when memory is short. */
struct document *document_new(void);
void document_free(struct document *document);

struct document_node *document_root(struct document *document);

/* Add an entry at the end of 'map', or with 'key' NULL an item at the end of the list. A 'flow' map
 * or list is written on one line, and so is all in it. */
struct document_node *document_map(
	struct document *document, struct document_node *parent, const char *key, bool flow);
struct document_node *document_list(
	struct document *document, struct document_node *parent, const char *key, bool flow);
struct document_node *document_text(struct document *document, struct document_node *parent,
	const char *key, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Gives the entry 'key' of 'map' another text, or adds it. */
void document_set(struct document *document, struct document_node *map, const char *key,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Puts a comment before 'node'; anything but printable ASCII becomes '?'. */
void document_comment(struct document *document, struct document_node *node, const char *format,
	...) __attribute__((format(printf, 3, 4)));

/* As document_comment(), marked as what a person has to fill in. */
void document_fill(struct document *document, struct document_node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Has the comments at the top. */
struct document_node *document_head(struct document *document);

/* Something that comments can be given to before it is known where they belong, and the way there:
 * it has none afterwards. */
struct document_node *document_loose(struct document *document);
void document_move_comments(struct document_node *to, struct document_node *from);

/* The value of 'key' in 'map', or the next entry behind 'entry' (NULL: the first); NULL if there is
 * none. */
struct document_node *document_find(const struct document_node *map, const char *key);
struct document_node *document_next(
	const struct document_node *parent, const struct document_node *entry);
const char *document_value(const struct document_node *text); /* NULL for NULL. */
size_t document_count(const struct document_node *parent);

/* True if both have the same entries; what is called 'but' and comments do not count. */
bool document_equal(const struct document_node *a, const struct document_node *b, const char *but);

/* Removes the last entry of 'parent'. */
void document_drop_last(struct document_node *parent);

/* Writes it. Returns 0, and the caller frees '*text'; or -ENOMEM with 'err' set. */
int document_write(struct document *document, char **text, size_t *size, struct err *err);

/* After document_write(): calls 'each' for everything to fill in, with its line; returns how much
 * there is. */
size_t document_each_fill(const struct document *document,
	void (*each)(void *ctx, unsigned int line, const char *text), void *ctx);

/* Comments that are not about filling in. */
size_t document_n_comments(const struct document *document);

#endif /* CONTROLPLANE_IMPORT_DOCUMENT_H */
