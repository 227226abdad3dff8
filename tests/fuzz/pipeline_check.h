/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold after every burst, whatever came in. */
#ifndef TESTS_FUZZ_PIPELINE_CHECK_H
#define TESTS_FUZZ_PIPELINE_CHECK_H

#include "pipeline_world.h"

/* A packet that goes through the pipeline, and its frame as it was before. From the heap: it is the
 * packet's 'buffer', and so the pipeline's while the packet is held. */
struct passage {
	uint8_t *buffer; /* Headroom, frame, tailroom. */
	size_t buffer_size;
	uint8_t *before;
	uint32_t size;
	uint16_t in_port;
};

struct passage *passage_new(const uint8_t *frame, uint32_t size, uint16_t room, uint16_t in_port);
void passage_free(struct passage *passage);

/* The counters before a burst, or before packets are given back. */
struct tally {
	uint64_t verdicts[N_VERDICTS];
	uint64_t n_packets;
	uint64_t n_bytes;
};

void check_tally(struct tally *tally, const struct stats *stats);

/* Compares the counters with those before and with what the packets were. 'released': they had been
 * held, and so were received before. */
void check_counters(const struct tally *before, const struct stats *stats,
	const struct packet *packets, unsigned int n, bool released);

void check_packet(const struct fuzz_world *world, const struct packet *packet, bool released);

void check_flows(const struct fuzz_world *world, const struct packet *packets, unsigned int n);

#endif /* TESTS_FUZZ_PIPELINE_CHECK_H */
