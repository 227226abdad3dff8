/* SPDX-License-Identifier: BSD-3-Clause */
/* Huge pages without EAL; see huge_memory.h. */
#include "huge_memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_SIZE ((size_t)2 << 20)

/* In front of what alloc() returns. */
struct header {
	void *mapping;
	size_t size; /* Of the mapping. */
};

static void *
map(size_t *size)
{
	size_t wanted = *size;
	void *mapping;

	*size = (wanted + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	mapping = mmap(NULL, *size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (mapping != MAP_FAILED)
		return mapping;
	*size += PAGE_SIZE; /* So that whole pages fit, wherever it begins. */
	mapping = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mapping != MAP_FAILED)
		madvise(mapping, *size, MADV_HUGEPAGE);
	return mapping;
}

static void *
alloc(void *ctx, size_t size, size_t alignment)
{
	size_t total = size + alignment + sizeof(struct header);
	void *mapping = map(&total);
	uintptr_t at = (uintptr_t)mapping + sizeof(struct header);
	struct header *header;

	(void)ctx;
	if (mapping == MAP_FAILED)
		return NULL;
	at = (at + alignment - 1) & ~(uintptr_t)(alignment - 1);
	header = (struct header *)(at - sizeof(*header));
	*header = (struct header){mapping, total};
	return (void *)at;
}

static void
release(void *ctx, void *pointer)
{
	struct header header;

	(void)ctx;
	if (!pointer)
		return;
	memcpy(&header, (uint8_t *)pointer - sizeof(header), sizeof(header));
	munmap(header.mapping, header.size);
}

struct memory
huge_memory(void)
{
	return (struct memory){.alloc = alloc, .free = release};
}
