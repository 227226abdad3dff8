/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers to ICMP echo requests for a VIP that is held here, made in place of the question. */
#ifndef DATAPLANE_ICMP_H
#define DATAPLANE_ICMP_H

#include "dataplane/packet.h"
#include "dataplane/parse.h"

/* Returns V_REPLY with the answer in the packet's place, or why there is none. 'mac' is the
 * port's. The packet is of kind PARSED_ECHO. */
enum verdict icmp_echo_answer(
	struct packet *packet, const struct parsed *parsed, const uint8_t mac[static 6]);

#endif /* DATAPLANE_ICMP_H */
