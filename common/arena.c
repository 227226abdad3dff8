/* SPDX-License-Identifier: BSD-3-Clause */
/* Arena; see arena.h. One block an allocation: a model has a few hundred. */
#include "common/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
	struct arena_block *next;
	max_align_t data[];
};

void *
arena_array(struct arena *arena, size_t n, size_t size)
{
	struct arena_block *block;

	if (size && n > (SIZE_MAX - sizeof(*block)) / size)
		return NULL;
	block = calloc(1, sizeof(*block) + n * size);
	if (!block)
		return NULL;
	block->next = arena->blocks;
	arena->blocks = block;
	return block->data;
}

char *
arena_strdup(struct arena *arena, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = arena_array(arena, size, 1);

	if (copy)
		memcpy(copy, text, size);
	return copy;
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text;
	int size;

	va_start(args, format);
	size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (size < 0)
		return NULL;
	text = arena_array(arena, (size_t)size + 1, 1);
	if (!text)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)size + 1, format, args);
	va_end(args);
	return text;
}

void
arena_fini(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
}
