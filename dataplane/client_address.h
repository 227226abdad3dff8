/* SPDX-License-Identifier: BSD-3-Clause */
/* Telling backends in mode fullnat who the client is, either by the PROXY protocol in front of what
 * the client sends, or by a TCP option in the connection's first packets. */
#ifndef DATAPLANE_CLIENT_ADDRESS_H
#define DATAPLANE_CLIENT_ADDRESS_H

#include "dataplane/nat.h"
#include "dataplane/proxy_header.h"
#include "dataplane/toa.h"

/* By how much packets of clients get larger. */
static inline uint32_t
client_address_room(uint8_t kind, uint8_t family)
{
	if (kind == CLIENT_ADDRESS_NONE)
		return 0;
	return kind == CLIENT_ADDRESS_TOA ? toa_size(family) : proxy_header_size(family);
}

/* What becomes of a client's packet besides its translation. */
struct address_plan {
	struct sequence *sequence; /* Its numbers are shifted by this; NULL: they stay. */
	uint16_t at;               /* Offset of the frame at which 'size' bytes are put in. */
	uint16_t size;
	bool is_toa; /* Those are the option; also with 'size' 0: clients' own come off. */
	bool cut;    /* The data of a SYN is taken off. */
};

/* Decides it, before anything about the packet is changed. The flow at 'flow' has its second entry;
 * 'out' is the port that the packet will leave by. Returns V_FORWARD, or the packet's verdict. */
enum verdict client_address_plan(const struct nat_job *job, struct flow_slot flow,
	const struct port_info *out, struct address_plan *plan);

/* Does it, after the translation. */
void client_address_apply(const struct nat_job *job, const struct address_plan *plan);

/* The other direction, after the translation: the backend's packet to the client of the flow whose
 * first entry is at 'flow'. 'kind' is the service's enum client_address. */
void client_address_return(const struct nat_job *job, struct flow_slot flow, uint8_t kind);

/* Makes the packet that a translated ICMP error is about what its sender had sent: 'returned' is a
 * client's packet, whose error goes to the client, otherwise a backend's. */
void client_address_quote(
	const struct nat_job *job, struct flow_slot flow, uint8_t kind, bool returned);

#endif /* DATAPLANE_CLIENT_ADDRESS_H */
