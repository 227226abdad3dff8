/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz entry of the packet path, of the form that libFuzzer calls. The first byte of the input
 * chooses port, flags, room and forwarding mode, the rest is the frame. Whatever comes in, the
 * packet path must stay inside the buffer (a sanitizer sees to that: the buffer has just that
 * size), end in a verdict, and leave alone what is the host's. */
#include "pipeline_fuzz.h"

#include "common/clock.h"
#include "frames.h"
#include "world.h"

#include <stdio.h>

#define FRAME_MAX 1600

/* Bits of the first byte. */
#define CHOOSE_TUNNEL 0x08
#define CHOOSE_HEADROOM 0x10

static void
require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "packet path: %s\n", what);
	abort();
}

static void
check(const struct world *world, const struct packet *packet, const uint8_t *before, uint32_t size,
	uint32_t room)
{
	require((unsigned int)packet->verdict < N_VERDICTS, "no verdict");
	require(packet->headroom + packet->size + packet->tailroom <= room &&
			packet->data - packet->headroom == (const uint8_t *)packet->buffer,
		"frame grew out of its buffer");
	if (verdict_leaves(packet->verdict)) {
		require(packet->out_port < world->ports.n_ports, "no such port");
		require(memcmp(packet->data + 6, world->ports.ports[packet->out_port].mac, 6) == 0,
			"not sent from the port's address");
	}
	if (packet->verdict == V_FORWARD && world->services[0].mode == MODE_DR)
		require(packet->size == size, "forwarded at another size");
	if (packet->verdict == V_HOST)
		require(packet->size == size && memcmp(packet->data, before, size) == 0,
			"the host's packet was changed");
}

/* Every kind of tunnel, and the MSS clamp. */
static void
use_tunnels(struct world *world)
{
	static const char *const sources[] = {"198.18.0.0/16", "2001:db8:e::1"};

	for (unsigned int i = 0; i < WORLD_SERVICES; i++) {
		struct control_service *service = &world->services[i];
		struct tunnel *tunnel = &service->tunnel;

		service->mode = MODE_TUNNEL;
		service->mss = service->protocol == PROTOCOL_TCP ? 1000 : 0;
		service->pool = i == WORLD_HTTP4 || i == WORLD_DNS6 ? WORLD_POOL6 : WORLD_POOL4;
		tunnel->type = i < WORLD_SERVICES / 2 ? TUNNEL_GUE : TUNNEL_IPIP;
		tunnel->gue_port = TUNNEL_GUE_PORT;
		for (int s = 0; s < 2; s++)
			require(tunnel_source_parse(sources[s], &tunnel->sources[s], NULL) == 0,
				"source");
	}
	world->ports.ports[1].mtu = 1400;
	world_apply(world);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world worlds[2];
	struct world *world;
	uint32_t frame_size, room;
	struct packet packet = {.verdict = N_VERDICTS};

	if (size < 1 || size > FRAME_MAX)
		return 0;
	world = &worlds[(data[0] & CHOOSE_TUNNEL) != 0];
	if (!world->pipeline) {
		world_init(world, 50); /* Small, so that flows are evicted as well. */
		if (data[0] & CHOOSE_TUNNEL)
			use_tunnels(world);
	}
	frame_size = (uint32_t)size - 1;
	packet.in_port = data[0] & 1;
	packet.flags = data[0] & 2 ? PACKET_CHECKSUM_GOOD : 0;
	packet.tailroom = data[0] & 4 ? 0 : data[0];
	packet.headroom = data[0] & CHOOSE_HEADROOM ? 128 : data[0] & 7;
	room = packet.headroom + frame_size + packet.tailroom;
	packet.size = frame_size;
	packet.buffer = malloc(room ? room : 1);
	require(packet.buffer != NULL, "no memory for the test");
	packet.data = (uint8_t *)packet.buffer + packet.headroom;
	memcpy(packet.data, data + 1, frame_size);
	pipeline_run(world->pipeline, world->snapshot, &packet, 1, world->now_ns);
	check(world, &packet, data + 1, frame_size, room);
	pipeline_sweep(world->pipeline, world->now_ns, 1);
	/* A second on for one input in 16, but not so far that the leases run out. */
	if (data[0] >= 0xf0 && world->now_ns < WORLD_START_NS + 3000 * NS_PER_S)
		world->now_ns += NS_PER_S;
	free(packet.buffer);
	return 0;
}
