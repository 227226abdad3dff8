/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive side scaling as a port does it, computed in software: which worker a packet comes to, and
 * with what destination port it would come to another.
 *
 * A port that has RSS takes the Toeplitz hash of a packet's addresses and ports under its key, and
 * the low bits of that choose an entry of its indirection table. The hash is linear: the bits that
 * it changes by when bits of the input change do not depend on the rest of the input. So for every
 * change of the entry there is one change of the destination port's low bits that makes it, if only
 * the key allows that; rte_thash_adjust_tuple() rests on the same. */
#ifndef DATAPLANE_RSS_H
#define DATAPLANE_RSS_H

#include "common/be.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSS_KEY_SIZE 40 /* Bytes of the key that the hash of an IPv6 flow uses. */
#define RSS_INPUT_MAX 36
#define RSS_ENTRIES_MAX 2048 /* Of the indirection table. */
#define RSS_WORKERS_MAX 128

/* Bits of rss_config.types: whose ports the port's hash includes. */
#define RSS_TCP4 0x01
#define RSS_UDP4 0x02
#define RSS_TCP6 0x04
#define RSS_UDP6 0x08

struct rss_config {
	const uint8_t *key;      /* RSS_KEY_SIZE bytes at least. */
	const uint16_t *workers; /* Of each entry, below RSS_WORKERS_MAX. */
	uint32_t n_entries;      /* A power of two. */
	uint8_t types;
};

/* A flow as the packet has it: 'ports' is the source port in the lower half and the destination
 * port in the upper one, each as on the wire. */
struct rss_flow {
	uint8_t family; /* enum addr_family */
	uint8_t protocol;
	const uint8_t *source;
	const uint8_t *destination;
	uint32_t ports;
};

struct rss;

/* Returns 0, -EINVAL if the sizes are out of range or with such a key not every entry can be
 * reached by the destination port, or -ENOMEM. */
int rss_new(struct rss **out, const struct rss_config *config);
void rss_free(struct rss *rss);

/* The Toeplitz hash of the flow, with its ports or of its addresses alone. */
uint32_t rss_hash(const struct rss *rss, const struct rss_flow *flow, bool with_ports);

/* Whether the ports of such a flow are in the port's hash. */
bool rss_takes_ports(const struct rss *rss, uint8_t family, uint8_t protocol);

/* Where unfragmented packets of the flow come to. */
uint16_t rss_worker(const struct rss *rss, const struct rss_flow *flow);

/* Whether each of the workers 0 to 'n' - 1 receives something. */
bool rss_covers(const struct rss *rss, uint16_t n);

/* The destination port number 'count' (host order, not below 'least', a power of two) with which
 * the flow comes to 'worker'; its own is not looked at. Counting on goes through all there are. 0:
 * this one is below 'least'; then the next one is to be tried. */
uint16_t rss_pick(const struct rss *rss, const struct rss_flow *flow, uint16_t worker,
	uint32_t count, uint16_t least);

#endif /* DATAPLANE_RSS_H */
