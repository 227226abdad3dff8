/* SPDX-License-Identifier: BSD-3-Clause */
/* SYN cookies (RFC 4987 3.6): what a SYN says is put into the sequence number, and the timestamp,
 * of the answer, and comes back with the client's acknowledgment of it. In between nothing is kept.
 *
 *   sequence number   31                         5 4   3 2    0     timestamp  31        6 5    4
 * 3    0
 *                    +----------------------------+-----+------+ +-----------+-+------+-------+ |
 * 27 bits of a keyed hash    | time| MSS  |              | clock     |0| SACK | scale |
 *                    +----------------------------+-----+------+ +-----------+-+------+-------+
 *
 * The hash is of the addresses, the ports, the client's initial number, the MSS and the time, which
 * is counted in periods of 64 s; a cookie is good in its period and the next. */
#ifndef DATAPLANE_SYN_COOKIE_H
#define DATAPLANE_SYN_COOKIE_H

#include "dataplane/flow_table.h"
#include "dataplane/siphash.h"

#define SYN_NO_SCALE 15 /* Window scales end at 14 (RFC 7323 2.3). */

/* What the options of a SYN offer. */
struct syn_offer {
	uint16_t mss;   /* 0: none. */
	uint8_t scale;  /* SYN_NO_SCALE: none. */
	bool sack;      /* SACK is permitted. */
	bool stamped;   /* There is a timestamp. */
	uint32_t stamp; /* The sender's clock; */
	uint32_t echo;  /* the receiver's, as the sender last saw it. */
};

/* Reads the options of any segment. */
struct syn_offer syn_offer_read(struct wire_tcp *tcp);

/* Writes options, at most 20 bytes, a multiple of 4. Returns how many. */
#define SYN_OPTIONS_MAX 20
size_t syn_offer_write(uint8_t *out, const struct syn_offer *offer);

/* The largest MSS that a cookie can carry and that is not larger than 'mss', and which it is. */
uint8_t syn_cookie_mss_index(uint16_t mss);
uint16_t syn_cookie_mss(uint8_t index);

/* The answer's number for the client's SYN of number 'isn'. */
uint32_t syn_cookie_make(const struct siphash_key *secret, const struct flow_key *key, uint32_t isn,
	uint8_t mss_index, uint64_t now_ns);

/* Whether 'cookie' has been made of this; sets '*mss_index'. */
bool syn_cookie_check(const struct siphash_key *secret, const struct flow_key *key, uint32_t isn,
	uint32_t cookie, uint64_t now_ns, uint8_t *mss_index);

/* The answer's timestamp: a clock of milliseconds that begins anywhere. */
uint32_t syn_cookie_stamp(
	const struct siphash_key *secret, const struct syn_offer *offer, uint64_t now_ns);

/* Fills in what the timestamp 'stamp' says of scale and SACK. */
void syn_cookie_read_stamp(uint32_t stamp, struct syn_offer *offer);

#endif /* DATAPLANE_SYN_COOKIE_H */
