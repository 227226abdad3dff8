/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the big tables of a worker come from: huge pages of its own NUMA node in the process, the
 * C library's heap in tests. */
#ifndef DATAPLANE_MEMORY_H
#define DATAPLANE_MEMORY_H

#include <stddef.h>

struct memory {
	/* Returns 'size' zeroed bytes aligned to 'alignment' (a power of two), or NULL. */
	void *(*alloc)(void *ctx, size_t size, size_t alignment);
	/* Frees what alloc() returned. NULL is allowed. */
	void (*free)(void *ctx, void *pointer);
	void *ctx;
};

/* The C library's heap. */
struct memory memory_heap(void);

#endif /* DATAPLANE_MEMORY_H */
