/* SPDX-License-Identifier: BSD-3-Clause */
/* An election that goes on with another model: routers that are still the same on the wire keep
 * their state machines, sockets and leases; others end, and new ones start. */
#include "controlplane/election_data.h"

#include <string.h>

static bool
goes_on(const struct vrrp_router *router, const struct cluster *next)
{
	for (size_t i = 0; i < cluster_n_routers(next); i++) {
		if (cluster_router_goes_on(
			    vrrp_router_config(router), cluster_router(next, i)->config))
			return true;
	}
	return false;
}

/* The adverts of those that end leave before the dataplane hears that it holds them no more, so
 * that others need not wait until they miss them. */
void
election_prepare_reload(struct election *election, const struct cluster *next)
{
	election->busy = true;
	for (size_t i = 0; i < election->n_routers; i++) {
		if (!goes_on(election->routers[i], next))
			vrrp_router_shut_down(election->routers[i]);
	}
	election->busy = false;
}

/* What the election had, while it takes its new form. */
struct former {
	struct vrrp_router *routers[MODEL_ROUTERS_MAX]; /* NULL: goes on. */
	struct link *router_links[MODEL_ROUTERS_MAX];
	struct lease lease;
	size_t n;
};

static void
take_apart(struct election *election, struct former *former)
{
	former->n = election->n_routers;
	memcpy(former->routers, election->routers, sizeof(former->routers));
	memcpy(former->router_links, election->router_links, sizeof(former->router_links));
	former->lease = election->lease;
	lease_init(&election->lease);
	election->lease.changed = true;
	memset(election->routers, 0, sizeof(election->routers));
	memset(election->router_links, 0, sizeof(election->router_links));
	memset(election->groups, 0, sizeof(election->groups));
	election->n_groups = 0;
	election->n_routers = 0;
}

/* The place of the former router that goes on as 'config', or former->n. */
static size_t
find_former(const struct former *former, const struct virtual_router *config)
{
	size_t i = 0;

	while (i < former->n &&
		!(former->routers[i] &&
			cluster_router_goes_on(vrrp_router_config(former->routers[i]), config)))
		i++;
	return i;
}

static int
continue_router(struct election *election, struct former *former, size_t from, size_t to)
{
	const struct virtual_router *config = cluster_router(election->cluster, to)->config;
	struct vrrp_router *router = former->routers[from];

	former->routers[from] = NULL;
	election->routers[to] = router;
	election->router_links[to] = former->router_links[from];
	election->names[to] = config->name;
	election->lease.until_ns[to] = former->lease.until_ns[from];
	election->lease.announce[to] = former->lease.announce[from];
	election_join_group(election, config, router);
	return vrrp_router_reload(router, to);
}

static void
close_unused_links(struct election *election)
{
	for (size_t i = 0; i < MODEL_ROUTERS_MAX; i++) {
		struct link *link = &election->links[i];
		bool used = false;

		for (size_t j = 0; j < election->n_routers; j++)
			used = used || election->router_links[j] == link;
		if (used)
			continue;
		vrrp_io_free(link->io);
		*link = (struct link){.io = NULL};
	}
}

int
election_reload(struct election *election, struct err *err)
{
	struct former former;
	int rc = 0;

	take_apart(election, &former);
	election->busy = true;
	for (size_t i = 0; rc == 0 && i < cluster_n_routers(election->cluster); i++) {
		size_t from = find_former(&former, cluster_router(election->cluster, i)->config);

		rc = from < former.n ? continue_router(election, &former, from, i)
				     : election_add_router(election, i, err);
		if (rc == 0)
			election->n_routers++;
	}
	for (size_t i = 0; i < former.n; i++)
		vrrp_router_free(former.routers[i]);
	election->busy = false;
	close_unused_links(election);
	election_update(election);
	return rc;
}
