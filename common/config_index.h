/* SPDX-License-Identifier: BSD-3-Clause */
/* An array of a file put into order, so that what is given twice and what others name is found
 * without comparing everything with everything: a file may have 10000 services. */
#ifndef COMMON_CONFIG_INDEX_H
#define COMMON_CONFIG_INDEX_H

#include "common/config_read.h"

#include <stddef.h>

/* As for qsort(): 0 is equal. */
typedef int (*config_compare_fn)(const void *a, const void *b);

struct config_index {
	const void **items; /* In order; equal ones in the order of the file. */
	size_t n;
	config_compare_fn compare;
};

/* Puts the 'n' items of the array 'items', each of 'size' bytes, into order; they stay where they
 * are and outlive the index. Sets -ENOMEM, and then has no items. */
void config_index_init(struct config_index *index, struct config_reader *reader, const void *items,
	size_t n, size_t size, config_compare_fn compare);
void config_index_fini(struct config_index *index);

/* The item equal to 'like', or NULL. */
const void *config_index_find(const struct config_index *index, const void *like);

/* Which is the first of 'n' items that equals one before it, '*before'; 'n': all are different. */
size_t config_find_twin(struct config_reader *reader, const void *items, size_t n, size_t size,
	config_compare_fn compare, size_t *before);

/* Compares structs whose first member is their name (const char *). */
int config_compare_names(const void *a, const void *b);

/* Fails at the key 'name' of the first of the 'n' items of the list 'path' whose name one before it
 * has; 'where' ends the message, for instance " in this pool". */
void config_check_names(struct config_reader *reader, const char *path, const void *items, size_t n,
	size_t size, const char *where);

#endif /* COMMON_CONFIG_INDEX_H */
