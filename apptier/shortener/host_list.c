/* SPDX-License-Identifier: BSD-3-Clause */
/* A set of host names; see host_list.h. A sorted array: it is read often and made anew as a whole.
 */
#include "apptier/shortener/host_list.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct host_list {
	char **hosts;
	size_t n;
	size_t capacity;
};

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int
host_list_new(struct host_list **out)
{
	struct host_list *list = calloc(1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	*out = list;
	return 0;
}

void
host_list_free(struct host_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->n; i++)
		free(list->hosts[i]);
	free(list->hosts);
	free(list);
}

int
host_list_add(struct host_list *list, const char *host)
{
	size_t length = strlen(host);
	char *copy;

	if (list->n == HOST_LIST_MAX)
		return -E2BIG;
	if (list->n == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 64;
		char **hosts = realloc(list->hosts, capacity * sizeof(*hosts));

		if (!hosts)
			return -ENOMEM;
		list->hosts = hosts;
		list->capacity = capacity;
	}
	if (length > 0 && host[length - 1] == '.')
		length--;
	copy = strndup(host, length);
	if (!copy)
		return -ENOMEM;
	for (char *at = copy; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	list->hosts[list->n++] = copy;
	return 0;
}

void
host_list_sort(struct host_list *list)
{
	if (list->n > 0)
		qsort(list->hosts, list->n, sizeof(*list->hosts), compare);
}

size_t
host_list_size(const struct host_list *list)
{
	return list->n;
}

const char *
host_list_find(const struct host_list *list, const char *host)
{
	while (list->n > 0 && host && *host) {
		char **found = bsearch(&host, list->hosts, list->n, sizeof(*list->hosts), compare);

		if (found)
			return *found;
		host = strchr(host, '.');
		if (host)
			host++;
	}
	return NULL;
}
