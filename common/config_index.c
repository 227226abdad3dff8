/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays in order; see config_index.h. */
#include "common/config_index.h"

#include "common/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static_assert(offsetof(struct service, name) == 0 && offsetof(struct pool, name) == 0 &&
		      offsetof(struct backend, name) == 0 && offsetof(struct check, name) == 0,
	"config_compare_names() takes them");

/* Items that are equal keep the order of the array that they are in. */
static int
compare_items(const void *a, const void *b, void *ctx)
{
	const struct config_index *index = ctx;
	const void *left = *(const void *const *)a;
	const void *right = *(const void *const *)b;
	int order = index->compare(left, right);

	return order ? order : (left > right) - (left < right);
}

void
config_index_init(struct config_index *index, struct config_reader *reader, const void *items,
	size_t n, size_t size, config_compare_fn compare)
{
	/* One more than there are, because calloc() of nothing may be NULL. */
	*index = (struct config_index){.items = calloc(n + 1, sizeof(void *)), .compare = compare};
	if (!index->items) {
		if (reader->code == 0)
			reader->code =
				err_set(reader->err, -ENOMEM, "%s: out of memory", reader->file);
		return;
	}
	index->n = n;
	for (size_t i = 0; i < n; i++)
		index->items[i] = (const char *)items + i * size;
	qsort_r(index->items, n, sizeof(void *), compare_items, index);
}

void
config_index_fini(struct config_index *index)
{
	free(index->items);
	*index = (struct config_index){0};
}

const void *
config_index_find(const struct config_index *index, const void *like)
{
	size_t low = 0, high = index->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = index->compare(like, index->items[middle]);

		if (order == 0)
			return index->items[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

size_t
config_find_twin(struct config_reader *reader, const void *items, size_t n, size_t size,
	config_compare_fn compare, size_t *before)
{
	struct config_index index;
	size_t twin = n;

	config_index_init(&index, reader, items, n, size, compare);
	for (size_t i = 1; i < index.n; i++) {
		size_t at = (size_t)((const char *)index.items[i] - (const char *)items) / size;

		if (at > twin || compare(index.items[i - 1], index.items[i]) != 0)
			continue;
		twin = at;
		*before = (size_t)((const char *)index.items[i - 1] - (const char *)items) / size;
	}
	config_index_fini(&index);
	return twin;
}

int
config_compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void
config_check_names(struct config_reader *reader, const char *path, const void *items, size_t n,
	size_t size, const char *where)
{
	size_t before;
	size_t twin = config_find_twin(reader, items, n, size, config_compare_names, &before);
	struct config_path item = config_path("%s[%zu]", path, twin);

	if (twin < n)
		config_fail(reader, item.text, "name", "'%s' is used twice%s",
			*(const char *const *)(const void *)((const char *)items + twin * size),
			where);
}
