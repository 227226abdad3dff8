/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulated cluster: clocks, network and time; see world.h. */
#include "parts.h"

#include "connections.h"
#include "sharing.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Messages between the processes of a node. */
#define LOCAL_MIN_NS (20 * NS_PER_MS / 1000)
#define LOCAL_MAX_NS (2 * NS_PER_MS)

/* splitmix64 */
uint64_t
world_next_random(struct world *world)
{
	uint64_t z = (world->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t
world_random(struct world *world, uint32_t n)
{
	return (uint32_t)((world_next_random(world) >> 32) * n >> 32);
}

uint64_t
world_between(struct world *world, uint64_t min_ns, uint64_t max_ns)
{
	return min_ns + world_next_random(world) % (max_ns - min_ns + 1);
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
	double rate = world->nodes[node].rate;

	if (rate == 1)
		return base_ns(node) + world->now_ns;
	return base_ns(node) + (uint64_t)((double)world->now_ns * rate);
}

uint64_t
world_true_ns(const struct world *world, size_t node, uint64_t own_ns)
{
	if (own_ns == NEVER)
		return NEVER;
	if (own_ns <= base_ns(node))
		return 0;
	if (world->nodes[node].rate == 1)
		return own_ns - base_ns(node);
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

const struct datagram *
world_datagram(struct world *world, const uint8_t *bytes, size_t size)
{
	size_t align = alignof(struct datagram);
	size_t needed = (sizeof(struct datagram) + size + align - 1) / align * align;
	struct datagram *datagram;

	if (!world->room || world->room->used + needed > sizeof(world->room->bytes)) {
		struct room *room = malloc(sizeof(*room));

		if (!room)
			abort();
		room->next = world->room;
		room->used = 0;
		world->room = room;
	}
	datagram = (struct datagram *)(world->room->bytes + world->room->used);
	world->room->used += needed;
	datagram->size = size;
	memcpy(datagram->bytes, bytes, size);
	return datagram;
}

/* Sends over the network, which may lose it or double it. */
void
world_send_over(struct world *world, const struct message *message)
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
		send_after(world, *message, world_between(world, network->min_ns, network->max_ns));
}

void
world_broadcast(struct world *world, struct message message, bool to_client)
{
	for (size_t i = 0; i < world->n_nodes; i++) {
		message.to = (uint8_t)i;
		if (i != message.from)
			world_send_over(world, &message);
	}
	message.to = NOBODY;
	if (to_client)
		world_send_over(world, &message);
}

void
world_send_local(struct world *world, const struct message *message)
{
	send_after(world, *message, world_between(world, LOCAL_MIN_NS, LOCAL_MAX_NS));
}

/* What does not fit is lost, as in a socket's buffer. */
void
world_keep(struct waiting *waiting, const struct message *message)
{
	if (waiting->n < WAITING_MAX)
		waiting->messages[waiting->n++] = *message;
}

void
world_pass(struct world *world, size_t n, const struct message *message)
{
	struct control *control = &world->nodes[n].control;
	struct holding *holding = &world->nodes[n].dataplane.holdings[message->router];

	if (message->kind == MESSAGE_LEASE) {
		if (message->epoch == world->nodes[n].dataplane.epoch)
			dataplane_take_lease(world, n, message);
	} else if (message->kind == MESSAGE_ANNOUNCEMENT) {
		if (world_answers(world, n, message->router))
			announce_again(&holding->schedule, world_clock(world, n));
	} else if (message->kind == MESSAGE_SYNC) {
		sharing_hear(world, n, message);
	} else if (control->runs && control->frozen) {
		world_keep(&control->waiting, message);
	} else if (control->runs) {
		control_hear(world, n, message);
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
			world_keep(&node->control.waiting, message);
		else if (node->control.runs)
			control_hear(world, message->to, message);
	} else if (node->dataplane.runs && node->dataplane.frozen) {
		world_keep(&node->dataplane.waiting, message);
	} else if (node->dataplane.runs) {
		world_pass(world, message->to, message);
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
		if (sharing_next_ns(world, n) < own_ns)
			own_ns = sharing_next_ns(world, n);
		for (size_t r = 0; r < world->n_routers; r++)
			if (node->dataplane.holdings[r].schedule.next_ns < own_ns)
				own_ns = node->dataplane.holdings[r].schedule.next_ns;
	}
	return world_true_ns(world, n, own_ns);
}

static void
run_node(struct world *world, size_t n)
{
	struct machine *node = &world->nodes[n];

	if (node->control.runs && !node->control.frozen)
		control_run(world, n);
	if (!node->dataplane.runs || node->dataplane.frozen)
		return;
	dataplane_announce(world, n);
	if (sharing_next_ns(world, n) <= world_clock(world, n))
		sharing_run(world, n);
}

/* The same, and not in the past. It is looked for anew only when something was done to the node. */
static uint64_t
due_ns(struct world *world, size_t n)
{
	struct machine *node = &world->nodes[n];

	if (!node->due_known) {
		node->due_ns = next_of(world, n);
		node->due_known = true;
	}
	return node->due_ns > world->now_ns ? node->due_ns : world->now_ns;
}

void
world_run(struct world *world, uint64_t ns)
{
	for (size_t n = 0; n < world->n_nodes; n++)
		world->nodes[n].due_known = false;
	while (!world->watch.failure[0]) {
		uint64_t next_ns = world->n_heap > 0 ? world->heap[0].at_ns : NEVER;
		size_t who = NOBODY;

		for (size_t n = 0; n < world->n_nodes; n++) {
			uint64_t at_ns = due_ns(world, n);

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
			who = message.to;
		} else {
			run_node(world, who);
		}
		if (who != NOBODY)
			world->nodes[who].due_known = false;
	}
	check_step(world, ns);
	world->now_ns = ns;
}

/* --- The whole --- */

void
world_init(struct world *world, struct stage *stage, uint64_t seed)
{
	memset(world, 0, sizeof(*world));
	world->stage = stage;
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
	struct room *next;

	for (size_t n = 0; n < NODES_MAX; n++)
		sharing_fini(world, n);
	for (; world->room; world->room = next) {
		next = world->room->next;
		free(world->room);
	}
	stage_tidy(world->stage);
	free(world->heap);
	world->heap = NULL;
}

void
world_begin(struct world *world)
{
	for (size_t n = 0; n < world->n_nodes; n++)
		dataplane_start(world, n);
	for (size_t n = 0; n < world->n_nodes; n++)
		control_start(world, n);
}
