/* SPDX-License-Identifier: BSD-3-Clause */
/* VRRPv3 advertisements; see vrrp_packet.h. */
#include "controlplane/vrrp_packet.h"

#include "common/checksum.h"

#include <assert.h>
#include <string.h>

#define VERSION 3
#define TYPE_ADVERTISEMENT 1

struct wire {
	uint8_t version_type;
	uint8_t vrid;
	uint8_t priority;
	uint8_t n_addresses;
	be16 interval;
	be16 checksum;
};

static_assert(sizeof(struct wire) == VRRP_HEADER_SIZE, "RFC 9568 section 5.1");

static const char *const result_texts[] = {
#define VRRP_RESULT(id, text) [VRRP_##id] = (text),
	VRRP_RESULTS
#undef VRRP_RESULT
};

static size_t
address_size(enum addr_family family)
{
	return family == ADDR_V4 ? 4 : 16;
}

/* Sums to 0 when the message holds its checksum. */
static bool
checksum_is_right(const struct vrrp_datagram *datagram)
{
	uint32_t message = checksum_add(0, datagram->data, datagram->size);
	uint32_t whole = checksum_add_pseudo(
		message, &datagram->source, &datagram->destination, VRRP_PROTOCOL, datagram->size);

	if (be16_to(checksum_finish(whole)) == 0)
		return true;
	return datagram->source.family == ADDR_V4 && be16_to(checksum_finish(message)) == 0;
}

const char *
vrrp_result_text(enum vrrp_result result)
{
	assert(result < N_VRRP_RESULTS);
	return result_texts[result];
}

struct addr
vrrp_group(enum addr_family family)
{
	static const uint8_t v6[16] = {0xff, 0x02, [15] = 0x12};

	return family == ADDR_V4 ? addr_from_v4(be32_from(0xe0000012)) : addr_from_v6(v6);
}

size_t
vrrp_packet_build(const struct vrrp_advert *advert, const struct addr *addresses,
	const struct addr *source, const struct addr *destination, uint8_t *buf, size_t size)
{
	size_t each = address_size(advert->family);
	size_t total = VRRP_HEADER_SIZE + advert->n_addresses * each;
	struct wire wire = {
		.version_type = VERSION << 4 | TYPE_ADVERTISEMENT,
		.vrid = advert->vrid,
		.priority = advert->priority,
		.n_addresses = advert->n_addresses,
		.interval = be16_from(advert->interval_cs & VRRP_INTERVAL_MAX_CS),
	};
	uint32_t sum;

	if (size < total)
		return 0;
	memcpy(buf, &wire, sizeof(wire));
	for (size_t i = 0; i < advert->n_addresses; i++)
		memcpy(buf + VRRP_HEADER_SIZE + i * each, addresses[i].bytes, each);
	sum = checksum_add(0, buf, total);
	wire.checksum = checksum_finish(
		checksum_add_pseudo(sum, source, destination, VRRP_PROTOCOL, total));
	memcpy(buf, &wire, sizeof(wire));
	return total;
}

enum vrrp_result
vrrp_packet_parse(const struct vrrp_datagram *datagram, struct vrrp_advert *out)
{
	enum addr_family family = (enum addr_family)datagram->source.family;
	struct wire wire;
	uint16_t interval;

	if (datagram->size < sizeof(wire))
		return VRRP_TRUNCATED;
	memcpy(&wire, datagram->data, sizeof(wire));
	interval = be16_to(wire.interval) & VRRP_INTERVAL_MAX_CS;
	if (addr_is_multicast(&datagram->destination) && datagram->ttl != VRRP_TTL)
		return VRRP_TTL_WRONG;
	if (wire.version_type >> 4 != VERSION)
		return VRRP_VERSION;
	if ((wire.version_type & 0x0f) != TYPE_ADVERTISEMENT)
		return VRRP_TYPE;
	if (wire.vrid == 0)
		return VRRP_VRID;
	if (wire.n_addresses == 0)
		return VRRP_NO_ADDRESSES;
	if (datagram->size != VRRP_HEADER_SIZE + wire.n_addresses * address_size(family))
		return VRRP_LENGTH;
	if (!checksum_is_right(datagram))
		return VRRP_CHECKSUM;
	if (interval == 0)
		return VRRP_INTERVAL;
	*out = (struct vrrp_advert){
		.vrid = wire.vrid,
		.priority = wire.priority,
		.interval_cs = interval,
		.n_addresses = wire.n_addresses,
		.family = family,
	};
	return VRRP_OK;
}

bool
vrrp_packet_names(const struct vrrp_datagram *datagram, const struct vrrp_advert *advert,
	const struct addr *addresses, size_t n_addresses)
{
	size_t each = address_size(advert->family);

	if (advert->n_addresses != n_addresses)
		return false;
	for (size_t i = 0; i < n_addresses; i++) {
		const uint8_t *theirs = datagram->data + VRRP_HEADER_SIZE + i * each;
		size_t j = 0;

		while (j < n_addresses && memcmp(addresses[j].bytes, theirs, each) != 0)
			j++;
		if (j == n_addresses)
			return false;
	}
	return true;
}
