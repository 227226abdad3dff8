/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames of a benchmark's clients; see traffic.h. */
#include "traffic.h"

#include "common/checksum.h"
#include "dataplane/hash.h"
#include "dataplane/wire.h"

#include <errno.h>
#include <string.h>

#define ETHERNET_SIZE 14
#define CLIENT_BITS 24 /* Of a client's address; the higher ones of a flow's number are ports. */
#define FLOOD_FLOW (UINT64_C(1) << 38) /* Numbers from here on are the flood's. */
#define FRAME_SIZE_MAX 1514
#define CHECKSUM                                                                         \
	0x5a5a /* Of TCP and UDP: not looked at, but carried along, so not UDP's "none". \
		*/

static const uint8_t vip6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1};
static const uint8_t client6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0xc};

static uint32_t
next_random(struct traffic *traffic)
{
	/* Of a 64-bit linear congruential generator the upper half. */
	traffic->random = traffic->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(traffic->random >> 32);
}

struct addr
traffic_service(uint32_t index, uint8_t family, uint16_t *port)
{
	uint8_t bytes[16];
	uint32_t host = index / TRAFFIC_PORTS + 1;

	*port = (uint16_t)(TRAFFIC_PORT + index % TRAFFIC_PORTS);
	memcpy(bytes, vip6, sizeof(bytes));
	bytes[15] = (uint8_t)host;
	return family == ADDR_V6 ? addr_from_v6(bytes) : addr_from_v4(be32_from(0xc6120000 + host));
}

static void
make_header(struct traffic *traffic, const struct traffic_config *config)
{
	struct wire_ethernet *ethernet = (struct wire_ethernet *)traffic->header;
	uint8_t *l3 = traffic->header + ETHERNET_SIZE;
	uint8_t *l4 = l3 + (traffic->v6 ? sizeof(struct wire_ipv6) : sizeof(struct wire_ipv4));
	uint16_t size = (uint16_t)(config->frame_size - ETHERNET_SIZE);

	memcpy(ethernet->destination, config->mac, 6);
	memcpy(ethernet->source, "\2\0\0\0\0\xc1", 6);
	ethernet->type = be16_from(traffic->v6 ? ETHER_IPV6 : ETHER_IPV4);
	if (traffic->v6) {
		struct wire_ipv6 *ip = (struct wire_ipv6 *)l3;

		ip->version_class_label = be32_from(6u << 28);
		ip->payload_size = be16_from((uint16_t)(size - sizeof(*ip)));
		ip->next_header = config->protocol;
		ip->hop_limit = 64;
		memcpy(ip->source, client6, sizeof(client6));
		memcpy(ip->destination, vip6, sizeof(vip6));
	} else {
		struct wire_ipv4 *ip = (struct wire_ipv4 *)l3;

		ip->version_ihl = 0x45;
		ip->total_size = be16_from(size);
		ip->ttl = 64;
		ip->protocol = config->protocol;
		traffic->sum =
			UINT16_MAX - be16_to(checksum_finish(checksum_add(0, ip, sizeof(*ip))));
	}
	if (traffic->tcp) {
		struct wire_tcp *tcp = (struct wire_tcp *)l4;

		tcp->offset = 5 << 4;
		tcp->window = be16_from(UINT16_MAX);
		tcp->checksum = be16_from(CHECKSUM);
	} else {
		struct wire_udp *udp = (struct wire_udp *)l4;

		udp->size = be16_from((uint16_t)(size - (l4 - l3)));
		udp->checksum = be16_from(CHECKSUM);
	}
}

/* The part of 2^32 that makes 'ppm' of all packets, if it decides about all but 'other_ppm'. */
static uint32_t
part(uint32_t ppm, uint32_t other_ppm)
{
	uint64_t below = ((uint64_t)ppm << 32) / (TRAFFIC_PPM - other_ppm);

	return below > UINT32_MAX ? UINT32_MAX : (uint32_t)below;
}

int
traffic_init(struct traffic *traffic, const struct traffic_config *config)
{
	bool v6 = config->family == ADDR_V6;
	uint16_t size_min = v6 ? 74 : 60;

	if (config->n_flows == 0 || config->n_flows > TRAFFIC_FLOWS_MAX ||
		config->n_services == 0 || config->frame_size < size_min ||
		config->frame_size > FRAME_SIZE_MAX || 2 * config->new_ppm > TRAFFIC_PPM ||
		2 * config->new_ppm + config->flood_ppm > TRAFFIC_PPM)
		return -EINVAL;
	*traffic = (struct traffic){
		.random = 1,
		.n_flows = config->n_flows,
		.n_services = config->n_services,
		.new_below = part(config->new_ppm, config->new_ppm),
		.flood_below = part(config->flood_ppm, config->new_ppm),
		.v6 = v6,
		.tcp = config->protocol == PROTOCOL_TCP,
		.frame_size = config->frame_size,
	};
	make_header(traffic, config);
	return 0;
}

void
traffic_skip_beginning(struct traffic *traffic)
{
	traffic->n_begun = 2 * (uint64_t)traffic->n_flows;
}

/* The words are patched where they stand; the sizes are those of make_header(). */
uint32_t
traffic_write_flow(const struct traffic *traffic, uint8_t *data, uint64_t flow, uint8_t flags)
{
	uint32_t mixed = (uint32_t)flow * 0x9e3779b1u;
	uint32_t client = mixed & ((1u << CLIENT_BITS) - 1); /* One to one with the low bits. */
	uint16_t port = (uint16_t)((mixed >> 8) + (flow >> CLIENT_BITS));
	uint32_t service = hash_range((uint32_t)hash_mix(flow), traffic->n_services);
	uint32_t host = service / TRAFFIC_PORTS + 1;
	be16 ports[2] = {be16_from(port ? port : 1),
		be16_from((uint16_t)(TRAFFIC_PORT + service % TRAFFIC_PORTS))};
	uint8_t *l3 = data + ETHERNET_SIZE;
	uint8_t *l4;

	memcpy(data, traffic->header, TRAFFIC_HEADER_MAX);
	if (traffic->v6) {
		struct wire_ipv6 *ip = (struct wire_ipv6 *)l3;
		be32 address = be32_from(client);

		memcpy(ip->source + 12, &address, sizeof(address));
		ip->destination[15] = (uint8_t)host;
		l4 = l3 + sizeof(*ip);
	} else {
		struct wire_ipv4 *ip = (struct wire_ipv4 *)l3;
		be32 source = be32_from(0x0a000000 + client);
		be32 destination = be32_from(0xc6120000 + host);
		uint32_t sum = traffic->sum + (0x0a00 + (client >> 16)) + (client & 0xffff) +
			       0xc612 + host;

		memcpy(ip->source, &source, sizeof(source));
		memcpy(ip->destination, &destination, sizeof(destination));
		sum = (sum & 0xffff) + (sum >> 16);
		ip->checksum = be16_from((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
		l4 = l3 + sizeof(*ip);
	}
	memcpy(l4, ports, sizeof(ports));
	if (traffic->tcp)
		((struct wire_tcp *)l4)->flags = flags;
	return traffic->frame_size;
}

/* Of a flow that there is: twice in order, then at random. */
static uint64_t
begin_next(struct traffic *traffic, uint8_t *flags)
{
	uint64_t flow = traffic->n_begun / 2;

	*flags = traffic->n_begun & 1 ? TCP_FLAG_ACK : TCP_FLAG_SYN;
	traffic->n_begun++;
	return flow;
}

uint32_t
traffic_write(struct traffic *traffic, uint8_t *data)
{
	uint8_t flags = TCP_FLAG_ACK;
	uint64_t flow;
	uint32_t choice;

	if (__builtin_expect(!traffic_is_steady(traffic), 0)) {
		flow = begin_next(traffic, &flags);
		return traffic_write_flow(traffic, data, flow, flags);
	}
	choice = traffic->new_below || traffic->flood_below ? next_random(traffic) : UINT32_MAX;
	if (traffic->end_due) {
		/* The oldest one; the new one has taken its place among those that are there. */
		traffic->end_due = false;
		flow = traffic->first_flow - 1;
		flags = TCP_FLAG_FIN | TCP_FLAG_ACK;
	} else if (choice < traffic->flood_below) {
		flow = FLOOD_FLOW + traffic->n_flood++;
		flags = TCP_FLAG_SYN;
	} else if (choice - traffic->flood_below < traffic->new_below) {
		flow = traffic->first_flow + traffic->n_flows;
		traffic->first_flow++;
		traffic->end_due = true;
		flags = TCP_FLAG_SYN;
	} else {
		flow = traffic->first_flow + hash_range(next_random(traffic), traffic->n_flows);
	}
	return traffic_write_flow(traffic, data, flow, flags);
}
