/* SPDX-License-Identifier: BSD-3-Clause */
/* Which worker has a flow; see steer.h. */
#include "dataplane/steer.h"

#include "dataplane/hash.h"
#include "dataplane/stats.h"

#define N_PORTS 65536u

/* One of 'n'. Ports that follow one another make hash_local()'s upper bits follow one another, too,
 * with some seeds so closely that all are one worker's: hash_mix() undoes that. */
static uint32_t
spread(const struct steer *steer, const struct flow_key *key, uint64_t end, uint32_t n)
{
	uint64_t hash = hash_local(steer->seed, key->client_words[0], key->client_words[1], end);

	return hash_range((uint32_t)(hash_mix(hash) >> 32), n);
}

static uint16_t
by_client(const struct steer *steer, const struct flow_key *key)
{
	uint64_t end = (uint16_t)key->rest | (uint32_t)key->protocol << 16;

	return (uint16_t)spread(steer, key, end, steer->n_workers);
}

/* A flow that nothing comes back of through here is some worker's of its port. */
static uint16_t
by_flow(const struct steer *steer, const struct steer_port *port, const struct flow_key *key)
{
	return (uint16_t)(port->first_spread + spread(steer, key, key->rest, port->n_spread));
}

/* Where the port would have given the packet if it were no fragment. Of an ICMP error: packets of
 * the flow that it is about. */
static uint16_t
by_port(const struct rss *rss, const struct parsed *parsed)
{
	const struct rss_flow flow = {
		.family = parsed->target.family,
		.protocol = parsed->key.protocol,
		.source = parsed->key.client,
		.destination = parsed->target.address,
		.ports = (uint32_t)parsed->key.rest,
	};

	return rss_worker(rss, &flow);
}

static bool
is_whole(const struct parsed *parsed)
{
	return parsed->kind == PARSED_FLOW && parsed->fragment == 0;
}

/* Whose a client's packet is. */
static uint16_t
owner_of_client(const struct steering *steering, const struct packet *packet,
	const struct parsed *parsed, uint8_t mode)
{
	const struct steer_port *port = &steering->steer->ports[packet->in_port];

	if (mode != MODE_NAT && mode != MODE_FULLNAT)
		return by_flow(steering->steer, port, &parsed->key);
	if (mode == MODE_NAT || port->kind == STEER_UNKNOWN)
		return by_client(steering->steer, &parsed->key);
	if (port->kind == STEER_ONE || is_whole(parsed))
		return steering->worker;
	return by_port(port->rss, parsed);
}

/* Whether local ports are chosen so that the port itself brings packets home. */
static bool
chooses(const struct steer_port *port, uint8_t family, uint8_t protocol)
{
	return port->chooses && rss_takes_ports(port->rss, family, protocol);
}

static uint16_t
owner_of_return(const struct steer *steer, const struct packet *packet, const struct parsed *parsed)
{
	const struct steer_port *port = &steer->ports[packet->in_port];
	const struct flow_key *key = &parsed->key;

	if (!(key->family & FLOW_LOCAL))
		return by_client(steer, key);
	if (chooses(port, parsed->target.family, key->protocol))
		return by_port(port->rss, parsed);
	return be16_to(key->vip_port) % steer->n_workers;
}

static bool
has_others(const struct steering *steering)
{
	return steering->steer && steering->steer->n_workers > 1;
}

/* Says whose the packet is. */
static bool
steer_to(const struct steering *steering, struct packet *packet, uint16_t owner)
{
	packet->owner = owner;
	if (owner == steering->worker)
		return false;
	stats_add(&steering->events[PATH_STEERED_OUT], 1);
	return true;
}

bool
steer_away_client(const struct steering *steering, struct packet *packet,
	const struct parsed *parsed, uint8_t mode)
{
	if ((packet->flags & PACKET_STEERED) || !has_others(steering))
		return false;
	return steer_to(steering, packet, owner_of_client(steering, packet, parsed, mode));
}

bool
steer_away_return(const struct steering *steering, struct packet *packet,
	const struct parsed *parsed, bool known)
{
	if (packet->flags & PACKET_STEERED)
		return false;
	if (known)
		stats_add(&steering->events[PATH_RETURNS_HOME], 1);
	if (known || !has_others(steering))
		return false;
	return steer_to(steering, packet, owner_of_return(steering->steer, packet, parsed));
}

uint16_t
steer_local_port(
	const struct steering *steering, uint16_t port, const struct rss_flow *flow, uint32_t count)
{
	const struct steer *steer = steering->steer;
	uint32_t n = has_others(steering) ? steer->n_workers : 1;
	uint32_t n_own = (N_PORTS - STEER_PORT_MIN) / n;
	uint32_t first = STEER_PORT_MIN + (steering->worker + n - STEER_PORT_MIN % n) % n;

	if (n > 1 && chooses(&steer->ports[port], flow->family, flow->protocol))
		return rss_pick(
			steer->ports[port].rss, flow, steering->worker, count, STEER_PORT_MIN);
	return (uint16_t)(first + count % n_own * n);
}
