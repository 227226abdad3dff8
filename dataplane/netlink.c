/* SPDX-License-Identifier: BSD-3-Clause */
/* Next hops from the kernel; see netlink.h.
 *
 * A change of routes or links makes one look at everything a little later, because such changes
 * come in crowds; a change of a neighbour is applied at once. While something is unresolved it is
 * looked at again now and then. */
#include "dataplane/netlink.h"

#include "common/log.h"
#include "dataplane/rtnl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("netlink");

/* Between a change of routes and the look at all of them. */
#define SETTLE_MS 20

/* Between looks while something is unresolved, or not kept fresh by the kernel. */
#define RETRY_MS 1000

/* What is known of one slot of the next hop table. */
struct hop {
	struct addr addr;      /* The slot's; ADDR_NONE: not in use. */
	struct addr neighbour; /* Whose link-layer address it takes; ADDR_NONE: no usable route. */
	unsigned int ifindex;
	uint8_t port;
	bool seen;    /* By the walk that is under way. */
	bool managed; /* The kernel keeps the neighbour fresh by itself. */
	bool pinned;  /* A static entry, which is not to be touched. */
	int error;    /* Of the route; 0 or a negative errno. */
};

struct netlink {
	struct netlink_config config;
	struct rtnl rtnl;
	uv_poll_t events;
	uv_timer_t timer;
	unsigned int n_handles;
	bool routes_changed;
	struct hop hops[NEXTHOPS_MAX]; /* By slot; pages that are not used cost nothing. */
};

static void
set_unknown(struct netlink *netlink, uint16_t index)
{
	struct nexthop value = {.state = NEXTHOP_UNKNOWN};

	nexthop_set(netlink->config.nexthops, index, &value);
}

static int
find_port(const struct netlink *netlink, unsigned int ifindex)
{
	for (uint16_t i = 0; i < netlink->config.n_ports; i++) {
		if (netlink->config.ifindexes[i] == ifindex)
			return i;
	}
	return -ENODEV;
}

/* Asks for the slot's route. When it leads elsewhere than before, the old link-layer address is
 * void. */
static void
resolve_route(struct netlink *netlink, uint16_t index)
{
	struct hop *hop = &netlink->hops[index];
	struct rtnl_route route = {0};
	int port = 0;

	hop->error = rtnl_get_route(&netlink->rtnl, &hop->addr, &route);
	if (hop->error == 0) {
		port = find_port(netlink, route.ifindex);
		hop->error = port < 0 ? port : 0;
	}
	if (hop->error < 0) {
		route.neighbour = (struct addr){0};
		port = 0;
	}
	if (addr_equal(&hop->neighbour, &route.neighbour) && hop->ifindex == route.ifindex)
		return;
	hop->neighbour = route.neighbour;
	hop->ifindex = route.ifindex;
	hop->port = (uint8_t)port;
	hop->managed = false;
	hop->pinned = false;
	set_unknown(netlink, index);
}

static void
apply_neighbour(struct netlink *netlink, uint16_t index, const struct rtnl_neighbour *neighbour)
{
	struct hop *hop = &netlink->hops[index];
	struct nexthop value = {.port = hop->port, .state = NEXTHOP_READY};

	hop->managed = neighbour->managed;
	hop->pinned = neighbour->pinned;
	if (!neighbour->usable)
		return;
	memcpy(value.mac, neighbour->mac, sizeof(value.mac));
	nexthop_set(netlink->config.nexthops, index, &value);
}

/* Takes what the kernel knows of the slot's neighbour and has it keep the rest up. */
static void
resolve_neighbour(struct netlink *netlink, uint16_t index)
{
	struct hop *hop = &netlink->hops[index];
	struct rtnl_neighbour neighbour;
	int rc;

	rc = rtnl_get_neighbour(&netlink->rtnl, hop->ifindex, &hop->neighbour, &neighbour);
	if (rc == 0)
		apply_neighbour(netlink, index, &neighbour);
	else
		hop->managed = false;
	if (hop->managed || hop->pinned)
		return;
	rc = rtnl_manage_neighbour(&netlink->rtnl, hop->ifindex, &hop->neighbour, true);
	if (rc == 0)
		rc = rtnl_get_neighbour(&netlink->rtnl, hop->ifindex, &hop->neighbour, &neighbour);
	if (rc == 0)
		apply_neighbour(netlink, index, &neighbour);
	else
		LOG_LIMITED(
			LOG_WARN, "the kernel does not keep a neighbour entry: %s", strerror(-rc));
}

/* Returns true if the slot has to be looked at again. */
static bool
look_at(struct netlink *netlink, uint16_t index, const struct addr *addr, bool routes_changed)
{
	struct hop *hop = &netlink->hops[index];
	bool is_new = !addr_equal(&hop->addr, addr);
	bool is_ready;

	if (is_new)
		*hop = (struct hop){.addr = *addr};
	hop->seen = true;
	if (is_new || routes_changed)
		resolve_route(netlink, index);
	is_ready = nexthop_get(netlink->config.nexthops, index).state == NEXTHOP_READY;
	if (hop->neighbour.family == ADDR_NONE)
		return false; /* A change of routes will tell. */
	if (is_new || routes_changed || !is_ready || !(hop->managed || hop->pinned))
		resolve_neighbour(netlink, index);
	return nexthop_get(netlink->config.nexthops, index).state != NEXTHOP_READY ||
	       !(hop->managed || hop->pinned);
}

static bool
is_neighbour_used(const struct netlink *netlink, const struct hop *old)
{
	uint32_t cursor = 0;
	struct addr addr;
	uint16_t index;

	while ((index = nexthop_next(netlink->config.nexthops, &cursor, &addr)) != NEXTHOP_NONE) {
		const struct hop *hop = &netlink->hops[index];

		if (hop != old && hop->ifindex == old->ifindex &&
			addr_equal(&hop->neighbour, &old->neighbour))
			return true;
	}
	return false;
}

/* Clears slots that the last walk has not seen; the kernel need not keep their neighbours. */
static void
forget_unused(struct netlink *netlink)
{
	for (uint32_t i = 0; i < NEXTHOPS_MAX && i <= netlink->config.nexthops->n_used; i++) {
		struct hop *hop = &netlink->hops[i];

		if (hop->seen || hop->addr.family == ADDR_NONE) {
			hop->seen = false;
			continue;
		}
		if (hop->managed && !is_neighbour_used(netlink, hop))
			rtnl_manage_neighbour(&netlink->rtnl, hop->ifindex, &hop->neighbour, false);
		*hop = (struct hop){0};
	}
}

static void
look_in(struct netlink *netlink, uint64_t delay_ms)
{
	uv_timer_set_repeat(&netlink->timer, delay_ms);
	uv_timer_again(&netlink->timer);
}

void
netlink_refresh(struct netlink *netlink)
{
	bool again = false;
	uint32_t cursor = 0;
	struct addr addr;
	uint16_t index;

	while ((index = nexthop_next(netlink->config.nexthops, &cursor, &addr)) != NEXTHOP_NONE)
		again |= look_at(netlink, index, &addr, netlink->routes_changed);
	forget_unused(netlink);
	netlink->routes_changed = false;
	if (again)
		look_in(netlink, RETRY_MS);
	else
		uv_timer_stop(&netlink->timer);
}

static void
on_timer(uv_timer_t *timer)
{
	netlink_refresh(timer->data);
}

static void
on_neighbour(void *ctx, const struct rtnl_neighbour *neighbour, bool is_gone)
{
	struct netlink *netlink = ctx;
	uint32_t cursor = 0;
	struct addr addr;
	uint16_t index;

	while ((index = nexthop_next(netlink->config.nexthops, &cursor, &addr)) != NEXTHOP_NONE) {
		struct hop *hop = &netlink->hops[index];

		if (hop->ifindex != neighbour->ifindex ||
			!addr_equal(&hop->neighbour, &neighbour->addr))
			continue;
		if (is_gone)
			hop->managed = hop->pinned = false;
		else
			apply_neighbour(netlink, index, neighbour);
		/* Somebody removed it: ask for it again, once that is over. */
		if (!hop->managed && !hop->pinned && !uv_is_active((uv_handle_t *)&netlink->timer))
			look_in(netlink, SETTLE_MS);
	}
}

static void
on_change(void *ctx)
{
	struct netlink *netlink = ctx;

	if (!netlink->routes_changed)
		look_in(netlink, SETTLE_MS);
	netlink->routes_changed = true;
}

static void
on_events(uv_poll_t *poll, int status, int events)
{
	struct netlink *netlink = poll->data;
	struct rtnl_handler handler = {
		.on_neighbour = on_neighbour, .on_change = on_change, .ctx = netlink};

	(void)events;
	rtnl_read_events(&netlink->rtnl, &handler);
	/* Lost messages (ENOBUFS) show as an error of the socket, which ends libuv's watch of it.
	 */
	if (status < 0)
		uv_poll_start(poll, UV_READABLE, on_events);
}

int
netlink_new(
	struct netlink **out, uv_loop_t *loop, const struct netlink_config *config, struct err *err)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	int rc;

	if (!netlink)
		return err_set(err, -ENOMEM, "out of memory");
	netlink->config = *config;
	rc = rtnl_init(&netlink->rtnl, err);
	if (rc == 0) {
		rc = uv_poll_init(loop, &netlink->events, rtnl_events_fd(&netlink->rtnl));
		if (rc < 0) {
			rtnl_fini(&netlink->rtnl);
			err_set(err, rc, "cannot watch the kernel's routes: %s", uv_strerror(rc));
		}
	}
	if (rc < 0) {
		free(netlink);
		return rc;
	}
	netlink->n_handles = 2;
	netlink->events.data = netlink;
	netlink->timer.data = netlink;
	uv_timer_init(loop, &netlink->timer);
	uv_poll_start(&netlink->events, UV_READABLE, on_events);
	/* Gives uv_timer_again() its callback. */
	uv_timer_start(&netlink->timer, on_timer, SETTLE_MS, RETRY_MS);
	*out = netlink;
	return 0;
}

static void
on_closed(uv_handle_t *handle)
{
	struct netlink *netlink = handle->data;

	if (--netlink->n_handles > 0)
		return;
	rtnl_fini(&netlink->rtnl);
	free(netlink);
}

void
netlink_free(struct netlink *netlink)
{
	if (!netlink)
		return;
	uv_close((uv_handle_t *)&netlink->events, on_closed);
	uv_close((uv_handle_t *)&netlink->timer, on_closed);
}

const char *
netlink_explain(const struct netlink *netlink, uint16_t index, char *buf, size_t size)
{
	const struct hop *hop = &netlink->hops[index];
	char neighbour[ADDR_TEXT_SIZE];

	if (hop->addr.family == ADDR_NONE)
		snprintf(buf, size, "not asked for yet");
	else if (hop->error == -ENODEV)
		snprintf(buf, size, "its route does not lead to a port's host interface");
	else if (hop->error == -EHOSTUNREACH)
		snprintf(buf, size, "it is no address of another host");
	else if (hop->error < 0)
		snprintf(buf, size, "no route: %s", strerror(-hop->error));
	else
		snprintf(buf, size, "no answer from %s yet",
			addr_format(&hop->neighbour, neighbour, sizeof(neighbour)));
	return buf;
}
