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
 * With the setting "sync" the nodes share flows: sessions, flows, views and packet paths are the
 * real ones too (sharing.h), and a client has connections through them (connections.h). */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "common/clock.h"
#include "controlplane/gate.h"
#include "controlplane/health_fsm.h"
#include "controlplane/lease.h"
#include "controlplane/vrrp_fsm.h"
#include "dataplane/announce.h"
#include "stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NODES_MAX 4
#define ROUTERS_MAX 4
#define CONNECTIONS_MAX 32
#define WAITING_MAX 300 /* Messages that a socket or interface keeps for a process that stands. */
#define NEVER UINT64_MAX
#define NOBODY NODES_MAX

enum message_kind {
	MESSAGE_ADVERT,       /* Network: to a control plane. */
	MESSAGE_ANNOUNCEMENT, /* Network: to dataplanes and the client. */
	MESSAGE_LEASE,        /* Connection: to the own dataplane. */
	MESSAGE_LEASE_DONE,   /* Connection: its answer. */
	MESSAGE_PROBE_DONE,   /* Network: of the health check. */
	MESSAGE_SYNC,         /* Network: of flow sync, to a dataplane. */
	N_MESSAGES
};

/* What a message carries; it lives until the world ends. */
struct datagram {
	size_t size;
	uint8_t bytes[];
};

/* Room for datagrams. */
struct room {
	struct room *next;
	size_t used;
	_Alignas(max_align_t) uint8_t bytes[1 << 16];
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
	const struct datagram *datagram;
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
	bool behind;          /* The dataplane is still being told of flows. */
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
	uint64_t started_ns; /* True time. */
	uint64_t frozen_ns;
	struct holding holdings[ROUTERS_MAX];
	uint32_t epoch;
	struct waiting waiting;  /* From network and control plane. */
	struct waiting outgoing; /* Adverts of the host. */
};

struct sharing;

struct machine {
	struct control control;
	struct dataplane dataplane;
	struct sharing *sharing; /* The dataplane's flow sync; NULL: none. */
	unsigned int weighing;   /* Of the backends, as its control plane has it. */
	double rate;             /* Of its clock. */
	uint8_t priorities[ROUTERS_MAX];
	bool due_known; /* When it has something to do next: */
	uint64_t due_ns;
	uint64_t well_ns[ROUTERS_MAX]; /* True time: fit to hold since; NEVER: is not. */
	uint64_t sent_ns[ROUTERS_MAX]; /* True time: of the last advert that was sent. */
};

struct network {
	bool cut[NODES_MAX][NODES_MAX]; /* From, to. */
	unsigned int loss_permille;
	unsigned int duplicate_permille;
	uint64_t min_ns, max_ns; /* Of a message's way. */
};

/* Of the client, to a service of a router; see connections.h. */
struct connection {
	uint8_t router;
	uint8_t service; /* enum stage_service */
	uint16_t port;   /* The client's. */
	struct stage_ends ends;
	uint8_t holder;     /* That saw it last; NOBODY: none. */
	uint64_t holder_ns; /* When that one first saw it since it holds. */
	/* Nodes that must know it, a bit each: */
	unsigned int forwarded; /* have had a packet of it, */
	unsigned int told;      /* were told of it, */
	unsigned int settled;   /* are in touch with the holder. */
};

/* What is wrong with the world, as it was looked at last. */
struct faults {
	bool known;    /* Nothing was done since. */
	bool impaired; /* The network loses something. */
	bool stopped;  /* A process stands or is dead. */
	bool any_apart;
	bool apart[NODES_MAX][NODES_MAX]; /* Of two dataplanes: messages between them. */
};

/* What is being watched; see check.c. */
struct watch {
	struct faults faults;
	uint64_t calm_ns;                  /* Since when nobody has done anything to the world. */
	uint64_t stopped_ns;               /* When a process last stood or died. */
	uint64_t impaired_ns;              /* When the network was last impaired; */
	bool lossy;                        /* ... ever other than by cuts of one direction. */
	uint64_t double_ns[ROUTERS_MAX];   /* Since when two answer; NEVER: they do not. */
	uint64_t unheld_ns[ROUTERS_MAX];   /* Since when nobody answers; NEVER: somebody does. */
	uint64_t look_ns[ROUTERS_MAX];     /* Until then nothing changes by itself. */
	unsigned int holders[ROUTERS_MAX]; /* Who answers, a bit each ... */
	uint64_t changed_ns[ROUTERS_MAX];  /* ... since when. */
	uint8_t client[ROUTERS_MAX];       /* Whom the client believes. */
	uint64_t longest_double_ns;
	uint64_t n_asked;     /* Packets of connections, */
	uint64_t n_elsewhere; /* ... by another node than saw them last, */
	uint64_t n_broken;    /* ... and connections that broke as nobody knew them there. */
	uint64_t touched_ns[NODES_MAX][NODES_MAX]; /* When two nodes were last kept apart. */
	char failure[256];                         /* "": none. */
};

struct world {
	size_t n_nodes, n_routers;
	bool grouped;
	uint16_t advert_cs;
	bool preempt;
	bool sync;
	uint64_t preempt_delay_ns;
	struct machine nodes[NODES_MAX];
	struct network network;
	struct watch watch;
	struct stage *stage;
	struct connection connections[CONNECTIONS_MAX];
	size_t n_connections, n_opened;
	uint64_t views_ns; /* When a dataplane last had another snapshot. */
	struct room *room; /* The first has some. */
	uint64_t now_ns;   /* True time. */
	uint64_t random;
	struct message *heap; /* The first arrives first. */
	size_t n_heap, heap_size;
	uint64_t serial;
	uint64_t n_events;
	FILE *timeline; /* NULL: none. */
};

/* The stage is the caller's. */
void world_init(struct world *world, struct stage *stage, uint64_t seed);
void world_fini(struct world *world);

/* After all settings: makes the machines and starts all processes. */
void world_begin(struct world *world);

/* Runs to the time 'ns', or until something is wrong. */
void world_run(struct world *world, uint64_t ns);

uint32_t world_random(struct world *world, uint32_t n); /* 0 to n - 1. */

/* Own clock of a node. */
uint64_t world_clock(const struct world *world, size_t node);

/* The true time at which a node's clock is past 'own_ns'. */
uint64_t world_true_ns(const struct world *world, size_t node, uint64_t own_ns);

/* Whether the node answers for the router now. */
bool world_answers(const struct world *world, size_t node, size_t router);

/* For how long both dataplanes have run and nothing was lost between them. */
uint64_t world_in_touch_ns(const struct world *world, size_t a, size_t b);

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
void world_reweigh(struct world *world, size_t node, unsigned int weighing);

void world_say(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* check.c: called before time goes on to 'next_ns'. */
void check_step(struct world *world, uint64_t next_ns);
/* Before a node takes a router. */
void check_gained(struct world *world, size_t node, size_t router);
/* Something has been done to the world, or is about to. */
void check_disturbed(struct world *world);
/* At the end, after a time without faults: one holds, and the client knows. */
void check_settled(struct world *world);
void check_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* script.c: runs a script, which is lines of text. Returns whether all in it went as it should. */
bool script_run(struct stage *stage, const char *text, uint64_t seed, FILE *timeline,
	struct watch *out, uint64_t *n_events);

/* generate.c: the script of a seed, into 'buf'. */
void generate(uint64_t seed, char *buf, size_t size);

#endif /* TESTS_SIM_WORLD_H */
