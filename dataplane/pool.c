/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool of packet buffers; see pool.h. */
#include "dataplane/pool.h"

#include <errno.h>
#include <stdio.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

static uint16_t
data_room(uint16_t mtu)
{
	uint32_t needed = RTE_PKTMBUF_HEADROOM + RTE_ETHER_HDR_LEN +
			  2 * (uint32_t)sizeof(struct rte_vlan_hdr) + RTE_ETHER_CRC_LEN + mtu;

	return (uint16_t)RTE_MIN(
		RTE_MAX(needed, (uint32_t)RTE_MBUF_DEFAULT_BUF_SIZE), (uint32_t)UINT16_MAX);
}

/* rte_pktmbuf_pool_create() step by step, for the sake of a flag: where addresses of devices are
 * virtual ones, buffers may cross pages and so lie close together. That saves 40 % of the memory
 * without huge pages; and the AF_XDP driver registers just as many bytes with the kernel as they
 * take when they do, so of a pool with gaps the kernel would refuse those at the end, and the port
 * would fall silent when they had all been tried. */
int
pool_new(struct rte_mempool **out, int socket, uint32_t n, uint32_t n_cached, uint16_t mtu)
{
	struct rte_pktmbuf_pool_private private = {.mbuf_data_room_size = data_room(mtu)};
	unsigned int flags = rte_eal_iova_mode() == RTE_IOVA_VA ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0;
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;
	int rc;

	snprintf(name, sizeof(name), "frames%d", socket);
	pool = rte_mempool_create_empty(name, n,
		(unsigned int)sizeof(struct rte_mbuf) + data_room(mtu), n_cached, sizeof(private),
		socket, flags);
	if (!pool)
		return rte_errno ? -rte_errno : -ENOMEM;
	rc = rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL);
	if (rc == 0) {
		rte_pktmbuf_pool_init(pool, &private);
		rc = rte_mempool_populate_default(pool);
	}
	if (rc < 0) {
		rte_mempool_free(pool);
		return rc;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	*out = pool;
	return 0;
}

uint64_t
pool_size(uint32_t n, uint16_t mtu)
{
	return (uint64_t)n * rte_mempool_calc_obj_size(
				     (uint32_t)sizeof(struct rte_mbuf) + data_room(mtu), 0, NULL);
}
