/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory from the C library; see memory.h. */
#include "dataplane/memory.h"

#include <stdlib.h>
#include <string.h>

static void *
heap_alloc(void *ctx, size_t size, size_t alignment)
{
	void *pointer;

	(void)ctx;
	if (alignment < sizeof(void *))
		alignment = sizeof(void *);
	if (posix_memalign(&pointer, alignment, size) != 0)
		return NULL;
	memset(pointer, 0, size);
	return pointer;
}

static void
heap_free(void *ctx, void *pointer)
{
	(void)ctx;
	free(pointer);
}

struct memory
memory_heap(void)
{
	struct memory memory = {.alloc = heap_alloc, .free = heap_free};

	return memory;
}
