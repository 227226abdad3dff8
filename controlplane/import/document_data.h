/* SPDX-License-Identifier: BSD-3-Clause */
/* What a document is made of; for document.c, which builds it, and document_write.c. */
#ifndef CONTROLPLANE_IMPORT_DOCUMENT_DATA_H
#define CONTROLPLANE_IMPORT_DOCUMENT_DATA_H

#include "common/arena.h"
#include "controlplane/import/document.h"

enum document_kind {
	DOCUMENT_MAP,
	DOCUMENT_LIST,
	DOCUMENT_TEXT
};

struct document_comment {
	const char *text;
	unsigned int line; /* Of the written document, once it is written. */
	bool fill;
	struct document_comment *next;
};

struct document_node {
	enum document_kind kind;
	bool flow;
	const char *key;   /* NULL: an item of a list. */
	const char *text;  /* DOCUMENT_TEXT. */
	unsigned int line; /* Without comments, from 0. */
	struct document_node *first, *last, *next;
	struct document_comment *comments, *last_comment;
	size_t n_entries;
};

struct document {
	struct arena arena;
	bool failed; /* Memory was short. */
	struct document_node root, head;
};

#endif /* CONTROLPLANE_IMPORT_DOCUMENT_DATA_H */
