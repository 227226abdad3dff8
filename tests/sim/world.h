/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated cluster: the real state machines of two to four nodes (vrrp_fsm.c, vrrp_group.c,
 * lease.c, gate.c, health_fsm.c, announce.c) on a simulated network and simulated clocks.
 *
 * What is between the machines and the world in the real programs (sockets, libuv, the workers) is
 * a model here: adverts go from control plane to dataplane to network and back, leases over a
 * connection on which one may be unanswered, and each process can be frozen, killed and started.
 * Every node has a clock of its own that runs a little fast or slow. Nothing depends on real time,
 * so a seed, or a script, always gives the same run.
 *
 * A machine that joins later (flow synchronisation: bytes in, bytes out, and now) is one more
 * member of struct control, fed by deliver() and run(); its messages are one more kind of struct
 * message. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "common/clock.h"
#include "controlplane/gate.h"
#include "controlplane/health_fsm.h"
#include "controlplane/lease.h"
#include "controlplane/vrrp_fsm.h"
#include "dataplane/announce.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NODES_MAX 4
#define ROUTERS_MAX 4
#define WAITING_MAX 300 /* Messages that a socket or interface keeps for a process that stands. */
#define NEVER UINT64_MAX
#define NOBODY NODES_MAX

enum message_kind {
	MESSAGE_ADVERT,       /* Network: to a control plane. */
	MESSAGE_ANNOUNCEMENT, /* Network: to dataplanes and the client. */
	MESSAGE_LEASE,        /* Connection: to the own dataplane. */
	MESSAGE_LEASE_DONE,   /* Connection: its answer. */
	MESSAGE_PROBE_DONE,   /* Network: of the health check. */
	N_MESSAGES
};

struct message {
	enum message_kind kind;
	uint64_t at_ns;  /* When it arrives, in true time. */
	uint64_t serial; /* Breaks ties, and says in which order they were sent. */
	uint8_t from;
	uint8_t to;
	uint8_t router;
	uint8_t priority;
	uint32_t epoch; /* Of the connection, or of the process that asked. */
	uint64_t until_ns[ROUTERS_MAX];
	bool announce[ROUTERS_MAX];
};

/* What a process that stands has not read yet. */
struct waiting {
	struct message messages[WAITING_MAX];
	size_t n;
};

struct control {
	bool runs;
	bool frozen;
	bool ending;
	struct vrrp_fsm fsms[ROUTERS_MAX];
	struct lease lease;
	struct gate gate;
	struct health_fsm health;
	bool connected;           /* To the dataplane. */
	uint32_t dataplane_epoch; /* Of the dataplane that it is connected to. */
	bool lease_open;
	uint64_t leased_ns;   /* Own clock: when the open lease was sent. */
	uint64_t answered_ns; /* Own clock: when the dataplane last showed that it lives. */
	uint64_t look_ns;     /* Own clock: of the next look at the dataplane. */
	bool fault;           /* Tracking says so. */
	uint32_t epoch;
	struct waiting waiting;
};

struct holding {
	uint64_t until_ns; /* Own clock. */
	bool held;
	struct announce_schedule schedule;
};

struct dataplane {
	bool runs;
	bool frozen;
	uint64_t frozen_ns; /* True time. */
	struct holding holdings[ROUTERS_MAX];
	uint32_t epoch;
	struct waiting waiting;  /* From network and control plane. */
	struct waiting outgoing; /* Adverts of the host. */
};

struct machine {
	struct control control;
	struct dataplane dataplane;
	double rate; /* Of its clock. */
	uint8_t priorities[ROUTERS_MAX];
	uint64_t well_ns[ROUTERS_MAX]; /* True time: fit to hold since; NEVER: is not. */
	uint64_t sent_ns[ROUTERS_MAX]; /* True time: of the last advert that was sent. */
};

struct network {
	bool cut[NODES_MAX][NODES_MAX]; /* From, to. */
	unsigned int loss_permille;
	unsigned int duplicate_permille;
	uint64_t min_ns, max_ns; /* Of a message's way. */
};

/* What is being watched; see check.c. */
struct watch {
	uint64_t calm_ns;                  /* Since when nobody has done anything to the world. */
	uint64_t stopped_ns;               /* When a process last stood or died. */
	uint64_t impaired_ns;              /* When the network was last impaired; */
	bool lossy;                        /* ... ever other than by cuts of one direction. */
	uint64_t double_ns[ROUTERS_MAX];   /* Since when two answer; NEVER: they do not. */
	uint64_t unheld_ns[ROUTERS_MAX];   /* Since when nobody answers; NEVER: somebody does. */
	unsigned int holders[ROUTERS_MAX]; /* Who answers, a bit each ... */
	uint64_t changed_ns[ROUTERS_MAX];  /* ... since when. */
	uint8_t client[ROUTERS_MAX];       /* Whom the client believes. */
	uint64_t longest_double_ns;
	char failure[256]; /* "": none. */
};

struct world {
	size_t n_nodes, n_routers;
	bool grouped;
	uint16_t advert_cs;
	bool preempt;
	uint64_t preempt_delay_ns;
	struct machine nodes[NODES_MAX];
	struct network network;
	struct watch watch;
	uint64_t now_ns; /* True time. */
	uint64_t random;
	struct message *heap; /* The first arrives first. */
	size_t n_heap, heap_size;
	uint64_t serial;
	uint64_t n_events;
	FILE *timeline; /* NULL: none. */
};

void world_init(struct world *world, uint64_t seed);
void world_fini(struct world *world);

/* After all settings: makes the machines and starts all processes. */
void world_begin(struct world *world);

/* Runs to the time 'ns', or until something is wrong. */
void world_run(struct world *world, uint64_t ns);

uint32_t world_random(struct world *world, uint32_t n); /* 0 to n - 1. */

/* Own clock of a node. */
uint64_t world_clock(const struct world *world, size_t node);

/* Whether the node answers for the router now. */
bool world_answers(const struct world *world, size_t node, size_t router);

enum process {
	PROCESS_CONTROL = 1,
	PROCESS_DATAPLANE = 2,
	PROCESS_BOTH = 3
};

void world_kill(struct world *world, size_t node, unsigned int processes);
void world_start(struct world *world, size_t node, unsigned int processes);
void world_freeze(struct world *world, size_t node, unsigned int processes);
void world_thaw(struct world *world, size_t node, unsigned int processes);
void world_shut_down(struct world *world, size_t node);
void world_resign(struct world *world, size_t node);
void world_set_fault(struct world *world, size_t node, bool fault);
void world_set_priority(struct world *world, size_t node, size_t router, uint8_t priority);

void world_say(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* check.c: called before time goes on to 'next_ns'. */
void check_step(struct world *world, uint64_t next_ns);
/* Something has been done to the world. */
void check_disturbed(struct world *world);
/* At the end, after a time without faults: one holds, and the client knows. */
void check_settled(struct world *world);
void check_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* script.c: runs a script, which is lines of text. Returns whether all in it went as it should. */
bool script_run(
	const char *text, uint64_t seed, FILE *timeline, struct watch *out, uint64_t *n_events);

/* generate.c: the script of a seed, into 'buf'. */
void generate(uint64_t seed, char *buf, size_t size);

#endif /* TESTS_SIM_WORLD_H */
