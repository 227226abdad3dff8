/* SPDX-License-Identifier: BSD-3-Clause */
/* A virtual router at work; see vrrp_router.h. */
#include "controlplane/vrrp_router.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/timer.h"
#include "controlplane/vrrp_fsm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("vrrp");

struct vrrp_router {
	struct vrrp_router_owner owner;
	size_t index; /* In the cluster, and in the lease. */
	const struct virtual_router *config;
	struct vrrp_io *io;
	struct vrrp_route route;
	struct addr *peers; /* Of the route. */
	struct vrrp_fsm fsm;
	uv_timer_t timer;
	bool ended; /* Shut down: never starts again. */
};

/* See is_stall() in vrrp_fsm.c: others take over in no less than this. */
#define PATIENCE_INTERVALS 3

static bool
send_advert(struct vrrp_router *router, uint8_t priority)
{
	const struct virtual_router *config = router->config;
	struct vrrp_advert advert = {
		.vrid = config->vrid,
		.priority = priority,
		.interval_cs = (uint16_t)config->advert_cs,
		.n_addresses =
			(uint8_t)(config->n_addresses < VRRP_ADDRESSES_MAX ? config->n_addresses
									   : VRRP_ADDRESSES_MAX),
		.family = config->family,
	};
	uint64_t patience_ns = PATIENCE_INTERVALS * config->advert_cs * 10 * NS_PER_MS;
	int rc;

	if (!vrrp_io_is_up(router->io, NULL) ||
		!router->owner.may_send(router->owner.ctx, patience_ns))
		return false;
	rc = vrrp_io_send(router->io, &router->route, &advert, config->addresses);
	if (rc < 0)
		LOG_LIMITED(LOG_WARN, "%s: cannot send an advert: %s", config->name, strerror(-rc));
	else
		cluster_router_count_adverts(router->owner.cluster, router->index, 1, 0);
	return rc == 0;
}

static void
arm(struct vrrp_router *router, uint64_t now_ns)
{
	uint64_t deadline_ns = router->fsm.deadline_ns;
	uint64_t wait_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;

	if (deadline_ns == UINT64_MAX)
		uv_timer_stop(&router->timer);
	else
		timer_set(&router->timer, (wait_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* Carries out what the machine wants. An advert that could not be sent entitles to nothing: others
 * take over meanwhile. */
static void
carry_out(struct vrrp_router *router, const struct vrrp_actions *actions, uint64_t now_ns)
{
	const char *name = router->config->name;
	struct lease *lease = router->owner.lease;
	struct cluster *cluster = router->owner.cluster;

	if (actions->send && send_advert(router, actions->send_priority) && actions->hold)
		lease_hold(lease, router->index, router->fsm.hold_until_ns);
	if (actions->release)
		lease_let_go(lease, router->index);
	if (actions->announce)
		lease_announce(lease, router->index);
	if (actions->changed) {
		LOG_INFORM("%s: %s -> %s: %s", name, vrrp_state_name(actions->from),
			vrrp_state_name(actions->to), actions->why);
		cluster_router_set_state(cluster, router->index, actions->to, actions->why, now_ns);
	} else if (actions->why[0] != '\0') {
		LOG_INFORM("%s: %s", name, actions->why);
	}
	cluster_router_set_priority(cluster, router->index, router->fsm.config.priority);
	cluster_router_set_master(
		cluster, router->index, &router->fsm.master, router->fsm.master_priority);
}

void
vrrp_router_run(struct vrrp_router *router, const struct vrrp_event *event)
{
	uint64_t now_ns = clock_now_ns();
	struct vrrp_actions actions;

	vrrp_fsm_run(&router->fsm, event, now_ns, &actions);
	carry_out(router, &actions, now_ns);
	arm(router, now_ns);
	router->owner.on_run(router->owner.ctx);
}

/* Before a machine acts on time it hears what has come in: after a stop of the process that may be
 * the advert of another master. */
static void
on_timer(uv_timer_t *timer)
{
	struct vrrp_router *router = timer->data;

	vrrp_io_receive(router->io);
	vrrp_router_run(router, &(struct vrrp_event){.kind = VRRP_EVENT_TIMER});
}

/* Adverts go to the other members' addresses, where members have such. */
static int
set_route(struct vrrp_router *router)
{
	const struct virtual_router *config = router->config;
	const struct node *node = cluster_node(router->owner.cluster);

	router->peers = calloc(config->n_members, sizeof(*router->peers));
	if (!router->peers)
		return -ENOMEM;
	router->route.peers = router->peers;
	for (size_t i = 0; i < config->n_members; i++) {
		const struct router_member *member = &config->members[i];

		if (member->address.family == ADDR_NONE)
			continue;
		if (member->node == node)
			router->route.source = member->address;
		else
			router->peers[router->route.n_peers++] = member->address;
	}
	return 0;
}

int
vrrp_router_new(struct vrrp_router **out, const struct vrrp_router_owner *owner, size_t index,
	struct vrrp_io *io)
{
	const struct cluster_router *entry = cluster_router(owner->cluster, index);
	struct vrrp_fsm_config config = {
		.priority = entry->configured_priority,
		.advert_cs = (uint16_t)entry->config->advert_cs,
		.preempt = entry->config->preempt,
		.preempt_delay_ns = entry->config->preempt_delay_ms * NS_PER_MS,
		.grouped = entry->config->group != NULL,
	};
	struct vrrp_router *router = calloc(1, sizeof(*router));

	if (!router)
		return -ENOMEM;
	router->owner = *owner;
	router->index = index;
	router->config = entry->config;
	router->io = io;
	if (set_route(router) < 0) {
		free(router);
		return -ENOMEM;
	}
	vrrp_fsm_init(&router->fsm, &config);
	timer_init(owner->loop, &router->timer, on_timer, router);
	*out = router;
	return 0;
}

static void
on_closed(uv_handle_t *handle)
{
	struct vrrp_router *router = handle->data;

	free(router->peers);
	free(router);
}

void
vrrp_router_free(struct vrrp_router *router)
{
	if (router)
		uv_close((uv_handle_t *)&router->timer, on_closed);
}

bool
vrrp_router_is(const struct vrrp_router *router, const struct vrrp_io *io, uint8_t vrid)
{
	return router->io == io && router->config->vrid == vrid;
}

bool
vrrp_router_is_master(const struct vrrp_router *router)
{
	return router->fsm.state == VRRP_MASTER;
}

const struct vrrp_fsm *
vrrp_router_fsm(const struct vrrp_router *router)
{
	return &router->fsm;
}

const char *
vrrp_router_obstacle(const struct vrrp_router *router, char *buf, size_t size)
{
	const struct addr *source = &router->route.source;
	char text[ADDR_TEXT_SIZE];
	const char *why;

	if (!vrrp_io_is_up(router->io, &why)) {
		snprintf(buf, size, "%s", why);
		return buf;
	}
	if (source->family == ADDR_NONE || vrrp_io_has(router->io, source))
		return NULL;
	snprintf(buf, size, "the host has no address %s to send adverts from",
		addr_format(source, text, sizeof(text)));
	return buf;
}

void
vrrp_router_update(struct vrrp_router *router, const char *why)
{
	bool is_init = router->fsm.state == VRRP_INIT;
	const struct addr *own = &router->route.source;

	if (vrrp_io_is_up(router->io, NULL))
		vrrp_fsm_set_source(
			&router->fsm, own->family == ADDR_NONE ? vrrp_io_source(router->io) : own);
	if (!why && is_init && !router->ended)
		vrrp_router_run(router, &(struct vrrp_event){.kind = VRRP_EVENT_STARTUP});
	else if (why && !is_init)
		vrrp_router_run(router, &(struct vrrp_event){.kind = VRRP_EVENT_FAULT, .why = why});
}

void
vrrp_router_set_priority(struct vrrp_router *router, uint8_t priority, const char *why)
{
	if (router->fsm.config.priority != priority)
		vrrp_router_run(router,
			&(struct vrrp_event){
				.kind = VRRP_EVENT_PRIORITY, .priority = priority, .why = why});
}

/* Members that are configured differently still elect a master, but somebody should know. */
static void
compare(const struct vrrp_router *router, const struct vrrp_advert *advert,
	const struct vrrp_datagram *datagram)
{
	const struct virtual_router *config = router->config;
	char source[ADDR_TEXT_SIZE];

	addr_format(&datagram->source, source, sizeof(source));
	if (!vrrp_packet_names(datagram, advert, config->addresses, config->n_addresses))
		LOG_LIMITED(LOG_WARN, "%s: %s advertises other addresses than configured here",
			config->name, source);
	if (advert->interval_cs != config->advert_cs)
		LOG_LIMITED(LOG_WARN,
			"%s: %s advertises an interval of %u ms, configured are %u ms",
			config->name, source, advert->interval_cs * 10u, config->advert_cs * 10u);
}

/* What comes by multicast is not for a router with unicast peers, and the other way round; and of
 * unicast only the members are believed. */
static bool
is_for_us(const struct vrrp_router *router, const struct vrrp_datagram *datagram)
{
	const struct vrrp_route *route = &router->route;
	struct addr group = vrrp_group(router->config->family);

	if (route->source.family == ADDR_NONE)
		return addr_equal(&datagram->destination, &group);
	if (!addr_equal(&datagram->destination, &route->source) ||
		datagram->ttl < router->config->min_ttl)
		return false;
	for (size_t i = 0; i < route->n_peers; i++) {
		if (addr_equal(&datagram->source, &route->peers[i]))
			return true;
	}
	return false;
}

void
vrrp_router_hear(struct vrrp_router *router, const struct vrrp_advert *advert,
	const struct vrrp_datagram *datagram)
{
	char source[ADDR_TEXT_SIZE];

	struct vrrp_event event = {
		.kind = VRRP_EVENT_ADVERT,
		.source = datagram->source,
		.priority = advert->priority,
		.interval_cs = advert->interval_cs,
	};

	if (!is_for_us(router, datagram)) {
		LOG_LIMITED(LOG_WARN, "%s: advert from %s dropped: it is %s", router->config->name,
			addr_format(&datagram->source, source, sizeof(source)),
			router->route.source.family == ADDR_NONE
				? "no multicast"
				: "not from a member's address to this node's, or its TTL is "
				  "too small (min_ttl)");
		return;
	}
	cluster_router_count_adverts(router->owner.cluster, router->index, 0, 1);
	compare(router, advert, datagram);
	vrrp_router_run(router, &event);
}

void
vrrp_router_resign(struct vrrp_router *router)
{
	vrrp_router_run(router, &(struct vrrp_event){.kind = VRRP_EVENT_RESIGN});
}

void
vrrp_router_shut_down(struct vrrp_router *router)
{
	router->ended = true;
	vrrp_router_run(router, &(struct vrrp_event){.kind = VRRP_EVENT_SHUTDOWN});
}
