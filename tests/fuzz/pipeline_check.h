/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold after every burst, whatever came in. */
#ifndef TESTS_FUZZ_PIPELINE_CHECK_H
#define TESTS_FUZZ_PIPELINE_CHECK_H

#include "pipeline_world.h"

/* A packet that goes through the pipeline, and its frame as it was before. */
struct passage {
	uint8_t *buffer; /* Headroom, frame, tailroom. */
	size_t buffer_size;
	uint8_t *before;
	uint32_t size;
	uint16_t in_port;
};

/* The counters before a burst. */
struct tally {
	uint64_t verdicts[N_VERDICTS];
	uint64_t n_packets;
	uint64_t n_bytes;
};

void check_tally(struct tally *tally, const struct stats *stats);

/* Compares the counters with those before and with what the packets were. */
void check_counters(const struct tally *before, const struct stats *stats,
	const struct packet *packets, const struct passage *passages, unsigned int n);

void check_packet(
	const struct fuzz_world *world, const struct packet *packet, const struct passage *passage);

void check_flows(const struct fuzz_world *world, const struct packet *packets,
	const struct passage *passages, unsigned int n);

#endif /* TESTS_FUZZ_PIPELINE_CHECK_H */
