/* SPDX-License-Identifier: BSD-3-Clause */
/* A port's RSS; see port_rss.h. */
#define ALLOW_EXPERIMENTAL_API /* rte_thash's helpers. */

#include "dataplane/port_rss.h"

#include "common/log.h"

#include <errno.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_thash.h>

LOG_MODULE("port");

/* Where the destination port stands in the hash's input, in bits. */
#define PORT_BITS 16
#define PORT_AT4 80
#define PORT_AT6 272

int
port_rss_make_key(uint8_t *key, size_t size, uint32_t n_entries)
{
	struct rte_thash_ctx *ctx;
	int rc;

	if (size < RSS_KEY_SIZE || size > PORT_RSS_KEY_MAX || n_entries < 2 ||
		n_entries > RSS_ENTRIES_MAX || (n_entries & (n_entries - 1)) != 0)
		return -EINVAL;
	/* The key's part for the port may repeat itself: only the port's low bits need be told
	 * from each other. */
	ctx = rte_thash_init_ctx("weir", (uint32_t)size, (uint32_t)__builtin_ctz(n_entries), NULL,
		RTE_THASH_IGNORE_PERIOD_OVERFLOW);
	if (!ctx)
		return -ENOMEM;
	rc = rte_thash_add_helper(ctx, "port4", PORT_BITS, PORT_AT4);
	if (rc == 0)
		rc = rte_thash_add_helper(ctx, "port6", PORT_BITS, PORT_AT6);
	if (rc == 0)
		memcpy(key, rte_thash_get_key(ctx), size);
	rte_thash_free_ctx(ctx);
	return rc;
}

/* Which packets the port takes the ports of. */
static uint8_t
types_of(uint64_t rss_hf)
{
	static const struct {
		uint64_t wanted;
		uint8_t type;
	} types[] = {
		{RTE_ETH_RSS_NONFRAG_IPV4_TCP, RSS_TCP4},
		{RTE_ETH_RSS_NONFRAG_IPV4_UDP, RSS_UDP4},
		{RTE_ETH_RSS_NONFRAG_IPV6_TCP, RSS_TCP6},
		{RTE_ETH_RSS_NONFRAG_IPV6_UDP, RSS_UDP6},
	};
	uint8_t out = 0;

	for (size_t i = 0; i < RTE_DIM(types); i++)
		if (rss_hf & types[i].wanted)
			out |= types[i].type;
	return out;
}

/* Reads the port's indirection table as workers. */
static int
read_table(const struct port *port, uint16_t first_worker, uint32_t n, uint16_t *workers)
{
	struct rte_eth_rss_reta_entry64 groups[RSS_ENTRIES_MAX / RTE_ETH_RETA_GROUP_SIZE + 1] = {0};
	int rc;

	for (uint32_t i = 0; i < n; i++)
		groups[i / RTE_ETH_RETA_GROUP_SIZE].mask |= UINT64_C(1)
							    << i % RTE_ETH_RETA_GROUP_SIZE;
	rc = rte_eth_dev_rss_reta_query(port->id, groups, (uint16_t)n);
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		uint16_t queue =
			groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];

		if (queue >= port->n_rx_queues)
			rc = -EINVAL;
		workers[i] = (uint16_t)(first_worker + queue);
	}
	return rc;
}

static int
read_rss(const struct port *port, uint16_t first_worker, struct rss **out)
{
	uint8_t key[PORT_RSS_KEY_MAX] = {0};
	struct rte_eth_rss_conf conf = {.rss_key = key, .rss_key_len = sizeof(key)};
	uint16_t workers[RSS_ENTRIES_MAX];
	struct rte_eth_dev_info info;
	struct rss_config config = {.key = key, .workers = workers};
	int rc = rte_eth_dev_info_get(port->id, &info);

	if (rc == 0 && (info.reta_size == 0 || info.reta_size > RSS_ENTRIES_MAX ||
			       info.hash_key_size > PORT_RSS_KEY_MAX))
		rc = -ENOTSUP;
	if (rc == 0)
		rc = rte_eth_dev_rss_hash_conf_get(port->id, &conf);
	if (rc == 0)
		rc = read_table(port, first_worker, info.reta_size, workers);
	if (rc < 0)
		return rc;
	config.n_entries = info.reta_size;
	config.types = types_of(conf.rss_hf);
	return rss_new(out, &config);
}

void
port_rss_describe(const struct port *port, uint16_t first_worker, uint16_t n_workers,
	struct steer_port *steer)
{
	int rc;

	*steer = (struct steer_port){.kind = STEER_ONE};
	if (port->n_own_workers > port->n_rx_queues) {
		steer->kind = STEER_UNKNOWN;
		steer->first_spread = first_worker;
		steer->n_spread = port->n_own_workers;
		LOG_INFORM("port %s: flows are spread over %u workers by those that have its "
			   "queues (%u)",
			port->name, port->n_own_workers, port->n_rx_queues);
		return;
	}
	if (port->n_rx_queues == 1)
		return;
	rc = read_rss(port, first_worker, &steer->rss);
	steer->kind = rc == 0 ? STEER_RSS : STEER_UNKNOWN;
	steer->chooses = rc == 0 && rss_covers(steer->rss, n_workers);
	LOG_INFORM("port %s: packets of modes nat and fullnat that come to another worker than "
		   "their flow's are handed over; %s",
		port->name,
		steer->chooses ? "RSS brings those from fullnat's backends home"
		: rc == 0      ? "there are workers that the port's RSS does not reach"
			       : "how the port spreads packets over its queues is not known");
}
