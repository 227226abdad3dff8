/* SPDX-License-Identifier: BSD-3-Clause */
/* A world with several workers; see site.h. */
#include "site.h"

#include "common/clock.h"
#include "dataplane/hash.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define N_ENTRIES 128
#define EXPIRE_NS (1000 * NS_PER_S)
#define ALL_BUCKETS 4096

uint64_t
site_draw(struct site *site)
{
	site->random += UINT64_C(0x9e3779b97f4a7c15);
	return hash_mix(site->random);
}

/* RSS of a port whose entries are dealt out to workers 'first' to 'first' + 'n' - 1. Not with every
 * key can each entry be reached. */
void
site_give_rss(struct site *site, uint16_t port, uint16_t first, uint16_t n)
{
	struct steer_port *steer = &site->steer.ports[port];
	uint64_t key[RSS_KEY_SIZE / 8];
	uint16_t workers[N_ENTRIES];
	struct rss_config config = {.key = (const uint8_t *)key,
		.workers = workers,
		.n_entries = N_ENTRIES,
		.types = RSS_TCP4 | RSS_UDP4 | RSS_TCP6 | RSS_UDP6};

	for (uint16_t i = 0; i < N_ENTRIES; i++)
		workers[i] = (uint16_t)(first + i % n);
	do {
		for (size_t i = 0; i < sizeof(key) / sizeof(key[0]); i++)
			key[i] = site_draw(site);
	} while (rss_new(&steer->rss, &config) < 0);
	site->first[port] = first;
	site->n[port] = n;
	steer->kind = STEER_RSS;
	steer->chooses = rss_covers(steer->rss, SITE_WORKERS);
}

void
site_set_mode(struct site *site, uint8_t mode)
{
	for (int i = 0; i < WORLD_SERVICES; i++)
		site->world.services[i].mode = mode;
	world_apply(&site->world);
}

int
site_set_up(void **state)
{
	struct site *site = calloc(1, sizeof(*site));

	if (!site)
		return -1;
	world_init(&site->world, SITE_FLOWS);
	site->steer.n_workers = SITE_WORKERS;
	site->steer.seed = 4711;
	for (uint16_t w = 0; w < SITE_WORKERS; w++) {
		const struct pipeline_config config = {
			.n_flows = SITE_FLOWS,
			.seed = 100u + w,
			.memory = memory_heap(),
			.ports = &site->world.ports,
			.nexthops = site->world.nexthops,
			.leases = site->world.leases,
			.n_workers = SITE_WORKERS,
			.steer = &site->steer,
			.worker = w,
		};

		if (pipeline_new(&site->workers[w], &config) < 0)
			return -1;
	}
	snprintf(site->local.port, sizeof(site->local.port), "back");
	site->local.addresses = site->addresses;
	site->local.n_addresses = 2;
	site->addresses[0] = frame_addr(SITE_LOCAL4);
	site->addresses[1] = frame_addr(SITE_LOCAL6);
	site->world.state.locals = &site->local;
	site->world.state.n_locals = 1;
	site_set_mode(site, MODE_FULLNAT);
	*state = site;
	return 0;
}

int
site_tear_down(void **state)
{
	struct site *site = *state;

	for (int w = 0; w < SITE_WORKERS; w++) {
		while (pipeline_abandon(site->workers[w]))
			continue;
		pipeline_free(site->workers[w]);
	}
	for (int p = 0; p < MODEL_PORTS_MAX; p++)
		rss_free(site->steer.ports[p].rss);
	world_fini(&site->world);
	free(site);
	return 0;
}

uint64_t
site_count(const struct site *site, enum path_event event)
{
	uint64_t n = 0;

	for (int w = 0; w < SITE_WORKERS; w++)
		n += stats_read(&pipeline_stats(site->workers[w])->path_events[event]);
	return n;
}

uint64_t
site_n_flows(const struct site *site)
{
	uint64_t n = 0;

	for (int w = 0; w < SITE_WORKERS; w++)
		n += flow_count(pipeline_flows(site->workers[w]));
	return n;
}

/* The worker that the port gives the packet to: as its RSS says, or any. Fragments go by their
 * addresses alone. */
static uint16_t
arrival(struct site *site, uint16_t port, const struct packet *packet)
{
	const struct steer_port *steer = &site->steer.ports[port];
	struct parsed parsed;
	struct rss_flow flow;

	parse(packet, &parsed);
	flow = (struct rss_flow){
		.family = parsed.target.family,
		.source = parsed.key.client,
		.destination = parsed.target.address,
		.ports = (uint32_t)parsed.key.rest,
	};
	if (steer->kind == STEER_RSS)
		return (uint16_t)(site->first[port] +
				  (rss_hash(steer->rss, &flow, !parsed.fragment) &
					  (N_ENTRIES - 1)) %
					  site->n[port]);
	if (steer->kind == STEER_ONE)
		return port;
	if (parsed.fragment)
		return (uint16_t)((parsed.key.client_words[0] ^ parsed.target.address_words[0]) %
				  SITE_WORKERS);
	return (uint16_t)(site_draw(site) % SITE_WORKERS);
}

/* Does what the edge does with V_STEER. */
static void
hand_over(struct site *site, struct packet *packet, uint16_t from)
{
	if (packet->verdict != V_STEER)
		return;
	assert(packet->owner < SITE_WORKERS && packet->owner != from);
	packet->flags = PACKET_STEERED | PACKET_CHECKSUM_GOOD;
	pipeline_take(
		site->workers[packet->owner], site->world.snapshot, packet, 1, site->world.now_ns);
	assert(packet->verdict != V_STEER);
}

enum verdict
site_pass_at(struct site *site, struct frame *frame, uint16_t port, uint16_t worker)
{
	struct packet *packet = &frame->packet;

	packet->in_port = port;
	memcpy(frame_ethernet(frame)->destination, site->world.ports.ports[port].mac, 6);
	pipeline_run(site->workers[worker], site->world.snapshot, packet, 1, site->world.now_ns);
	hand_over(site, packet, worker);
	return packet->verdict;
}

enum verdict
site_pass(struct site *site, struct frame *frame, uint16_t port)
{
	return site_pass_at(site, frame, port, arrival(site, port, &frame->packet));
}

unsigned int
site_release(struct site *site)
{
	unsigned int n_all = 0;

	for (uint16_t w = 0; w < SITE_WORKERS; w++) {
		struct packet packets[PACKET_BURST_MAX];
		unsigned int n = pipeline_release(
			site->workers[w], site->world.snapshot, packets, site->world.now_ns);

		for (unsigned int i = 0; i < n; i++) {
			struct frame *frame = packets[i].buffer;

			hand_over(site, &packets[i], w);
			frame->packet = packets[i];
		}
		n_all += n;
	}
	return n_all;
}

void
site_expire(struct site *site)
{
	site->world.now_ns += EXPIRE_NS;
	for (int w = 0; w < SITE_WORKERS; w++)
		pipeline_sweep(site->workers[w], site->world.now_ns, ALL_BUCKETS);
}
