/* SPDX-License-Identifier: BSD-3-Clause */
/* Lowering the maximum segment size that a SYN offers (RFC 9293 3.7.1), so that the other side
 * sends segments that fit a narrower way. */
#ifndef DATAPLANE_MSS_H
#define DATAPLANE_MSS_H

#include "dataplane/packet.h"
#include "dataplane/parse.h"

/* Lowers the option to 'mss' in a TCP segment with SYN, and mends the checksum. Whatever else the
 * packet is, and options that cannot be read, stay as they are. A SYN without the option offers
 * the least already. */
void mss_clamp(struct packet *packet, const struct parsed *parsed, uint16_t mss);

#endif /* DATAPLANE_MSS_H */
