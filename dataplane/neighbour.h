/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers to ARP requests and neighbour solicitations for a VIP, made in place of the question.
 * The caller has found that the VIP is held here. */
#ifndef DATAPLANE_NEIGHBOUR_H
#define DATAPLANE_NEIGHBOUR_H

#include "dataplane/packet.h"
#include "dataplane/parse.h"

#include <stdbool.h>

/* Whether an ARP packet is the sender's news about its own address, not a question. */
bool arp_is_announcement(const struct packet *packet, const struct parsed *parsed);

/* Whether the packet, of kind PARSED_ND_ADVERT, could come from a neighbour (RFC 4861 7.1.2). */
bool nd_is_advert(const struct packet *packet, const struct parsed *parsed);

/* Both return V_REPLY with the answer in the packet's place, or why there is none. 'mac' is the
 * VIP's. The packet is of kind PARSED_ARP, or of PARSED_ND_SOLICIT. */
enum verdict arp_answer(
	struct packet *packet, const struct parsed *parsed, const uint8_t mac[static 6]);
enum verdict nd_answer(
	struct packet *packet, const struct parsed *parsed, const uint8_t mac[static 6]);

#endif /* DATAPLANE_NEIGHBOUR_H */
