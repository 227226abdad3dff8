/* SPDX-License-Identifier: BSD-3-Clause */
/* Running the virtual routers; see election.h. */
#include "controlplane/election.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/gate.h"
#include "controlplane/lease.h"
#include "controlplane/timer.h"
#include "controlplane/vrrp_fsm.h"
#include "controlplane/vrrp_io.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("vrrp");

/* The longest that a stop waits for successors, whatever the intervals. */
#define STOP_MAX_MS 3000

/* The sockets of one family on one interface, and the election they serve. */
struct link {
	struct election *election;
	struct vrrp_io *io;
	const struct lb_port *port;
	enum addr_family family;
};

struct router {
	struct election *election;
	size_t index; /* In the cluster. */
	const struct virtual_router *config;
	struct link *link;
	struct vrrp_fsm fsm;
	uv_timer_t timer;
};

struct election {
	uv_loop_t *loop;
	struct cluster *cluster;
	struct dataplane_client *client;
	struct router *routers;
	size_t n_routers;
	struct link *links; /* At most one for each router. */
	size_t n_links;
	struct gate gate;
	uv_timer_t gate_timer;
	struct lease lease;
	const char *names[MODEL_ROUTERS_MAX]; /* For lease_message(). */
	bool lease_busy;                      /* The dataplane has not answered the last one. */
	uv_prepare_t prepare;                 /* Leases go out once in a turn of the loop: ... */
	uv_check_t check;                     /* ... after its timers, and after its sockets. */
	bool stopping;
	uv_timer_t stop_timer;
	void (*on_stopped)(void *ctx);
	void *stopped_ctx;
	size_t n_handles; /* Whose close callback has not run. */
};

/* --- What the machines decide --- */

static bool
send_advert(struct router *router, uint8_t priority)
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

	if (!vrrp_io_is_up(router->link->io, NULL))
		return false;
	rc = vrrp_io_send(router->link->io, &advert, config->addresses);
	if (rc < 0)
		LOG_LIMITED(LOG_WARN, "%s: cannot send an advert: %s", config->name, strerror(-rc));
	return rc == 0;
}

static void
arm(struct router *router, uint64_t now_ns)
{
	uint64_t deadline_ns = router->fsm.deadline_ns;
	uint64_t wait_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;

	if (deadline_ns == UINT64_MAX) {
		uv_timer_stop(&router->timer);
		return;
	}
	timer_set(&router->timer, (wait_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* An advert that could not be sent entitles to nothing: others take over meanwhile. */
static void
run(struct router *router, const struct vrrp_event *event)
{
	struct election *election = router->election;
	const char *name = router->config->name;
	uint64_t now_ns = clock_now_ns();
	struct vrrp_actions actions;

	vrrp_fsm_run(&router->fsm, event, now_ns, &actions);
	if (actions.send && send_advert(router, actions.send_priority) && actions.hold)
		lease_hold(&election->lease, router->index, router->fsm.hold_until_ns);
	if (actions.release)
		lease_release(&election->lease, router->index);
	if (actions.changed) {
		LOG_INFORM("%s: %s -> %s: %s", name, vrrp_state_name(actions.from),
			vrrp_state_name(actions.to), actions.why);
		cluster_router_set_state(
			election->cluster, router->index, actions.to, actions.why, now_ns);
	} else if (actions.why[0] != '\0') {
		LOG_INFORM("%s: %s", name, actions.why);
	}
	cluster_router_set_master(
		election->cluster, router->index, &router->fsm.master, router->fsm.master_priority);
	arm(router, now_ns);
}

/* Before a machine acts on time it hears what has come in: after a stop of the process that may be
 * the advert of another master. */
static void
on_router_timer(uv_timer_t *timer)
{
	struct router *router = timer->data;

	vrrp_io_receive(router->link->io);
	run(router, &(struct vrrp_event){.kind = VRRP_EVENT_TIMER});
}

/* --- What the machines hear --- */

/* Members that are configured differently still elect a master, but somebody should know. */
static void
compare(const struct router *router, const struct vrrp_advert *advert,
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

static void
on_advert(void *ctx, const struct vrrp_advert *advert, const struct vrrp_datagram *datagram)
{
	struct link *link = ctx;
	struct vrrp_event event = {
		.kind = VRRP_EVENT_ADVERT,
		.source = datagram->source,
		.priority = advert->priority,
		.interval_cs = advert->interval_cs,
	};

	for (size_t i = 0; i < link->election->n_routers; i++) {
		struct router *router = &link->election->routers[i];

		if (router->link != link || router->config->vrid != advert->vrid)
			continue;
		compare(router, advert, datagram);
		run(router, &event);
		return;
	}
}

/* --- Fitness: the gate of the node, and the router's own interface --- */

static void
update_router(struct router *router)
{
	struct election *election = router->election;
	bool linked, fit;
	const char *why;

	linked = vrrp_io_is_up(router->link->io, &why);
	fit = linked && election->gate.open;
	if (linked)
		vrrp_fsm_set_source(&router->fsm, vrrp_io_source(router->link->io));
	if (!election->gate.open)
		why = election->gate.why;
	if (fit && router->fsm.state == VRRP_INIT && !election->stopping)
		run(router, &(struct vrrp_event){.kind = VRRP_EVENT_STARTUP});
	else if (!fit && router->fsm.state != VRRP_INIT)
		run(router, &(struct vrrp_event){.kind = VRRP_EVENT_FAULT, .why = why});
}

static void
on_link_change(void *ctx)
{
	struct link *link = ctx;
	const char *why;

	if (!vrrp_io_is_up(link->io, &why))
		LOG_WARNING("%s: no IPv%d adverts: %s", link->port->name, (int)link->family, why);
	for (size_t i = 0; i < link->election->n_routers; i++) {
		if (link->election->routers[i].link == link)
			update_router(&link->election->routers[i]);
	}
}

void
election_update(struct election *election)
{
	const struct cluster_dataplane *dataplane = cluster_dataplane(election->cluster);
	struct gate_inputs inputs = {
		.health_known = cluster_health_is_known(election->cluster),
		.connected = dataplane->connected,
		.accepted = dataplane->accepted,
		.ready = dataplane->ready,
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
	if (!changed)
		return;
	if (gate->settled)
		dataplane_client_start_pushing(election->client);
	for (size_t i = 0; i < election->n_routers; i++)
		update_router(&election->routers[i]);
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
	bool any_master = false;

	if (election->lease.changed && !election->lease_busy &&
		cluster_dataplane(election->cluster)->connected)
		send_lease(election);
	if (!election->on_stopped)
		return;
	for (size_t i = 0; i < election->n_routers; i++)
		any_master = any_master || election->routers[i].fsm.state == VRRP_MASTER;
	if (!any_master && !election->lease.changed)
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

void
election_lease_done(struct election *election)
{
	election->lease_busy = false;
}

/* --- The operator --- */

void
election_resign(struct election *election, size_t router)
{
	assert(router < election->n_routers);
	run(&election->routers[router], &(struct vrrp_event){.kind = VRRP_EVENT_RESIGN});
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
	election->stopping = true;
	election->on_stopped = on_stopped;
	election->stopped_ctx = ctx;
	timer_set(&election->stop_timer, STOP_MAX_MS);
	for (size_t i = 0; i < election->n_routers; i++)
		run(&election->routers[i], &(struct vrrp_event){.kind = VRRP_EVENT_SHUTDOWN});
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

/* The sockets for 'config', shared with other routers of its port and family. */
static int
get_link(struct election *election, const struct virtual_router *config, struct link **out,
	struct err *err)
{
	const struct lb_port *port = find_port(cluster_node(election->cluster), config->port);
	struct link *link = &election->links[election->n_links];
	struct vrrp_io_handler handler = {on_advert, on_link_change, link};
	const char *why;
	int rc;

	if (!port)
		return err_set(err, -EINVAL, "virtual router '%s': this node has no port '%s'",
			config->name, config->port);
	for (size_t i = 0; i < election->n_links; i++) {
		if (election->links[i].port == port &&
			election->links[i].family == config->family) {
			*out = &election->links[i];
			return 0;
		}
	}
	link->election = election;
	link->port = port;
	link->family = config->family;
	rc = vrrp_io_new(
		&link->io, election->loop, port->host_interface, config->family, &handler, err);
	if (rc < 0)
		return rc;
	if (!vrrp_io_is_up(link->io, &why))
		LOG_WARNING("%s: no IPv%d adverts: %s", port->name, (int)link->family, why);
	election->n_links++;
	*out = link;
	return 0;
}

static int
add_router(struct election *election, size_t index, struct err *err)
{
	const struct cluster_router *info = cluster_router(election->cluster, index);
	struct router *router = &election->routers[index];
	struct vrrp_fsm_config config = {
		.priority = info->priority,
		.advert_cs = (uint16_t)info->config->advert_cs,
		.preempt = info->config->preempt,
		.preempt_delay_ns = info->config->preempt_delay_ms * NS_PER_MS,
	};
	int rc = get_link(election, info->config, &router->link, err);

	if (rc < 0)
		return rc;
	router->election = election;
	router->index = index;
	router->config = info->config;
	vrrp_fsm_init(&router->fsm, &config);
	timer_init(election->loop, &router->timer, on_router_timer, router);
	election->names[index] = info->config->name;
	election->n_routers++;
	election->n_handles++;
	return 0;
}

static void
release(struct election *election)
{
	if (--election->n_handles > 0)
		return;
	free(election->links);
	free(election->routers);
	free(election);
}

static void
on_router_closed(uv_handle_t *handle)
{
	release(((struct router *)handle->data)->election);
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
	election->n_handles = 4;
}

int
election_new(struct election **out, uv_loop_t *loop, struct cluster *cluster,
	struct dataplane_client *client, struct err *err)
{
	struct election *election = calloc(1, sizeof(*election));
	size_t n = cluster_n_routers(cluster);
	int rc;

	if (!election)
		return err_set(err, -ENOMEM, "out of memory");
	election->loop = loop;
	election->cluster = cluster;
	election->client = client;
	election->routers = calloc(n + 1, sizeof(*election->routers));
	election->links = calloc(n + 1, sizeof(*election->links));
	if (!election->routers || !election->links) {
		free(election->routers);
		free(election->links);
		free(election);
		return err_set(err, -ENOMEM, "out of memory");
	}
	lease_init(&election->lease);
	gate_init(&election->gate);
	init_handles(election);
	for (size_t i = 0; i < n; i++) {
		rc = add_router(election, i, err);
		if (rc < 0) {
			election_free(election);
			return rc;
		}
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
	for (size_t i = 0; i < election->n_links; i++)
		vrrp_io_free(election->links[i].io);
	for (size_t i = 0; i < election->n_routers; i++)
		uv_close((uv_handle_t *)&election->routers[i].timer, on_router_closed);
	uv_close((uv_handle_t *)&election->gate_timer, on_closed);
	uv_close((uv_handle_t *)&election->stop_timer, on_closed);
	uv_close((uv_handle_t *)&election->prepare, on_closed);
	uv_close((uv_handle_t *)&election->check, on_closed);
}
