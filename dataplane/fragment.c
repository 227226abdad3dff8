/* SPDX-License-Identifier: BSD-3-Clause */
/* The fragment table; see fragment.h.
 *
 * Sets of FRAGMENT_WAYS datagrams, found by a hash under the worker's secret seed. Held packets
 * are in an array of their own and name the datagram that they wait for; a datagram counts them,
 * so that they are made due whenever it is decided or forgotten. */
#include "dataplane/fragment.h"

#include "dataplane/hash.h"
#include "dataplane/stats.h"

#include <errno.h>
#include <stddef.h>

#define LINE_BYTES 64
#define FRAGMENT_WAYS 8
#define FRAGMENT_SETS (FRAGMENT_PACKETS / FRAGMENT_WAYS)
#define PACKET_BYTES_MAX 65535u
#define N_IDS 65536u
#define FINE V_FORWARD

static_assert((FRAGMENT_SETS & (FRAGMENT_SETS - 1)) == 0, "a set is chosen by a mask");

/* IPv4: RFC 791 3.2; IPv6: RFC 8200 4.5, where the protocol is no part of it and 0 here. */
struct datagram_key {
	uint8_t source[16];
	uint8_t destination[16];
	uint32_t id; /* As on the wire. */
	uint8_t protocol;
	uint8_t family; /* enum addr_family, ADDR_NONE: unused. */
	uint8_t reserved[2];
};

/* Bytes [begin, end) of a datagram's payload. */
struct piece {
	uint16_t begin;
	uint16_t end;
};

struct datagram {
	struct datagram_key key;
	uint32_t ports;   /* As flow_key_rest() takes them. */
	uint32_t n_bytes; /* Of all pieces. */
	uint32_t total;   /* Bytes of the whole, once the last fragment came; else 0. */
	uint64_t seen_ns;
	uint8_t protocol; /* That the first fragment has; 0: it has not come. */
	bool refused;     /* Fragments overlap: none passes any more. */
	uint8_t n_held;
	uint8_t n_pieces;
	uint16_t id; /* For fragment_id of its fragments. */
	struct piece pieces[FRAGMENT_PIECES_MAX];
};

static_assert(sizeof(struct datagram) <= 576, "as fragment.h says");

struct held {
	struct packet packet;      /* buffer NULL: free. */
	struct datagram *datagram; /* NULL: due, nothing to wait for. */
	uint64_t until_ns;
};

struct fragment_table {
	struct datagram *datagrams;
	uint64_t seed;
	uint64_t *events; /* By enum path_event. */
	uint64_t due_ns;  /* No held packet is due before; UINT64_MAX: none is held. */
	unsigned int n_held;
	uint32_t n_ids; /* Given so far. */
	uint16_t id_first;
	uint16_t id_step;
	struct memory memory;
	struct held held[FRAGMENT_HELD_MAX];
};

/* One fragment as its header tells. */
struct fragment {
	struct datagram_key key;
	struct piece piece;
	bool more;
};

/* Reads the header. Returns FINE or V_DROP_FRAGMENT_BAD. */
static enum verdict
read_fragment(const struct packet *packet, const struct parsed *parsed, struct fragment *out)
{
	const uint8_t *data = packet->data;
	uint32_t begin, size;

	memset(out, 0, sizeof(*out));
	out->key.family = parsed->target.family;
	memcpy(out->key.destination, parsed->target.address, sizeof(out->key.destination));
	memcpy(out->key.source, parsed->key.client, sizeof(out->key.source));
	if (parsed->target.family == ADDR_V4) {
		const struct wire_ipv4 *ip = (const struct wire_ipv4 *)(data + parsed->fragment);
		uint16_t word = be16_to(ip->fragment);

		out->key.id = load32(&ip->id) & 0xffff;
		out->key.protocol = ip->protocol;
		out->more = (word & IPV4_MORE_FRAGMENTS) != 0;
		begin = (word & IPV4_OFFSET_MASK) * 8u;
		size = (uint32_t)(parsed->end - parsed->l4);
	} else {
		const struct wire_fragment *header =
			(const struct wire_fragment *)(data + parsed->fragment);
		uint16_t word = be16_to(header->offset);

		out->key.id = load32(&header->id);
		out->more = (word & 1) != 0;
		begin = word & 0xfff8u;
		size = (uint32_t)(parsed->end - parsed->fragment) - (uint32_t)sizeof(*header);
	}
	/* RFC 8200 4.5; the same holds for IPv4 by the unit of its offset. */
	if (size == 0 || (out->more && size % 8 != 0) || begin + size > PACKET_BYTES_MAX)
		return V_DROP_FRAGMENT_BAD;
	out->piece = (struct piece){(uint16_t)begin, (uint16_t)(begin + size)};
	return FINE;
}

/* A later fragment must not reach into a TCP header; an UDP header has just one unit. */
static bool
is_tiny(const struct parsed *parsed, const struct fragment *fragment)
{
	return parsed->headless && parsed->l4_protocol == IPPROTO_TCP &&
	       fragment->piece.begin < sizeof(struct wire_tcp);
}

static struct datagram *
set_of(const struct fragment_table *table, const struct datagram_key *key)
{
	const uint8_t *bytes = (const uint8_t *)key;
	uint64_t hash =
		hash_local(table->seed, load64(bytes), load64(bytes + 8), load64(bytes + 16));

	hash = hash_local(hash, load64(bytes + 24), load64(bytes + 32), 0);
	return &table->datagrams[(hash & (FRAGMENT_SETS - 1)) * FRAGMENT_WAYS];
}

static bool
is_alive(const struct datagram *datagram, uint64_t now_ns)
{
	return datagram->key.family != ADDR_NONE && now_ns - datagram->seen_ns < FRAGMENT_LIFE_NS;
}

/* All of it came, so what comes now under its identification is another one. */
static bool
is_complete(const struct datagram *datagram)
{
	return datagram->total != 0 && datagram->n_bytes == datagram->total && !datagram->refused;
}

static struct datagram *
find(const struct fragment_table *table, const struct datagram_key *key, uint64_t now_ns)
{
	struct datagram *set = set_of(table, key);

	for (unsigned int i = 0; i < FRAGMENT_WAYS; i++)
		if (memcmp(&set[i].key, key, sizeof(*key)) == 0)
			return is_alive(&set[i], now_ns) ? &set[i] : NULL;
	return NULL;
}

/* What waited for the datagram need wait no longer. */
static void
make_due(struct fragment_table *table, struct datagram *datagram)
{
	if (datagram->n_held == 0)
		return;
	for (unsigned int i = 0; i < FRAGMENT_HELD_MAX; i++)
		if (table->held[i].packet.buffer && table->held[i].datagram == datagram)
			table->held[i].datagram = NULL;
	datagram->n_held = 0;
	table->due_ns = 0;
}

static void
forget(struct fragment_table *table, struct datagram *datagram)
{
	make_due(table, datagram);
	datagram->key.family = ADDR_NONE;
}

/* What another worker has told already it has counted. */
static void
count(const struct fragment_table *table, const struct packet *packet, enum path_event event)
{
	if (!(packet->flags & PACKET_STEERED))
		stats_add(&table->events[event], 1);
}

/* Packets of different senders get one sender's address by translation, and their own
 * identifications might then be the same. */
static uint16_t
next_id(struct fragment_table *table)
{
	uint32_t n = N_IDS / table->id_step;

	return (uint16_t)(table->n_ids++ % n * table->id_step + table->id_first);
}

/* Enters a datagram that find() does not find, in the place of one that is over or of the one
 * longest idle. */
static struct datagram *
enter(struct fragment_table *table, const struct datagram_key *key, uint64_t now_ns)
{
	struct datagram *set = set_of(table, key);
	struct datagram *oldest = set;

	for (unsigned int i = 0; i < FRAGMENT_WAYS; i++) {
		if (!is_alive(&set[i], now_ns) || is_complete(&set[i])) {
			oldest = &set[i];
			break;
		}
		if (set[i].seen_ns < oldest->seen_ns)
			oldest = &set[i];
	}
	if (is_alive(oldest, now_ns) && !is_complete(oldest))
		stats_add(&table->events[PATH_FRAGMENTS_FORGOTTEN], 1);
	forget(table, oldest);
	memset(oldest, 0, offsetof(struct datagram, pieces));
	oldest->key = *key;
	oldest->seen_ns = now_ns;
	oldest->id = next_id(table);
	return oldest;
}

/* Compares with what came before and notes the fragment. */
static enum verdict
add_piece(struct datagram *datagram, const struct fragment *fragment)
{
	struct piece piece = fragment->piece;

	if (datagram->refused)
		return V_DROP_FRAGMENT_OVERLAP;
	for (unsigned int i = 0; i < datagram->n_pieces; i++) {
		struct piece other = datagram->pieces[i];

		/* One that a network sent twice is no reason to refuse the rest (RFC 8200 4.5). */
		if (piece.begin == other.begin && piece.end == other.end)
			return V_DROP_FRAGMENT_DUPLICATE;
		if ((piece.begin < other.end && other.begin < piece.end) ||
			(!fragment->more && other.end > piece.end))
			datagram->refused = true;
	}
	/* Two ends, or something behind the end. */
	if (datagram->total && (!fragment->more || piece.end > datagram->total))
		datagram->refused = true;
	if (datagram->refused)
		return V_DROP_FRAGMENT_OVERLAP;
	if (datagram->n_pieces == FRAGMENT_PIECES_MAX)
		return V_DROP_FRAGMENT_FULL;
	datagram->pieces[datagram->n_pieces++] = piece;
	datagram->n_bytes += (uint32_t)(piece.end - piece.begin);
	if (!fragment->more)
		datagram->total = piece.end;
	return FINE;
}

/* Asked before a datagram is entered: what cannot be held must not push others out. */
static bool
can_hold(const struct fragment_table *table, const struct packet *packet)
{
	return packet->buffer && table->n_held < FRAGMENT_HELD_MAX;
}

/* Keeps a packet until the datagram's first fragment comes. */
static enum verdict
hold(struct fragment_table *table, struct datagram *datagram, const struct packet *packet,
	uint64_t now_ns)
{
	struct held *held = table->held;

	while (held->packet.buffer)
		held++;
	held->packet = *packet;
	held->packet.flags |= PACKET_WAS_HELD;
	held->datagram = datagram;
	held->until_ns = now_ns + FRAGMENT_HOLD_NS;
	datagram->n_held++;
	table->n_held++;
	if (held->until_ns < table->due_ns)
		table->due_ns = held->until_ns;
	count(table, packet, PATH_FRAGMENTS_HELD);
	return V_HOLD;
}

/* Gives a later fragment the ports of the first one. */
static enum verdict
give_ports(struct parsed *parsed, const struct datagram *datagram)
{
	uint8_t family = parsed->target.family;
	uint32_t ports = datagram->ports;

	parsed->target.rest = service_key_rest((uint16_t)(ports >> 16), datagram->protocol, family);
	parsed->key.rest = flow_key_rest(ports, 0, datagram->protocol, family);
	parsed->signal = FLOW_SIGNAL_NONE;
	parsed->l4_protocol = datagram->protocol;
	parsed->fragment_id = datagram->id;
	return FINE;
}

/* One that was held: it is in the datagram's account already. */
static enum verdict
follow_again(struct fragment_table *table, const struct packet *packet, struct parsed *parsed,
	const struct fragment *fragment, uint64_t now_ns)
{
	const struct datagram *datagram = find(table, &fragment->key, now_ns);

	if (datagram && datagram->refused)
		return V_DROP_FRAGMENT_OVERLAP;
	if (!datagram || !datagram->protocol)
		return V_DROP_FRAGMENT_LOST;
	count(table, packet, PATH_FRAGMENTS_FOLLOWED);
	return give_ports(parsed, datagram);
}

static enum verdict
follow(struct fragment_table *table, const struct packet *packet, struct parsed *parsed,
	uint64_t now_ns)
{
	struct fragment fragment;
	enum verdict problem = read_fragment(packet, parsed, &fragment);
	struct datagram *datagram;

	if (problem != FINE)
		return problem;
	if (is_tiny(parsed, &fragment))
		return V_DROP_FRAGMENT_TINY;
	if (packet->flags & PACKET_WAS_HELD)
		return follow_again(table, packet, parsed, &fragment, now_ns);
	datagram = find(table, &fragment.key, now_ns);
	if (datagram && is_complete(datagram)) {
		forget(table, datagram);
		datagram = NULL;
	}
	if (parsed->headless && !(datagram && datagram->protocol) && !can_hold(table, packet))
		return V_DROP_FRAGMENT_FULL;
	if (!datagram)
		datagram = enter(table, &fragment.key, now_ns);
	datagram->seen_ns = now_ns;
	problem = add_piece(datagram, &fragment);
	if (datagram->refused)
		make_due(table, datagram);
	if (problem != FINE)
		return problem;
	if (!parsed->headless) {
		datagram->ports = (uint32_t)parsed->key.rest;
		datagram->protocol = parsed->l4_protocol;
		make_due(table, datagram);
		count(table, packet, PATH_FRAGMENTS_FIRST);
		parsed->fragment_id = datagram->id;
		return FINE;
	}
	if (!datagram->protocol)
		return hold(table, datagram, packet, now_ns);
	count(table, packet, PATH_FRAGMENTS_FOLLOWED);
	return give_ports(parsed, datagram);
}

void
fragment_follow(struct fragment_table *table, const struct packet *packet, struct parsed *parsed,
	uint64_t now_ns)
{
	enum verdict problem = follow(table, packet, parsed, now_ns);

	parsed->kind = problem == FINE ? PARSED_FLOW : PARSED_BAD;
	parsed->problem = (uint8_t)problem;
}

unsigned int
fragment_release(
	struct fragment_table *table, struct packet *packets, unsigned int n_max, uint64_t now_ns)
{
	uint64_t due_ns = UINT64_MAX;
	unsigned int n = 0;

	if (now_ns < table->due_ns)
		return 0;
	for (unsigned int i = 0; i < FRAGMENT_HELD_MAX; i++) {
		struct held *held = &table->held[i];

		if (!held->packet.buffer)
			continue;
		if (n < n_max && (!held->datagram || now_ns >= held->until_ns)) {
			if (held->datagram)
				held->datagram->n_held--;
			packets[n++] = held->packet;
			held->packet.buffer = NULL;
			table->n_held--;
		} else {
			uint64_t until_ns = held->datagram ? held->until_ns : 0;

			due_ns = until_ns < due_ns ? until_ns : due_ns;
		}
	}
	table->due_ns = due_ns;
	return n;
}

void *
fragment_abandon(struct fragment_table *table)
{
	struct packet packet;

	return fragment_release(table, &packet, 1, UINT64_MAX) ? packet.buffer : NULL;
}

void
fragment_set_ids(struct fragment_table *table, uint16_t first, uint16_t n)
{
	table->id_first = first;
	table->id_step = n;
}

int
fragment_table_new(
	struct fragment_table **out, uint64_t seed, const struct memory *memory, uint64_t *events)
{
	struct fragment_table *table = memory->alloc(memory->ctx, sizeof(*table), LINE_BYTES);

	if (!table)
		return -ENOMEM;
	table->memory = *memory;
	table->seed = seed;
	table->events = events;
	table->due_ns = UINT64_MAX;
	table->n_ids = (uint32_t)(seed >> 32); /* Not those of before a restart. */
	fragment_set_ids(table, 0, 1);
	table->datagrams = memory->alloc(
		memory->ctx, FRAGMENT_PACKETS * sizeof(*table->datagrams), LINE_BYTES);
	if (!table->datagrams) {
		fragment_table_free(table);
		return -ENOMEM;
	}
	*out = table;
	return 0;
}

void
fragment_table_free(struct fragment_table *table)
{
	struct memory memory;

	if (!table)
		return;
	memory = table->memory;
	memory.free(memory.ctx, table->datagrams);
	memory.free(memory.ctx, table);
}
