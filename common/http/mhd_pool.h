/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the HTTP server: the memory in which libmicrohttpd keeps a connection's requests.
 *
 * The library zeroes all of it after each request, and the half that it reads into before each
 * answer, so every connection occupies the whole of it for ever, and small answers are slower than
 * they could be. Its allocator is a file of its own, which the linker replaces by this one (--wrap,
 * see meson.build). What it hands out is as dirty as the library's own is for the first request of
 * a connection. And a connection that does nothing gives its memory back to the system.
 *
 * Used only with the version of the library whose calls these are; any other keeps its own. */
#ifndef COMMON_HTTP_MHD_POOL_H
#define COMMON_HTTP_MHD_POOL_H

#include <stdbool.h>
#include <stddef.h>

/* The library's name for it; none but this file knows its inside. */
struct MemoryPool;

/* What the library calls: two stacks that grow towards each other, in which only the newest block
 * of the first can grow or shrink. */
struct MemoryPool *mhd_pool_create(size_t size) __asm__("__wrap_MHD_pool_create");
void mhd_pool_destroy(struct MemoryPool *pool) __asm__("__wrap_MHD_pool_destroy");
size_t mhd_pool_get_free(struct MemoryPool *pool) __asm__("__wrap_MHD_pool_get_free");
void *mhd_pool_allocate(struct MemoryPool *pool, size_t size, bool from_end) __asm__(
	"__wrap_MHD_pool_allocate");

/* From the end; on failure '*missing' says how much would have to be freed there, SIZE_MAX: that
 * would not help. */
void *mhd_pool_try_alloc(struct MemoryPool *pool, size_t size, size_t *missing) __asm__(
	"__wrap_MHD_pool_try_alloc");
void *mhd_pool_reallocate(struct MemoryPool *pool, void *old, size_t old_size,
	size_t new_size) __asm__("__wrap_MHD_pool_reallocate");

/* Frees all but the first 'n_kept' bytes at 'kept', which move to the front of a block of
 * 'new_size'. */
void *mhd_pool_reset(struct MemoryPool *pool, void *kept, size_t n_kept, size_t new_size) __asm__(
	"__wrap_MHD_pool_reset");

/* Gives '*owner' the pool that this thread has made last, until it is destroyed; NULL if there is
 * none since the last call. */
void mhd_pool_claim(struct MemoryPool **owner);

/* The owner goes before the pool. */
void mhd_pool_disown(struct MemoryPool *pool);

/* The client has sent something, which the library has put into its block. */
void mhd_pool_fill(struct MemoryPool *pool);

/* Gives the memory back to the system if nothing in it counts; it is there again when it is used.
 * Returns whether it did. */
bool mhd_pool_rest(struct MemoryPool *pool);

#endif /* COMMON_HTTP_MHD_POOL_H */
