/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the simulated cluster know of each other: world.c, deeds.c, control.c and
 * dataplane.c. */
#ifndef TESTS_SIM_PARTS_H
#define TESTS_SIM_PARTS_H

#include "world.h"

/* --- world.c --- */

uint64_t world_next_random(struct world *world);
uint64_t world_between(struct world *world, uint64_t min_ns, uint64_t max_ns);

/* Keeps a copy of the bytes. */
const struct datagram *world_datagram(struct world *world, const uint8_t *bytes, size_t size);

/* Sends between the processes of a node. */
void world_send_local(struct world *world, const struct message *message);
/* Sends over the network, which may lose it or double it. */
void world_send_over(struct world *world, const struct message *message);
void world_broadcast(struct world *world, struct message message, bool to_client);
/* What does not fit is lost, as in a socket's buffer. */
void world_keep(struct waiting *waiting, const struct message *message);

/* Something has come to a dataplane that runs. */
void world_pass(struct world *world, size_t n, const struct message *message);

/* --- control.c --- */

void control_start(struct world *world, size_t n);
/* Its clock has come to something. */
void control_run(struct world *world, size_t n);
/* A message has come. */
void control_hear(struct world *world, size_t n, const struct message *message);
void control_hear_waiting(struct world *world, size_t n);
void control_run_router(
	struct world *world, size_t n, size_t router, const struct vrrp_event *event);
void control_run_all(struct world *world, size_t n, const struct vrrp_event *event);
/* After any event: sync groups, and what the dataplane is to be told. */
void control_finish_turn(struct world *world, size_t n);
void control_update_gate(struct world *world, size_t n);
void control_set_connected(struct world *world, size_t n, bool connected);

/* --- dataplane.c --- */

void dataplane_start(struct world *world, size_t n);
void dataplane_take_lease(struct world *world, size_t n, const struct message *message);
/* Sends what is due. */
void dataplane_announce(struct world *world, size_t n);

#endif /* TESTS_SIM_PARTS_H */
