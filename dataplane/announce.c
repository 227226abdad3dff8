/* SPDX-License-Identifier: BSD-3-Clause */
/* Announcements of VIPs; see announce.h. */
#include "dataplane/announce.h"

#include "dataplane/nd_frame.h"
#include "dataplane/wire.h"

#define ARP_FRAME_SIZE 60 /* Padded to Ethernet's minimum, without the FCS. */

static_assert(ND_ADVERT_SIZE == ANNOUNCE_FRAME_MAX, "the header promises it");

static size_t
build_arp(uint8_t *buf, uint16_t operation, const struct addr *vip, const uint8_t mac[static 6])
{
	struct wire_ethernet *ethernet = (struct wire_ethernet *)buf;
	struct wire_arp *arp = (struct wire_arp *)(ethernet + 1);

	memset(buf, 0, ARP_FRAME_SIZE);
	memset(ethernet->destination, 0xff, sizeof(ethernet->destination));
	memcpy(ethernet->source, mac, sizeof(ethernet->source));
	ethernet->type = be16_from(ETHER_ARP);
	arp->hardware = be16_from(1);
	arp->protocol = be16_from(ETHER_IPV4);
	arp->hardware_size = 6;
	arp->protocol_size = 4;
	arp->operation = be16_from(operation);
	memcpy(arp->sender_mac, mac, sizeof(arp->sender_mac));
	memcpy(arp->sender, vip->bytes, sizeof(arp->sender));
	if (operation == ARP_REPLY)
		memcpy(arp->target_mac, mac, sizeof(arp->target_mac));
	memcpy(arp->target, vip->bytes, sizeof(arp->target));
	return ARP_FRAME_SIZE;
}

size_t
announce_build(uint8_t *buf, size_t size, unsigned int form, const struct addr *vip,
	const uint8_t mac[static 6])
{
	struct nd_advert advert = {.mac = mac, .flags = ND_FLAG_OVERRIDE};

	if (vip->family == ADDR_V4) {
		if (form > 1 || size < ARP_FRAME_SIZE)
			return 0;
		return build_arp(buf, form == 0 ? ARP_REQUEST : ARP_REPLY, vip, mac);
	}
	if (form > 0 || size < ND_ADVERT_SIZE)
		return 0;
	memcpy(advert.target, vip->bytes, sizeof(advert.target));
	nd_advert_build(buf, &advert);
	return ND_ADVERT_SIZE;
}

void
announce_init(struct announce_schedule *schedule)
{
	announce_stop(schedule);
}

void
announce_start(struct announce_schedule *schedule, uint64_t now_ns)
{
	schedule->next_ns = now_ns;
	schedule->n_rounds = 0;
}

void
announce_stop(struct announce_schedule *schedule)
{
	schedule->next_ns = UINT64_MAX;
	schedule->n_rounds = 0;
}

void
announce_again(struct announce_schedule *schedule, uint64_t now_ns)
{
	uint64_t at_ns = schedule->last_ns + ANNOUNCE_AGAIN_NS;

	if (schedule->next_ns == UINT64_MAX)
		return;
	if (at_ns < now_ns)
		at_ns = now_ns;
	if (at_ns >= schedule->next_ns)
		return;
	schedule->next_ns = at_ns;
	/* That round may be lost as well: what follows is as after a burst. */
	schedule->n_rounds = ANNOUNCE_BURST_ROUNDS - 1;
}

/* From the round with this number, counted from 1, to the next. */
static uint64_t
distance_ns(uint32_t n_rounds)
{
	uint64_t ns = ANNOUNCE_REPEAT_NS;

	if (n_rounds < ANNOUNCE_BURST_ROUNDS)
		return ANNOUNCE_BURST_NS;
	for (uint32_t i = ANNOUNCE_BURST_ROUNDS; i < n_rounds && ns < ANNOUNCE_REFRESH_NS; i++)
		ns *= 2;
	return ns < ANNOUNCE_REFRESH_NS ? ns : ANNOUNCE_REFRESH_NS;
}

bool
announce_due(struct announce_schedule *schedule, uint64_t now_ns)
{
	if (schedule->next_ns == UINT64_MAX || now_ns < schedule->next_ns)
		return false;
	schedule->n_rounds++;
	schedule->last_ns = now_ns;
	schedule->next_ns = now_ns + distance_ns(schedule->n_rounds);
	return true;
}
