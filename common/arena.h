/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that is freed all at once: everything a model owns comes from its arena. */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* NULL: empty, the value of a zeroed struct. */
};

/* Returns 'n' zeroed elements of 'size' bytes, or NULL when memory is short. 'n' may be 0. */
void *arena_array(struct arena *arena, size_t n, size_t size);

/* Returns a copy of the text, or NULL when memory is short. */
char *arena_strdup(struct arena *arena, const char *text);

/* Returns the formatted text, or NULL when memory is short. */
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Frees all that came from 'arena'. */
void arena_fini(struct arena *arena);

#endif /* COMMON_ARENA_H */
