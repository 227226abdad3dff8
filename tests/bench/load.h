/* SPDX-License-Identifier: BSD-3-Clause */
/* What a measurement is about: the load balancer's set-up and the traffic, as parameters that all
 * measuring programs share. */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include "parameters.h"
#include "scene.h"
#include "traffic.h"

struct load {
	uint32_t mode; /* enum load_mode */
	uint32_t scheduler;
	uint32_t family;   /* 0: IPv4, 1: IPv6. */
	uint32_t protocol; /* 0: TCP, 1: UDP. */
	uint32_t n_flows;
	uint32_t n_places; /* Flows that the table is made for; 0: as many as there are. */
	uint32_t n_services;
	uint32_t n_backends;
	uint32_t frame_size;
	uint32_t new_ppm;
	uint32_t flood_ppm;
};

extern const char *const load_modes[];
extern const char *const load_families[];
extern const char *const load_protocols[];
extern const char *const load_schedulers[];

#define LOAD_DEFAULT                                                                      \
	{                                                                                 \
		.n_flows = 1u << 20, .n_services = 1, .n_backends = 100, .frame_size = 60 \
	}

/* Rows of a table of parameters about 'member', a struct load within struct 'owner'. */
#define LOAD_AT(owner, member, field) \
	(offsetof(struct owner, member) + offsetof(struct load, field))
#define LOAD_PARAMETERS(owner, member)                                                             \
	{"mode", "how packets reach backends", LOAD_AT(owner, member, mode), 0, 0, load_modes},    \
		{"scheduler", "of all services", LOAD_AT(owner, member, scheduler), 0, 0,          \
			load_schedulers},                                                          \
		{"family", "of all addresses", LOAD_AT(owner, member, family), 0, 0,               \
			load_families},                                                            \
		{"protocol", "of all services", LOAD_AT(owner, member, protocol), 0, 0,            \
			load_protocols},                                                           \
		{"flows", "flows at once", LOAD_AT(owner, member, n_flows), 1, TRAFFIC_FLOWS_MAX,  \
			NULL},                                                                     \
		{"places", "flows that the table is for, 0: as many as there are",                 \
			LOAD_AT(owner, member, n_places), 0, 2 * TRAFFIC_FLOWS_MAX, NULL},         \
		{"services", "services", LOAD_AT(owner, member, n_services), 1,                    \
			CONTROL_SERVICES_MAX, NULL},                                               \
		{"backends", "backends, of all services", LOAD_AT(owner, member, n_backends), 1,   \
			CONTROL_BACKENDS_MAX, NULL},                                               \
		{"size", "bytes of a frame without FCS", LOAD_AT(owner, member, frame_size), 60,   \
			1514, NULL},                                                               \
		{"new", "packets in a million that begin a flow", LOAD_AT(owner, member, new_ppm), \
			0, TRAFFIC_PPM / 2, NULL},                                                 \
	{                                                                                          \
		"flood", "packets in a million that are SYNs of no flow",                          \
			LOAD_AT(owner, member, flood_ppm), 0, TRAFFIC_PPM, NULL                    \
	}

struct scene_config load_scene(const struct load *load);
struct traffic_config load_traffic(const struct load *load, const uint8_t mac[static 6]);

/* The size of the flow table: modes that translate need two places a flow. */
uint32_t load_places(const struct load *load);

#endif /* TESTS_BENCH_LOAD_H */
