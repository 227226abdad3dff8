/* SPDX-License-Identifier: BSD-3-Clause */
/* The frames that the generator sends: a mould for each size, and what differs from packet to
 * packet. All lengths and checksums are right. The bytes between header and stamp are zero. */
#ifndef DATAPLANE_PKTGEN_PROBE_H
#define DATAPLANE_PKTGEN_PROBE_H

#include "common/addr.h"
#include "dataplane/pktgen/stamp.h"

#include <stdint.h>

/* What all frames of a run have in common. */
struct probe_config {
	struct addr client; /* The first client; its last 4 bytes are set by packet. */
	struct addr target; /* The service's address, of the same family. */
	uint8_t protocol;   /* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t vlan;      /* 0: no tag. */
	uint8_t source_mac[6];
	uint8_t destination_mac[6];
};

struct probe_fields {
	uint32_t client; /* Last 4 bytes of the address, in host order. */
	uint16_t client_port;
	uint16_t target_port;
	uint8_t tcp_flags;
	struct wire_stamp stamp;
};

struct probe;

/* Frame size with FCS that headers and stamp need at least. */
uint16_t probe_size_min(enum addr_family family, uint8_t protocol, uint16_t vlan);

/* Makes the mould of frames of 'size' bytes with FCS, which is not less than the minimum. Returns 0
 * or -ENOMEM. */
int probe_new(struct probe **out, const struct probe_config *config, uint16_t size);
void probe_free(struct probe *probe); /* NULL is allowed. */

void probe_set_destination(struct probe *probe, const uint8_t mac[static 6]);

/* Bytes of a frame in memory, without the FCS. */
uint16_t probe_size(const struct probe *probe);

/* Writes a frame of probe_size() bytes. */
void probe_write(const struct probe *probe, const struct probe_fields *fields, uint8_t *frame);

#endif /* DATAPLANE_PKTGEN_PROBE_H */
