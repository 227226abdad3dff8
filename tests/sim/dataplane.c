/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated dataplane: what holder.c does. */
#include "parts.h"
#include "sharing.h"

bool
world_answers(const struct world *world, size_t node, size_t router)
{
	const struct dataplane *dataplane = &world->nodes[node].dataplane;

	return dataplane->runs && !dataplane->frozen &&
	       world_clock(world, node) < dataplane->holdings[router].until_ns;
}

void
dataplane_take_lease(struct world *world, size_t n, const struct message *message)
{
	struct dataplane *dataplane = &world->nodes[n].dataplane;
	struct message done = {.kind = MESSAGE_LEASE_DONE,
		.from = (uint8_t)n,
		.to = (uint8_t)n,
		.epoch = dataplane->epoch};
	uint64_t now_ns = world_clock(world, n);

	for (size_t r = 0; r < world->n_routers; r++) {
		struct holding *holding = &dataplane->holdings[r];

		world->watch.look_ns[r] = 0;
		holding->held = holding->held && now_ns < holding->until_ns;
		holding->until_ns = message->until_ns[r];
		sharing_hold(world, n, r, holding->until_ns, !holding->held);
		if (!holding->held && now_ns < holding->until_ns) {
			check_gained(world, n, r);
			holding->held = true;
			announce_start(&holding->schedule, now_ns);
		} else if (now_ns >= holding->until_ns) {
			holding->held = false;
			announce_stop(&holding->schedule);
		}
		if (message->announce[r])
			announce_again(&holding->schedule, now_ns);
	}
	world_send_local(world, &done);
}

void
dataplane_announce(struct world *world, size_t n)
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
			world_broadcast(world, message, true);
		}
	}
}

void
dataplane_start(struct world *world, size_t n)
{
	struct dataplane *dataplane = &world->nodes[n].dataplane;

	dataplane->runs = true;
	dataplane->frozen = false;
	dataplane->waiting.n = 0;
	dataplane->outgoing.n = 0;
	dataplane->epoch++;
	dataplane->started_ns = world->now_ns;
	for (size_t r = 0; r < world->n_routers; r++) {
		dataplane->holdings[r] = (struct holding){.held = false};
		announce_init(&dataplane->holdings[r].schedule);
	}
	sharing_start(world, n);
}
