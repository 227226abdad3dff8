/* SPDX-License-Identifier: BSD-3-Clause */
/* What is done to the simulated cluster; see world.h. */
#include "parts.h"
#include "sharing.h"

/* As pulse.c has it. */
#define LATE_NS (300 * NS_PER_MS)

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
		sharing_stop(world, node);
		if (control->runs && !control->frozen) {
			control_set_connected(world, node, false);
			control_finish_turn(world, node);
		}
	}
}

void
world_start(struct world *world, size_t node, unsigned int processes)
{
	check_disturbed(world);
	if ((processes & PROCESS_DATAPLANE) && !world->nodes[node].dataplane.runs)
		dataplane_start(world, node);
	if ((processes & PROCESS_CONTROL) && !world->nodes[node].control.runs)
		control_start(world, node);
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
		world_broadcast(world, dataplane->outgoing.messages[i], false);
	dataplane->outgoing.n = 0;
	dataplane->waiting.n = 0;
	for (size_t i = 0; i < n_waiting && dataplane->runs; i++)
		world_pass(world, n, &dataplane->waiting.messages[i]);
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
	control_run_all(world, node, &(struct vrrp_event){.kind = VRRP_EVENT_SHUTDOWN});
	control_finish_turn(world, node);
}

void
world_resign(struct world *world, size_t node)
{
	struct control *control = &world->nodes[node].control;

	check_disturbed(world);
	if (!control->runs || control->frozen)
		return;
	world_say(world, "n%zu: resigns", node);
	control_run_all(world, node, &(struct vrrp_event){.kind = VRRP_EVENT_RESIGN});
	control_finish_turn(world, node);
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
	control_update_gate(world, node);
	control_finish_turn(world, node);
}

void
world_reweigh(struct world *world, size_t node, unsigned int weighing)
{
	check_disturbed(world);
	world_say(world, "n%zu: weighing %u", node, weighing);
	world->nodes[node].weighing = weighing;
	sharing_reweigh(world, node);
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
	control_run_router(world, node, router, &event);
	control_finish_turn(world, node);
}
