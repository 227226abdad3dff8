/* SPDX-License-Identifier: BSD-3-Clause */
/* The packet core set up for measuring; see stand.h. */
#include "stand.h"

#include "common/clock.h"
#include "dataplane/scheduler.h"
#include "huge_memory.h"

#include <errno.h>
#include <stdlib.h>

#define SEED 42
#define MISPLACED_PART 500 /* One packet in so many may belong to a flow without a place. */
#define UNKNOWN_FLOW (UINT64_C(1) << 36)

static const uint8_t port_mac[6] = {2, 0, 0, 0, 0, 1};

static void
set_packet(struct stand *stand, unsigned int i, uint32_t size)
{
	stand->packets[i] = (struct packet){
		.data = stand->frames + i * STAND_FRAME_STRIDE + STAND_HEADROOM,
		.size = size,
		.headroom = STAND_HEADROOM,
		.tailroom = (uint16_t)(STAND_FRAME_STRIDE - STAND_HEADROOM - size),
	};
}

void
stand_fill(struct stand *stand)
{
	if (!stand->still)
		stand->now_ns = clock_now_ns();
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		uint8_t *data = stand->frames + i * STAND_FRAME_STRIDE + STAND_HEADROOM;

		set_packet(stand, i, traffic_write(&stand->traffic, data));
	}
}

void
stand_fill_unknown(struct stand *stand)
{
	if (!stand->still)
		stand->now_ns = clock_now_ns();
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		uint8_t *data = stand->frames + i * STAND_FRAME_STRIDE + STAND_HEADROOM;

		set_packet(stand, i,
			traffic_write_flow(&stand->traffic, data,
				UNKNOWN_FLOW + stand->traffic.n_flood++, TCP_FLAG_SYN));
	}
}

void
stand_parse(struct stand *stand)
{
	const struct snapshot *snapshot = stand->snapshot;

	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		struct parsed *parsed = &stand->parsed[i];
		const struct service_slot *slot;

		parse(&stand->packets[i], parsed);
		slot = service_find(
			&snapshot->table, &parsed->target, service_hash(&parsed->target));
		parsed->key.rest |= flow_key_rest(0, slot->vip, 0, 0);
		stand->backends[i] = scheduler_flow_choice(
			snapshot->path_services[slot->service].maglev, &parsed->key);
		stand->works[i].service = slot;
	}
}

void
stand_locate(struct stand *stand)
{
	stand_parse(stand);
	for (unsigned int i = 0; i < PACKET_BURST_MAX; i++) {
		const struct flow_key *key = &stand->parsed[i].key;

		stand->hashes[i] = flow_hash(stand->flows, key);
		stand->slots[i] = flow_find(stand->flows, key, stand->hashes[i]);
		if (stand->slots[i].bucket)
			stand->backends[i] = flow_entry_at(stand->slots[i])->backend;
		stand->hops[i] = nexthop_get(stand->scene.nexthops,
			stand->snapshot->path_backends[stand->backends[i]].nexthop);
		stand->works[i].parsed = stand->parsed[i];
		stand->works[i].hash = stand->hashes[i];
		stand->works[i].slot = stand->slots[i];
	}
}

static void
begin_flows(struct stand *stand)
{
	while (!traffic_is_steady(&stand->traffic)) {
		stand_fill(stand);
		pipeline_run(stand->pipeline, stand->snapshot, stand->packets, PACKET_BURST_MAX,
			stand->now_ns);
	}
}

/* A stand that does not forward would measure how fast packets are dropped. In modes that
 * translate, a few flows find no place for their second entry, and have their packets dropped. */
static int
check_flows(struct stand *stand)
{
	const struct stats *stats = pipeline_stats(stand->pipeline);

	if (stats->n_packets - stats->verdicts[V_FORWARD] <= stats->n_packets / MISPLACED_PART)
		return 0;
	return err_set(&stand->err, -EIO, "of %llu packets only %llu were forwarded",
		(unsigned long long)stats->n_packets,
		(unsigned long long)stats->verdicts[V_FORWARD]);
}

int
stand_init(struct stand *stand, const struct load *load, bool still)
{
	const struct traffic_config traffic = load_traffic(load, port_mac);
	const struct scene_config scene = load_scene(load);
	struct pipeline_config config = {
		.n_flows = load_places(load), .seed = SEED, .memory = huge_memory()};
	int rc;

	*stand = (struct stand){
		.n_backends = load->n_backends, .now_ns = clock_now_ns(), .still = still};
	if (traffic_init(&stand->traffic, &traffic) < 0)
		return err_set(&stand->err, -EINVAL,
			"there is no such traffic: the frames are too "
			"small or the shares too large");
	rc = scene_init(&stand->scene, &scene, port_mac, &stand->err);
	if (rc < 0)
		return rc;
	config.ports = &stand->scene.ports;
	config.nexthops = stand->scene.nexthops;
	config.leases = stand->scene.leases;
	config.persistence = stand->scene.persistence;
	stand->frames =
		config.memory.alloc(config.memory.ctx, PACKET_BURST_MAX * STAND_FRAME_STRIDE, 64);
	rc = stand->frames ? pipeline_new(&stand->pipeline, &config) : -ENOMEM;
	if (rc < 0)
		return err_set(&stand->err, rc, "no memory for %u flows", config.n_flows);
	/* What is measured changes it as the pipeline does. */
	stand->flows = (struct flow_table *)(uintptr_t)pipeline_flows(stand->pipeline);
	rc = scene_snapshot(&stand->scene, &stand->snapshot, NULL, &stand->err);
	if (rc < 0)
		return rc;
	pipeline_prepare(stand->pipeline, stand->snapshot);
	begin_flows(stand);
	return check_flows(stand);
}

void
stand_fini(struct stand *stand)
{
	const struct memory memory = huge_memory();

	snapshot_free(stand->snapshot);
	pipeline_free(stand->pipeline);
	memory.free(memory.ctx, stand->frames);
	scene_fini(&stand->scene);
}
