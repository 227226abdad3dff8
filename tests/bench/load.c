/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of a measurement; see load.h. */
#include "load.h"

enum load_mode {
	LOAD_DR,
	LOAD_IPIP,
	LOAD_GUE,
	LOAD_NAT,
	LOAD_FULLNAT,
};

const char *const load_modes[] = {"dr", "ipip", "gue", "nat", "fullnat", NULL};
const char *const load_families[] = {"4", "6", NULL};
const char *const load_protocols[] = {"tcp", "udp", NULL};
const char *const load_schedulers[] = {
	"maglev", "round-robin", "least-connections", "source-hash", NULL};

static const struct {
	uint8_t mode;
	uint8_t tunnel;
} modes[] = {
	[LOAD_DR] = {MODE_DR, 0},
	[LOAD_IPIP] = {MODE_TUNNEL, TUNNEL_IPIP},
	[LOAD_GUE] = {MODE_TUNNEL, TUNNEL_GUE},
	[LOAD_NAT] = {MODE_NAT, 0},
	[LOAD_FULLNAT] = {MODE_FULLNAT, 0},
};

struct scene_config
load_scene(const struct load *load)
{
	return (struct scene_config){
		.n_services = load->n_services,
		.n_backends = load->n_backends,
		.mode = modes[load->mode].mode,
		.tunnel = modes[load->mode].tunnel,
		.scheduler = (uint8_t)load->scheduler,
		.family = load->family ? ADDR_V6 : ADDR_V4,
		.protocol = load->protocol ? PROTOCOL_UDP : PROTOCOL_TCP,
	};
}

struct traffic_config
load_traffic(const struct load *load, const uint8_t mac[static 6])
{
	return (struct traffic_config){
		.n_flows = load->n_flows,
		.n_services = load->n_services,
		.new_ppm = load->new_ppm,
		.flood_ppm = load->flood_ppm,
		.frame_size = (uint16_t)load->frame_size,
		.family = load->family ? ADDR_V6 : ADDR_V4,
		.protocol = load->protocol ? PROTOCOL_UDP : PROTOCOL_TCP,
		.mac = mac,
	};
}

uint32_t
load_places(const struct load *load)
{
	uint32_t n_places = load->n_places ? load->n_places : load->n_flows;

	return mode_translates(modes[load->mode].mode) ? 2 * n_places : n_places;
}
