/* SPDX-License-Identifier: BSD-3-Clause */
#include "common/http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
handle(struct http_request *req, void *ctx)
{
	(void)req;
	(void)ctx;
}

static const struct http_route routes[] = {
	{"GET", "/api/links", HTTP_BODY_NONE, 0, handle, "list"},
	{"POST", "/api/links", HTTP_BODY_BUFFERED, 0, handle, "create"},
	{"GET", "/api/links/*", HTTP_BODY_NONE, 0, handle, "show"},
	{"*", "/proxy/*", HTTP_BODY_STREAMED, 0, handle, "proxy"},
	{"GET", "/*", HTTP_BODY_NONE, 0, handle, "files"},
	{0},
};

struct route_case {
	const char *method;
	const char *path;
	const char *help;  /* Of the route expected; NULL: none. */
	const char *allow; /* Expected without a route. */
};

static const struct route_case route_cases[] = {
	{"GET", "/api/links", "list", NULL},
	{"HEAD", "/api/links", "list", NULL},
	{"POST", "/api/links", "create", NULL},
	{"GET", "/api/links/", "show", NULL},
	{"GET", "/api/links/abc", "show", NULL},
	{"DELETE", "/proxy/x", "proxy", NULL},
	{"GET", "/proxy", "files", NULL},
	{"GET", "/", "files", NULL},
	{"DELETE", "/api/links", NULL, "GET, HEAD, POST"},
	{"POST", "/api/links/abc", NULL, "GET, HEAD"},
	{"get", "/", NULL, "GET, HEAD"},
	{"GET", "*", NULL, ""},
	{"GET", "", NULL, ""},
};

static void
the_first_route_that_fits_serves(void **state)
{
	char allow[ROUTER_ALLOW_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(route_cases) / sizeof(route_cases[0]); i++) {
		const struct route_case *c = &route_cases[i];
		const struct http_route *route = router_find(routes, c->method, c->path, allow);

		if (!route != !c->help || (route && strcmp(route->help, c->help) != 0))
			fail_msg("%s %s went to %s", c->method, c->path,
				route ? route->help : "none");
		if (!route)
			assert_string_equal(allow, c->allow);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(the_first_route_that_fits_serves),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
