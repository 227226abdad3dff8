/* SPDX-License-Identifier: BSD-3-Clause */
/* What the user wants of a run: the generator's command line, checked. Constant once read. */
#ifndef DATAPLANE_PKTGEN_SETTINGS_H
#define DATAPLANE_PKTGEN_SETTINGS_H

#include "common/addr.h"
#include "common/err.h"
#include "dataplane/pktgen/range.h"
#include "dataplane/pktgen/rate.h"
#include "dataplane/pktgen/sizes.h"
#include "dataplane/pktgen/station.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_RATES_MAX 16
#define SETTINGS_THREADS_MAX 2

/* What a TCP flow's packets are. */
enum tcp_life {
	TCP_LIFE, /* SYN, data, and FIN when another flow takes its place. */
	TCP_SYN,  /* SYNs only: a flood. */
	TCP_DATA  /* Data only, as of flows that others have opened. */
};

struct settings {
	const char *port;
	const char *rx_port; /* NULL: packets come back by 'port'. */
	struct addr target;
	uint16_t target_port;
	uint16_t n_target_ports;
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	enum tcp_life life;
	struct range clients;
	uint16_t client_port;
	uint16_t n_client_ports;
	uint32_t n_flows;
	uint32_t new_share; /* Of FLOWS_SHARE_ALL. */
	struct sizes sizes;
	struct rate rates[SETTINGS_RATES_MAX]; /* A trial each; of a search the highest. */
	size_t n_rates;
	uint64_t duration_ns;
	uint64_t warm_up_ns;
	uint64_t ramp_ns;
	uint64_t drain_ns;
	uint64_t catch_up_ns;
	bool search;
	uint32_t tolerance;  /* Of SEARCH_WHOLE. */
	uint32_t resolution; /* Of SEARCH_WHOLE, which is the highest rate. */
	bool has_to_mac;
	uint8_t to_mac[6];
	struct addr gateway; /* ADDR_NONE: the target is its own next hop. */
	struct range addresses[STATION_RANGES_MAX - 1];
	size_t n_addresses;
	uint16_t vlan;
	uint32_t memory_mb;
	bool hugepages;
	const char *cores;
	uint16_t n_threads;
	const char *json; /* File, "-" for standard output, NULL: a table instead. */
	bool quiet;
};

/* Reads the command line. Does not return on --help and --version (exit status 0), nor on an error,
 * which it prints (exit status 2: what is wrong, and what to write). */
void settings_parse(struct settings *settings, int argc, char **argv);

/* Sets what depends on other settings, and refuses what does not go together. Returns 0, or -EINVAL
 * with 'err' set. */
int settings_check(struct settings *settings, struct err *err);

/* The address whose link-layer address the frames go to. */
const struct addr *settings_next_hop(const struct settings *settings);

/* Different flows that the clients, their ports and the service's ports allow. */
uint64_t settings_space(const struct settings *settings);

#endif /* DATAPLANE_PKTGEN_SETTINGS_H */
