/* SPDX-License-Identifier: BSD-3-Clause */
/* A client's connections; see connections.h. */
#include "connections.h"

#include "dataplane/wire.h"
#include "parts.h"
#include "sharing.h"

#define FIRST_PORT 20000

static bool
takes_packets(const struct world *world, size_t n)
{
	return n < world->n_nodes && world->nodes[n].dataplane.runs &&
	       !world->nodes[n].dataplane.frozen;
}

static void
note_seen(struct world *world, struct connection *connection, size_t n)
{
	size_t r = connection->router;

	connection->forwarded |= 1u << n;
	if (!world_answers(world, n, r))
		return;
	/* The holder tells of it when it sees it for the first time since it holds. */
	if (connection->holder != n || connection->holder_ns <= world->watch.changed_ns[r]) {
		connection->holder = (uint8_t)n;
		connection->holder_ns = world->now_ns;
	}
}

void
connections_open(struct world *world, size_t n)
{
	while (n-- > 0 && world->n_connections < CONNECTIONS_MAX) {
		struct connection *connection = &world->connections[world->n_connections];
		size_t i = world->n_connections, holder;

		*connection = (struct connection){
			.router = (uint8_t)(i % world->n_routers),
			.service = (uint8_t)(i / world->n_routers % STAGE_SERVICES),
			.port = (uint16_t)(FIRST_PORT + world->n_opened++),
			.holder = NOBODY,
		};
		holder = world->watch.client[connection->router];
		if (!world->sync || !takes_packets(world, holder) ||
			!world_answers(world, holder, connection->router))
			continue;
		sharing_send(world, holder, connection->router, connection->service,
			connection->port, TCP_FLAG_SYN);
		connection->ends = sharing_send(world, holder, connection->router,
			connection->service, connection->port, TCP_FLAG_ACK);
		if (connection->ends.backend < 0) {
			check_fail(world, "n%zu does not forward", holder);
			return;
		}
		note_seen(world, connection, holder);
		world_say(world, "c%u: r%u service %u: b%d by n%zu", connection->port,
			connection->router, connection->service, connection->ends.backend + 1,
			holder);
		world->n_connections++;
	}
}

static bool
is_same(const struct stage_ends *a, const struct stage_ends *b)
{
	return a->backend == b->backend && a->source == b->source &&
	       a->source_port == b->source_port;
}

/* Returns whether it goes on. Two packets make a connection established that nobody knew. */
static bool
ask(struct world *world, struct connection *connection)
{
	size_t node = world->watch.client[connection->router];
	struct stage_ends ends = connection->ends;

	if (!takes_packets(world, node))
		return true;
	for (unsigned int i = 0; i < 2 && is_same(&ends, &connection->ends); i++)
		ends = sharing_send(world, node, connection->router, connection->service,
			connection->port, TCP_FLAG_ACK);
	world->watch.n_asked++;
	world->watch.n_elsewhere += node != connection->holder;
	if (is_same(&ends, &connection->ends)) {
		note_seen(world, connection, node);
		return true;
	}
	world_say(world, "c%u: b%d by n%zu, where it was b%d", connection->port, ends.backend + 1,
		node, connection->ends.backend + 1);
	if ((connection->forwarded | connection->told | connection->settled) & (1u << node))
		check_fail(world, "c%u is lost by n%zu, which knew it", connection->port, node);
	world->watch.n_broken++;
	return false;
}

void
connections_ask(struct world *world)
{
	size_t n = 0;

	connections_learn(world);
	for (size_t i = 0; i < world->n_connections; i++)
		if (ask(world, &world->connections[i]))
			world->connections[n++] = world->connections[i];
	world->n_connections = n;
}

void
connections_told(struct world *world, size_t n, const struct sync_record *record)
{
	for (size_t i = 0; i < world->n_connections; i++) {
		struct connection *connection = &world->connections[i];

		if (connection->port != record->flow.client_port)
			continue;
		/* One that is said to be gone is to be computed from now on. */
		if (record->op == SYNC_FLOW_PUT)
			connection->told |= 1u << n;
		else
			connection->told &= ~(1u << n);
	}
}

void
connections_forget(struct world *world, size_t n)
{
	for (size_t i = 0; i < world->n_connections; i++) {
		struct connection *connection = &world->connections[i];

		connection->forwarded &= ~(1u << n);
		connection->told &= ~(1u << n);
		connection->settled &= ~(1u << n);
		if (connection->holder == n)
			connection->holder = NOBODY;
	}
}

void
connections_changed(struct world *world)
{
	connections_learn(world);
	world->views_ns = world->now_ns;
	for (size_t i = 0; i < world->n_connections; i++)
		world->connections[i].settled = 0;
}

/* Whether the holder has held alone since it saw the connection. */
static bool
is_with_holder(const struct world *world, const struct connection *connection)
{
	size_t r = connection->router;

	return connection->holder != NOBODY &&
	       world->watch.holders[r] == 1u << connection->holder &&
	       world->watch.changed_ns[r] <= connection->holder_ns;
}

void
connections_learn(struct world *world)
{
	for (size_t i = 0; i < world->n_connections; i++) {
		struct connection *connection = &world->connections[i];
		uint64_t since_ns = connection->holder_ns;

		if (since_ns < world->views_ns)
			since_ns = world->views_ns;
		if (world->now_ns - since_ns < SHARED_NS || !is_with_holder(world, connection))
			continue;
		for (size_t n = 0; n < world->n_nodes; n++)
			if (world_in_touch_ns(world, connection->holder, n) >= TOUCH_NS)
				connection->settled |= 1u << n;
	}
}
