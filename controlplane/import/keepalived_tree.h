/* SPDX-License-Identifier: BSD-3-Clause */
/* A keepalived configuration as a tree of statements: words, and what stands in braces behind them.
 * It is not known here what any of them means. */
#ifndef CONTROLPLANE_IMPORT_KEEPALIVED_TREE_H
#define CONTROLPLANE_IMPORT_KEEPALIVED_TREE_H

#include "common/arena.h"
#include "common/err.h"
#include "controlplane/import/keepalived_lines.h"

#include <stdbool.h>
#include <stddef.h>

struct statement {
	const char **words; /* At least one, and all UTF-8; quotes are gone. */
	size_t n_words;
	const char *file;
	unsigned int line;
	bool has_block;
	struct statement *parent, *first, *last, *next;
};

struct keepalived_tree {
	struct arena arena;
	struct statement root; /* Its block is the file. */
};

/* Makes a tree of 'lines', which it needs no longer. Returns 0, and the caller calls
 * keepalived_tree_fini(); or a negative errno with 'err' set to "FILE:LINE: what is wrong". */
int keepalived_tree_init(
	struct keepalived_tree *tree, const struct keepalived_lines *lines, struct err *err);
void keepalived_tree_fini(struct keepalived_tree *tree);

/* The word at 'index', or NULL if there are fewer. */
const char *statement_word(const struct statement *statement, size_t index);

/* The first statement in the block of 'parent' that begins with 'word', and the next behind
 * 'statement' that begins like it; NULL if there is none. */
const struct statement *statement_find(const struct statement *parent, const char *word);
const struct statement *statement_find_next(const struct statement *statement);

#endif /* CONTROLPLANE_IMPORT_KEEPALIVED_TREE_H */
