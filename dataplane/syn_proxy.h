/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections whose SYN was answered here, in services with SYN cookies.
 *
 *   client                      here                            backend
 *     SYN isn ──────────────────► (syn_gate.c; nothing is kept)
 *     ◄── SYN,ACK cookie, window 0
 *     ACK ──────────────────────► flow WAITING ── SYN isn ─────────►
 *                                              ◄── SYN,ACK number ──
 *     ◄── ACK, window opened                   ── ACK (outbox) ────►
 *     data ─────────────────────► numbers translated ──────────────►
 *
 * Whatever the client sends while the flow waits asks the backend once more: the client's own
 * retransmissions are the only timer. */
#ifndef DATAPLANE_SYN_PROXY_H
#define DATAPLANE_SYN_PROXY_H

#include "dataplane/nat.h"
#include "dataplane/outbox.h"

#define SYN_PROXY_SCALE 7 /* Of the windows that clients are told; backends' are converted. */

/* The SYN that a client's acknowledgment tells of. */
struct syn_opening {
	uint32_t isn;
	uint32_t cookie;
	uint8_t mss_index;
};

/* The MSS of who offers none (RFC 9293 3.7.1, RFC 8200 5). */
static inline uint16_t
syn_proxy_default_mss(uint8_t family)
{
	return family == ADDR_V4 ? 536 : 1220;
}

/* A client's packet before its translation. One that opens the flow (its signal is that of a SYN),
 * or comes while it waits, becomes the SYN for the backend; 'own' and what it is then read into
 * take the place of the job's. Returns V_FORWARD, or the packet's verdict. */
enum verdict syn_proxy_forth(struct nat_job *job, struct flow_slot flow,
	const struct syn_opening *opening, struct parsed *own);

/* The same of a backend's packet, whose flow's second entry is at 'flow'. Returns V_RETURN, or the
 * packet's verdict. What is to be said to the backend goes to 'outbox'. */
enum verdict syn_proxy_back(
	struct nat_job *job, struct flow_slot flow, struct outbox *outbox, struct parsed *own);

/* Translate the numbers of a packet whose addresses have been translated. 'flow' is the first entry
 * in both. */
void syn_proxy_apply_forth(const struct nat_job *job, struct flow_slot flow);
void syn_proxy_apply_back(const struct nat_job *job, struct flow_slot flow);

#endif /* DATAPLANE_SYN_PROXY_H */
