/* SPDX-License-Identifier: BSD-3-Clause */
/* Other nodes' views; see sync_views.h. The own ones are in sync_views_own.c. */
#include "dataplane/sync_views.h"

#include "common/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One view, that routers share. */
struct view {
	uint32_t n_users;
	size_t n_pools;
	struct sync_view_pool *pools; /* Sorted by name when the view is whole. */
};

struct router_view {
	char router[SYNC_NAME_SIZE];
	struct view *view;
};

/* What one of the others is telling. */
struct draft {
	uint64_t generation;
	struct view *view; /* That is being received; NULL: none. */
	char routers[MODEL_ROUTERS_MAX][SYNC_NAME_SIZE];
	size_t n_routers;
	size_t n_routers_said;
	size_t n_pools_said;
	uint32_t n_taken; /* Of the last pool's takers. */
};

struct sync_views {
	struct router_view routers[MODEL_ROUTERS_MAX];
	size_t n_routers;
	struct draft drafts[FLOW_SYNC_PEERS_MAX];
};

static void
view_unref(struct view *view)
{
	if (!view || --view->n_users > 0)
		return;
	for (size_t i = 0; i < view->n_pools; i++)
		free(view->pools[i].takers);
	free(view->pools);
	free(view);
}

static int
compare_names(const void *a, const void *b)
{
	const struct sync_view_pool *x = a;
	const struct sync_view_pool *y = b;

	return strcmp(x->name, y->name);
}

static bool
view_equal(const struct view *a, const struct view *b)
{
	if (a->n_pools != b->n_pools)
		return false;
	for (size_t i = 0; i < a->n_pools; i++) {
		const struct sync_view_pool *x = &a->pools[i];
		const struct sync_view_pool *y = &b->pools[i];

		if (strcmp(x->name, y->name) != 0 || x->n != y->n)
			return false;
		for (uint32_t j = 0; j < x->n; j++)
			if (x->takers[j].seed != y->takers[j].seed ||
				x->takers[j].weight != y->takers[j].weight)
				return false;
	}
	return true;
}

static void
draft_drop(struct draft *draft)
{
	view_unref(draft->view);
	*draft = (struct draft){.generation = draft->generation};
}

static struct view *
view_new(size_t n_pools)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	view->n_users = 1;
	view->pools = calloc(n_pools + 1, sizeof(*view->pools));
	if (view->pools)
		return view;
	free(view);
	return NULL;
}

int
sync_views_new(struct sync_views **out)
{
	struct sync_views *views = calloc(1, sizeof(*views));

	if (!views)
		return -ENOMEM;
	*out = views;
	return 0;
}

int
sync_views_copy(struct sync_views **out, const struct sync_views *views)
{
	struct sync_views *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	memcpy(copy->routers, views->routers, sizeof(copy->routers));
	copy->n_routers = views->n_routers;
	for (size_t i = 0; i < copy->n_routers; i++)
		if (copy->routers[i].view)
			copy->routers[i].view->n_users++;
	*out = copy;
	return 0;
}

void
sync_views_free(struct sync_views *views)
{
	if (!views)
		return;
	for (unsigned int i = 0; i < FLOW_SYNC_PEERS_MAX; i++)
		draft_drop(&views->drafts[i]);
	for (size_t i = 0; i < views->n_routers; i++)
		view_unref(views->routers[i].view);
	free(views);
}

void
sync_views_restart(struct sync_views *views, unsigned int peer)
{
	draft_drop(&views->drafts[peer]);
	views->drafts[peer].generation = 0;
}

static int
take_view(struct draft *draft, const struct sync_view *view)
{
	draft_drop(draft);
	if (view->generation <= draft->generation || view->n_routers > MODEL_ROUTERS_MAX ||
		view->n_pools > CONTROL_SERVICES_MAX)
		return -EINVAL;
	draft->view = view_new(view->n_pools);
	if (!draft->view)
		return -ENOMEM;
	draft->generation = view->generation;
	draft->n_routers_said = view->n_routers;
	draft->n_pools_said = view->n_pools;
	return 0;
}

static int
take_router(struct draft *draft, const char *router)
{
	if (!draft->view || draft->n_routers == draft->n_routers_said || draft->view->n_pools > 0)
		return -EINVAL;
	memcpy(draft->routers[draft->n_routers++], router, SYNC_NAME_SIZE);
	return 0;
}

/* Whether the last pool's takers have all come. */
static bool
is_whole(const struct draft *draft)
{
	const struct view *view = draft->view;

	return view->n_pools == 0 || draft->n_taken == view->pools[view->n_pools - 1].n;
}

/* The first part of a pool. */
static int
begin_pool(struct draft *draft, const struct sync_pool *part)
{
	struct view *view = draft->view;
	struct sync_view_pool *pool = &view->pools[view->n_pools];

	if (!is_whole(draft) || view->n_pools == draft->n_pools_said ||
		part->n_total > CONTROL_BACKENDS_MAX)
		return -EINVAL;
	pool->takers = calloc((size_t)part->n_total + 1, sizeof(*pool->takers));
	if (!pool->takers)
		return -ENOMEM;
	memcpy(pool->name, part->name, sizeof(pool->name));
	pool->n = part->n_total;
	draft->n_taken = 0;
	view->n_pools++;
	return 0;
}

static int
take_pool(struct draft *draft, const struct sync_pool *part)
{
	struct sync_view_pool *pool;
	int rc;

	if (!draft->view || draft->n_routers < draft->n_routers_said || part->n > SYNC_PART_TAKERS)
		return -EINVAL;
	if (part->first == 0 && (rc = begin_pool(draft, part)) < 0)
		return rc;
	if (draft->view->n_pools == 0)
		return -EINVAL;
	pool = &draft->view->pools[draft->view->n_pools - 1];
	if (part->first != draft->n_taken || part->n > pool->n - draft->n_taken ||
		strcmp(part->name, pool->name) != 0)
		return -EINVAL;
	for (uint32_t i = 0; i < part->n; i++) {
		if (part->takers[i].weight == 0)
			return -EINVAL;
		pool->takers[draft->n_taken++] = part->takers[i];
	}
	return 0;
}

static struct router_view *
find_router(const struct sync_views *views, const char *name)
{
	for (size_t i = 0; i < views->n_routers; i++)
		if (strcmp(views->routers[i].router, name) == 0)
			return (struct router_view *)(uintptr_t)&views->routers[i];
	return NULL;
}

/* Gives the router the view. Returns whether it had another. */
static bool
adopt(struct sync_views *views, const char *name, struct view *view)
{
	struct router_view *router = find_router(views, name);

	if (router && view_equal(router->view, view))
		return false;
	if (!router) {
		/* Routers that are no longer configured may have filled the places. */
		if (views->n_routers == MODEL_ROUTERS_MAX)
			view_unref(views->routers[--views->n_routers].view);
		router = &views->routers[views->n_routers++];
		memcpy(router->router, name, SYNC_NAME_SIZE);
		router->view = NULL;
	}
	view_unref(router->view);
	view->n_users++;
	router->view = view;
	return true;
}

/* Puts the view in force when it is whole. */
static int
finish(struct sync_views *views, struct draft *draft)
{
	bool changed = false;

	if (draft->n_routers < draft->n_routers_said ||
		draft->view->n_pools < draft->n_pools_said || !is_whole(draft))
		return 0;
	qsort(draft->view->pools, draft->view->n_pools, sizeof(*draft->view->pools), compare_names);
	for (size_t i = 0; i < draft->n_routers; i++)
		changed |= adopt(views, draft->routers[i], draft->view);
	draft_drop(draft);
	return changed;
}

int
sync_views_take(struct sync_views *views, unsigned int peer, const struct sync_record *record)
{
	struct draft *draft = &views->drafts[peer];
	int rc = -EINVAL;

	switch (record->op) {
	case SYNC_VIEW:
		rc = take_view(draft, &record->view);
		break;
	case SYNC_VIEW_ROUTER:
		rc = take_router(draft, record->router);
		break;
	case SYNC_VIEW_POOL:
		rc = take_pool(draft, &record->pool);
		break;
	case SYNC_FLOW_PUT:
	case SYNC_FLOW_DEL:
	case SYNC_BULK_BEGIN:
	case SYNC_BULK_END:
		break;
	}
	if (rc == 0)
		return finish(views, draft);
	draft_drop(draft);
	return rc;
}

const struct sync_view_pool *
sync_views_find(const struct sync_views *views, const char *router, const char *pool)
{
	const struct router_view *found = find_router(views, router);
	struct sync_view_pool wanted = {.n = 0};

	if (!found)
		return NULL;
	memcpy(wanted.name, pool, strnlen(pool, SYNC_NAME_SIZE - 1));
	return bsearch(
		&wanted, found->view->pools, found->view->n_pools, sizeof(wanted), compare_names);
}
