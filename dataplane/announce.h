/* SPDX-License-Identifier: BSD-3-Clause */
/* Telling the network where a VIP lives now: gratuitous ARP (RFC 5227 3) and unsolicited neighbour
 * advertisements (RFC 4861 7.2.6), and when to send them.
 *
 * A round sends every form for every address of a virtual router. Rounds come in a burst on
 * takeover (switches and hosts lose frames), then at growing distances (another holder that was
 * slow to let go may have said something else since), and at last in a slow refresh. No I/O, no
 * clock. */
#ifndef DATAPLANE_ANNOUNCE_H
#define DATAPLANE_ANNOUNCE_H

#include "common/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANNOUNCE_BURST_ROUNDS 6 /* At once and five repeats. */
#define ANNOUNCE_BURST_NS UINT64_C(100000000)
#define ANNOUNCE_REPEAT_NS UINT64_C(1000000000) /* The first distance after it, then doubled. */
#define ANNOUNCE_AGAIN_NS UINT64_C(1000000000)  /* The least distance of rounds out of turn. */
#define ANNOUNCE_REFRESH_NS UINT64_C(60000000000)
#define ANNOUNCE_FRAME_MAX 86 /* The largest frame that announce_build() makes. */
#define ANNOUNCE_FORMS 2      /* Forms of an address at most. */

/* Builds the frame of form 'form' (0, 1, ...) for 'vip' at 'mac': of IPv4 a gratuitous ARP request
 * and then a reply (some hosts heed only one of them), of IPv6 a neighbour advertisement. Returns
 * its size; 0 when there is no such form or 'size' is too small. */
size_t announce_build(uint8_t *buf, size_t size, unsigned int form, const struct addr *vip,
	const uint8_t mac[static 6]);

/* When the addresses of one virtual router are announced. */
struct announce_schedule {
	uint64_t next_ns;  /* Of the next round; UINT64_MAX: none. */
	uint64_t last_ns;  /* Of the last one. */
	uint32_t n_rounds; /* Sent since the start. */
};

void announce_init(struct announce_schedule *schedule);

/* Begins a burst: the first round is due at once. Beginning again restarts the burst. */
void announce_start(struct announce_schedule *schedule, uint64_t now_ns);
void announce_stop(struct announce_schedule *schedule);

/* There is reason to believe that somebody has been told otherwise: a round is due out of turn, at
 * once or when the last one is long enough ago, and others at growing distances after it. Nothing
 * if it is stopped. */
void announce_again(struct announce_schedule *schedule, uint64_t now_ns);

/* Returns true if a round is to be sent now, and plans the next one. After a pause there is one
 * round, not one for every missed time. */
bool announce_due(struct announce_schedule *schedule, uint64_t now_ns);

#endif /* DATAPLANE_ANNOUNCE_H */
