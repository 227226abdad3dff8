/* SPDX-License-Identifier: BSD-3-Clause */
/* What a benchmark's clients send: frames of many flows to many services, each written from its
 * flow's number alone, so that a source of millions of flows needs no memory of them that would
 * take the caches from what is measured.
 *
 * First every flow is begun (TCP: SYN, then data), in order; then packets of random flows follow,
 * mixed with ends and beginnings of flows and with SYNs that nothing ever follows. */
#ifndef TESTS_BENCH_TRAFFIC_H
#define TESTS_BENCH_TRAFFIC_H

#include "common/model.h"

#include <stdbool.h>
#include <stdint.h>

#define TRAFFIC_PPM 1000000u
#define TRAFFIC_FLOWS_MAX (1u << 24)
#define TRAFFIC_HEADER_MAX 80 /* Bytes that are written of every frame, whatever its size. */
#define TRAFFIC_PORT 80       /* Of services; see traffic_service(). */
#define TRAFFIC_PORTS 40      /* Services of one virtual address. */

struct traffic_config {
	uint32_t n_flows;
	uint32_t n_services;
	uint32_t new_ppm;    /* Packets that begin a flow; as many others end one. At most half. */
	uint32_t flood_ppm;  /* Packets that are SYNs from everywhere. */
	uint16_t frame_size; /* Bytes without the FCS. */
	uint8_t family;      /* enum addr_family */
	uint8_t protocol;    /* enum protocol */
	const uint8_t *mac;  /* Of the port that frames go to; 6 bytes. */
};

struct traffic {
	uint64_t random;
	uint64_t first_flow; /* Number of the oldest flow. */
	uint64_t n_flood;    /* Frames of the flood so far. */
	uint64_t n_begun;    /* Frames of the beginning so far. */
	uint32_t n_flows;
	uint32_t n_services;
	uint32_t new_below; /* Shares as parts of 2^32. */
	uint32_t flood_below;
	bool end_due; /* The next frame ends a flow. */
	bool v6;
	bool tcp;
	uint32_t sum; /* Of the IPv4 header without addresses. */
	uint32_t frame_size;
	_Alignas(16) uint8_t header[TRAFFIC_HEADER_MAX];
};

/* Returns 0 or -EINVAL: a size or share is out of range. */
int traffic_init(struct traffic *traffic, const struct traffic_config *config);

/* Whether all flows have been begun. */
static inline bool
traffic_is_steady(const struct traffic *traffic)
{
	return traffic->n_begun >= 2 * (uint64_t)traffic->n_flows;
}

/* Does without the beginning: flows that are to be there must have been entered otherwise. */
void traffic_skip_beginning(struct traffic *traffic);

/* The address and port of service 'index'. */
struct addr traffic_service(uint32_t index, uint8_t family, uint16_t *port);

/* Writes the next frame, of which 'data' must have room for TRAFFIC_HEADER_MAX bytes; the payload
 * is left as it is. Returns the frame's size. */
uint32_t traffic_write(struct traffic *traffic, uint8_t *data);

/* Writes a frame of the flow with this number: TCP with these flags, or UDP. */
uint32_t traffic_write_flow(
	const struct traffic *traffic, uint8_t *data, uint64_t flow, uint8_t flags);

#endif /* TESTS_BENCH_TRAFFIC_H */
