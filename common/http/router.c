/* SPDX-License-Identifier: BSD-3-Clause */
/* Choosing a route; see router.h. */
#include "common/http/router.h"

#include <stdio.h>
#include <string.h>

static bool
path_fits(const struct http_route *route, const char *path)
{
	size_t size = strlen(route->path);

	if (size > 0 && route->path[size - 1] == '*')
		return strncmp(route->path, path, size - 1) == 0;
	return strcmp(route->path, path) == 0;
}

static bool
method_fits(const struct http_route *route, const char *method)
{
	if (strcmp(route->method, "*") == 0 || strcmp(route->method, method) == 0)
		return true;
	return strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0;
}

static bool
is_listed(const char *allow, const char *method)
{
	size_t size = strlen(method);

	for (const char *at = strstr(allow, method); at; at = strstr(at + 1, method)) {
		bool starts = at == allow || at[-1] == ' ';

		if (starts && (at[size] == ',' || at[size] == '\0'))
			return true;
	}
	return false;
}

static void
list_method(char *allow, const char *method)
{
	size_t size = strlen(allow);

	if (!is_listed(allow, method))
		snprintf(allow + size, ROUTER_ALLOW_SIZE - size, "%s%s", size ? ", " : "", method);
}

const struct http_route *
router_find(const struct http_route *routes, const char *method, const char *path, char *allow)
{
	allow[0] = '\0';
	for (const struct http_route *route = routes; route->path; route++) {
		if (!path_fits(route, path))
			continue;
		if (method_fits(route, method))
			return route;
		list_method(allow, route->method);
		if (strcmp(route->method, "GET") == 0)
			list_method(allow, "HEAD");
	}
	return NULL;
}
