/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of libmicrohttpd's connections; see mhd_pool.h. */
#include "common/http/mhd_pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 16u
#define PAGE_BYTES 4096u /* Of all machines that weir is built for. */

struct MemoryPool {
	char *memory;
	size_t size;
	size_t used;  /* From the front. */
	size_t end;   /* Behind it all is taken. */
	bool is_void; /* No byte of it counts: there is only a block to read into. */
	struct MemoryPool **owner;
};

/* The library makes a pool inside of the call that adds a connection, to which nothing but the
 * thread leads from here. */
static _Thread_local struct MemoryPool *newest;

/* Returns 0 for a size that is too large for any pool. */
static size_t
round_up(size_t size)
{
	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static size_t
whole_pages(const struct MemoryPool *pool)
{
	return (pool->size + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
}

struct MemoryPool *
mhd_pool_create(size_t size)
{
	struct MemoryPool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->size = round_up(size);
	pool->end = pool->size;
	pool->memory = aligned_alloc(PAGE_BYTES, whole_pages(pool));
	if (!pool->memory) {
		free(pool);
		return NULL;
	}
	newest = pool;
	return pool;
}

void
mhd_pool_destroy(struct MemoryPool *pool)
{
	if (!pool)
		return;
	if (pool->owner)
		*pool->owner = NULL;
	if (newest == pool)
		newest = NULL;
	free(pool->memory);
	free(pool);
}

size_t
mhd_pool_get_free(struct MemoryPool *pool)
{
	return pool->end - pool->used;
}

static char *
take_front(struct MemoryPool *pool, size_t size)
{
	char *block = pool->memory + pool->used;

	pool->used += size;
	return block;
}

static char *
take_end(struct MemoryPool *pool, size_t size)
{
	pool->end -= size;
	return pool->memory + pool->end;
}

/* Whether a block of 'size', '*room' of the pool, can be had. */
static bool
find_room(struct MemoryPool *pool, size_t size, size_t *room)
{
	*room = round_up(size);
	pool->is_void = false;
	return (*room > 0 || size == 0) && *room <= mhd_pool_get_free(pool);
}

void *
mhd_pool_allocate(struct MemoryPool *pool, size_t size, bool from_end)
{
	size_t room;

	if (!find_room(pool, size, &room))
		return NULL;
	return from_end ? take_end(pool, room) : take_front(pool, room);
}

void *
mhd_pool_try_alloc(struct MemoryPool *pool, size_t size, size_t *missing)
{
	size_t room;

	*missing = 0;
	if (find_room(pool, size, &room))
		return take_end(pool, room);
	if ((room == 0 && size > 0) || room > pool->end)
		*missing = SIZE_MAX;
	else
		*missing = room - mhd_pool_get_free(pool);
	return NULL;
}

/* Whether the block can have its new size where it is; '*fits' says if there is room for it. */
static bool
is_resized_in_place(
	struct MemoryPool *pool, const char *old, size_t old_size, size_t new_size, bool *fits)
{
	size_t offset = (size_t)(old - pool->memory);
	size_t end = round_up(offset + new_size);

	*fits = true;
	if (round_up(offset + old_size) != pool->used)
		return new_size <= old_size;
	*fits = new_size <= old_size || (end >= pool->used && end <= pool->end);
	if (*fits)
		pool->used = end;
	return true;
}

void *
mhd_pool_reallocate(struct MemoryPool *pool, void *old, size_t old_size, size_t new_size)
{
	size_t room;
	char *block;
	bool fits;

	pool->is_void = false;
	if (old && is_resized_in_place(pool, old, old_size, new_size, &fits))
		return fits ? old : NULL;
	if (!find_room(pool, new_size, &room))
		return NULL;
	block = take_front(pool, room);
	if (old_size > 0)
		memcpy(block, old, old_size);
	return block;
}

void *
mhd_pool_reset(struct MemoryPool *pool, void *kept, size_t n_kept, size_t new_size)
{
	if (kept && n_kept > 0 && kept != pool->memory)
		memmove(pool->memory, kept, n_kept);
	pool->used = round_up(new_size);
	pool->end = pool->size;
	pool->is_void = n_kept == 0;
	return pool->memory;
}

void
mhd_pool_claim(struct MemoryPool **owner)
{
	*owner = newest;
	if (newest)
		newest->owner = owner;
	newest = NULL;
}

void
mhd_pool_disown(struct MemoryPool *pool)
{
	if (pool)
		pool->owner = NULL;
}

void
mhd_pool_fill(struct MemoryPool *pool)
{
	if (pool)
		pool->is_void = false;
}

bool
mhd_pool_rest(struct MemoryPool *pool)
{
	return pool && pool->is_void &&
	       madvise(pool->memory, whole_pages(pool), MADV_DONTNEED) == 0;
}
