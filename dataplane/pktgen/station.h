/* SPDX-License-Identifier: BSD-3-Clause */
/* The generator as a station of its network: it answers ARP, neighbour solicitations and echo
 * requests for the addresses it plays (its own, its clients', those of backends), asks for the next
 * hop's link-layer address, and learns it from answers and announcements. Works on frames without a
 * VLAN's tag. */
#ifndef DATAPLANE_PKTGEN_STATION_H
#define DATAPLANE_PKTGEN_STATION_H

#include "dataplane/packet.h"
#include "dataplane/pktgen/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATION_RANGES_MAX 33
#define STATION_QUESTION_SIZE 86 /* The longer one: a neighbour solicitation. */

struct station {
	struct range ranges[STATION_RANGES_MAX]; /* The first address asks, and the rest answer. */
	size_t n_ranges;
};

/* Makes the answer in the frame's place and returns true, if the frame asks about one of the
 * station's addresses. 'mac' is of the port by which the frame came. */
bool station_answer(const struct station *station, struct packet *packet, const uint8_t mac[6]);

/* Writes the question for the link-layer address of 'target', at most STATION_QUESTION_SIZE bytes,
 * and returns its size. The first range of 'target's family is asked from; there is one. */
size_t station_ask(const struct station *station, const struct addr *target, const uint8_t mac[6],
	uint8_t *frame);

/* An address of the family to ask from; NULL if the station has none. */
const struct addr *station_address(const struct station *station, enum addr_family family);

/* Returns true if the frame says which link-layer address 'target' has. */
bool station_learn(const struct packet *packet, const struct addr *target, uint8_t mac[6]);

#endif /* DATAPLANE_PKTGEN_STATION_H */
