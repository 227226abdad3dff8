/* SPDX-License-Identifier: BSD-3-Clause */
/* Changing the size of packets; see resize.h. */
#include "dataplane/resize.h"

#include "dataplane/patch.h"

/* Sets the IP header's length. Returns the delta of the upper layer's length, which stands in the
 * pseudo-header. */
static uint32_t
set_size(uint8_t *ip, const struct parsed *parsed, uint32_t l4_size)
{
	uint8_t was[sizeof(be16)];
	uint32_t old_l4_size = (uint32_t)(parsed->end - parsed->l4);
	uint32_t size = (uint32_t)(parsed->l4 - parsed->l3) + l4_size;
	be16 old = be16_from((uint16_t)old_l4_size);

	if (parsed->target.family == ADDR_V4) {
		uint8_t *at = ip + offsetof(struct wire_ipv4, checksum);
		uint32_t delta =
			patch_u16(ip + offsetof(struct wire_ipv4, total_size), (uint16_t)size);
		be16 checksum = patch_checksum(at, delta);

		memcpy(at, &checksum, sizeof(checksum));
	} else {
		patch_u16(ip + offsetof(struct wire_ipv6, payload_size),
			(uint16_t)(size - sizeof(struct wire_ipv6)));
	}
	memcpy(was, &old, sizeof(was));
	return patch_u16(was, (uint16_t)l4_size);
}

uint32_t
resize_open(struct packet *packet, const struct parsed *parsed, uint32_t at, uint32_t size)
{
	memmove(packet->data - size, packet->data, at);
	packet->data -= size;
	packet->size += size;
	packet->headroom = (uint16_t)(packet->headroom - size);
	memset(packet->data + at, 0, size);
	return set_size(
		packet->data + parsed->l3, parsed, (uint32_t)(parsed->end - parsed->l4) + size);
}

uint32_t
resize_cut(struct packet *packet, const struct parsed *parsed, uint32_t at)
{
	uint32_t gone = checksum_add(0, packet->data + at, parsed->end - at);

	packet->tailroom = (uint16_t)(packet->tailroom + packet->size - at);
	packet->size = at;
	return set_size(packet->data + parsed->l3, parsed, at - parsed->l4) +
	       (PATCH_SUM_BITS ^ gone);
}
