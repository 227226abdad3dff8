/* SPDX-License-Identifier: BSD-3-Clause */
/* A set of host names that stands for them and all below: with "example.org" in it, it has
 * "example.org" and "www.example.org", but not "anexample.org". No I/O; belongs to one thread. */
#ifndef APPTIER_SHORTENER_HOST_LIST_H
#define APPTIER_SHORTENER_HOST_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define HOST_LIST_MAX 1000000 /* Names: about 40 MB. */

struct host_list;

/* Returns 0 or -ENOMEM. */
int host_list_new(struct host_list **out);
void host_list_free(struct host_list *list);

/* Adds a name; case and a dot at its end make no difference. Returns 0, -ENOMEM, or -E2BIG. */
int host_list_add(struct host_list *list, const char *host);

/* Once after the last name and before the first question. */
void host_list_sort(struct host_list *list);

size_t host_list_size(const struct host_list *list);

/* The name in the set that is 'host' or above it; NULL if there is none. 'host' is in lower case
 * and has no dot at its end. */
const char *host_list_find(const struct host_list *list, const char *host);

#endif /* APPTIER_SHORTENER_HOST_LIST_H */
