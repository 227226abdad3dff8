/* SPDX-License-Identifier: BSD-3-Clause */
/* What must be true at every step; docs/failover.md derives it.
 *
 *  1 Two nodes answer for an address only for so long as two clocks, a lease and the network's
 * delay explain. Where the network loses messages there is no such bound; when it has healed there
 *    is one again. Where it loses them in one direction only, there always is.
 *  2 While a node is well, the network is whole and nobody is killed or stopped, somebody answers
 *    within one patience.
 *  3 After a long time without faults exactly one node answers, and a client that was told by
 *    announcements alone knows which.
 *  5 A node goes on with the connections that it must know (connections.h).
 *  6 Views of a node come into force in the order in which it told them (sharing.c), and after a
 *    long time without faults all go by that of the node that holds.
 *  7 A node that comes back and was never cut off is told all before it takes an address from
 *    another one.
 *  4 No node answers for longer after its last advert than the others wait at the least. */
#include "world.h"

#include "connections.h"
#include "sharing.h"

#include <stdarg.h>
#include <string.h>

/* Between the processes of a node, and of a timer's own granularity. */
#define LOCAL_NS (10 * NS_PER_MS)

/* Six adverts make a router yield that is not heard. If the deaf one resigns in between it does so
 * for ten, and then the six begin anew. */
#define ONE_WAY_ADVERTS 26

void
check_fail(struct world *world, const char *format, ...)
{
	struct watch *watch = &world->watch;
	va_list args;

	if (watch->failure[0])
		return;
	va_start(args, format);
	vsnprintf(watch->failure, sizeof(watch->failure), format, args);
	va_end(args);
	world_say(world, "FAILURE: %s", watch->failure);
}

void
check_disturbed(struct world *world)
{
	world->watch.calm_ns = world->now_ns;
	world->watch.faults.known = false;
	memset(world->watch.look_ns, 0, sizeof(world->watch.look_ns));
	connections_learn(world);
}

/* Gates are opened after this time whatever is missing. */
#define GATE_SYNC_NS (GATE_SYNC_PATIENCE_MS * NS_PER_MS)

void
check_gained(struct world *world, size_t node, size_t router)
{
	uint64_t up_ns = world->now_ns - world->nodes[node].dataplane.started_ns;

	if (!world->sync || up_ns > GATE_SYNC_NS * 9 / 10)
		return;
	for (size_t n = 0; n < world->n_nodes; n++)
		if (n != node && world_answers(world, n, router) &&
			world_in_touch_ns(world, node, n) >= up_ns &&
			!sharing_was_told(world, node, n))
			check_fail(world, "n%zu takes r%zu from n%zu before it was told all", node,
				router, n);
}

static uint64_t
advert_ns(const struct world *world)
{
	/* Clocks run up to a twentieth fast or slow. */
	return (uint64_t)world->advert_cs * 10 * NS_PER_MS * 11 / 10;
}

/* Looks at what is wrong with the world. */
static void
look_at_faults(struct world *world)
{
	const struct network *network = &world->network;
	struct faults *faults = &world->watch.faults;

	*faults = (struct faults){.known = true, .impaired = network->loss_permille > 0};
	world->watch.lossy = world->watch.lossy || network->loss_permille > 0;
	for (size_t a = 0; a < world->n_nodes; a++) {
		const struct machine *node = &world->nodes[a];
		bool is_there = node->dataplane.runs && !node->dataplane.frozen;

		faults->stopped =
			faults->stopped || !is_there || node->control.frozen || !node->control.runs;
		for (size_t b = 0; b < world->n_nodes; b++) {
			if (network->cut[a][b])
				faults->impaired = true;
			if (network->cut[a][b] && network->cut[b][a])
				world->watch.lossy = true;
			if (!is_there || network->cut[a][b] || network->loss_permille)
				faults->apart[a][b] = faults->apart[b][a] = faults->any_apart =
					true;
		}
	}
}

/* For how long two may answer, from 'start_ns' on until now; NEVER: there is no bound now. */
static uint64_t
allowed_ns(const struct world *world, uint64_t start_ns)
{
	const struct watch *watch = &world->watch;
	uint64_t a_ns = advert_ns(world), delay_ns = world->network.max_ns + LOCAL_NS;
	/* Of several nodes each may take over from one that has just done so. */
	uint64_t allowed = (world->n_nodes - 1) * delay_ns;
	bool was_impaired =
		watch->impaired_ns != 0 && watch->impaired_ns + ONE_WAY_ADVERTS * a_ns > start_ns;
	bool was_stopped = watch->stopped_ns != 0 && watch->stopped_ns + 8 * a_ns > start_ns;

	if (watch->faults.impaired && watch->lossy)
		return NEVER;
	/* What is not there to hear that it should go, goes with its lease. */
	if (was_stopped)
		allowed += 5 * a_ns / 2;
	if (was_impaired && watch->lossy)
		allowed += watch->impaired_ns > start_ns ? watch->impaired_ns - start_ns + 4 * a_ns
							 : 4 * a_ns;
	else if (was_impaired)
		allowed += ONE_WAY_ADVERTS * a_ns;
	return allowed;
}

static void
end_double(struct world *world, size_t router, uint64_t end_ns)
{
	struct watch *watch = &world->watch;
	uint64_t start_ns = watch->double_ns[router];
	uint64_t allowed = allowed_ns(world, start_ns);

	if (end_ns - start_ns > watch->longest_double_ns &&
		(watch->impaired_ns == 0 || watch->impaired_ns + 8 * advert_ns(world) < start_ns))
		watch->longest_double_ns = end_ns - start_ns;
	if (allowed != NEVER && end_ns - start_ns > allowed)
		check_fail(world,
			"r%zu was answered for by two nodes for %.3f ms, allowed are %.3f", router,
			(double)(end_ns - start_ns) / NS_PER_MS, (double)allowed / NS_PER_MS);
}

/* When the second but last of those that answer now will stop to, at the latest. */
static uint64_t
double_end_ns(const struct world *world, size_t router)
{
	uint64_t last_ns = 0, second_ns = 0;

	for (size_t n = 0; n < world->n_nodes; n++) {
		uint64_t left, end_ns;

		if (!world_answers(world, n, router))
			continue;
		left = world->nodes[n].dataplane.holdings[router].until_ns - world_clock(world, n);
		end_ns = world->now_ns + (uint64_t)((double)left / world->nodes[n].rate);
		if (end_ns > last_ns) {
			second_ns = last_ns;
			last_ns = end_ns;
		} else if (end_ns > second_ns) {
			second_ns = end_ns;
		}
	}
	return second_ns;
}

/* Whether some node was well for so long that it should answer. */
static bool
somebody_should(const struct world *world, size_t router, uint64_t since_ns)
{
	for (size_t n = 0; n < world->n_nodes; n++) {
		const struct machine *node = &world->nodes[n];

		if (node->control.runs && !node->control.frozen && !node->control.ending &&
			node->dataplane.runs && !node->dataplane.frozen &&
			node->well_ns[router] <= since_ns)
			return true;
	}
	return false;
}

static void
check_unheld(struct world *world, size_t router)
{
	struct watch *watch = &world->watch;
	uint64_t since_ns = watch->unheld_ns[router];
	uint64_t patience_ns = 8 * advert_ns(world) + 4 * (world->network.max_ns + LOCAL_NS);

	if (since_ns < watch->calm_ns)
		since_ns = watch->calm_ns;
	if (since_ns < watch->impaired_ns)
		since_ns = watch->impaired_ns;
	if (watch->faults.impaired || world->now_ns - since_ns <= patience_ns ||
		!somebody_should(world, router, world->now_ns - patience_ns))
		return;
	check_fail(world, "r%zu has been answered for by nobody for %.3f ms, though a node is well",
		router, (double)(world->now_ns - since_ns) / NS_PER_MS);
}

static void
check_router(struct world *world, size_t router, uint64_t next_ns)
{
	/* Two and a half intervals, of a clock that may be slow. */
	uint64_t patience_ns = (uint64_t)world->advert_cs * 10 * NS_PER_MS * 27 / 10;
	struct watch *watch = &world->watch;
	unsigned int holders = 0;
	size_t n_answering = 0;
	uint64_t look_ns = 0, end_ns;

	for (size_t n = 0; n < world->n_nodes; n++) {
		if (!world_answers(world, n, router))
			continue;
		n_answering++;
		holders |= 1u << n;
		end_ns = world_true_ns(
			world, n, world->nodes[n].dataplane.holdings[router].until_ns);
		look_ns = world->nodes[n].sent_ns[router] + patience_ns;
		if (world->now_ns > look_ns)
			check_fail(world, "n%zu answers for r%zu %.3f ms after its last advert", n,
				router,
				(double)(world->now_ns - world->nodes[n].sent_ns[router]) /
					NS_PER_MS);
		if (end_ns < look_ns)
			look_ns = end_ns;
	}
	watch->look_ns[router] = n_answering == 1 ? look_ns : 0;
	if (holders != watch->holders[router])
		watch->changed_ns[router] = world->now_ns;
	watch->holders[router] = holders;
	if (n_answering > 0)
		watch->unheld_ns[router] = NEVER;
	else if (watch->unheld_ns[router] == NEVER)
		watch->unheld_ns[router] = world->now_ns;
	if (n_answering == 0)
		check_unheld(world, router);
	if (n_answering < 2) {
		if (watch->double_ns[router] != NEVER)
			end_double(world, router, world->now_ns);
		watch->double_ns[router] = NEVER;
		return;
	}
	if (watch->double_ns[router] == NEVER)
		watch->double_ns[router] = world->now_ns;
	end_ns = double_end_ns(world, router);
	if (end_ns < next_ns) {
		end_double(world, router, end_ns);
		watch->double_ns[router] = NEVER;
	} else {
		end_double(world, router, world->now_ns);
	}
}

/* When two dataplanes were last not both there, or something between them was lost. */
static void
note_apart(struct world *world)
{
	for (size_t a = 0; a < world->n_nodes; a++)
		for (size_t b = 0; b < world->n_nodes; b++)
			if (world->watch.faults.apart[a][b])
				world->watch.touched_ns[a][b] = world->now_ns;
}

uint64_t
world_in_touch_ns(const struct world *world, size_t a, size_t b)
{
	uint64_t since_ns = world->watch.touched_ns[a][b];

	if (since_ns < world->nodes[a].dataplane.started_ns)
		since_ns = world->nodes[a].dataplane.started_ns;
	if (since_ns < world->nodes[b].dataplane.started_ns)
		since_ns = world->nodes[b].dataplane.started_ns;
	return world->now_ns - since_ns;
}

void
check_step(struct world *world, uint64_t next_ns)
{
	struct watch *watch = &world->watch;

	if (!watch->faults.known)
		look_at_faults(world);
	if (watch->faults.impaired)
		watch->impaired_ns = world->now_ns;
	if (watch->faults.stopped)
		watch->stopped_ns = world->now_ns;
	if (watch->faults.any_apart)
		note_apart(world);
	for (size_t r = 0; r < world->n_routers; r++)
		if (world->now_ns >= watch->look_ns[r])
			check_router(world, r, next_ns);
}

/* After a long time without faults: all go by the holder's view, and nobody is behind. */
static void
check_views(struct world *world, size_t router, size_t holder)
{
	for (size_t n = 0; n < world->n_nodes; n++) {
		if (n == holder)
			continue;
		if (!sharing_was_told(world, n, holder))
			check_fail(world, "n%zu was not told all by n%zu", n, holder);
		else if (!sharing_knows_view(world, n, holder, router))
			check_fail(world, "n%zu does not go by the view of n%zu of r%zu", n, holder,
				router);
	}
}

void
check_settled(struct world *world)
{
	for (size_t r = 0; r < world->n_routers; r++) {
		size_t n_answering = 0, holder = NOBODY;

		for (size_t n = 0; n < world->n_nodes; n++) {
			if (!world_answers(world, n, r))
				continue;
			n_answering++;
			holder = n;
		}
		/* One that was not heard tries again after a minute, also just now; and the one
		 * before it may have announced once more when it heard that. The next rounds of
		 * the burst say how it is. */
		if (world->now_ns - world->watch.changed_ns[r] <
			2 * (ANNOUNCE_BURST_NS + world->network.max_ns) + LOCAL_NS)
			continue;
		if (n_answering != 1)
			check_fail(world, "r%zu is answered for by %zu nodes after all has healed",
				r, n_answering);
		else if (world->watch.client[r] != holder)
			check_fail(world, "r%zu is n%zu's, and the client was told n%u", r, holder,
				world->watch.client[r]);
		if (world->sync && n_answering == 1)
			check_views(world, r, holder);
		if (world->grouped && r > 0 && holder != NOBODY && !world_answers(world, holder, 0))
			check_fail(world, "the group is split: r%zu is n%zu's and r0 is not", r,
				holder);
	}
}
