/* SPDX-License-Identifier: BSD-3-Clause */
/* Which database server a statement goes to; see db_router.h. */
#include "apptier/db_router.h"

static bool
is_writable(const struct db_view *view)
{
	return view->up && view->writable;
}

int
db_router_primary(const struct db_view *views, size_t n_views, int current)
{
	int found = DB_ROUTER_NONE;

	if (current != DB_ROUTER_NONE && is_writable(&views[current]))
		return current;
	for (size_t i = 0; i < n_views; i++) {
		if (!is_writable(&views[i]))
			continue;
		if (views[i].configured)
			return (int)i;
		if (found == DB_ROUTER_NONE)
			found = (int)i;
	}
	return found;
}

bool
db_router_is_split(const struct db_view *views, size_t n_views)
{
	size_t n_writable = 0;

	for (size_t i = 0; i < n_views; i++)
		n_writable += is_writable(&views[i]);
	return n_writable > 1;
}

/* The 'turn'-th of the servers other than 'except' that may be read and are not to be skipped. */
static int
pick(const struct db_view *views, size_t n_views, int except, uint32_t skip, uint32_t turn)
{
	int usable[DB_SERVERS_MAX];
	uint32_t n_usable = 0;

	for (size_t i = 0; i < n_views && i < DB_SERVERS_MAX; i++) {
		if ((int)i != except && views[i].up && !views[i].stale && !(skip >> i & 1))
			usable[n_usable++] = (int)i;
	}
	return n_usable > 0 ? usable[turn % n_usable] : DB_ROUTER_NONE;
}

struct db_route
db_router_read(const struct db_view *views, size_t n_views, int primary, bool fresh, uint32_t tried,
	uint32_t turn)
{
	uint32_t skip = tried;
	int server;

	for (size_t i = 0; i < n_views; i++) {
		if (fresh && views[i].lags)
			skip |= UINT32_C(1) << i;
	}
	server = pick(views, n_views, primary, skip, turn);
	if (server != DB_ROUTER_NONE)
		return (struct db_route){.server = server, .wait = fresh};
	if (primary != DB_ROUTER_NONE && views[primary].up && !(tried >> primary & 1))
		return (struct db_route){.server = primary, .wait = false};
	return (struct db_route){
		.server = pick(views, n_views, primary, tried, turn), .wait = false};
}
