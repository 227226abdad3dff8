/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow sync of a simulated dataplane: what sync.c, sync_peers.c, intake.c and a worker do around
 * the real sessions (sync_session.h), flows and views (sync_flows.h) and packet path (stage.h).
 *
 * Without the setting "sync" there is none, and nobody forwards anything. */
#ifndef TESTS_SIM_SHARING_H
#define TESTS_SIM_SHARING_H

#include "stage.h"
#include "world.h"

/* The dataplane has been started, or has died. */
void sharing_start(struct world *world, size_t n);
void sharing_stop(struct world *world, size_t n);

/* Frees what there is of it. */
void sharing_fini(struct world *world, size_t n);

/* When it has something to do, by its own clock; NEVER: there is none. */
uint64_t sharing_next_ns(const struct world *world, size_t n);
/* A turn of its loop. */
void sharing_run(struct world *world, size_t n);
/* A datagram has come. */
void sharing_hear(struct world *world, size_t n, const struct message *message);

/* The backends are to be weighed otherwise (struct machine). */
void sharing_reweigh(struct world *world, size_t n);

/* A lease is held until then; 'begins': and was not before. */
void sharing_hold(struct world *world, size_t n, size_t router, uint64_t until_ns, bool begins);

/* What the control plane is told: there is nothing to learn from others. */
bool sharing_is_synced(struct world *world, size_t n);

/* Whether all of what the peer knows has come in a session, since the dataplane was started. */
bool sharing_was_told(const struct world *world, size_t n, size_t peer);

/* Whether 'n' has heard by which table 'holder' spreads flows of the router that nobody knows. */
bool sharing_knows_view(const struct world *world, size_t n, size_t holder, size_t router);

/* Sends a client's packet by the dataplane, which runs. */
struct stage_ends sharing_send(struct world *world, size_t n, size_t router,
	enum stage_service service, uint16_t client_port, uint8_t tcp_flags);

#endif /* TESTS_SIM_SHARING_H */
