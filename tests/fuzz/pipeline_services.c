/* SPDX-License-Identifier: BSD-3-Clause */
/* The services of the fuzz target's world; see pipeline_services.h. */
#include "pipeline_services.h"

#include "tests/dataplane/frames.h"

#include <stdio.h>

static const struct {
	const char *name;
	const char *vip;
	uint16_t port;
	uint8_t protocol;
	uint8_t pool;
	uint8_t other_pool;
} plain[WORLD_PLAIN] = {
	{"http4", WORLD_VIP4, 80, PROTOCOL_TCP, 0, 2},
	{"dns4", WORLD_VIP4, 53, PROTOCOL_UDP, 0, 2},
	{"http6", WORLD_VIP6, 80, PROTOCOL_TCP, 1, 3},
	{"dns6", WORLD_VIP6, 53, PROTOCOL_UDP, 1, 3},
	{"any4", WORLD_VIP4, 0, PROTOCOL_TCP, 2, 0},
	{"alone4", WORLD_VIP4_ALONE, 80, PROTOCOL_TCP, 0, 2},
	{"any6", WORLD_VIP6, 0, PROTOCOL_UDP, 3, 1},
	{"https4", WORLD_VIP4, 443, PROTOCOL_TCP, 2, 0},
};

/* Those of both families; 'tunnel' counts in mode tunnel alone. The second one at port 443, on the
 * plain address, shares its backends with the first: their flows may clash. */
static const struct {
	const char *name;
	uint16_t port;
	uint8_t protocol;
	uint8_t mode;
	uint8_t scheduler;
	bool other_family; /* The backends' is not the service's. */
	enum tunnel_type tunnel;
	uint16_t mtu;
	uint16_t mss;
	uint16_t persistence_timeout_s;
	struct service_limits limits;
} far[WORLD_FAR] = {
	{"ipip", 80, PROTOCOL_TCP, MODE_TUNNEL, SCHEDULER_MAGLEV, false, TUNNEL_IPIP, 1320, 1220, 0,
		{0, 0}},
	{"gue", 53, PROTOCOL_UDP, MODE_TUNNEL, SCHEDULER_SOURCE_HASH, false, TUNNEL_GUE, 1332, 0, 0,
		{0, 0}},
	{"cross", 0, PROTOCOL_TCP, MODE_TUNNEL, SCHEDULER_ROUND_ROBIN, true, TUNNEL_IPIP, 0, 0, 60,
		{3, 40}},
	{"cross_gue", 0, PROTOCOL_UDP, MODE_TUNNEL, SCHEDULER_LEAST_CONNECTIONS, true, TUNNEL_GUE,
		0, 0, 0, {0, 0}},
	{"nat", 443, PROTOCOL_TCP, MODE_NAT, SCHEDULER_MAGLEV, false, TUNNEL_IPIP, 0, 0, 0, {0, 0}},
	{"nat_dns", 5353, PROTOCOL_UDP, MODE_NAT, SCHEDULER_ROUND_ROBIN, false, TUNNEL_IPIP, 0, 0,
		30, {20, 60}},
	{"fullnat", 8080, PROTOCOL_TCP, MODE_FULLNAT, SCHEDULER_LEAST_CONNECTIONS, false,
		TUNNEL_IPIP, 0, 1300, 0, {0, 0}},
	{"fullnat_udp", 81, PROTOCOL_UDP, MODE_FULLNAT, SCHEDULER_MAGLEV, false, TUNNEL_IPIP, 0, 0,
		0, {0, 0}},
	{"nat_too", 443, PROTOCOL_TCP, MODE_NAT, SCHEDULER_MAGLEV, false, TUNNEL_IPIP, 0, 0, 0,
		{0, 0}},
};

/* Where the outer packets come from: of IPv4 a prefix. */
static void
fill_tunnel(struct tunnel *tunnel, enum tunnel_type type, uint16_t mtu)
{
	tunnel->type = type;
	tunnel->mtu = mtu;
	tunnel->gue_port = WORLD_GUE_PORT;
	tunnel->sources[0].addr = frame_addr(type == TUNNEL_GUE ? "203.0.113.1" : "198.18.0.0");
	tunnel->sources[0].prefix = type == TUNNEL_GUE ? 32 : 30;
	tunnel->sources[1].addr = frame_addr(type == TUNNEL_GUE ? "2001:db8:f::1" : "2001:db8:e::");
	tunnel->sources[1].prefix = type == TUNNEL_GUE ? 128 : 96;
}

static void
fill_far(struct control_service *service, unsigned int i, bool v6)
{
	bool on_plain = i == WORLD_FAR - 1;
	const char *vip = v6 ? WORLD_VIP6_FAR : WORLD_VIP4_FAR;

	if (on_plain)
		vip = v6 ? WORLD_VIP6 : WORLD_VIP4_ALONE;
	snprintf(service->name, sizeof(service->name), "%s%d", far[i].name, v6 ? 6 : 4);
	service->address = frame_addr(vip);
	service->port = far[i].port;
	service->protocol = far[i].protocol;
	service->mode = far[i].mode;
	service->scheduler = far[i].scheduler;
	service->pool = WORLD_FAR_POOL + (v6 != far[i].other_family);
	service->mss = far[i].mss;
	service->persistence_timeout_s = far[i].persistence_timeout_s;
	service->persistence_prefix = v6 ? 64 : 24;
	service->limits = far[i].limits;
	if (service->mode == MODE_TUNNEL)
		fill_tunnel(&service->tunnel, far[i].tunnel, far[i].mtu);
}

void
world_fill_service(struct control_service *service, unsigned int i, bool swapped)
{
	if (i >= WORLD_PLAIN) {
		fill_far(service, (i - WORLD_PLAIN) / 2, (i - WORLD_PLAIN) % 2);
		return;
	}
	snprintf(service->name, sizeof(service->name), "%s", plain[i].name);
	service->address = frame_addr(plain[i].vip);
	service->port = plain[i].port;
	service->protocol = plain[i].protocol;
	service->mode = MODE_DR;
	service->scheduler = SCHEDULER_MAGLEV;
	service->pool = swapped ? plain[i].other_pool : plain[i].pool;
}
