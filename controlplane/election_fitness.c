/* SPDX-License-Identifier: BSD-3-Clause */
/* What an election gives its virtual routers beside adverts: their fitness and priority, which hang
 * on sockets, links and what is tracked, and the word of their sync groups. */
#include "controlplane/election_data.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/timer.h"
#include "controlplane/track.h"
#include "controlplane/vrrp_group.h"

#include <stdio.h>
#include <string.h>

LOG_MODULE("vrrp");

/* A link that has come back is not used before the checks have new results, but is not left unused
 * for longer than this. */
#define RETURN_PATIENCE_MS 3000

/* --- Sync groups --- */

static void
step_group(const struct group *group)
{
	const struct vrrp_fsm *fsms[MODEL_ROUTERS_MAX];
	char why[VRRP_WHY_SIZE];
	struct vrrp_event event = {.why = why};
	size_t culprit = 0;

	for (size_t i = 0; i < group->n; i++)
		fsms[i] = vrrp_router_fsm(group->routers[i]);
	event.kind = vrrp_group_step(fsms, group->n, &culprit);
	if (event.kind == N_VRRP_EVENTS)
		return;
	snprintf(why, sizeof(why), "sync group %s: %s has let go", group->name,
		group->names[culprit]);
	for (size_t i = 0; i < group->n; i++)
		vrrp_router_run(group->routers[i], &event);
}

/* Brings the groups in step. While several routers are given events this waits for the last. */
void
election_step_groups(struct election *election)
{
	if (election->busy)
		return;
	election->busy = true;
	for (size_t i = 0; i < election->n_groups; i++)
		step_group(&election->groups[i]);
	election->busy = false;
}

void
election_on_router_run(void *ctx)
{
	election_step_groups(ctx);
}

void
election_run_all(struct election *election, const struct vrrp_event *event)
{
	election->busy = true;
	for (size_t i = 0; i < election->n_routers; i++)
		vrrp_router_run(election->routers[i], event);
	election->busy = false;
	election_step_groups(election);
}

/* --- Fitness: the gate of the node, the sockets of a router, and what it tracks --- */

static bool
awaits_checks(const struct election *election, const struct link *link)
{
	return link->returned_ns != 0 && !cluster_health_is_fresh(election->cluster) &&
	       clock_now_ns() - link->returned_ns < RETURN_PATIENCE_MS * NS_PER_MS;
}

/* What keeps router 'i' from being held here, apart from its group; NULL: nothing. */
static const char *
find_obstacle(const struct election *election, size_t i, const struct track_verdict *verdict,
	char *buf, size_t size)
{
	const char *why = vrrp_router_obstacle(election->routers[i], buf, size);

	if (why)
		return why;
	if (verdict->fault) {
		snprintf(buf, size, "%s", verdict->why);
		return buf;
	}
	if (awaits_checks(election, election->router_links[i]))
		return "health checks have no new results since the link came back";
	return NULL;
}

/* The same of the first in the group of router 'i' that has something. */
static const char *
find_group_obstacle(const struct election *election, size_t i, const struct track_verdict *verdict,
	char *buf, size_t size)
{
	const char *group = cluster_router(election->cluster, i)->config->group;
	const char *why = find_obstacle(election, i, verdict, buf, size);
	char theirs[VRRP_WHY_SIZE];

	for (size_t j = 0; group && !why && j < election->n_routers; j++) {
		const struct virtual_router *other = cluster_router(election->cluster, j)->config;
		const char *their_why;

		if (j == i || !other->group || strcmp(other->group, group) != 0)
			continue;
		their_why = find_obstacle(election, j, verdict, theirs, sizeof(theirs));
		if (!their_why)
			continue;
		snprintf(buf, size, "%s: %.90s", other->name, their_why);
		why = buf;
	}
	return why;
}

static void
update_router(struct election *election, size_t i)
{
	const struct cluster_router *entry = cluster_router(election->cluster, i);
	struct vrrp_router *router = election->routers[i];
	const char *why = election->gate.open ? NULL : election->gate.why;
	struct track_verdict verdict;
	char buf[VRRP_WHY_SIZE];

	track_judge(election->cluster, entry->config, &verdict);
	if (!why)
		why = find_group_obstacle(election, i, &verdict, buf, sizeof(buf));
	vrrp_router_set_priority(router, track_priority(entry->configured_priority, verdict.burden),
		verdict.burden > 0 ? verdict.why : "all that is tracked is well");
	vrrp_router_update(router, why);
}

void
election_update_routers(struct election *election)
{
	bool was_busy = election->busy;

	election->busy = true;
	for (size_t i = 0; i < election->n_routers; i++)
		update_router(election, i);
	election->busy = was_busy;
	election_step_groups(election);
}

void
election_on_link_timer(uv_timer_t *timer)
{
	uv_timer_stop(timer);
	election_update_routers(timer->data);
}

/* The checks have run on without the link: they begin anew, once for both families. */
static void
note_return(struct election *election, struct link *link)
{
	uint64_t now_ns = clock_now_ns();
	bool known = false;

	for (size_t i = 0; i < MODEL_ROUTERS_MAX; i++) {
		const struct link *other = &election->links[i];

		known = known ||
			(other->io && strcmp(other->port, link->port) == 0 &&
				other->returned_ns != 0 &&
				now_ns - other->returned_ns < RETURN_PATIENCE_MS * NS_PER_MS);
	}
	link->lost = false;
	if (!election->gate.settled)
		return;
	LOG_INFORM("%s: IPv%d adverts are possible again", link->port, (int)link->family);
	link->returned_ns = now_ns;
	timer_set(&election->link_timer, RETURN_PATIENCE_MS + 1);
	if (!known)
		election->on_link_return(election->ctx);
}

void
election_on_link_change(void *ctx)
{
	struct link *link = ctx;
	bool up;
	const char *why;

	up = vrrp_io_is_up(link->io, &why);
	if (!up && !link->lost) {
		LOG_WARNING("%s: no IPv%d adverts: %s", link->port, (int)link->family, why);
		link->lost = true;
	} else if (up && link->lost) {
		note_return(link->election, link);
	}
	election_update_routers(link->election);
}

void
election_join_group(
	struct election *election, const struct virtual_router *config, struct vrrp_router *router)
{
	struct group *group = election->groups;

	if (!config->group)
		return;
	while (group < election->groups + election->n_groups &&
		strcmp(group->name, config->group) != 0)
		group++;
	if (group == election->groups + election->n_groups) {
		group->name = config->group;
		election->n_groups++;
	}
	group->names[group->n] = config->name;
	group->routers[group->n++] = router;
}
