/* SPDX-License-Identifier: BSD-3-Clause */
/* Which packets get to the flows of a service with SYN cookies: SYNs are answered here, and only
 * the acknowledgment of such an answer begins a flow. */
#ifndef DATAPLANE_SYN_GATE_H
#define DATAPLANE_SYN_GATE_H

#include "dataplane/pipeline_data.h"

/* Returns V_FORWARD if the packet is to go the usual way, as that of a SYN if it begins a flow
 * (then 'work' says so, and the pipeline's 'opening' what the SYN was); otherwise the packet's
 * verdict. */
enum verdict syn_gate(const struct burst *burst, const struct path_service *service,
	struct packet *packet, struct work *work);

#endif /* DATAPLANE_SYN_GATE_H */
