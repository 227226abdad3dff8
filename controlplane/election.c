/* SPDX-License-Identifier: BSD-3-Clause */
/* Running the virtual routers; see election.h. */
#include "controlplane/election_data.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/timer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("vrrp");

/* The longest that a stop waits for successors, whatever the intervals. */
#define STOP_MAX_MS 3000

static void
on_advert(void *ctx, const struct vrrp_advert *advert, const struct vrrp_datagram *datagram)
{
	struct link *link = ctx;
	struct election *election = link->election;

	for (size_t i = 0; i < election->n_routers; i++) {
		if (vrrp_router_is(election->routers[i], link->io, advert->vrid))
			vrrp_router_hear(election->routers[i], advert, datagram);
	}
}

/* --- Readiness --- */

void
election_update(struct election *election)
{
	const struct cluster_dataplane *dataplane = cluster_dataplane(election->cluster);
	struct gate_inputs inputs = {
		.health_known = cluster_health_is_known(election->cluster),
		.connected = dataplane->connected,
		.accepted = dataplane->accepted,
		.ready = dataplane->ready,
		.behind = dataplane->behind,
	};
	struct gate *gate = &election->gate;
	bool was_connected = gate->inputs.connected;
	uint64_t now_ns = clock_now_ns();
	bool changed = gate_update(gate, &inputs, now_ns);

	if (gate->deadline_ns == UINT64_MAX)
		uv_timer_stop(&election->gate_timer);
	else
		timer_set(&election->gate_timer, (gate->deadline_ns - now_ns) / NS_PER_MS + 1);
	if (inputs.connected && !was_connected)
		lease_forget(&election->lease);
	cluster_set_ready(election->cluster, gate->open, gate->why);
	if (changed && gate->settled)
		dataplane_client_start_pushing(election->client);
	election_update_routers(election);
}

static void
on_gate_timer(uv_timer_t *timer)
{
	election_update(timer->data);
}

/* --- Leases --- */

static void
send_lease(struct election *election)
{
	struct control_lease message;
	int rc;

	rc = lease_message(
		&election->lease, election->names, election->n_routers, clock_now_ns(), &message);
	if (rc == 0) {
		rc = dataplane_client_lease(election->client, &message);
		control_lease_fini(&message);
	}
	if (rc < 0)
		lease_forget(&election->lease);
	else
		election->leased_ns = clock_now_ns();
	election->lease_busy = rc == -EBUSY;
}

static void
report_stopped(struct election *election)
{
	void (*on_stopped)(void *ctx) = election->on_stopped;

	election->on_stopped = NULL;
	if (on_stopped)
		on_stopped(election->stopped_ctx);
}

/* Without a connection nothing is held, and the next one begins with a lease. */
static void
flush(struct election *election)
{
	bool connected = cluster_dataplane(election->cluster)->connected;
	bool any_master = false;

	if (connected && election->lease.changed && !election->lease_busy)
		send_lease(election);
	if (!election->on_stopped)
		return;
	for (size_t i = 0; i < election->n_routers; i++)
		any_master = any_master || vrrp_router_is_master(election->routers[i]);
	if (!any_master && (!connected || !election->lease.changed))
		report_stopped(election);
}

static void
on_prepare(uv_prepare_t *prepare)
{
	flush(prepare->data);
}

static void
on_check(uv_check_t *check)
{
	flush(check->data);
}

/* An answer that took long comes from a dataplane that stood still, and the leases with it. */
void
election_lease_done(struct election *election)
{
	struct vrrp_event event = {.kind = VRRP_EVENT_STALL, .since_ns = election->leased_ns};

	election->lease_busy = false;
	election->leased_ns = 0;
	if (event.since_ns != 0)
		election_run_all(election, &event);
}

static bool
may_send(void *ctx, uint64_t patience_ns)
{
	const struct election *election = ctx;

	return election->leased_ns == 0 || clock_now_ns() - election->leased_ns < patience_ns;
}

/* --- The operator --- */

void
election_resign(struct election *election, size_t router)
{
	const char *name;

	assert(router < election->n_routers);
	name = cluster_router(election->cluster, router)->config->group;
	election->busy = true;
	for (size_t i = 0; i < election->n_routers; i++) {
		const char *group = cluster_router(election->cluster, i)->config->group;

		if (i == router || (name && group && strcmp(name, group) == 0))
			vrrp_router_resign(election->routers[i]);
	}
	election->busy = false;
	election_step_groups(election);
}

static void
on_stop_timer(uv_timer_t *timer)
{
	uv_timer_stop(timer);
	report_stopped(timer->data);
}

void
election_stop(struct election *election, void (*on_stopped)(void *ctx), void *ctx)
{
	election->on_stopped = on_stopped;
	election->stopped_ctx = ctx;
	timer_set(&election->stop_timer, STOP_MAX_MS);
	election->busy = true;
	for (size_t i = 0; i < election->n_routers; i++)
		vrrp_router_shut_down(election->routers[i]);
	election->busy = false;
	election_step_groups(election);
}

/* --- Making and freeing --- */

static const struct lb_port *
find_port(const struct node *node, const char *name)
{
	for (size_t i = 0; i < node->lb.n_ports; i++) {
		if (strcmp(node->lb.ports[i].name, name) == 0)
			return &node->lb.ports[i];
	}
	return NULL;
}

/* The sockets for 'config', shared with other routers of its port and family. Returns NULL with
 * 'err' set and '*code' a negative errno if there are none. */
static struct link *
get_link(struct election *election, const struct virtual_router *config, int *code, struct err *err)
{
	const struct lb_port *port = find_port(cluster_node(election->cluster), config->port);
	struct link *free_link = NULL;
	const char *why;

	if (!port) {
		*code = err_set(err, -EINVAL, "virtual router '%s': this node has no port '%s'",
			config->name, config->port);
		return NULL;
	}
	for (size_t i = 0; i < MODEL_ROUTERS_MAX; i++) {
		struct link *link = &election->links[i];

		if (!link->io && !free_link)
			free_link = link;
		if (link->io && link->family == config->family &&
			strcmp(link->port, port->name) == 0)
			return link;
	}
	assert(free_link);
	*free_link =
		(struct link){.election = election, .port = port->name, .family = config->family};
	*code = vrrp_io_new(&free_link->io, election->loop, port->host_interface, config->family,
		&(struct vrrp_io_handler){on_advert, election_on_link_change, free_link}, err);
	if (*code < 0)
		return NULL;
	if (!vrrp_io_is_up(free_link->io, &why))
		LOG_WARNING("%s: no IPv%d adverts: %s", port->name, (int)config->family, why);
	return free_link;
}

int
election_add_router(struct election *election, size_t index, struct err *err)
{
	const struct virtual_router *config = cluster_router(election->cluster, index)->config;
	struct vrrp_router_owner owner = {
		.loop = election->loop,
		.cluster = election->cluster,
		.lease = &election->lease,
		.may_send = may_send,
		.on_run = election_on_router_run,
		.ctx = election,
	};
	int rc = 0;
	struct link *link = get_link(election, config, &rc, err);

	if (!link)
		return rc;
	rc = vrrp_router_new(&election->routers[index], &owner, index, link->io);
	if (rc < 0)
		return err_set(err, rc, "out of memory");
	election->names[index] = config->name;
	election->router_links[index] = link;
	election_join_group(election, config, election->routers[index]);
	return 0;
}

static void
release(struct election *election)
{
	if (--election->n_handles == 0)
		free(election);
}

static void
on_closed(uv_handle_t *handle)
{
	release(handle->data);
}

static void
init_handles(struct election *election)
{
	timer_init(election->loop, &election->gate_timer, on_gate_timer, election);
	timer_init(election->loop, &election->stop_timer, on_stop_timer, election);
	uv_prepare_init(election->loop, &election->prepare);
	election->prepare.data = election;
	uv_prepare_start(&election->prepare, on_prepare);
	uv_check_init(election->loop, &election->check);
	election->check.data = election;
	uv_check_start(&election->check, on_check);
	timer_init(election->loop, &election->link_timer, election_on_link_timer, election);
	election->n_handles = 5;
}

int
election_new(struct election **out, uv_loop_t *loop, const struct election_config *config,
	struct err *err)
{
	struct election *election = calloc(1, sizeof(*election));
	int rc;

	if (!election)
		return err_set(err, -ENOMEM, "out of memory");
	election->loop = loop;
	election->cluster = config->cluster;
	election->client = config->client;
	election->on_link_return = config->on_link_return;
	election->ctx = config->ctx;
	lease_init(&election->lease);
	gate_init(&election->gate);
	init_handles(election);
	for (size_t i = 0; i < cluster_n_routers(election->cluster); i++) {
		rc = election_add_router(election, i, err);
		if (rc < 0) {
			election_free(election);
			return rc;
		}
		election->n_routers++;
	}
	election_update(election);
	*out = election;
	return 0;
}

void
election_free(struct election *election)
{
	if (!election)
		return;
	for (size_t i = 0; i < MODEL_ROUTERS_MAX; i++)
		vrrp_io_free(election->links[i].io);
	for (size_t i = 0; i < election->n_routers; i++)
		vrrp_router_free(election->routers[i]);
	uv_close((uv_handle_t *)&election->gate_timer, on_closed);
	uv_close((uv_handle_t *)&election->link_timer, on_closed);
	uv_close((uv_handle_t *)&election->stop_timer, on_closed);
	uv_close((uv_handle_t *)&election->prepare, on_closed);
	uv_close((uv_handle_t *)&election->check, on_closed);
}
