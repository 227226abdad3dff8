/* SPDX-License-Identifier: BSD-3-Clause */
/* The VRRPv3 state machine of one virtual router on one node (RFC 9568 section 6).
 *
 * It knows no socket and no clock: the caller passes what happened and when, and carries out the
 * actions it gets back. It asks for a timer event at 'deadline_ns'.
 *
 * Beyond the RFC:
 * - Preempt delay: a lower-priority master is left in place until this node has been well for
 *   that long.
 * - Resigning: a master that is asked to go sends priority 0 and goes on holding the addresses
 *   until it hears its successor, so that at no time nobody answers for them. One that resigned
 *   by command and not because its process ends does not preempt its successor.
 * - Lease: holding is bounded by a time ('hold_until_ns'), renewed with each advert and shorter
 *   than the other members' patience. A master that was stopped for longer than that patience
 *   listens for a while before it holds again, and follows whom it hears, whatever the
 *   priorities, as a node that has just come up would.
 * - Deafness: a master that goes on hearing a lower-ranked one, which would have yielded had it
 *   heard this one, yields itself. Where adverts are lost in one direction somebody has to, and
 *   only this side can know.
 * - Groups: a router of a sync group (vrrp_group.h) that would become master waits for the
 *   others, and lets go when one of them does. */
#ifndef CONTROLPLANE_VRRP_FSM_H
#define CONTROLPLANE_VRRP_FSM_H

#include "common/addr.h"

#include <stdbool.h>
#include <stdint.h>

/* The numbers are those of the metric weir_vrrp_state. */
enum vrrp_state {
	VRRP_INIT = 0,
	VRRP_BACKUP = 1,
	VRRP_MASTER = 2
};
#define N_VRRP_STATES 3

enum vrrp_event_kind {
	VRRP_EVENT_STARTUP,  /* The node is fit to hold the addresses. */
	VRRP_EVENT_SHUTDOWN, /* The process wants to end. */
	VRRP_EVENT_FAULT,    /* The node is not fit any more; 'why' says what is wrong. */
	VRRP_EVENT_RESIGN,   /* The operator wants another node to be master. */
	VRRP_EVENT_TIMER,    /* 'deadline_ns' may have come. */
	VRRP_EVENT_ADVERT,   /* A valid advertisement of another router has been received. */
	VRRP_EVENT_PRIORITY, /* The node is fitter or less fit than before; 'why' says by what. */
	VRRP_EVENT_STALL,    /* The dataplane answered nothing from 'since_ns' until now. */
	VRRP_EVENT_TAKE,     /* All of its group would be master ... */
	VRRP_EVENT_YIELD,    /* ... or one of them is no longer; 'why' says which. */
	N_VRRP_EVENTS
};

struct vrrp_event {
	enum vrrp_event_kind kind;
	const char *why;      /* fault, priority, yield */
	struct addr source;   /* advert */
	uint8_t priority;     /* advert, priority */
	uint16_t interval_cs; /* advert */
	uint64_t since_ns;    /* stall */
};

#define VRRP_WHY_SIZE 128

/* What the caller has to do, in this order. */
struct vrrp_actions {
	bool send; /* Send an advertisement with 'send_priority'. */
	uint8_t send_priority;
	bool hold;     /* Hold the addresses until the machine's 'hold_until_ns'. */
	bool release;  /* Let go of the addresses. */
	bool announce; /* Another believes to hold them: tell the network again who does. */
	bool changed;  /* Log the transition 'from' -> 'to'. */
	enum vrrp_state from;
	enum vrrp_state to;
	char why[VRRP_WHY_SIZE]; /* Reason of the transition, or a remark worth logging, or "". */
};

struct vrrp_fsm_config {
	uint8_t priority; /* 1 to 255. */
	uint16_t advert_cs;
	bool preempt;
	uint64_t preempt_delay_ns;
	bool grouped;       /* Of a sync group: becomes master by VRRP_EVENT_TAKE alone. */
	struct addr source; /* What this node's adverts are sent from: ties are broken by it. */
};

struct vrrp_fsm {
	struct vrrp_fsm_config config;
	enum vrrp_state state;
	uint64_t deadline_ns;     /* When a timer event is wanted; UINT64_MAX: never. */
	uint64_t hold_until_ns;   /* master: the lease's end. */
	uint64_t sent_ns;         /* master: when the last advert was sent. */
	uint64_t preempt_ns;      /* backup: a lower-priority master is respected until then. */
	bool waits;               /* backup: would be master, but for the others of its group. */
	bool yielding;            /* backup: resigned by command, so preempts nobody. */
	bool preempting;          /* backup: hears a master that it does not respect. */
	bool resigning;           /* master: waiting for a successor ... */
	bool ending;              /* ... and ends in INIT, not in BACKUP ... */
	uint64_t resign_until_ns; /* ... for so long. */
	unsigned int
		n_ignored;   /* master: adverts in a row of one that does not hear this one ... */
	uint64_t ignored_ns; /* ... and when the last one came. */
	uint16_t master_cs;  /* backup: the master's interval, learnt from its adverts. */
	struct addr master;  /* Who is master as far as known; ADDR_NONE: unknown. */
	uint8_t master_priority;
};

/* "init", "backup", "master" */
const char *vrrp_state_name(enum vrrp_state state);

/* Starts in VRRP_INIT. */
void vrrp_fsm_init(struct vrrp_fsm *fsm, const struct vrrp_fsm_config *config);

/* The address that this node's adverts are sent from has changed. */
void vrrp_fsm_set_source(struct vrrp_fsm *fsm, const struct addr *source);

/* The router is configured otherwise; its priority and its address have functions of their own. */
void vrrp_fsm_reconfigure(struct vrrp_fsm *fsm, const struct vrrp_fsm_config *config);

/* Takes 'event' and says in '*actions' what follows from it. */
void vrrp_fsm_run(struct vrrp_fsm *fsm, const struct vrrp_event *event, uint64_t now_ns,
	struct vrrp_actions *actions);

/* For how long an advert of this router entitles it to hold the addresses: less than the time
 * after which another member takes over (three intervals and the skew). */
uint64_t vrrp_fsm_hold_ns(const struct vrrp_fsm *fsm);

#endif /* CONTROLPLANE_VRRP_FSM_H */
