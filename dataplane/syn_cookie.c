/* SPDX-License-Identifier: BSD-3-Clause */
/* SYN cookies; see syn_cookie.h. */
#include "dataplane/syn_cookie.h"

#include "common/clock.h"
#include "dataplane/tcp_option.h"

#define PERIOD_NS (64 * NS_PER_S)
#define MSS_BITS 3
#define MSS_MASK ((1u << MSS_BITS) - 1)
#define PERIOD_MASK 3u /* Bits of the period's number that stand in the cookie. */
#define HASH_SHIFT (MSS_BITS + 2)
#define HASH_MASK (~0u << HASH_SHIFT)
#define AGE_MAX 1 /* Periods. */

#define STAMP_SCALE_MASK 0xfu
#define STAMP_SACK 0x10u
#define STAMP_BITS 6

/* From what every IPv4 host takes, by the usual links and tunnels, to jumbo frames. */
static const uint16_t sizes[1u << MSS_BITS] = {536, 1220, 1300, 1360, 1400, 1440, 1460, 8960};

static uint32_t
read_u32(const uint8_t *at)
{
	return ntohl(load32(at));
}

static void
write_u32(uint8_t *at, uint32_t value)
{
	be32 word = be32_from(value);

	memcpy(at, &word, sizeof(word));
}

struct syn_offer
syn_offer_read(struct wire_tcp *tcp)
{
	struct syn_offer offer = {.scale = SYN_NO_SCALE};
	uint8_t *options = (uint8_t *)(tcp + 1);
	size_t size = tcp_options_size(tcp);
	const uint8_t *mss = tcp_option_find(options, size, TCP_OPTION_MSS);
	const uint8_t *scale = tcp_option_find(options, size, TCP_OPTION_SCALE);
	const uint8_t *stamp = tcp_option_find(options, size, TCP_OPTION_STAMP);

	if (mss && mss[1] == TCP_OPTION_MSS_SIZE)
		offer.mss = (uint16_t)(mss[2] << 8 | mss[3]);
	if (scale && scale[1] == TCP_OPTION_SCALE_SIZE)
		offer.scale = scale[2] < SYN_NO_SCALE ? scale[2] : SYN_NO_SCALE - 1;
	offer.sack = tcp_option_find(options, size, TCP_OPTION_SACK_PERMITTED) != NULL;
	if (stamp && stamp[1] == TCP_OPTION_STAMP_SIZE) {
		offer.stamped = true;
		offer.stamp = read_u32(stamp + 2);
		offer.echo = read_u32(stamp + 6);
	}
	return offer;
}

size_t
syn_offer_write(uint8_t *out, const struct syn_offer *offer)
{
	uint8_t *at = out;

	if (offer->mss) {
		*at++ = TCP_OPTION_MSS;
		*at++ = TCP_OPTION_MSS_SIZE;
		*at++ = (uint8_t)(offer->mss >> 8);
		*at++ = (uint8_t)offer->mss;
	}
	if (offer->sack || offer->stamped) {
		*at++ = offer->sack ? TCP_OPTION_SACK_PERMITTED : TCP_OPTION_NOP;
		*at++ = offer->sack ? 2 : TCP_OPTION_NOP;
		*at++ = offer->stamped ? TCP_OPTION_STAMP : TCP_OPTION_NOP;
		*at++ = offer->stamped ? TCP_OPTION_STAMP_SIZE : TCP_OPTION_NOP;
	}
	if (offer->stamped) {
		write_u32(at, offer->stamp);
		write_u32(at + 4, offer->echo);
		at += 8;
	}
	if (offer->scale != SYN_NO_SCALE) {
		*at++ = TCP_OPTION_NOP;
		*at++ = TCP_OPTION_SCALE;
		*at++ = TCP_OPTION_SCALE_SIZE;
		*at++ = offer->scale;
	}
	return (size_t)(at - out);
}

uint8_t
syn_cookie_mss_index(uint16_t mss)
{
	uint8_t index = MSS_MASK;

	while (index > 0 && sizes[index] > mss)
		index--;
	return index;
}

uint16_t
syn_cookie_mss(uint8_t index)
{
	return sizes[index & MSS_MASK];
}

static uint32_t
make(const struct siphash_key *secret, const struct flow_key *key, uint32_t isn, uint8_t mss_index,
	uint64_t period)
{
	const uint64_t words[] = {key->client_words[0], key->client_words[1], key->rest,
		(uint64_t)isn << 32 | mss_index, period};
	uint64_t hash = siphash(secret, words, sizeof(words) / sizeof(words[0]));

	return ((uint32_t)hash & HASH_MASK) | (uint32_t)(period & PERIOD_MASK) << MSS_BITS |
	       mss_index;
}

uint32_t
syn_cookie_make(const struct siphash_key *secret, const struct flow_key *key, uint32_t isn,
	uint8_t mss_index, uint64_t now_ns)
{
	return make(secret, key, isn, mss_index, now_ns / PERIOD_NS);
}

bool
syn_cookie_check(const struct siphash_key *secret, const struct flow_key *key, uint32_t isn,
	uint32_t cookie, uint64_t now_ns, uint8_t *mss_index)
{
	uint64_t period = now_ns / PERIOD_NS;
	uint64_t age = (period - (cookie >> MSS_BITS)) & PERIOD_MASK;

	*mss_index = cookie & MSS_MASK;
	return age <= AGE_MAX && age <= period &&
	       make(secret, key, isn, *mss_index, period - age) == cookie;
}

uint32_t
syn_cookie_stamp(const struct siphash_key *secret, const struct syn_offer *offer, uint64_t now_ns)
{
	uint32_t clock = (uint32_t)(now_ns / NS_PER_MS) + (uint32_t)secret->words[0];

	/* Begins behind, so that the backend's clock, which goes on from there, is never ahead. */
	clock = (clock - (1u << STAMP_BITS)) & ~((1u << STAMP_BITS) - 1);
	return clock | (offer->sack ? STAMP_SACK : 0) | offer->scale;
}

void
syn_cookie_read_stamp(uint32_t stamp, struct syn_offer *offer)
{
	offer->scale = (uint8_t)(stamp & STAMP_SCALE_MASK);
	offer->sack = stamp & STAMP_SACK;
}
