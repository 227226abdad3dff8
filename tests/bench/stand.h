/* SPDX-License-Identifier: BSD-3-Clause */
/* The packet core set up for measuring, without EAL: a pipeline whose flow table is full of the
 * load's flows, and a burst of frames before it. */
#ifndef TESTS_BENCH_STAND_H
#define TESTS_BENCH_STAND_H

#include "dataplane/flow_table.h"
#include "dataplane/pipeline_data.h"
#include "load.h"

/* Between frames: a multiple of the cache's line, but not of its sets, as mempools see to. */
#define STAND_FRAME_STRIDE (2048 + 192)
#define STAND_HEADROOM 128

struct stand {
	struct traffic traffic;
	struct scene scene;
	struct snapshot *snapshot;
	struct pipeline *pipeline;
	struct flow_table *flows; /* The pipeline's. */
	struct err err;
	uint64_t now_ns;
	bool still;          /* Time stands still, so that the same is done every time. */
	uint64_t sum;        /* Of results, so that none is left out. */
	uint32_t n_backends; /* Of the Maglev table to be built. */
	/* The burst. */
	struct packet packets[PACKET_BURST_MAX];
	struct parsed parsed[PACKET_BURST_MAX];
	uint64_t hashes[PACKET_BURST_MAX];
	struct flow_slot slots[PACKET_BURST_MAX];
	struct work works[PACKET_BURST_MAX]; /* All of it, of packets whose flows are known. */
	struct nexthop hops[PACKET_BURST_MAX];
	uint16_t backends[PACKET_BURST_MAX];
	uint8_t *frames;
};

/* Returns 0, or a negative errno with stand->err set. */
int stand_init(struct stand *stand, const struct load *load, bool still);
void stand_fini(struct stand *stand);

/* Writes the next frames of the load. */
void stand_fill(struct stand *stand);

/* Writes frames of flows that nobody has heard of. */
void stand_fill_unknown(struct stand *stand);

/* Parses the frames and finds their services: what a flow is looked up by, and the backend that
 * a new one would get. Does not touch the flow table. */
void stand_parse(struct stand *stand);

/* As stand_parse(), and finds the flows, their backends and next hops. */
void stand_locate(struct stand *stand);

#endif /* TESTS_BENCH_STAND_H */
