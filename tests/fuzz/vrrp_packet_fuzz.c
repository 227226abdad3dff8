/* SPDX-License-Identifier: BSD-3-Clause */
/* VRRP messages from the network. The input: family, TTL, then the message. What is accepted must
 * be what vrrp_packet_build() makes of the same contents. */
#include "controlplane/vrrp_packet.h"
#include "fuzz.h"

#include <string.h>

/* The source address of the messages. */
static const struct addr sources[] = {
	{.family = ADDR_V4, .bytes = {192, 0, 2, 1}},
	{.family = ADDR_V6, .bytes = {0xfe, 0x80, [15] = 1}},
};

static void
read_addresses(const struct vrrp_datagram *datagram, const struct vrrp_advert *advert,
	struct addr *addresses)
{
	size_t size = advert->family == ADDR_V4 ? 4 : 16;

	for (size_t i = 0; i < advert->n_addresses; i++) {
		memset(&addresses[i], 0, sizeof(addresses[i]));
		addresses[i].family = advert->family;
		memcpy(addresses[i].bytes, datagram->data + VRRP_HEADER_SIZE + i * size, size);
	}
}

/* Builds it anew and compares all but the reserved bits and the checksum, which has two forms. */
static void
check_rebuilt(const struct vrrp_datagram *datagram, const struct vrrp_advert *advert)
{
	static struct addr addresses[VRRP_ADDRESSES_MAX];
	uint8_t built[VRRP_PACKET_MAX];
	struct vrrp_datagram again = *datagram;
	struct vrrp_advert second;
	size_t size;

	read_addresses(datagram, advert, addresses);
	fuzz_require(vrrp_packet_names(datagram, advert, addresses, advert->n_addresses),
		"an advert names the addresses that it has");
	size = vrrp_packet_build(
		advert, addresses, &datagram->source, &datagram->destination, built, sizeof(built));
	fuzz_require(size == datagram->size, "a rebuilt advert has the same size");
	fuzz_require(memcmp(built, datagram->data, 4) == 0 &&
			     memcmp(built + 8, datagram->data + 8, size - 8) == 0,
		"a rebuilt advert is the same");
	again.data = built;
	fuzz_require(vrrp_packet_parse(&again, &second) == VRRP_OK, "a built advert is valid");
	fuzz_require(second.vrid == advert->vrid && second.priority == advert->priority &&
			     second.interval_cs == advert->interval_cs &&
			     second.n_addresses == advert->n_addresses,
		"a built advert says the same");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	struct vrrp_datagram datagram = {.source = sources[fuzz_byte(&input) & 1]};
	struct vrrp_advert advert = {.vrid = 0};
	enum vrrp_result result;

	datagram.destination = vrrp_group((enum addr_family)datagram.source.family);
	datagram.ttl = (uint8_t)(VRRP_TTL - fuzz_byte(&input));
	datagram.data = fuzz_bytes(&input, input.size, &datagram.size);
	result = vrrp_packet_parse(&datagram, &advert);
	fuzz_require(result < N_VRRP_RESULTS, "the result is one of those that there are");
	fuzz_require(vrrp_result_text(result) != NULL, "every result has a text");
	if (result != VRRP_OK)
		return 0;
	fuzz_require(datagram.ttl == VRRP_TTL, "an accepted advert has crossed no router");
	fuzz_require(advert.vrid != 0 && advert.n_addresses != 0 && advert.interval_cs != 0,
		"an accepted advert has an id, an interval and addresses");
	fuzz_require(advert.family == datagram.source.family, "the family is that of the packet");
	check_rebuilt(&datagram, &advert);
	return 0;
}
