/* SPDX-License-Identifier: BSD-3-Clause */
/* MSS clamping; see mss.h. */
#include "dataplane/mss.h"

#include "dataplane/tcp_option.h"

/* RFC 1624 3, equation 3: HC' = ~(~HC + ~m + m'). */
static be16
mend_checksum(be16 checksum, uint16_t was, uint16_t is)
{
	uint32_t sum = (uint16_t)~be16_to(checksum);

	sum += (uint16_t)~was;
	sum += is;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return be16_from((uint16_t)~sum);
}

/* A value at an odd offset lies in two words of the sum, the halves of one swapped. */
static uint16_t
swapped(uint16_t value, bool odd)
{
	return odd ? (uint16_t)(value << 8 | value >> 8) : value;
}

void
mss_clamp(struct packet *packet, const struct parsed *parsed, uint16_t mss)
{
	struct wire_tcp *tcp = (struct wire_tcp *)(packet->data + parsed->l4);
	uint8_t *options = (uint8_t *)(tcp + 1);
	uint8_t *option;
	uint16_t was;
	bool odd;

	if (parsed->kind != PARSED_FLOW || parsed->l4_protocol != IPPROTO_TCP ||
		!(tcp->flags & TCP_FLAG_SYN))
		return;
	option = tcp_option_find(options, tcp_options_size(tcp), TCP_OPTION_MSS);
	if (!option || option[1] != TCP_OPTION_MSS_SIZE)
		return;
	was = (uint16_t)(option[2] << 8 | option[3]);
	if (was <= mss)
		return;
	odd = (option - options) % 2 != 0;
	option[2] = (uint8_t)(mss >> 8);
	option[3] = (uint8_t)mss;
	tcp->checksum = mend_checksum(tcp->checksum, swapped(was, odd), swapped(mss, odd));
}
