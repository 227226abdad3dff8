/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames of the generator; see probe.h. */
#include "dataplane/pktgen/probe.h"

#include "common/checksum.h"
#include "dataplane/pktgen/sizes.h"
#include "dataplane/vlan.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define TTL 64
#define TCP_WINDOW 65535

/* A mould's checksums are sums that lack only the fields of a packet. */
struct probe {
	uint16_t size;     /* Without FCS. */
	uint16_t client;   /* Offset of the client address's last 4 bytes. */
	uint16_t l3;       /* Offsets of the headers. */
	uint16_t l4;       /* ... */
	uint16_t checksum; /* ... of the L4 checksum ... */
	uint16_t stamp;    /* ... and of the stamp. */
	uint8_t protocol;
	bool is_ipv4;
	uint32_t ip_sum;
	uint32_t l4_sum;
	uint8_t bytes[SIZES_MOST];
};

static uint16_t
l4_header_size(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? sizeof(struct wire_tcp) : sizeof(struct wire_udp);
}

static uint16_t
l4_offset(enum addr_family family, uint16_t vlan)
{
	return (uint16_t)(sizeof(struct wire_ethernet) + (vlan ? VLAN_TAG_SIZE : 0) +
			  (family == ADDR_V4 ? sizeof(struct wire_ipv4)
					     : sizeof(struct wire_ipv6)));
}

uint16_t
probe_size_min(enum addr_family family, uint8_t protocol, uint16_t vlan)
{
	size_t size = l4_offset(family, vlan) + l4_header_size(protocol) +
		      sizeof(struct wire_stamp) + SIZES_FCS;

	return (uint16_t)(size < SIZES_LEAST ? SIZES_LEAST : size);
}

static void
fill_ethernet(struct probe *probe, const struct probe_config *config)
{
	be16 type = be16_from(probe->is_ipv4 ? ETHER_IPV4 : ETHER_IPV6);
	be16 tag_type = be16_from(VLAN_TYPE);
	be16 tag = be16_from(config->vlan);
	uint8_t *at = probe->bytes + offsetof(struct wire_ethernet, type);

	memcpy(probe->bytes, config->destination_mac, sizeof(config->destination_mac));
	memcpy(probe->bytes + offsetof(struct wire_ethernet, source), config->source_mac,
		sizeof(config->source_mac));
	if (config->vlan) {
		memcpy(at, &tag_type, sizeof(tag_type));
		memcpy(at + 2, &tag, sizeof(tag));
		at += VLAN_TAG_SIZE;
	}
	memcpy(at, &type, sizeof(type));
}

static void
fill_ip(struct probe *probe, const struct probe_config *config)
{
	struct wire_ipv4 *v4 = (struct wire_ipv4 *)(probe->bytes + probe->l3);
	struct wire_ipv6 *v6 = (struct wire_ipv6 *)(probe->bytes + probe->l3);

	if (probe->is_ipv4) {
		v4->version_ihl = 0x45;
		v4->total_size = be16_from((uint16_t)(probe->size - probe->l3));
		v4->fragment = be16_from(IPV4_DONT_FRAGMENT);
		v4->ttl = TTL;
		v4->protocol = probe->protocol;
		memcpy(v4->destination, config->target.bytes, sizeof(v4->destination));
		probe->client = (uint16_t)(probe->l3 + offsetof(struct wire_ipv4, source));
		probe->ip_sum = checksum_add(0, v4, sizeof(*v4));
	} else {
		v6->version_class_label = be32_from(6u << 28);
		v6->payload_size = be16_from((uint16_t)(probe->size - probe->l4));
		v6->next_header = probe->protocol;
		v6->hop_limit = TTL;
		memcpy(v6->source, config->client.bytes, sizeof(v6->source) - 4);
		memcpy(v6->destination, config->target.bytes, sizeof(v6->destination));
		probe->client = (uint16_t)(probe->l3 + offsetof(struct wire_ipv6, source) + 12);
	}
}

static void
fill_l4(struct probe *probe, const struct probe_config *config)
{
	struct wire_tcp *tcp = (struct wire_tcp *)(probe->bytes + probe->l4);
	struct wire_udp *udp = (struct wire_udp *)(probe->bytes + probe->l4);
	size_t size = (size_t)(probe->size - probe->l4);
	struct addr client = config->client;

	if (probe->protocol == IPPROTO_TCP) {
		tcp->sequence = be32_from(1);
		tcp->acknowledgment = be32_from(1);
		tcp->offset = sizeof(*tcp) / 4 << 4;
		tcp->window = be16_from(TCP_WINDOW);
		probe->checksum = (uint16_t)(probe->l4 + offsetof(struct wire_tcp, checksum));
	} else {
		udp->size = be16_from((uint16_t)size);
		probe->checksum = (uint16_t)(probe->l4 + offsetof(struct wire_udp, checksum));
	}
	memset(client.bytes + addr_size(&client) - 4, 0, 4);
	probe->l4_sum = checksum_add_pseudo(0, &client, &config->target, probe->protocol, size);
	probe->l4_sum = checksum_add(probe->l4_sum, probe->bytes + probe->l4, size);
}

int
probe_new(struct probe **out, const struct probe_config *config, uint16_t size)
{
	enum addr_family family = (enum addr_family)config->target.family;
	uint16_t n_bytes = (uint16_t)(size - SIZES_FCS);
	struct probe *probe;

	assert(size <= SIZES_MOST &&
		size >= probe_size_min(family, config->protocol, config->vlan));
	assert(config->client.family == config->target.family);
	probe = calloc(1, sizeof(*probe));
	if (!probe)
		return -ENOMEM;
	probe->size = n_bytes;
	probe->is_ipv4 = family == ADDR_V4;
	probe->protocol = config->protocol;
	probe->l3 = (uint16_t)(sizeof(struct wire_ethernet) + (config->vlan ? VLAN_TAG_SIZE : 0));
	probe->l4 = l4_offset(family, config->vlan);
	probe->stamp = (uint16_t)(n_bytes - sizeof(struct wire_stamp));
	fill_ethernet(probe, config);
	fill_ip(probe, config);
	fill_l4(probe, config);
	*out = probe;
	return 0;
}

void
probe_free(struct probe *probe)
{
	free(probe);
}

void
probe_set_destination(struct probe *probe, const uint8_t mac[static 6])
{
	memcpy(probe->bytes, mac, 6);
}

uint16_t
probe_size(const struct probe *probe)
{
	return probe->size;
}

static inline uint32_t
add16(uint32_t sum, be16 word)
{
	return sum + (BE_FORCE uint16_t)word;
}

static inline uint32_t
add32(uint32_t sum, be32 word)
{
	uint32_t value = (BE_FORCE uint32_t)word;

	return sum + (value >> 16) + (value & 0xffff);
}

/* What the stamp adds to the sum of bytes that begin at 'probe->l4'; at an odd place its bytes take
 * each other's part (RFC 1071 2 (B)). */
static inline uint32_t
add_stamp(const struct probe *probe, uint32_t sum, const struct wire_stamp *stamp)
{
	uint32_t own = add16(add32(0, stamp->sequence), stamp->mark);

	if (((probe->stamp - probe->l4) & 1) == 0)
		return sum + own;
	own = (own & 0xffff) + (own >> 16);
	own = (own & 0xffff) + (own >> 16);
	return sum + (((own & 0xff) << 8) | (own >> 8));
}

void
probe_write(const struct probe *probe, const struct probe_fields *fields, uint8_t *frame)
{
	be32 client = be32_from(fields->client);
	be16 client_port = be16_from(fields->client_port);
	be16 target_port = be16_from(fields->target_port);
	struct wire_tcp *tcp = (struct wire_tcp *)(frame + probe->l4);
	uint32_t sum = add32(probe->l4_sum, client);
	be16 checksum;

	memcpy(frame, probe->bytes, probe->size);
	memcpy(frame + probe->client, &client, sizeof(client));
	if (probe->is_ipv4)
		((struct wire_ipv4 *)(frame + probe->l3))->checksum =
			checksum_finish(add32(probe->ip_sum, client));
	/* The ports of UDP lie where those of TCP do. */
	tcp->source_port = client_port;
	tcp->destination_port = target_port;
	sum = add16(add16(sum, client_port), target_port);
	if (probe->protocol == IPPROTO_TCP) {
		tcp->flags = fields->tcp_flags;
		sum = add16(sum, be16_from(fields->tcp_flags));
	}
	memcpy(frame + probe->stamp, &fields->stamp, sizeof(fields->stamp));
	checksum = checksum_finish(add_stamp(probe, sum, &fields->stamp));
	/* RFC 768: 0 would say that there is none. */
	if (probe->protocol == IPPROTO_UDP && be16_to(checksum) == 0)
		checksum = be16_from(0xffff);
	memcpy(frame + probe->checksum, &checksum, sizeof(checksum));
}
