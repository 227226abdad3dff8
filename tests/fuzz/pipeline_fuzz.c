/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole packet path. An input is a program: each step is a byte that says what happens and a
 * few that say how (steps[] below). Frames gather to a burst, which runs when it is full, when
 * anything else happens and at the end; then pipeline_check.c looks at what came of it. Frames are
 * either given byte by byte or made of a few choices and then damaged, so that a fuzzer gets far
 * with short inputs. */
#include "dataplane/wire.h"
#include "fuzz.h"
#include "pipeline_check.h"
#include "tests/dataplane/frames.h"

#include <stdlib.h>

#define FRAME_MAX 2000
#define STEPS_MAX 400
#define FRAGMENT_BYTES 64u
#define ROOM_MAX 255
#define SENT_MAX 4     /* Frames remembered, */
#define SENT_BYTES 128 /* ... and how much of each. */
#define UNDECIDED N_VERDICTS_ALL

/* The begin of a frame that has left for a backend, which may answer it. */
struct sent {
	uint8_t frame[SENT_BYTES];
	uint32_t size;
	uint8_t port;
};

/* One input while it runs. */
struct run {
	struct fuzz_world *world;
	struct fuzz_input input;
	struct packet packets[PACKET_BURST_MAX];
	unsigned int n;
	unsigned int n_held; /* Passages that the pipeline has. */
	struct sent sent[SENT_MAX];
	unsigned int n_sent; /* In all. */
};

static const char *const clients[2][4] = {
	{"198.51.100.7", "198.51.100.8", "203.0.113.250", "192.0.2.200"},
	{"2001:db8:c::7", "2001:db8:c::8", "2001:db8:d::fffe", "fe80::7"},
};
static const char *const vips[2][4] = {
	{WORLD_VIP4, WORLD_VIP4_FAR, WORLD_VIP4_ALONE, "192.0.2.3"},
	{WORLD_VIP6, WORLD_VIP6_FAR, WORLD_VIP6, "2001:db8::3"},
};
static const uint16_t ports[8] = {80, 53, 443, 8080, 5353, 81, 0, 65535};
static const char *const locals[2][2] = {
	{"192.0.2.110", "192.0.2.111"},
	{"2001:db8::110", "2001:db8::111"},
};

static const struct snapshot *
snapshot_of(const struct fuzz_world *world)
{
	return world->now ? world->now->snapshot : NULL;
}

/* Takes back what was held and is due. */
static void
release(struct run *run)
{
	struct fuzz_world *world = run->world;
	const struct stats *stats = pipeline_stats(world->pipeline);
	struct packet packets[PACKET_BURST_MAX];
	struct tally tally;
	unsigned int n;

	check_tally(&tally, stats);
	while ((n = pipeline_release(world->pipeline, snapshot_of(world), packets, world->now_ns)) >
		0) {
		fuzz_require(n <= PACKET_BURST_MAX && n <= run->n_held,
			"no more is given back than was held");
		run->n_held -= n;
		for (unsigned int i = 0; i < n; i++)
			check_packet(world, &packets[i], true);
		check_counters(&tally, stats, packets, n, true);
		for (unsigned int i = 0; i < n; i++)
			passage_free(packets[i].buffer);
		check_tally(&tally, stats);
	}
}

/* Takes back all that is held still, undecided. */
static void
abandon(struct run *run)
{
	void *passage;

	while ((passage = pipeline_abandon(run->world->pipeline)) != NULL) {
		fuzz_require(run->n_held-- > 0, "no more is given back than was held");
		passage_free(passage);
	}
	fuzz_require(run->n_held == 0, "all that was held is given back");
}

/* Keeps what leaves for a backend, for step_back(). */
static void
remember(struct run *run, const struct packet *packet)
{
	struct sent *sent = &run->sent[run->n_sent % SENT_MAX];

	if (packet->verdict != V_FORWARD)
		return;
	run->n_sent++;
	sent->size = packet->size < SENT_BYTES ? packet->size : SENT_BYTES;
	sent->port = (uint8_t)packet->out_port;
	memcpy(sent->frame, packet->data, sent->size);
}

static void
run_burst(struct run *run)
{
	struct fuzz_world *world = run->world;
	const struct stats *stats = pipeline_stats(world->pipeline);
	struct tally tally;

	if (run->n == 0)
		return;
	check_tally(&tally, stats);
	pipeline_run(world->pipeline, snapshot_of(world), run->packets, run->n, world->now_ns);
	for (unsigned int i = 0; i < run->n; i++)
		check_packet(world, &run->packets[i], false);
	check_counters(&tally, stats, run->packets, run->n, false);
	check_flows(world, run->packets, run->n);
	for (unsigned int i = 0; i < run->n; i++) {
		remember(run, &run->packets[i]);
		if (run->packets[i].verdict == V_HOLD)
			run->n_held++;
		else
			passage_free(run->packets[i].buffer);
	}
	run->n = 0;
	release(run);
}

/* Adds a frame to the burst. Its buffers have just the size that it may use, so a sanitizer sees
 * every step beyond. Of 'how' bit 0 is the port, bit 1 says that the checksum was verified, bit 2
 * that there is no room around the frame. */
static void
add_frame(struct run *run, uint8_t how, const uint8_t *frame, uint32_t size)
{
	uint16_t room = how & 4 ? 0 : (uint16_t)(how % ROOM_MAX);
	struct passage *passage = passage_new(frame, size, room, how & 1);

	run->packets[run->n] = (struct packet){
		.data = passage->buffer + room,
		.size = size,
		.headroom = room,
		.tailroom = room,
		.in_port = passage->in_port,
		.flags = how & 2 ? PACKET_CHECKSUM_GOOD : 0,
		.verdict = UNDECIDED,
		.buffer = passage,
	};
	if (++run->n == PACKET_BURST_MAX)
		run_burst(run);
}

/* how, size (2), frame */
static void
step_raw(struct run *run)
{
	uint8_t how = fuzz_byte(&run->input);
	size_t size = fuzz_u16(&run->input) % FRAME_MAX;
	const uint8_t *frame = fuzz_bytes(&run->input, size, &size);

	add_frame(run, how, frame, (uint32_t)size);
}

/* The fragment 'n' of a datagram: of four the first one has the ports, the last no successor. Its
 * identification is the client's port. */
static void
make_fragment(struct frame *frame, uint8_t kind, uint8_t who, uint16_t client_port)
{
	unsigned int v6 = kind >> 7;
	unsigned int n = kind & 3;
	uint8_t protocol = kind & 4 ? IPPROTO_TCP : IPPROTO_UDP;
	uint8_t payload[8 + FRAGMENT_BYTES] = {[0] = protocol}; /* IPv6: fragment header. */
	be16 words[2] = {be16_from(client_port), be16_from(ports[who >> 4 & 7])};
	be16 offset = be16_from((uint16_t)(n * FRAGMENT_BYTES | (n < 3)));
	size_t skip = v6 ? 0 : 8;

	memcpy(payload + 2, &offset, sizeof(offset));
	memcpy(payload + 6, &words[0], sizeof(words[0]));
	if (n == 0) {
		memcpy(payload + 8, words, sizeof(words));
		payload[8 + 12] = 5 << 4; /* TCP: size of the header. */
	}
	frame_ip(frame, clients[v6][who & 3], vips[v6][who >> 2 & 3],
		v6 ? IPPROTO_FRAGMENT : protocol, payload + skip, sizeof(payload) - skip);
	if (v6)
		return;
	frame_ipv4(frame)->id = words[0];
	frame_ipv4(frame)->fragment =
		be16_from((uint16_t)(n * FRAGMENT_BYTES / 8 | (n < 3 ? IPV4_MORE_FRAGMENTS : 0)));
	frame_fix_ipv4(frame);
}

/* Of 'kind' bit 7 is the family, bit 6 says that it is a fragment. */
static void
make_frame(struct frame *frame, uint8_t kind, uint8_t who, uint16_t client_port)
{
	unsigned int v6 = kind >> 7;
	const char *client = clients[v6][who & 3];
	const char *vip = vips[v6][who >> 2 & 3];
	uint16_t port = ports[who >> 4 & 7];

	if (kind & 0x40) {
		make_fragment(frame, kind, who, client_port);
		return;
	}
	switch (kind & 7) {
	case 0:
	case 1:
		frame_tcp(frame, client, client_port, vip, port, (kind >> 3 & 7) | TCP_FLAG_ACK);
		break;
	case 2:
		frame_tcp(frame, client, client_port, vip, port, TCP_FLAG_SYN);
		break;
	case 3:
		frame_udp(frame, client, client_port, vip, port);
		break;
	case 4:
		frame_echo(frame, client, who & 0x40 ? locals[v6][kind >> 3 & 1] : vip);
		break;
	case 5:
		frame_icmp_error(frame, clients[v6][2], client, client_port, vip, port);
		break;
	case 6:
		if (v6)
			frame_solicit(frame, who & 0x80 ? "::" : client,
				who & 0x40 ? locals[1][kind >> 4 & 1] : vip);
		else
			frame_arp(frame, kind & 8 ? ARP_REPLY : ARP_REQUEST,
				who & 0x80 ? vip : client,
				who & 0x40 ? locals[0][kind >> 4 & 1] : vip);
		break;
	default:
		frame_ip(frame, client, vip, (uint8_t)client_port, clients, 32);
		break;
	}
}

/* Changes bytes: number, then for each offset and value; the IPv4 checksum is made right if 'fix'.
 */
static void
damage(struct run *run, struct frame *frame, bool fix)
{
	for (unsigned int n = fuzz_byte(&run->input) % 8; n > 0; n--) {
		uint8_t at = fuzz_byte(&run->input);
		uint8_t value = fuzz_byte(&run->input);

		if (at < frame->packet.size)
			frame->packet.data[at] = value;
	}
	if (fix && frame_ethernet(frame)->type == be16_from(ETHER_IPV4))
		frame_fix_ipv4(frame);
}

/* how, kind, who, client's port (2), bytes to cut, damage */
static void
step_made(struct run *run)
{
	uint8_t how = fuzz_byte(&run->input);
	uint8_t kind = fuzz_byte(&run->input);
	uint8_t who = fuzz_byte(&run->input);
	uint16_t client_port = fuzz_u16(&run->input);
	uint8_t cut = fuzz_byte(&run->input);
	struct frame frame;

	make_frame(&frame, kind, who, client_port);
	damage(run, &frame, (how & 8) != 0);
	if (cut < frame.packet.size)
		frame.packet.size -= cut;
	if (how & 1) /* To the port that it comes in by. */
		memcpy(frame.packet.data, run->world->ports.ports[1].mac, 6);
	add_frame(run, how, frame.packet.data, frame.packet.size);
}

static void
exchange(uint8_t *a, uint8_t *b, size_t size)
{
	uint8_t kept[16];

	memcpy(kept, a, size);
	memcpy(a, b, size);
	memcpy(b, kept, size);
}

/* Turns a frame round, as its receiver would answer it: checksums stay right. */
static void
turn(uint8_t *frame, size_t size)
{
	uint8_t *ip = frame + FRAME_L3;
	bool v4 = ip[0] >> 4 == 4;
	size_t l4 = FRAME_L3 + (v4 ? (ip[0] & 15) * 4u : 40);

	exchange(frame, frame + 6, 6);
	if (v4)
		exchange(ip + 12, ip + 16, 4);
	else
		exchange(ip + 8, ip + 24, 16);
	if (l4 + 4 <= size)
		exchange(frame + l4, frame + l4 + 2, 2);
}

/* An ICMP error of its receiver about the frame. */
static void
make_complaint(struct frame *frame, const struct sent *sent, bool of_router)
{
	const uint8_t *ip = sent->frame + FRAME_L3;
	bool v6 = ip[0] >> 4 == 6;
	uint8_t payload[8 + SENT_BYTES] = {v6 ? 1 : 3, v6 ? 4 : 3};
	size_t n_quoted = sent->size - FRAME_L3;
	uint8_t *at = frame->buffer + FRAME_HEADROOM + FRAME_L3;

	memcpy(payload + 8, ip, n_quoted);
	frame_ip(frame, clients[v6][0], clients[v6][0], v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, payload,
		8 + n_quoted);
	memcpy(at + (v6 ? 24 : 16), ip + (v6 ? 8 : 12), v6 ? 16 : 4);
	if (!of_router)
		memcpy(at + (v6 ? 8 : 12), ip + (v6 ? 24 : 16), v6 ? 16 : 4);
	memcpy(frame_ethernet(frame)->source, sent->frame, 6);
	memcpy(frame_ethernet(frame)->destination, sent->frame + 6, 6);
	if (!v6)
		frame_fix_ipv4(frame);
	frame_fix_icmp(frame, FRAME_L3 + (v6 ? 40 : 20));
}

/* kind, damage: an answer to one of the last frames that left. Of 'kind' bits 0 and 1 are which,
 * bit 2 that it is an ICMP error, bit 3 that a router sends that; bits 4 and 5 choose TCP flags. */
static void
step_back(struct run *run)
{
	static const uint8_t flags[4] = {TCP_FLAG_ACK, TCP_FLAG_SYN | TCP_FLAG_ACK,
		TCP_FLAG_FIN | TCP_FLAG_ACK, TCP_FLAG_RST};
	uint8_t kind = fuzz_byte(&run->input);
	const struct sent *sent = &run->sent[kind % SENT_MAX];
	size_t flags_at = FRAME_L3 + (sent->frame[FRAME_L3] >> 4 == 4 ? 20 : 40) + 13;
	struct frame frame;

	run_burst(run);
	if (sent->size == 0)
		return;
	if (kind & 4) {
		make_complaint(&frame, sent, kind & 8);
	} else {
		frame_ip(&frame, clients[0][0], clients[0][0], 0, clients, 0);
		frame.packet.size = sent->size;
		memcpy(frame.packet.data, sent->frame, sent->size);
		turn(frame.packet.data, sent->size);
		if (sent->frame[FRAME_L3 + (frame.packet.data[FRAME_L3] >> 4 == 4 ? 9 : 6)] ==
				IPPROTO_TCP &&
			flags_at < sent->size)
			frame.packet.data[flags_at] = flags[kind >> 4 & 3];
	}
	damage(run, &frame, kind & 0x40);
	add_frame(run, 0x40 | sent->port, frame.packet.data, frame.packet.size);
}

/* kind, who, first client's port (2), number: as many flows */
static void
step_many(struct run *run)
{
	uint8_t kind = fuzz_byte(&run->input);
	uint8_t who = fuzz_byte(&run->input);
	uint16_t client_port = fuzz_u16(&run->input);
	unsigned int n = fuzz_byte(&run->input) % 64;

	for (unsigned int i = 0; i < n; i++) {
		struct frame frame;

		make_frame(&frame, kind, who, (uint16_t)(client_port + i));
		add_frame(run, 0x40, frame.packet.data, frame.packet.size);
	}
}

/* unit (2 bits) and number: milliseconds, tenths of seconds, seconds, minutes */
static void
step_time(struct run *run)
{
	static const uint64_t units[4] = {NS_PER_MS, 100 * NS_PER_MS, NS_PER_S, 60 * NS_PER_S};
	uint8_t byte = fuzz_byte(&run->input);

	run_burst(run);
	world_move_clock(run->world, units[byte >> 6] * (byte & 63));
	release(run);
}

/* router (1 bit) and tenths of seconds */
static void
step_lease(struct run *run)
{
	uint8_t byte = fuzz_byte(&run->input);

	run_burst(run);
	world_set_lease(run->world, byte & 1, (byte >> 1) * 100 * NS_PER_MS);
}

/* number of the state */
static void
step_state(struct run *run)
{
	run_burst(run);
	world_set_state(run->world, fuzz_byte(&run->input));
}

/* bit 0: family, bit 1: known, bits 2 to 4: host, the rest: version of its address */
static void
step_neighbour(struct run *run)
{
	uint8_t byte = fuzz_byte(&run->input);

	run_burst(run);
	world_set_neighbour(run->world, byte & 1, (byte >> 2 & 7) % WORLD_HOSTS, byte & 2,
		(uint8_t)(byte >> 5));
}

/* number of buckets */
static void
step_sweep(struct run *run)
{
	run_burst(run);
	world_sweep(run->world, fuzz_byte(&run->input) % 16);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const steps[])(struct run *) = {step_raw, step_made, step_many, step_time,
		step_lease, step_state, step_neighbour, step_sweep, step_back};
	static struct fuzz_world world;
	struct run run = {.world = &world, .input = {data, size}};

	if (!world.pipeline)
		world_new(&world);
	world_reset(&world);
	for (unsigned int n = 0; run.input.size > 0 && n < STEPS_MAX; n++)
		steps[fuzz_byte(&run.input) % (sizeof(steps) / sizeof(steps[0]))](&run);
	run_burst(&run);
	abandon(&run);
	return 0;
}
