/* SPDX-License-Identifier: BSD-3-Clause */
/* What would become of a packet, and why, without sending it.
 *
 * Nothing here decides: the frame is built and run through a double of a worker's pipeline that
 * knows what the worker knows of the packet's flow, so the answer is the packet path's own,
 * whatever modes, schedulers and limits that has. Of fragments it knows only those of the
 * question. The workers go on meanwhile, so an answer is true of one moment. Which worker the
 * packet would reach is the port's choice (RSS): it is taken to be the one that knows its flow,
 * else the first. */
#ifndef DATAPLANE_TRACE_H
#define DATAPLANE_TRACE_H

#include "common/addr.h"
#include "dataplane/flow.h"
#include "dataplane/parse.h"
#include "dataplane/pipeline.h"
#include "dataplane/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

#define TRACE_SIZE_MAX 9000 /* Of an IP packet. */

/* An ICMP error that a router of the client, or the client, sends about a packet to it. */
enum trace_error {
	TRACE_NO_ERROR,
	TRACE_UNREACHABLE,
	TRACE_TOO_BIG,
	TRACE_TIME_EXCEEDED,
};

/* Which part of a packet it is. */
enum trace_fragment {
	TRACE_WHOLE,
	TRACE_FIRST,
	TRACE_LATER, /* The first one came just before. */
	TRACE_LOST,  /* As TRACE_LATER, but the first one does not come. */
};

struct trace_question {
	/* IANA number: TCP, UDP, or ICMP, which means an echo request of the addresses' family. */
	uint8_t protocol;
	uint8_t tcp_flags;
	uint16_t size;        /* Of the IP packet; less than its headers: those alone. */
	uint32_t sequence;    /* TCP; of a flow whose numbers are kept, trace_run() chooses it. */
	struct endpoint from; /* Both of one family; without ports for ICMP. */
	struct endpoint to;
	/* Both of TCP and UDP only, and at most one of them. */
	enum trace_error error; /* About a packet that 'to' has sent to 'from'. */
	enum trace_fragment fragment;
};

/* Where the answer is looked for. */
struct trace_scene {
	const struct port_table *ports;
	struct lease_table *leases;
	const struct snapshot *snapshot;
	const struct pipeline *const *pipelines; /* Of all workers; at least one. */
	unsigned int n_pipelines;
	uint64_t now_ns;
};

enum trace_choice {
	TRACE_NOBODY,    /* No backend. */
	TRACE_FLOW,      /* The flow's backend. */
	TRACE_MOVED,     /* The scheduler, since the flow's backend is gone. */
	TRACE_SCHEDULER, /* The scheduler, for a new flow or a stray packet. */
};

struct trace {
	/* Pointers are into the snapshot; NULL: there is none. */
	const struct snapshot_vip *vip;       /* That the packet is for. */
	const struct snapshot_router *router; /* Of the VIP. */
	const struct snapshot_service *service;
	const struct snapshot_backend *backend;
	bool held;     /* The VIP is, here and now. */
	bool has_flow; /* A worker knows the flow. */
	unsigned int worker;
	struct flow_view flow;
	enum trace_choice choice;
	enum verdict verdict;
	uint16_t in_port; /* By which the packet is taken to come: the VIP's. */
	/* Of packets that leave. */
	bool leaves;
	uint16_t out_port;
	uint8_t mac[6];     /* To which. */
	uint32_t size;      /* Of the frame. */
	struct parsed sent; /* Its headers. */
	/* An ICMP error leaves: the packet that it is about, from 'about_from' to 'about_to'. */
	bool is_error;
	struct endpoint about_from;
	struct endpoint about_to;
	bool tells_client; /* It carries the client's address. */
};

/* Returns 0 or -ENOMEM. Control thread. */
int trace_run(
	const struct trace_scene *scene, const struct trace_question *question, struct trace *out);

#endif /* DATAPLANE_TRACE_H */
