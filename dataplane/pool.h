/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool of packet buffers. Main thread; the pool itself is for all lcores. */
#ifndef DATAPLANE_POOL_H
#define DATAPLANE_POOL_H

#include <stdint.h>

struct rte_mempool;

/* Makes a pool of 'n' buffers on the NUMA node 'socket' (SOCKET_ID_ANY: wherever), each with room
 * for an Ethernet frame of 'mtu' bytes of payload. A process has one on each node at most. Freed
 * with rte_mempool_free(). Returns 0 or a negative errno (-ENOMEM: more than EAL has). */
int pool_new(struct rte_mempool **out, int socket, uint32_t n, uint32_t n_cached, uint16_t mtu);

/* Bytes of memory that such a pool takes. */
uint64_t pool_size(uint32_t n, uint16_t mtu);

#endif /* DATAPLANE_POOL_H */
