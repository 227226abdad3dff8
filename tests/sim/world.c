/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulated cluster: network, processes and clocks; see world.h. What it does around the
 * machines follows election.c, vrrp_router.c and dataplane_client.c (control plane), holder.c and
 * pulse.c (dataplane). */
#include "world.h"

#include "controlplane/vrrp_group.h"
#include "controlplane/vrrp_packet.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Messages between the processes of a node. */
#define LOCAL_MIN_NS (20 * NS_PER_MS / 1000)
#define LOCAL_MAX_NS (2 * NS_PER_MS)

/* As dataplane_client.c, pulse.c and vrrp_router.c have them. */
#define LOOK_NS (100 * NS_PER_MS)
#define SILENT_NS (600 * NS_PER_MS)
#define LATE_NS (300 * NS_PER_MS)
#define PATIENCE_INTERVALS 3

static const char *const names[ROUTERS_MAX] = {"r0", "r1", "r2", "r3"};

/* splitmix64 */
static uint64_t
next_random(struct world *world)
{
	uint64_t z = (world->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t
world_random(struct world *world, uint32_t n)
{
	return (uint32_t)((next_random(world) >> 32) * n >> 32);
}

static uint64_t
between(struct world *world, uint64_t min_ns, uint64_t max_ns)
{
	return min_ns + next_random(world) % (max_ns - min_ns + 1);
}

/* --- Clocks --- */

/* Each begins somewhere else. */
static uint64_t
base_ns(size_t node)
{
	return (node + 1) * 1000 * NS_PER_S;
}

uint64_t
world_clock(const struct world *world, size_t node)
{
	return base_ns(node) + (uint64_t)((double)world->now_ns * world->nodes[node].rate);
}

/* The true time at which a node's clock is past 'own_ns'. */
static uint64_t
true_ns(const struct world *world, size_t node, uint64_t own_ns)
{
	if (own_ns == NEVER)
		return NEVER;
	if (own_ns <= base_ns(node))
		return 0;
	return (uint64_t)((double)(own_ns - base_ns(node)) / world->nodes[node].rate) + 2;
}

void
world_say(struct world *world, const char *format, ...)
{
	va_list args;

	if (!world->timeline)
		return;
	fprintf(world->timeline, "%10.3f ms  ", (double)world->now_ns / NS_PER_MS);
	va_start(args, format);
	vfprintf(world->timeline, format, args);
	va_end(args);
	fputc('\n', world->timeline);
}

/* --- Messages --- */

static bool
is_before(const struct message *a, const struct message *b)
{
	return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->serial < b->serial);
}

static void
push(struct world *world, const struct message *message)
{
	size_t i = world->n_heap++;

	if (world->n_heap > world->heap_size) {
		world->heap_size = 2 * world->n_heap + 64;
		world->heap = realloc(world->heap, world->heap_size * sizeof(*world->heap));
		if (!world->heap)
			abort();
	}
	for (; i > 0 && is_before(message, &world->heap[(i - 1) / 2]); i = (i - 1) / 2)
		world->heap[i] = world->heap[(i - 1) / 2];
	world->heap[i] = *message;
}

static struct message
pop(struct world *world)
{
	struct message first = world->heap[0];
	struct message last = world->heap[--world->n_heap];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < world->n_heap) {
		if (child + 1 < world->n_heap &&
			is_before(&world->heap[child + 1], &world->heap[child]))
			child++;
		if (!is_before(&world->heap[child], &last))
			break;
		world->heap[i] = world->heap[child];
		i = child;
	}
	world->heap[i] = last;
	return first;
}

static void
send_after(struct world *world, struct message message, uint64_t delay_ns)
{
	message.at_ns = world->now_ns + delay_ns;
	message.serial = world->serial++;
	push(world, &message);
}

/* Sends over the network, which may lose it or double it. */
static void
send_over(struct world *world, const struct message *message)
{
	const struct network *network = &world->network;
	unsigned int n = 1;

	/* The client is on a port of its own. */
	if (message->to != NOBODY && network->cut[message->from][message->to])
		return;
	if (network->loss_permille && world_random(world, 1000) < network->loss_permille)
		return;
	if (network->duplicate_permille && world_random(world, 1000) < network->duplicate_permille)
		n++;
	while (n-- > 0)
		send_after(world, *message, between(world, network->min_ns, network->max_ns));
}

static void
broadcast(struct world *world, struct message message, bool to_client)
{
	for (size_t i = 0; i < world->n_nodes; i++) {
		message.to = (uint8_t)i;
		if (i != message.from)
			send_over(world, &message);
	}
	message.to = NOBODY;
	if (to_client)
		send_over(world, &message);
}

/* What does not fit is lost, as in a socket's buffer. */
static void
keep(struct waiting *waiting, const struct message *message)
{
	if (waiting->n < WAITING_MAX)
		waiting->messages[waiting->n++] = *message;
}

/* --- The control plane's doings --- */

static struct addr
address_of(size_t node)
{
	return addr_from_v4(be32_from(0xc0000200u + (uint32_t)node + 1));
}

static void
send_local(struct world *world, const struct message *message)
{
	send_after(world, *message, between(world, LOCAL_MIN_NS, LOCAL_MAX_NS));
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
	send_local(world, &message);
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
		keep(&node->dataplane.outgoing, &message);
	else
		broadcast(world, message, false);
	return true;
}

static void
run_router(struct world *world, size_t n, size_t router, const struct vrrp_event *event)
{
	struct control *control = &world->nodes[n].control;
	struct vrrp_fsm *fsm = &control->fsms[router];
	struct vrrp_actions actions;

	vrrp_fsm_run(fsm, event, world_clock(world, n), &actions);
	if (actions.send && send_advert(world, n, router, actions.send_priority) && actions.hold)
		lease_hold(&control->lease, router, fsm->hold_until_ns);
	if (actions.release)
		lease_release(&control->lease, router);
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

static void
run_all(struct world *world, size_t n, const struct vrrp_event *event)
{
	for (size_t r = 0; r < world->n_routers; r++)
		run_router(world, n, r, event);
}

/* After any event: sync groups, and what the dataplane is to be told. */
static void
finish_turn(struct world *world, size_t n)
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
			run_all(world, n, &event);
	}
	flush_lease(world, n);
}

static void
update_gate(struct world *world, size_t n)
{
	struct control *control = &world->nodes[n].control;
	struct gate_inputs inputs = {
		.connected = control->connected,
		.health_known = control->health.state != HEALTH_UNKNOWN,
		.accepted = control->connected,
		.ready = control->connected,
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
			run_router(world, n, r, &event);
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
		(uint32_t)next_random(world));
}

static void
set_connected(struct world *world, size_t n, bool connected)
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
	update_gate(world, n);
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
		set_connected(world, n, false);
	if (dataplane->runs && !dataplane->frozen) {
		control->answered_ns = now_ns;
		set_connected(world, n, true);
	} else if (!dataplane->runs || now_ns - control->answered_ns >= SILENT_NS) {
		set_connected(world, n, false);
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
			send_over(world, &message);
		break;
	case HEALTH_GIVE_UP:
		health_fsm_result(&control->health, false, now_ns, (uint32_t)next_random(world));
		break;
	}
	update_gate(world, n);
}

static void
hear(struct world *world, size_t n, const struct message *message)
{
	struct control *control = &world->nodes[n].control;
	struct vrrp_event event = {.kind = VRRP_EVENT_ADVERT,
		.source = address_of(message->from),
		.priority = message->priority,
		.interval_cs = world->advert_cs};

	switch (message->kind) {
	case MESSAGE_ADVERT:
		run_router(world, n, message->router, &event);
		break;
	case MESSAGE_LEASE_DONE:
		if (!control->lease_open || message->epoch != control->dataplane_epoch)
			break;
		control->lease_open = false;
		control->answered_ns = world_clock(world, n);
		event = (struct vrrp_event){
			.kind = VRRP_EVENT_STALL, .since_ns = control->leased_ns};
		run_all(world, n, &event);
		break;
	case MESSAGE_PROBE_DONE:
		if (control->health.probing && message->epoch == control->epoch)
			health_fsm_result(&control->health, true, world_clock(world, n),
				(uint32_t)next_random(world));
		update_gate(world, n);
		break;
	case MESSAGE_ANNOUNCEMENT:
	case MESSAGE_LEASE:
	case N_MESSAGES:
		break;
	}
	finish_turn(world, n);
}

/* Before it acts on time it hears what has come in. */
static void
hear_waiting(struct world *world, size_t n)
{
	struct waiting *waiting = &world->nodes[n].control.waiting;

	for (size_t i = 0; i < waiting->n; i++)
		hear(world, n, &waiting->messages[i]);
	waiting->n = 0;
}

/* --- The dataplane's doings --- */

bool
world_answers(const struct world *world, size_t node, size_t router)
{
	const struct dataplane *dataplane = &world->nodes[node].dataplane;

	return dataplane->runs && !dataplane->frozen &&
	       world_clock(world, node) < dataplane->holdings[router].until_ns;
}

static void
take_lease(struct world *world, size_t n, const struct message *message)
{
	struct dataplane *dataplane = &world->nodes[n].dataplane;
	struct message done = {.kind = MESSAGE_LEASE_DONE,
		.from = (uint8_t)n,
		.to = (uint8_t)n,
		.epoch = dataplane->epoch};
	uint64_t now_ns = world_clock(world, n);

	for (size_t r = 0; r < world->n_routers; r++) {
		struct holding *holding = &dataplane->holdings[r];

		holding->held = holding->held && now_ns < holding->until_ns;
		holding->until_ns = message->until_ns[r];
		if (!holding->held && now_ns < holding->until_ns) {
			holding->held = true;
			announce_start(&holding->schedule, now_ns);
		} else if (now_ns >= holding->until_ns) {
			holding->held = false;
			announce_stop(&holding->schedule);
		}
		if (message->announce[r])
			announce_again(&holding->schedule, now_ns);
	}
	send_local(world, &done);
}

static void
announce(struct world *world, size_t n)
{
	struct dataplane *dataplane = &world->nodes[n].dataplane;
	uint64_t now_ns = world_clock(world, n);

	for (size_t r = 0; r < world->n_routers; r++) {
		struct holding *holding = &dataplane->holdings[r];
		struct message message = {
			.kind = MESSAGE_ANNOUNCEMENT, .from = (uint8_t)n, .router = (uint8_t)r};

		if (now_ns >= holding->until_ns) {
			holding->held = false;
			announce_stop(&holding->schedule);
		} else if (announce_due(&holding->schedule, now_ns)) {
			broadcast(world, message, true);
		}
	}
}

/* Something has come to a dataplane that runs. */
static void
pass(struct world *world, size_t n, const struct message *message)
{
	struct control *control = &world->nodes[n].control;
	struct holding *holding = &world->nodes[n].dataplane.holdings[message->router];

	if (message->kind == MESSAGE_LEASE) {
		if (message->epoch == world->nodes[n].dataplane.epoch)
			take_lease(world, n, message);
	} else if (message->kind == MESSAGE_ANNOUNCEMENT) {
		if (world_answers(world, n, message->router))
			announce_again(&holding->schedule, world_clock(world, n));
	} else if (control->runs && control->frozen) {
		keep(&control->waiting, message);
	} else if (control->runs) {
		hear(world, n, message);
	}
}

static void
deliver(struct world *world, const struct message *message)
{
	struct machine *node = &world->nodes[message->to];

	if (message->to == NOBODY) {
		world->watch.client[message->router] = message->from;
	} else if (message->kind == MESSAGE_LEASE_DONE) {
		/* Over the connection, which knows no dataplane in between. */
		if (node->control.runs && node->control.frozen)
			keep(&node->control.waiting, message);
		else if (node->control.runs)
			hear(world, message->to, message);
	} else if (node->dataplane.runs && node->dataplane.frozen) {
		keep(&node->dataplane.waiting, message);
	} else if (node->dataplane.runs) {
		pass(world, message->to, message);
	}
}

/* --- Time --- */

/* When a node has something to do by its clock, in true time. */
static uint64_t
next_of(const struct world *world, size_t n)
{
	const struct machine *node = &world->nodes[n];
	const struct control *control = &node->control;
	uint64_t own_ns = NEVER;

	if (control->runs && !control->frozen) {
		own_ns = control->look_ns;
		if (control->connected && control->health.deadline_ns < own_ns)
			own_ns = control->health.deadline_ns;
		if (control->gate.deadline_ns < own_ns)
			own_ns = control->gate.deadline_ns;
		for (size_t r = 0; r < world->n_routers; r++)
			if (control->fsms[r].deadline_ns < own_ns)
				own_ns = control->fsms[r].deadline_ns;
	}
	if (node->dataplane.runs && !node->dataplane.frozen) {
		for (size_t r = 0; r < world->n_routers; r++)
			if (node->dataplane.holdings[r].schedule.next_ns < own_ns)
				own_ns = node->dataplane.holdings[r].schedule.next_ns;
	}
	return true_ns(world, n, own_ns);
}

static void
run_control(struct world *world, size_t n)
{
	struct control *control = &world->nodes[n].control;
	uint64_t now_ns = world_clock(world, n);
	bool all_init = true;

	hear_waiting(world, n);
	if (control->look_ns <= now_ns)
		look_at_dataplane(world, n);
	if (control->connected && control->health.deadline_ns <= now_ns)
		run_health(world, n);
	if (control->gate.deadline_ns <= now_ns)
		update_gate(world, n);
	for (size_t r = 0; r < world->n_routers; r++) {
		if (control->fsms[r].deadline_ns <= now_ns)
			run_router(world, n, r, &(struct vrrp_event){.kind = VRRP_EVENT_TIMER});
		all_init = all_init && control->fsms[r].state == VRRP_INIT;
	}
	finish_turn(world, n);
	if (control->ending && all_init && !control->lease.changed && !control->lease_open) {
		control->runs = false;
		world_say(world, "n%zu: control plane ended", n);
	}
}

static void
run_node(struct world *world, size_t n)
{
	struct machine *node = &world->nodes[n];

	if (node->control.runs && !node->control.frozen)
		run_control(world, n);
	if (node->dataplane.runs && !node->dataplane.frozen)
		announce(world, n);
}

void
world_run(struct world *world, uint64_t ns)
{
	while (!world->watch.failure[0]) {
		uint64_t next_ns = world->n_heap > 0 ? world->heap[0].at_ns : NEVER;
		size_t who = NOBODY;

		for (size_t n = 0; n < world->n_nodes; n++) {
			uint64_t at_ns = next_of(world, n);

			if (at_ns < world->now_ns)
				at_ns = world->now_ns;
			if (at_ns < next_ns) {
				next_ns = at_ns;
				who = n;
			}
		}
		if (next_ns > ns)
			break;
		check_step(world, next_ns);
		world->now_ns = next_ns;
		world->n_events++;
		if (who == NOBODY) {
			struct message message = pop(world);

			deliver(world, &message);
		} else {
			run_node(world, who);
		}
	}
	check_step(world, ns);
	world->now_ns = ns;
}

/* --- What is done to the world --- */

static void
start_control(struct world *world, size_t n)
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
	control->look_ns = world_clock(world, n) + between(world, NS_PER_MS, LOOK_NS);
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

static void
start_dataplane(struct world *world, size_t n)
{
	struct dataplane *dataplane = &world->nodes[n].dataplane;

	dataplane->runs = true;
	dataplane->frozen = false;
	dataplane->waiting.n = 0;
	dataplane->outgoing.n = 0;
	dataplane->epoch++;
	for (size_t r = 0; r < world->n_routers; r++) {
		dataplane->holdings[r] = (struct holding){.held = false};
		announce_init(&dataplane->holdings[r].schedule);
	}
}

void
world_kill(struct world *world, size_t node, unsigned int processes)
{
	struct control *control = &world->nodes[node].control;
	struct dataplane *dataplane = &world->nodes[node].dataplane;

	check_disturbed(world);
	world->watch.stopped_ns = world->now_ns;
	world_say(world, "n%zu: killed (%u)", node, processes);
	if (processes & PROCESS_CONTROL) {
		control->runs = false;
		for (size_t r = 0; r < world->n_routers; r++)
			world->nodes[node].well_ns[r] = NEVER;
	}
	if (processes & PROCESS_DATAPLANE) {
		dataplane->runs = false;
		if (control->runs && !control->frozen) {
			set_connected(world, node, false);
			finish_turn(world, node);
		}
	}
}

void
world_start(struct world *world, size_t node, unsigned int processes)
{
	check_disturbed(world);
	if ((processes & PROCESS_DATAPLANE) && !world->nodes[node].dataplane.runs)
		start_dataplane(world, node);
	if ((processes & PROCESS_CONTROL) && !world->nodes[node].control.runs)
		start_control(world, node);
	world_say(world, "n%zu: started (%u)", node, processes);
}

void
world_freeze(struct world *world, size_t node, unsigned int processes)
{
	struct dataplane *dataplane = &world->nodes[node].dataplane;

	check_disturbed(world);
	world->watch.stopped_ns = world->now_ns;
	world_say(world, "n%zu: frozen (%u)", node, processes);
	if (processes & PROCESS_CONTROL)
		world->nodes[node].control.frozen = true;
	if ((processes & PROCESS_DATAPLANE) && !dataplane->frozen) {
		dataplane->frozen = true;
		dataplane->frozen_ns = world->now_ns;
	}
}

static void
thaw_dataplane(struct world *world, size_t n)
{
	struct dataplane *dataplane = &world->nodes[n].dataplane;
	bool late = world->now_ns - dataplane->frozen_ns > LATE_NS;
	size_t n_waiting = dataplane->waiting.n;

	dataplane->frozen = false;
	for (size_t i = 0; i < dataplane->outgoing.n && !late; i++)
		broadcast(world, dataplane->outgoing.messages[i], false);
	dataplane->outgoing.n = 0;
	dataplane->waiting.n = 0;
	for (size_t i = 0; i < n_waiting && dataplane->runs; i++)
		pass(world, n, &dataplane->waiting.messages[i]);
}

void
world_thaw(struct world *world, size_t node, unsigned int processes)
{
	struct machine *entry = &world->nodes[node];

	check_disturbed(world);
	if (entry->control.frozen || entry->dataplane.frozen)
		world->watch.stopped_ns = world->now_ns;
	world_say(world, "n%zu: thawed (%u)", node, processes);
	if (processes & PROCESS_CONTROL)
		entry->control.frozen = false;
	if ((processes & PROCESS_DATAPLANE) && entry->dataplane.frozen)
		thaw_dataplane(world, node);
}

void
world_shut_down(struct world *world, size_t node)
{
	struct control *control = &world->nodes[node].control;

	check_disturbed(world);
	if (!control->runs || control->frozen)
		return;
	world_say(world, "n%zu: shuts down", node);
	control->ending = true;
	run_all(world, node, &(struct vrrp_event){.kind = VRRP_EVENT_SHUTDOWN});
	finish_turn(world, node);
}

void
world_resign(struct world *world, size_t node)
{
	struct control *control = &world->nodes[node].control;

	check_disturbed(world);
	if (!control->runs || control->frozen)
		return;
	world_say(world, "n%zu: resigns", node);
	run_all(world, node, &(struct vrrp_event){.kind = VRRP_EVENT_RESIGN});
	finish_turn(world, node);
}

void
world_set_fault(struct world *world, size_t node, bool fault)
{
	struct control *control = &world->nodes[node].control;

	check_disturbed(world);
	world_say(world, "n%zu: %s", node, fault ? "fault" : "well");
	control->fault = fault;
	if (!control->runs || control->frozen)
		return;
	update_gate(world, node);
	finish_turn(world, node);
}

void
world_set_priority(struct world *world, size_t node, size_t router, uint8_t priority)
{
	struct control *control = &world->nodes[node].control;
	struct vrrp_event event = {
		.kind = VRRP_EVENT_PRIORITY, .priority = priority, .why = "script"};

	check_disturbed(world);
	world->nodes[node].priorities[router] = priority;
	if (!control->runs || control->frozen || control->fsms[router].config.priority == priority)
		return;
	run_router(world, node, router, &event);
	finish_turn(world, node);
}

void
world_init(struct world *world, uint64_t seed)
{
	memset(world, 0, sizeof(*world));
	world->random = seed;
	world->n_nodes = 2;
	world->n_routers = 1;
	world->advert_cs = 10;
	world->preempt = true;
	world->network.min_ns = NS_PER_MS / 10;
	world->network.max_ns = NS_PER_MS;
	for (size_t n = 0; n < NODES_MAX; n++) {
		world->nodes[n].rate = 1;
		for (size_t r = 0; r < ROUTERS_MAX; r++)
			world->nodes[n].priorities[r] = (uint8_t)(200 - 50 * n);
	}
	for (size_t r = 0; r < ROUTERS_MAX; r++) {
		world->watch.double_ns[r] = NEVER;
		world->watch.unheld_ns[r] = 0;
		world->watch.client[r] = NOBODY;
	}
}

void
world_fini(struct world *world)
{
	free(world->heap);
	world->heap = NULL;
}

void
world_begin(struct world *world)
{
	for (size_t n = 0; n < world->n_nodes; n++) {
		start_dataplane(world, n);
		start_control(world, n);
	}
}
