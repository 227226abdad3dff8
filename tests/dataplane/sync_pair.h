/* SPDX-License-Identifier: BSD-3-Clause */
/* Two small load balancers that share flows: records of one go straight to the other, in order. */
#ifndef TESTS_DATAPLANE_SYNC_PAIR_H
#define TESTS_DATAPLANE_SYNC_PAIR_H

#include "dataplane/sync_flows.h"
#include "world.h"

#define PAIR_LOCAL4 "192.0.2.5"
#define PAIR_LOCAL6 "2001:db8::5"

struct pair;

struct pair_node {
	struct world world;
	struct sync_flows *sync;
	struct pair *pair;
	struct pair_node *other;
	struct addr locals[2]; /* Of the virtual routers. */
	uint64_t n_records;    /* Received. */
	uint64_t n_ends;       /* Accounts of all that were received. */
	bool cut;              /* Nothing gets out. */
	bool jammed;           /* There is no room to send. */
};

struct pair {
	struct pair_node nodes[2]; /* The first holds the addresses to begin with. */
};

/* A case's set-up and tear-down: '*state' is a pair whose nodes have told each other all. */
int pair_set_up(void **state);
int pair_tear_down(void **state);

/* Gives the services of both nodes a mode and a scheduler. */
void pair_use(struct pair *pair, uint8_t mode, uint8_t scheduler);

/* Puts the node's state in force, as changed. */
void pair_apply(struct pair_node *node);

/* Lets both send what they have to say and go round their tables, until all is quiet. */
void pair_settle(struct pair *pair);

/* Lets time pass on both, in steps of 100 ms, with what is done then. */
void pair_wait(struct pair *pair, uint64_t ns);

/* The node dies: the other gets its addresses and sees no peer any more. */
void pair_take_over(struct pair_node *taker);

/* It is there again, without any memory, and told all. */
void pair_restart(struct pair_node *node);

/* Lets the node hold the addresses, or not any more. */
void pair_hold(struct pair_node *node, bool holds);

/* Both are there, and the addresses change hands. */
void pair_hand_over(struct pair_node *from, struct pair_node *to);

/* A client's packet. Returns the backend that it goes to, or -1, and the port that it then comes
 * from. */
int pair_pass(
	struct pair_node *node, int family, uint16_t port, uint8_t flags, uint16_t *source_port);

/* The same, without the port. */
int pair_send(struct pair_node *node, int family, uint16_t port, uint8_t flags);
int pair_send_udp(struct pair_node *node, int family, uint16_t port);

/* Opens a connection; returns its backend. */
int pair_open(struct pair_node *node, int family, uint16_t port);

uint64_t pair_event(const struct pair_node *node, enum path_event event);

#endif /* TESTS_DATAPLANE_SYNC_PAIR_H */
