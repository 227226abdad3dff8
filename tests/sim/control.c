/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated control plane: what election.c, vrrp_router.c and dataplane_client.c do around the
 * machines. */
#include "parts.h"

#include "controlplane/vrrp_group.h"
#include "sharing.h"

#include <stdlib.h>
#include <string.h>

/* As dataplane_client.c and vrrp_router.c have them. */
#define LOOK_NS (100 * NS_PER_MS)
#define SILENT_NS (600 * NS_PER_MS)
#define PATIENCE_INTERVALS 3

static const char *const names[ROUTERS_MAX] = {"r0", "r1", "r2", "r3"};

static struct addr
address_of(size_t node)
{
	return addr_from_v4(be32_from(0xc0000200u + (uint32_t)node + 1));
}

static void
flush_lease(struct world *world, size_t n)
{
	struct control *control = &world->nodes[n].control;
	struct message message = {.kind = MESSAGE_LEASE,
		.from = (uint8_t)n,
		.to = (uint8_t)n,
		.epoch = control->dataplane_epoch};
	struct control_lease lease;
	uint64_t now_ns = world_clock(world, n);

	if (!control->connected || !control->lease.changed || control->lease_open)
		return;
	if (lease_message(&control->lease, names, world->n_routers, now_ns, &lease) < 0)
		abort();
	for (size_t i = 0; i < lease.n_held; i++)
		message.until_ns[lease.held[i][1] - '0'] = lease.until_ns;
	for (size_t i = 0; i < lease.n_announce; i++)
		message.announce[lease.announce[i][1] - '0'] = true;
	control_lease_fini(&lease);
	control->lease_open = true;
	control->leased_ns = now_ns;
	world_send_local(world, &message);
}

/* An advert passes the dataplane; one that stands keeps it. */
static bool
send_advert(struct world *world, size_t n, size_t router, uint8_t priority)
{
	struct machine *node = &world->nodes[n];
	const struct control *control = &node->control;
	uint64_t patience_ns = PATIENCE_INTERVALS * world->advert_cs * 10 * NS_PER_MS;
	struct message message = {.kind = MESSAGE_ADVERT,
		.from = (uint8_t)n,
		.router = (uint8_t)router,
		.priority = priority};

	if (control->lease_open && world_clock(world, n) - control->leased_ns >= patience_ns)
		return false;
	node->sent_ns[router] = world->now_ns;
	if (!node->dataplane.runs)
		return true; /* The interface is there, and nobody behind it. */
	if (node->dataplane.frozen)
		world_keep(&node->dataplane.outgoing, &message);
	else
		world_broadcast(world, message, false);
	return true;
}

void
control_run_router(struct world *world, size_t n, size_t router, const struct vrrp_event *event)
{
	struct control *control = &world->nodes[n].control;
	struct vrrp_fsm *fsm = &control->fsms[router];
	struct vrrp_actions actions;

	vrrp_fsm_run(fsm, event, world_clock(world, n), &actions);
	if (actions.send && send_advert(world, n, router, actions.send_priority) && actions.hold)
		lease_hold(&control->lease, router, fsm->hold_until_ns);
	if (actions.release)
		lease_let_go(&control->lease, router);
	if (actions.announce)
		lease_announce(&control->lease, router);
	if (actions.changed)
		world_say(world, "n%zu %s: %s -> %s: %s", n, names[router],
			vrrp_state_name(actions.from), vrrp_state_name(actions.to), actions.why);
	else if (actions.why[0])
		world_say(world, "n%zu %s: %s", n, names[router], actions.why);
	if (fsm->state == VRRP_INIT)
		world->nodes[n].well_ns[router] = NEVER;
	else if (world->nodes[n].well_ns[router] == NEVER)
		world->nodes[n].well_ns[router] = world->now_ns;
}

void
control_run_all(struct world *world, size_t n, const struct vrrp_event *event)
{
	for (size_t r = 0; r < world->n_routers; r++)
		control_run_router(world, n, r, event);
}

/* After any event: sync groups, and what the dataplane is to be told. */
void
control_finish_turn(struct world *world, size_t n)
{
	struct control *control = &world->nodes[n].control;
	const struct vrrp_fsm *fsms[ROUTERS_MAX];
	struct vrrp_event event = {.why = "sync group"};
	size_t culprit;

	for (size_t r = 0; r < world->n_routers; r++)
		fsms[r] = &control->fsms[r];
	if (world->grouped) {
		event.kind = vrrp_group_step(fsms, world->n_routers, &culprit);
		if (event.kind != N_VRRP_EVENTS)
			control_run_all(world, n, &event);
	}
	flush_lease(world, n);
}

void
control_update_gate(struct world *world, size_t n)
{
	struct control *control = &world->nodes[n].control;
	struct gate_inputs inputs = {
		.connected = control->connected,
		.health_known = control->health.state != HEALTH_UNKNOWN,
		.accepted = control->connected,
		.ready = control->connected,
		.behind = control->behind,
	};
	struct vrrp_event event = {.kind = VRRP_EVENT_STARTUP};

	gate_update(&control->gate, &inputs, world_clock(world, n));
	if (!control->gate.open || control->fault) {
		event.kind = VRRP_EVENT_FAULT;
		event.why = control->fault ? "tracking" : control->gate.why;
	} else if (control->ending) {
		return;
	}
	for (size_t r = 0; r < world->n_routers; r++) {
		if ((control->fsms[r].state == VRRP_INIT) == (event.kind == VRRP_EVENT_STARTUP))
			control_run_router(world, n, r, &event);
	}
}

static void
start_health(struct world *world, size_t n)
{
	struct health_fsm_config config = {.interval_ns = 400 * NS_PER_MS,
		.timeout_ns = 200 * NS_PER_MS,
		.jitter_ns = 40 * NS_PER_MS,
		.rise = 1,
		.fall = 2};

	health_fsm_init(&world->nodes[n].control.health, &config, world_clock(world, n),
		(uint32_t)world_next_random(world));
}

void
control_set_connected(struct world *world, size_t n, bool connected)
{
	struct control *control = &world->nodes[n].control;

	if (control->connected == connected)
		return;
	control->connected = connected;
	control->dataplane_epoch = world->nodes[n].dataplane.epoch;
	control->lease_open = false;
	control->answered_ns = world_clock(world, n);
	world_say(world, "n%zu: dataplane %s", n, connected ? "connected" : "lost");
	start_health(world, n);
	lease_forget(&control->lease);
	control_update_gate(world, n);
}

/* Looks whether the dataplane lives: its socket says so at once when it dies, and its silence when
 * it stands. */
static void
look_at_dataplane(struct world *world, size_t n)
{
	struct control *control = &world->nodes[n].control;
	const struct dataplane *dataplane = &world->nodes[n].dataplane;
	uint64_t now_ns = world_clock(world, n);

	control->look_ns = now_ns + LOOK_NS;
	/* The end of the former one shows on the connection. */
	if (control->connected && control->dataplane_epoch != dataplane->epoch)
		control_set_connected(world, n, false);
	if (dataplane->runs && !dataplane->frozen) {
		bool behind = !sharing_is_synced(world, n);
		bool news = control->behind != behind;

		control->answered_ns = now_ns;
		control->behind = behind;
		if (control->connected && news)
			control_update_gate(world, n);
		control_set_connected(world, n, true);
	} else if (!dataplane->runs || now_ns - control->answered_ns >= SILENT_NS) {
		control_set_connected(world, n, false);
	}
}

static void
run_health(struct world *world, size_t n)
{
	struct control *control = &world->nodes[n].control;
	const struct dataplane *dataplane = &world->nodes[n].dataplane;
	struct message message = {.kind = MESSAGE_PROBE_DONE,
		.from = (uint8_t)n,
		.to = (uint8_t)n,
		.epoch = control->epoch};
	uint64_t now_ns = world_clock(world, n);

	switch (health_fsm_run(&control->health, now_ns)) {
	case HEALTH_WAIT:
		break;
	case HEALTH_PROBE:
		if (dataplane->runs && !dataplane->frozen)
			world_send_over(world, &message);
		break;
	case HEALTH_GIVE_UP:
		health_fsm_result(
			&control->health, false, now_ns, (uint32_t)world_next_random(world));
		break;
	}
	control_update_gate(world, n);
}

void
control_hear(struct world *world, size_t n, const struct message *message)
{
	struct control *control = &world->nodes[n].control;
	struct vrrp_event event = {.kind = VRRP_EVENT_ADVERT,
		.source = address_of(message->from),
		.priority = message->priority,
		.interval_cs = world->advert_cs};

	switch (message->kind) {
	case MESSAGE_ADVERT:
		control_run_router(world, n, message->router, &event);
		break;
	case MESSAGE_LEASE_DONE:
		if (!control->lease_open || message->epoch != control->dataplane_epoch)
			break;
		control->lease_open = false;
		control->answered_ns = world_clock(world, n);
		event = (struct vrrp_event){
			.kind = VRRP_EVENT_STALL, .since_ns = control->leased_ns};
		control_run_all(world, n, &event);
		break;
	case MESSAGE_PROBE_DONE:
		if (control->health.probing && message->epoch == control->epoch)
			health_fsm_result(&control->health, true, world_clock(world, n),
				(uint32_t)world_next_random(world));
		control_update_gate(world, n);
		break;
	case MESSAGE_ANNOUNCEMENT:
	case MESSAGE_LEASE:
	case MESSAGE_SYNC:
	case N_MESSAGES:
		break;
	}
	control_finish_turn(world, n);
}

/* Before it acts on time it hears what has come in. */
void
control_hear_waiting(struct world *world, size_t n)
{
	struct waiting *waiting = &world->nodes[n].control.waiting;

	for (size_t i = 0; i < waiting->n; i++)
		control_hear(world, n, &waiting->messages[i]);
	waiting->n = 0;
}

void
control_run(struct world *world, size_t n)
{
	struct control *control = &world->nodes[n].control;
	uint64_t now_ns = world_clock(world, n);
	bool all_init = true;

	control_hear_waiting(world, n);
	if (control->look_ns <= now_ns)
		look_at_dataplane(world, n);
	if (control->connected && control->health.deadline_ns <= now_ns)
		run_health(world, n);
	if (control->gate.deadline_ns <= now_ns)
		control_update_gate(world, n);
	for (size_t r = 0; r < world->n_routers; r++) {
		if (control->fsms[r].deadline_ns <= now_ns)
			control_run_router(
				world, n, r, &(struct vrrp_event){.kind = VRRP_EVENT_TIMER});
		all_init = all_init && control->fsms[r].state == VRRP_INIT;
	}
	control_finish_turn(world, n);
	if (control->ending && all_init && !control->lease.changed && !control->lease_open) {
		control->runs = false;
		world->watch.faults.known = false;
		world_say(world, "n%zu: control plane ended", n);
	}
}

void
control_start(struct world *world, size_t n)
{
	struct control *control = &world->nodes[n].control;
	uint32_t epoch = control->epoch + 1;

	memset(control, 0, offsetof(struct control, waiting));
	control->waiting.n = 0;
	control->runs = true;
	control->epoch = epoch;
	lease_init(&control->lease);
	gate_init(&control->gate);
	start_health(world, n);
	control->look_ns = world_clock(world, n) + world_between(world, NS_PER_MS, LOOK_NS);
	for (size_t r = 0; r < world->n_routers; r++) {
		struct vrrp_fsm_config config = {
			.priority = world->nodes[n].priorities[r],
			.advert_cs = world->advert_cs,
			.preempt = world->preempt,
			.preempt_delay_ns = world->preempt_delay_ns,
			.grouped = world->grouped,
			.source = address_of(n),
		};

		vrrp_fsm_init(&control->fsms[r], &config);
		world->nodes[n].well_ns[r] = NEVER;
	}
}
