/* SPDX-License-Identifier: BSD-3-Clause */
/* A look at the packets of one worker, before and after they are rewritten.
 *
 * While somebody captures, each pipeline has a tap: it notes what a burst looks like, lets it be
 * decided about, and puts copies of those packets that its filter wants into a ring of bytes that
 * the control thread empties. The worker never waits: what finds no room is lost, and counted.
 * Without a tap a burst costs one branch.
 *
 * A packet is noted where it is decided about: one that is held, or handed to another worker, when
 * that is over. Frames are as the packet path has them, without the tag of the port's VLAN. */
#ifndef DATAPLANE_CAPTURE_H
#define DATAPLANE_CAPTURE_H

#include "common/control.h"
#include "common/prefix.h"
#include "dataplane/packet.h"
#include "dataplane/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

#define CAPTURE_ANY_PORT UINT16_MAX
#define CAPTURE_SNAP_MAX 16384u /* No port's frames are larger. */
#define CAPTURE_RING_BYTES (4u << 20)
#define CAPTURE_SIDES (2 * MODEL_PORTS_MAX) /* Each port's frames before and after. */

/* Which packets are wanted; all that is set must match. */
struct capture_filter {
	char service[CONTROL_NAME_SIZE]; /* "": any packet, also of none. */
	char backend[CONTROL_NAME_SIZE]; /* "": any. */
	struct prefix client;            /* Its family ADDR_NONE: any. */
	uint8_t protocol;                /* IPPROTO_TCP, _UDP, or _ICMP for both; 0: any. */
	uint16_t port;      /* That a frame comes in or leaves by, or CAPTURE_ANY_PORT. */
	bool before, after; /* Which of the two are kept. */
	uint32_t snap;      /* Bytes kept of a frame, at most CAPTURE_SNAP_MAX. */
};

/* A frame in the ring, in front of its bytes. */
struct capture_record {
	uint64_t at_ns; /* CLOCK_MONOTONIC */
	uint64_t id;    /* The same for both frames of a packet; counts within the worker. */
	uint32_t size;  /* Bytes that follow. */
	uint32_t whole_size;
	uint32_t n_lost; /* Since the record before. */
	uint16_t port;
	uint16_t backend; /* Id; 0: none. */
	uint8_t verdict;  /* enum verdict */
	bool after;
	bool made; /* By the packet core: there was no frame before. */
	uint8_t reserved[5];
};

struct capture_tap;
struct pipeline;

/* Returns 0 or -ENOMEM. 'filter' is copied. */
int capture_tap_new(
	struct capture_tap **out, const struct capture_filter *filter, uint32_t ring_bytes);
void capture_tap_free(struct capture_tap *tap);

/* --- The worker's side, called by pipeline.c around a burst --- */

void capture_before(struct capture_tap *tap, struct packet *packets, unsigned int n);
void capture_after(struct capture_tap *tap, const struct pipeline *pipeline,
	const struct snapshot *snapshot, const struct packet *packets, unsigned int n,
	uint64_t now_ns);

/* --- The control thread's side --- */

/* The oldest record, or NULL; valid until capture_drop(). */
const struct capture_record *capture_peek(const struct capture_tap *tap);
const uint8_t *capture_bytes(const struct capture_record *record);
void capture_drop(struct capture_tap *tap);

/* 2 n for what comes in by port n, 2 n + 1 for what leaves by it. */
static inline unsigned int
capture_side(const struct capture_record *record)
{
	return 2u * record->port + record->after;
}

/* Frames of a side that found no room so far. */
uint64_t capture_n_lost(const struct capture_tap *tap, unsigned int side);

#endif /* DATAPLANE_CAPTURE_H */
