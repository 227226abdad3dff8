/* SPDX-License-Identifier: BSD-3-Clause */
/* A virtual router at work; see vrrp_router.h. */
#include "controlplane/vrrp_router.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/timer.h"
#include "controlplane/vrrp_fsm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("vrrp");

struct vrrp_router {
	struct cluster *cluster;
	size_t index; /* In the cluster, and in the lease. */
	const struct virtual_router *config;
	struct vrrp_io *io;
	struct lease *lease;
	struct vrrp_fsm fsm;
	uv_timer_t timer;
	bool ended; /* Shut down: never starts again. */
};

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
	int rc;

	if (!vrrp_io_is_up(router->io, NULL))
		return false;
	rc = vrrp_io_send(router->io, &advert, config->addresses);
	if (rc < 0)
		LOG_LIMITED(LOG_WARN, "%s: cannot send an advert: %s", config->name, strerror(-rc));
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

/* An advert that could not be sent entitles to nothing: others take over meanwhile. */
static void
run(struct vrrp_router *router, const struct vrrp_event *event)
{
	const char *name = router->config->name;
	uint64_t now_ns = clock_now_ns();
	struct vrrp_actions actions;

	vrrp_fsm_run(&router->fsm, event, now_ns, &actions);
	if (actions.send && send_advert(router, actions.send_priority) && actions.hold)
		lease_hold(router->lease, router->index, router->fsm.hold_until_ns);
	if (actions.release)
		lease_release(router->lease, router->index);
	if (actions.changed) {
		LOG_INFORM("%s: %s -> %s: %s", name, vrrp_state_name(actions.from),
			vrrp_state_name(actions.to), actions.why);
		cluster_router_set_state(
			router->cluster, router->index, actions.to, actions.why, now_ns);
	} else if (actions.why[0] != '\0') {
		LOG_INFORM("%s: %s", name, actions.why);
	}
	cluster_router_set_master(
		router->cluster, router->index, &router->fsm.master, router->fsm.master_priority);
	arm(router, now_ns);
}

/* Before a machine acts on time it hears what has come in: after a stop of the process that may be
 * the advert of another master. */
static void
on_timer(uv_timer_t *timer)
{
	struct vrrp_router *router = timer->data;

	vrrp_io_receive(router->io);
	run(router, &(struct vrrp_event){.kind = VRRP_EVENT_TIMER});
}

int
vrrp_router_new(struct vrrp_router **out, uv_loop_t *loop, struct cluster *cluster, size_t index,
	struct vrrp_io *io, struct lease *lease)
{
	const struct cluster_router *entry = cluster_router(cluster, index);
	struct vrrp_fsm_config config = {
		.priority = entry->priority,
		.advert_cs = (uint16_t)entry->config->advert_cs,
		.preempt = entry->config->preempt,
		.preempt_delay_ns = entry->config->preempt_delay_ms * NS_PER_MS,
	};
	struct vrrp_router *router = calloc(1, sizeof(*router));

	if (!router)
		return -ENOMEM;
	router->cluster = cluster;
	router->index = index;
	router->config = entry->config;
	router->io = io;
	router->lease = lease;
	vrrp_fsm_init(&router->fsm, &config);
	timer_init(loop, &router->timer, on_timer, router);
	*out = router;
	return 0;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
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

void
vrrp_router_update(struct vrrp_router *router, const char *node_why)
{
	bool is_init = router->fsm.state == VRRP_INIT;
	const char *io_why;
	bool linked = vrrp_io_is_up(router->io, &io_why);
	const char *why = node_why ? node_why : io_why;

	if (linked)
		vrrp_fsm_set_source(&router->fsm, vrrp_io_source(router->io));
	if (linked && !node_why && is_init && !router->ended)
		run(router, &(struct vrrp_event){.kind = VRRP_EVENT_STARTUP});
	else if ((!linked || node_why) && !is_init)
		run(router, &(struct vrrp_event){.kind = VRRP_EVENT_FAULT, .why = why});
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

void
vrrp_router_hear(struct vrrp_router *router, const struct vrrp_advert *advert,
	const struct vrrp_datagram *datagram)
{
	struct vrrp_event event = {
		.kind = VRRP_EVENT_ADVERT,
		.source = datagram->source,
		.priority = advert->priority,
		.interval_cs = advert->interval_cs,
	};

	compare(router, advert, datagram);
	run(router, &event);
}

void
vrrp_router_resign(struct vrrp_router *router)
{
	run(router, &(struct vrrp_event){.kind = VRRP_EVENT_RESIGN});
}

void
vrrp_router_shut_down(struct vrrp_router *router)
{
	router->ended = true;
	run(router, &(struct vrrp_event){.kind = VRRP_EVENT_SHUTDOWN});
}
