/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers to ICMP echo requests for a VIP that is held here, made in place of the question; and
 * what ICMP errors are about. */
#ifndef DATAPLANE_ICMP_H
#define DATAPLANE_ICMP_H

#include "dataplane/packet.h"
#include "dataplane/parse.h"
#include "dataplane/stats.h"

#include <stdbool.h>

/* Whether somebody can be answered at this address; a reply to many would be an amplifier. */
static inline bool
icmp_is_unicast(const uint8_t *source, uint8_t family)
{
	if (family == ADDR_V6)
		return source[0] != 0xff && (load64(source) | load64(source + 8)) != 0;
	return source[0] != 0 && source[0] != 127 && source[0] < 224;
}

/* Returns V_REPLY with the answer in the packet's place, or why there is none. 'mac' is the
 * port's. The packet is of kind PARSED_ECHO. */
enum verdict icmp_echo_answer(
	struct packet *packet, const struct parsed *parsed, const uint8_t mac[static 6]);

/* Counts an error about a flow (PARSED_ICMP_ERROR) by its kind. */
void icmp_count_error(
	const struct packet *packet, const struct parsed *parsed, struct stats *stats);

/* Whether such an error says that the destination is unreachable, by more than its size. */
bool icmp_is_unreachable(const struct packet *packet, const struct parsed *parsed);

#endif /* DATAPLANE_ICMP_H */
