/* SPDX-License-Identifier: BSD-3-Clause */
/* RSS in software; see rss.h. */
#include "dataplane/rss.h"

#include "common/addr.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define BYTE_VALUES 256
#define PORT_BITS 16
#define N_PORTS (1u << PORT_BITS)

/* Where the ports stand in the input. */
#define PORTS4 8
#define PORTS6 32

struct rss {
	uint32_t parts[RSS_INPUT_MAX][BYTE_VALUES]; /* Of the hash, by place and value of a byte. */
	uint16_t workers[RSS_ENTRIES_MAX];
	/* Entries sorted by worker; those of worker w are from begins[w] on. */
	uint16_t order[RSS_ENTRIES_MAX];
	uint16_t begins[RSS_WORKERS_MAX + 1];
	/* By change of the entry: the change of the destination port that makes it; of IPv4, IPv6.
	 */
	uint16_t changes[2][RSS_ENTRIES_MAX];
	uint32_t mask;
	unsigned int n_bits; /* Of an entry's number. */
	uint8_t types;
};

/* 32 bits of the key from bit 'at' on. */
static uint32_t
window(const uint8_t *key, unsigned int at)
{
	uint64_t bits = 0;

	for (unsigned int i = 0; i < 5; i++)
		bits = bits << 8 | (at / 8 + i < RSS_KEY_SIZE ? key[at / 8 + i] : 0);
	return (uint32_t)(bits >> (8 - at % 8));
}

static void
fill_parts(struct rss *rss, const uint8_t *key)
{
	for (unsigned int place = 0; place < RSS_INPUT_MAX; place++) {
		for (unsigned int value = 0; value < BYTE_VALUES; value++) {
			uint32_t part = 0;

			for (unsigned int bit = 0; bit < 8; bit++)
				if (value & (0x80u >> bit))
					part ^= window(key, 8 * place + bit);
			rss->parts[place][value] = part;
		}
	}
}

/* What a destination port (host order) adds to the hash. */
static uint32_t
port_part(const struct rss *rss, bool is_v4, uint32_t port)
{
	const uint32_t(*parts)[BYTE_VALUES] = &rss->parts[(is_v4 ? PORTS4 : PORTS6) + 2];

	return parts[0][port >> 8] ^ parts[1][port & 0xff];
}

/* Returns whether the port's low bits lead to every entry. */
static bool
fill_changes(struct rss *rss, bool is_v4)
{
	uint16_t *changes = rss->changes[is_v4 ? 0 : 1];

	for (uint32_t port = 1; port <= rss->mask; port++) {
		uint32_t entry = port_part(rss, is_v4, port) & rss->mask;

		if (entry == 0 || changes[entry] != 0)
			return false;
		changes[entry] = (uint16_t)port;
	}
	return true;
}

static void
sort_entries(struct rss *rss)
{
	uint16_t n = 0;

	for (uint16_t worker = 0; worker < RSS_WORKERS_MAX; worker++) {
		rss->begins[worker] = n;
		for (uint32_t i = 0; i <= rss->mask; i++)
			if (rss->workers[i] == worker)
				rss->order[n++] = (uint16_t)i;
	}
	rss->begins[RSS_WORKERS_MAX] = n;
}

int
rss_new(struct rss **out, const struct rss_config *config)
{
	uint32_t n = config->n_entries;
	struct rss *rss;

	if (n == 0 || n > RSS_ENTRIES_MAX || (n & (n - 1)) != 0)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++)
		if (config->workers[i] >= RSS_WORKERS_MAX)
			return -EINVAL;
	rss = calloc(1, sizeof(*rss));
	if (!rss)
		return -ENOMEM;
	rss->mask = n - 1;
	rss->n_bits = (unsigned int)__builtin_ctz(n);
	rss->types = config->types;
	memcpy(rss->workers, config->workers, n * sizeof(rss->workers[0]));
	fill_parts(rss, config->key);
	sort_entries(rss);
	if (!fill_changes(rss, true) || !fill_changes(rss, false)) {
		rss_free(rss);
		return -EINVAL;
	}
	*out = rss;
	return 0;
}

void
rss_free(struct rss *rss)
{
	free(rss);
}

static uint32_t
hash_part(const uint32_t (*parts)[BYTE_VALUES], const void *input, unsigned int size)
{
	const uint8_t *bytes = input;
	uint32_t hash = 0;

	for (unsigned int i = 0; i < size; i++)
		hash ^= parts[i][bytes[i]];
	return hash;
}

uint32_t
rss_hash(const struct rss *rss, const struct rss_flow *flow, bool with_ports)
{
	unsigned int size = flow->family == ADDR_V4 ? 4 : 16;
	uint32_t hash = hash_part(rss->parts, flow->source, size) ^
			hash_part(rss->parts + size, flow->destination, size);

	if (with_ports)
		hash ^= hash_part(rss->parts + (size_t)2 * size, &flow->ports, sizeof(flow->ports));
	return hash;
}

bool
rss_takes_ports(const struct rss *rss, uint8_t family, uint8_t protocol)
{
	if (family == ADDR_V4)
		return rss->types & (protocol == IPPROTO_TCP ? RSS_TCP4 : RSS_UDP4);
	return rss->types & (protocol == IPPROTO_TCP ? RSS_TCP6 : RSS_UDP6);
}

uint16_t
rss_worker(const struct rss *rss, const struct rss_flow *flow)
{
	bool with_ports = rss_takes_ports(rss, flow->family, flow->protocol);

	return rss->workers[rss_hash(rss, flow, with_ports) & rss->mask];
}

bool
rss_covers(const struct rss *rss, uint16_t n)
{
	for (uint16_t worker = 0; worker < n; worker++)
		if (rss->begins[worker] == rss->begins[worker + 1])
			return false;
	return true;
}

uint16_t
rss_pick(const struct rss *rss, const struct rss_flow *flow, uint16_t worker, uint32_t count,
	uint16_t least)
{
	bool is_v4 = flow->family == ADDR_V4;
	uint32_t n_own = (uint32_t)(rss->begins[worker + 1] - rss->begins[worker]);
	uint32_t lowest = least >> rss->n_bits;
	uint32_t n_high = (N_PORTS >> rss->n_bits) - lowest;
	struct rss_flow tried = *flow;
	uint32_t entry, port;

	if (n_own == 0)
		return 0;
	entry = rss->order[rss->begins[worker] + count % n_own];
	port = (lowest + count / n_own % n_high) << rss->n_bits;
	tried.ports &= 0xffff;
	entry ^= rss_hash(rss, &tried, true) ^ port_part(rss, is_v4, port);
	port |= rss->changes[is_v4 ? 0 : 1][entry & rss->mask];
	return port < least ? 0 : (uint16_t)port;
}
