/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz entry of the packet path, of the form that libFuzzer calls. The first byte of the input
 * chooses port, flags and tailroom, the rest is the frame. Whatever comes in, the packet path must
 * stay inside the buffer (a sanitizer sees to that: the buffer has just that size), end in a
 * verdict, and leave alone what is the host's. */
#include "pipeline_fuzz.h"

#include "common/clock.h"
#include "frames.h"
#include "world.h"

#include <stdio.h>

#define FRAME_MAX 1600

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
	require(packet->size + packet->tailroom <= room, "frame grew out of its buffer");
	if (packet->verdict == V_FORWARD || packet->verdict == V_REPLY ||
		packet->verdict == V_RETURN) {
		require(packet->out_port < world->ports.n_ports, "no such port");
		require(memcmp(packet->data + 6, world->ports.ports[packet->out_port].mac, 6) == 0,
			"not sent from the port's address");
	}
	if (packet->verdict == V_FORWARD || packet->verdict == V_RETURN)
		require(packet->size == size, "forwarded at another size");
	if (packet->verdict == V_HOST)
		require(packet->size == size && memcmp(packet->data, before, size) == 0,
			"the host's packet was changed");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	static struct addr local;
	static struct control_local locals = {
		.port = "back", .addresses = &local, .n_addresses = 1};
	uint32_t frame_size, room;
	struct packet packet = {.verdict = N_VERDICTS};

	if (size < 1 || size > FRAME_MAX)
		return 0;
	if (!world.pipeline) {
		local = frame_addr("2001:db8::5");
		world_init(&world, 50); /* Small, so that flows are evicted as well. */
		world.services[WORLD_DNS4].mode = MODE_NAT;
		world.services[WORLD_HTTP6].mode = MODE_NAT;
		world.services[WORLD_DNS6].mode = MODE_FULLNAT;
		world.state.locals = &locals;
		world.state.n_locals = 1;
		world_apply(&world);
	}
	frame_size = (uint32_t)size - 1;
	packet.in_port = data[0] & 1;
	packet.flags = data[0] & 2 ? PACKET_CHECKSUM_GOOD : 0;
	packet.tailroom = data[0] & 4 ? 0 : data[0];
	room = frame_size + packet.tailroom;
	packet.size = frame_size;
	packet.data = malloc(room ? room : 1);
	require(packet.data != NULL, "no memory for the test");
	memcpy(packet.data, data + 1, frame_size);
	pipeline_run(world.pipeline, world.snapshot, &packet, 1, world.now_ns);
	check(&world, &packet, data + 1, frame_size, room);
	pipeline_sweep(world.pipeline, world.now_ns, 1);
	/* A second on for one input in 16, but not so far that the leases run out. */
	if (data[0] >= 0xf0 && world.now_ns < WORLD_START_NS + 3000 * NS_PER_S)
		world.now_ns += NS_PER_S;
	free(packet.data);
	return 0;
}
