/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of a pcapng file (draft-ietf-opsawg-pcapng), written into a growing buffer: one section,
 * its interfaces, its packets, at the end statistics. Times are in nanoseconds since 1970.
 *
 * DPDK's rte_pcapng writes packets without comments and one interface for both directions of a
 * port, and takes mbufs; what became of a packet could not be said with it. */
#ifndef DATAPLANE_PCAPNG_H
#define DATAPLANE_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pcapng {
	uint8_t *bytes;
	size_t size;
	size_t capacity;
	bool short_of_memory; /* A block is missing. */
};

void pcapng_init(struct pcapng *pcapng);
void pcapng_fini(struct pcapng *pcapng);

/* Begins the file; 'comment' may be NULL. */
void pcapng_section(struct pcapng *pcapng, const char *application, const char *comment);

/* Declares the next interface, 0 first: Ethernet, of whose frames at most 'snap' bytes are kept. */
void pcapng_interface(
	struct pcapng *pcapng, const char *name, const char *description, uint32_t snap);

enum pcapng_direction {
	PCAPNG_IN = 1, /* As epb_flags has it. */
	PCAPNG_OUT = 2
};

struct pcapng_packet {
	uint32_t interface;
	enum pcapng_direction direction;
	uint64_t at_ns;
	const uint8_t *bytes;
	uint32_t size;       /* Bytes that are kept. */
	uint32_t whole_size; /* On the wire. */
	uint64_t id;         /* The same for all that is kept of one packet. */
	uint64_t n_lost;     /* Packets lost since the one before. */
	const char *comment; /* NULL: none. */
};

void pcapng_add(struct pcapng *pcapng, const struct pcapng_packet *packet);

/* What was kept of an interface, and what was lost, until 'at_ns'. */
void pcapng_statistics(struct pcapng *pcapng, uint32_t interface, uint64_t at_ns, uint64_t n_kept,
	uint64_t n_lost);

#endif /* DATAPLANE_PCAPNG_H */
