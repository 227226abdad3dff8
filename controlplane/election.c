/* SPDX-License-Identifier: BSD-3-Clause */
/* Running the virtual routers; see election.h. */
#include "controlplane/election.h"

#include "common/clock.h"
#include "common/log.h"
#include "controlplane/gate.h"
#include "controlplane/lease.h"
#include "controlplane/timer.h"
#include "controlplane/track.h"
#include "controlplane/vrrp_group.h"
#include "controlplane/vrrp_io.h"
#include "controlplane/vrrp_router.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("vrrp");

/* The longest that a stop waits for successors, whatever the intervals. */
#define STOP_MAX_MS 3000

/* A link that has come back is not used before the checks have new results, but is not left unused
 * for longer than this. */
#define RETURN_PATIENCE_MS 3000

/* The sockets of one family on one interface, and the election they serve. */
struct link {
	struct election *election;
	struct vrrp_io *io;
	const struct lb_port *port;
	enum addr_family family;
	bool lost;            /* Was up once, and is not now. */
	uint64_t returned_ns; /* When it came back; 0: it has not, or that is long ago. */
};

/* Routers that move together. */
struct group {
	const char *name;
	struct vrrp_router *routers[MODEL_ROUTERS_MAX];
	const char *names[MODEL_ROUTERS_MAX];
	size_t n;
};

struct election {
	uv_loop_t *loop;
	struct cluster *cluster;
	struct dataplane_client *client;
	void (*on_link_return)(void *ctx);
	void *ctx;
	struct link *router_links[MODEL_ROUTERS_MAX]; /* Beside 'routers'. */
	struct group groups[MODEL_ROUTERS_MAX / 2];
	size_t n_groups;
	bool busy;             /* Events are being given to several routers. */
	uv_timer_t link_timer; /* A link that came back has been waited with for long enough. */
	uint64_t leased_ns;    /* When the last lease was sent. */
	struct vrrp_router *routers[MODEL_ROUTERS_MAX]; /* In the order of the cluster. */
	size_t n_routers;
	struct link links[MODEL_ROUTERS_MAX];
	size_t n_links;
	struct gate gate;
	uv_timer_t gate_timer;
	struct lease lease;
	const char *names[MODEL_ROUTERS_MAX]; /* For lease_message(). */
	bool lease_busy;                      /* The dataplane has not answered the last one. */
	uv_prepare_t prepare;                 /* Leases go out once in a turn of the loop: ... */
	uv_check_t check;                     /* ... after its timers, and after its sockets. */
	uv_timer_t stop_timer;
	void (*on_stopped)(void *ctx); /* NULL: not stopping, or stopped. */
	void *stopped_ctx;
	size_t n_handles; /* Whose close callback has not run. */
};

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
static void
step_groups(struct election *election)
{
	if (election->busy)
		return;
	election->busy = true;
	for (size_t i = 0; i < election->n_groups; i++)
		step_group(&election->groups[i]);
	election->busy = false;
}

static void
on_router_run(void *ctx)
{
	step_groups(ctx);
}

static void
run_all(struct election *election, const struct vrrp_event *event)
{
	election->busy = true;
	for (size_t i = 0; i < election->n_routers; i++)
		vrrp_router_run(election->routers[i], event);
	election->busy = false;
	step_groups(election);
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

static void
update_routers(struct election *election)
{
	bool was_busy = election->busy;

	election->busy = true;
	for (size_t i = 0; i < election->n_routers; i++)
		update_router(election, i);
	election->busy = was_busy;
	step_groups(election);
}

static void
on_link_timer(uv_timer_t *timer)
{
	uv_timer_stop(timer);
	update_routers(timer->data);
}

/* The checks have run on without the link: they begin anew, once for both families. */
static void
note_return(struct election *election, struct link *link)
{
	uint64_t now_ns = clock_now_ns();
	bool known = false;

	for (size_t i = 0; i < election->n_links; i++) {
		const struct link *other = &election->links[i];

		known = known ||
			(other->port == link->port && other->returned_ns != 0 &&
				now_ns - other->returned_ns < RETURN_PATIENCE_MS * NS_PER_MS);
	}
	link->lost = false;
	if (!election->gate.settled)
		return;
	LOG_INFORM("%s: IPv%d adverts are possible again", link->port->name, (int)link->family);
	link->returned_ns = now_ns;
	timer_set(&election->link_timer, RETURN_PATIENCE_MS + 1);
	if (!known)
		election->on_link_return(election->ctx);
}

static void
on_link_change(void *ctx)
{
	struct link *link = ctx;
	bool up;
	const char *why;

	up = vrrp_io_is_up(link->io, &why);
	if (!up && !link->lost) {
		LOG_WARNING("%s: no IPv%d adverts: %s", link->port->name, (int)link->family, why);
		link->lost = true;
	} else if (up && link->lost) {
		note_return(link->election, link);
	}
	update_routers(link->election);
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
	if (changed && gate->settled)
		dataplane_client_start_pushing(election->client);
	update_routers(election);
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
		run_all(election, &event);
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
	step_groups(election);
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
	step_groups(election);
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
	struct link *link = election->links;
	const char *why;

	if (!port) {
		*code = err_set(err, -EINVAL, "virtual router '%s': this node has no port '%s'",
			config->name, config->port);
		return NULL;
	}
	for (; link < election->links + election->n_links; link++) {
		if (link->port == port && link->family == config->family)
			return link;
	}
	*link = (struct link){.election = election, .port = port, .family = config->family};
	*code = vrrp_io_new(&link->io, election->loop, port->host_interface, config->family,
		&(struct vrrp_io_handler){on_advert, on_link_change, link}, err);
	if (*code < 0)
		return NULL;
	if (!vrrp_io_is_up(link->io, &why))
		LOG_WARNING("%s: no IPv%d adverts: %s", port->name, (int)link->family, why);
	election->n_links++;
	return link;
}

static void
join_group(
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

static int
add_router(struct election *election, size_t index, struct err *err)
{
	const struct virtual_router *config = cluster_router(election->cluster, index)->config;
	struct vrrp_router_owner owner = {
		.loop = election->loop,
		.cluster = election->cluster,
		.lease = &election->lease,
		.may_send = may_send,
		.on_run = on_router_run,
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
	join_group(election, config, election->routers[index]);
	election->n_routers++;
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
	timer_init(election->loop, &election->link_timer, on_link_timer, election);
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
		vrrp_router_free(election->routers[i]);
	uv_close((uv_handle_t *)&election->gate_timer, on_closed);
	uv_close((uv_handle_t *)&election->link_timer, on_closed);
	uv_close((uv_handle_t *)&election->stop_timer, on_closed);
	uv_close((uv_handle_t *)&election->prepare, on_closed);
	uv_close((uv_handle_t *)&election->check, on_closed);
}
