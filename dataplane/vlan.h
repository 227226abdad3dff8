/* SPDX-License-Identifier: BSD-3-Clause */
/* The tag of a port's VLAN (IEEE 802.1Q 9.6). It comes off where a frame enters a worker and goes
 * on where it leaves, so that the packet core, the host and announcements know nothing of it. */
#ifndef DATAPLANE_VLAN_H
#define DATAPLANE_VLAN_H

#include "dataplane/packet.h"
#include "dataplane/wire.h"

#include <stdbool.h>

#define VLAN_TAG_SIZE 4
#define VLAN_AT 12 /* Offset of the tag: behind the link-layer addresses. */
#define VLAN_TYPE 0x8100
#define VLAN_ID_MASK 0x0fff /* The rest is priority. */

/* Takes the tag off. Returns false, the packet being untouched, if it has not that of 'vlan'. */
static inline bool
vlan_take(struct packet *packet, uint16_t vlan)
{
	uint8_t *data = packet->data;
	be16 type, tag;

	if (packet->size < VLAN_AT + VLAN_TAG_SIZE)
		return false;
	memcpy(&type, data + VLAN_AT, sizeof(type));
	memcpy(&tag, data + VLAN_AT + 2, sizeof(tag));
	if (be16_to(type) != VLAN_TYPE || (be16_to(tag) & VLAN_ID_MASK) != vlan)
		return false;
	memmove(data + VLAN_TAG_SIZE, data, VLAN_AT);
	packet->data += VLAN_TAG_SIZE;
	packet->size -= VLAN_TAG_SIZE;
	packet->headroom = (uint16_t)(packet->headroom + VLAN_TAG_SIZE);
	return true;
}

/* Puts a tag into a frame that now begins VLAN_TAG_SIZE bytes earlier, at 'data'. */
static inline void
vlan_put(uint8_t *data, uint16_t vlan)
{
	be16 type = be16_from(VLAN_TYPE);
	be16 tag = be16_from(vlan);

	memmove(data, data + VLAN_TAG_SIZE, VLAN_AT);
	memcpy(data + VLAN_AT, &type, sizeof(type));
	memcpy(data + VLAN_AT + 2, &tag, sizeof(tag));
}

#endif /* DATAPLANE_VLAN_H */
