/* SPDX-License-Identifier: BSD-3-Clause */
/* A client's connections through the simulated cluster, and who must be able to go on with them.
 *
 * Until its dataplane dies, a node must know a connection
 *   - that it has forwarded a packet of;
 *   - that it was told of by a record, until that is taken back;
 *   - SHARED_NS after the first packet that the holder has had of it, and after a snapshot was
 *     changed anywhere, if the two nodes have then been in touch for TOUCH_NS; until the next
 *     snapshot is changed.
 * Whatever node the client believes to hold the address when it sends again: if that one must know
 * the connection, its packets must go to the same backend, with the same address and port as
 * before. If it need not, a connection may break; it is counted then and not used any more. */
#ifndef TESTS_SIM_CONNECTIONS_H
#define TESTS_SIM_CONNECTIONS_H

#include "dataplane/sync_record.h"
#include "world.h"

#define SHARED_NS (300 * NS_PER_MS)
#define TOUCH_NS (2 * NS_PER_S)

/* The client opens so many, round all services. */
void connections_open(struct world *world, size_t n);
/* Each of them sends a packet. */
void connections_ask(struct world *world);

/* A node has been told of a flow; its dataplane has died; snapshots are others. */
void connections_told(struct world *world, size_t n, const struct sync_record *record);
void connections_forget(struct world *world, size_t n);
void connections_changed(struct world *world);

/* To be called before anything is done to the world: notes who has come to know what. */
void connections_learn(struct world *world);

#endif /* TESTS_SIM_CONNECTIONS_H */
