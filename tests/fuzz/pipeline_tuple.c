/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading plain frames; see pipeline_tuple.h. */
#include "pipeline_tuple.h"

#include "common/checksum.h"

static bool
of_v4(const uint8_t *ip)
{
	return ip[0] >> 4 == 4;
}

size_t
ip_size(const uint8_t *ip)
{
	return of_v4(ip) ? u16_at(ip + 2) : u16_at(ip + 4) + sizeof(struct wire_ipv6);
}

size_t
ip_header_size(const uint8_t *ip)
{
	return of_v4(ip) ? (ip[0] & 15) * 4u : sizeof(struct wire_ipv6);
}

static struct addr
v4_at(const uint8_t *at)
{
	be32 v4;

	memcpy(&v4, at, sizeof(v4));
	return addr_from_v4(v4);
}

struct addr
ip_source(const uint8_t *ip)
{
	return of_v4(ip) ? v4_at(ip + 12) : addr_from_v6(ip + 8);
}

struct addr
ip_destination(const uint8_t *ip)
{
	return of_v4(ip) ? v4_at(ip + 16) : addr_from_v6(ip + 24);
}

uint8_t
ip_protocol(const uint8_t *ip)
{
	return of_v4(ip) ? ip[9] : ip[6];
}

bool
read_tuple(const uint8_t *frame, struct tuple *tuple)
{
	const uint8_t *ip = frame + FRAME_L3;
	const uint8_t *l4 = ip + ip_header_size(ip);

	*tuple = (struct tuple){
		.client = ip_source(ip),
		.vip = ip_destination(ip),
		.protocol = ip_protocol(ip),
	};
	if (is_v4(frame) && u16_at(ip + 6) & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK))
		return false;
	if (tuple->protocol != PROTOCOL_TCP && tuple->protocol != PROTOCOL_UDP)
		return false;
	tuple->client_port = u16_at(l4);
	tuple->vip_port = u16_at(l4 + 2);
	return true;
}

const struct control_service *
find_service(const struct control_state *state, const struct tuple *tuple)
{
	const struct control_service *found = NULL;

	for (size_t i = 0; i < state->n_services; i++) {
		const struct control_service *service = &state->services[i];

		if (service->protocol != tuple->protocol ||
			!addr_equal(&service->address, &tuple->vip))
			continue;
		if (service->port == tuple->vip_port)
			return service;
		if (service->port == 0)
			found = service;
	}
	return found;
}

bool
ip_checksum_good(const uint8_t *ip)
{
	return !of_v4(ip) || checksum_finish(checksum_add(0, ip, ip_header_size(ip))) == 0;
}

bool
l4_checksum_good(const uint8_t *ip)
{
	const uint8_t *l4 = ip + ip_header_size(ip);
	size_t size = ip_size(ip) - ip_header_size(ip);
	uint8_t protocol = ip_protocol(ip);
	struct addr from = ip_source(ip);
	struct addr to = ip_destination(ip);
	uint32_t sum = 0;

	if (protocol == PROTOCOL_UDP) {
		size = u16_at(l4 + 4);
		if (u16_at(l4 + 6) == 0)
			return true;
	}
	if (protocol != IPPROTO_ICMP)
		sum = checksum_add_pseudo(0, &from, &to, protocol, size);
	return checksum_finish(checksum_add(sum, l4, size)) == 0;
}
