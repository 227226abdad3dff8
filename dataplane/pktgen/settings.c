/* SPDX-License-Identifier: BSD-3-Clause */
/* The generator's command line; see settings.h. */
#include "dataplane/pktgen/settings.h"

#include "common/clock.h"
#include "common/log.h"
#include "dataplane/pktgen/flows.h"
#include "dataplane/pktgen/pace.h"
#include "dataplane/pktgen/search_fsm.h"
#include "dataplane/pktgen/value.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRAM "weir-pktgen"
#define EXIT_USAGE 2
#define VLAN_MAX 4094
#define MEMORY_MB_MIN 64
#define MEMORY_MB_MAX 65536

typedef int apply_fn(struct settings *settings, const char *text, struct err *err);

/* Calls 'apply' for each part of a list. */
static int
apply_list(struct settings *settings, const char *text, apply_fn *apply, struct err *err)
{
	char *copy = strdup(text), *rest = copy, *part;
	int rc = copy ? 0 : -ENOMEM;

	while (rc == 0 && (part = strsep(&rest, ",")) != NULL)
		rc = apply(settings, part, err);
	free(copy);
	return rc;
}

static int
apply_port(struct settings *settings, const char *text, struct err *err)
{
	(void)err;
	settings->port = text;
	return 0;
}

static int
apply_rx_port(struct settings *settings, const char *text, struct err *err)
{
	(void)err;
	settings->rx_port = text;
	return 0;
}

static int
apply_to(struct settings *settings, const char *text, struct err *err)
{
	const char *colon = strrchr(text, ':'), *dash = colon ? strchr(colon, '-') : NULL;
	struct endpoint endpoint;
	char first[ENDPOINT_TEXT_SIZE];
	int rc;

	snprintf(first, sizeof(first), "%.*s", (int)(dash ? (size_t)(dash - text) : strlen(text)),
		text);
	rc = endpoint_parse(first, &endpoint, err);
	if (rc == 0)
		rc = value_ports(colon + 1, &settings->target_port, &settings->n_target_ports, err);
	if (rc == 0)
		settings->target = endpoint.addr;
	return rc;
}

static int
apply_protocol(struct settings *settings, const char *text, struct err *err)
{
	if (strcmp(text, "tcp") != 0 && strcmp(text, "udp") != 0)
		return err_set(err, -EINVAL, "'%s' is not tcp or udp", text);
	settings->protocol = *text == 't' ? IPPROTO_TCP : IPPROTO_UDP;
	return 0;
}

static int
apply_life(struct settings *settings, const char *text, struct err *err)
{
	static const char *const names[] = {
		[TCP_LIFE] = "life", [TCP_SYN] = "syn", [TCP_DATA] = "data"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			settings->life = (enum tcp_life)i;
			return 0;
		}
	}
	return err_set(err, -EINVAL, "'%s' is not life, syn or data", text);
}

static int
apply_from(struct settings *settings, const char *text, struct err *err)
{
	return range_parse(text, &settings->clients, err);
}

static int
apply_from_ports(struct settings *settings, const char *text, struct err *err)
{
	return value_ports(text, &settings->client_port, &settings->n_client_ports, err);
}

static int
apply_flows(struct settings *settings, const char *text, struct err *err)
{
	unsigned long value = 0;
	int rc = value_number(text, 1, FLOWS_MAX, &value, err);

	settings->n_flows = (uint32_t)value;
	return rc;
}

static int
apply_new_flows(struct settings *settings, const char *text, struct err *err)
{
	return value_share(text, FLOWS_SHARE_ALL, &settings->new_share, err);
}

static int
apply_size(struct settings *settings, const char *text, struct err *err)
{
	return sizes_parse(text, &settings->sizes, err);
}

static int
add_rate(struct settings *settings, const char *text, struct err *err)
{
	if (settings->n_rates == SETTINGS_RATES_MAX)
		return err_set(err, -EINVAL, "more than %d rates", SETTINGS_RATES_MAX);
	return rate_parse(text, &settings->rates[settings->n_rates++], err);
}

static int
apply_rate(struct settings *settings, const char *text, struct err *err)
{
	settings->n_rates = 0;
	return apply_list(settings, text, add_rate, err);
}

static int
apply_duration(struct settings *settings, const char *text, struct err *err)
{
	int rc = value_seconds(text, &settings->duration_ns, err);

	if (rc == 0 && settings->duration_ns < NS_PER_MS)
		return err_set(err, -EINVAL, "a trial takes at least 1ms");
	return rc;
}

static int
apply_warm_up(struct settings *settings, const char *text, struct err *err)
{
	return value_seconds(text, &settings->warm_up_ns, err);
}

static int
apply_ramp(struct settings *settings, const char *text, struct err *err)
{
	return value_seconds(text, &settings->ramp_ns, err);
}

static int
apply_drain(struct settings *settings, const char *text, struct err *err)
{
	return value_seconds(text, &settings->drain_ns, err);
}

static int
apply_catch_up(struct settings *settings, const char *text, struct err *err)
{
	int rc = value_seconds(text, &settings->catch_up_ns, err);

	if (rc == 0 && settings->catch_up_ns > PACE_CATCH_UP_MAX_NS)
		return err_set(err, -EINVAL, "at most 10ms can be made up for");
	return rc;
}

static int
apply_search(struct settings *settings, const char *text, struct err *err)
{
	(void)text;
	(void)err;
	settings->search = true;
	return 0;
}

static int
apply_loss(struct settings *settings, const char *text, struct err *err)
{
	return value_share(text, SEARCH_WHOLE, &settings->tolerance, err);
}

static int
apply_resolution(struct settings *settings, const char *text, struct err *err)
{
	return value_share(text, SEARCH_WHOLE, &settings->resolution, err);
}

static int
apply_to_mac(struct settings *settings, const char *text, struct err *err)
{
	const char *at = text;
	uint8_t mac[6];

	for (size_t i = 0; i < sizeof(mac); i++) {
		size_t n_digits = strspn(at, "0123456789abcdefABCDEF");

		if (n_digits < 1 || n_digits > 2 || at[n_digits] != (i < 5 ? ':' : '\0'))
			return err_set(err, -EINVAL, "'%s' is not like 02:00:00:00:00:01", text);
		mac[i] = (uint8_t)strtoul(at, NULL, 16);
		at += n_digits + 1;
	}
	memcpy(settings->to_mac, mac, sizeof(mac));
	settings->has_to_mac = true;
	return 0;
}

static int
apply_gateway(struct settings *settings, const char *text, struct err *err)
{
	return addr_parse(text, &settings->gateway, err);
}

static int
add_address(struct settings *settings, const char *text, struct err *err)
{
	size_t most = sizeof(settings->addresses) / sizeof(settings->addresses[0]);

	if (settings->n_addresses == most)
		return err_set(err, -EINVAL, "more than %zu addresses and ranges", most);
	return range_parse(text, &settings->addresses[settings->n_addresses++], err);
}

static int
apply_address(struct settings *settings, const char *text, struct err *err)
{
	return apply_list(settings, text, add_address, err);
}

static int
apply_vlan(struct settings *settings, const char *text, struct err *err)
{
	unsigned long value = 0;
	int rc = value_number(text, 1, VLAN_MAX, &value, err);

	settings->vlan = (uint16_t)value;
	return rc;
}

static int
apply_memory_mb(struct settings *settings, const char *text, struct err *err)
{
	unsigned long value = 0;
	int rc = value_number(text, MEMORY_MB_MIN, MEMORY_MB_MAX, &value, err);

	settings->memory_mb = (uint32_t)value;
	return rc;
}

static int
apply_hugepages(struct settings *settings, const char *text, struct err *err)
{
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return err_set(err, -EINVAL, "'%s' is not yes or no", text);
	settings->hugepages = *text == 'y';
	return 0;
}

static int
apply_cores(struct settings *settings, const char *text, struct err *err)
{
	(void)err;
	settings->cores = text;
	return 0;
}

static int
apply_threads(struct settings *settings, const char *text, struct err *err)
{
	unsigned long value = 0;
	int rc = value_number(text, 1, SETTINGS_THREADS_MAX, &value, err);

	settings->n_threads = (uint16_t)value;
	return rc;
}

static int
apply_json(struct settings *settings, const char *text, struct err *err)
{
	(void)err;
	settings->json = text;
	return 0;
}

static int
apply_quiet(struct settings *settings, const char *text, struct err *err)
{
	(void)text;
	(void)err;
	settings->quiet = true;
	return 0;
}

static int
apply_log_level(struct settings *settings, const char *text, struct err *err)
{
	enum log_level level;
	int rc = log_level_parse(text, &level, err);

	(void)settings;
	if (rc == 0)
		log_set_level(level);
	return rc;
}

static int
apply_version(struct settings *settings, const char *text, struct err *err)
{
	(void)settings;
	(void)text;
	(void)err;
	printf("%s %s\n", PROGRAM, WEIR_VERSION);
	exit(EXIT_SUCCESS);
}

static apply_fn apply_help;

/* The whole command line. 'value' NULL: the option takes none. */
static const struct setting {
	const char *name;
	const char *value;
	apply_fn *apply;
	const char *help;
} table[] = {
	{"port", "DEVICE", apply_port, "PCI address or DPDK device that sends"},
	{"rx-port", "DEVICE", apply_rx_port, "the device that receives, if it is another one"},
	{"to", "ADDR:PORT[-PORT]", apply_to, "the service's address and port or ports"},
	{"protocol", "tcp|udp", apply_protocol, "of the service (udp)"},
	{"tcp", "life|syn|data", apply_life,
		"life: SYN, data and FIN of each flow (default); syn: a flood; data: midstream"},
	{"from", "RANGE", apply_from,
		"clients: ADDR, FIRST-LAST or ADDR/BITS (the blocks of RFC 2544, RFC 5180)"},
	{"from-ports", "PORT-PORT", apply_from_ports, "clients' ports (1024-65535)"},
	{"flows", "N", apply_flows, "flows open at a time (1000)"},
	{"new-flows", "PERCENT", apply_new_flows, "packets that open a new flow (0)"},
	{"size", "SIZES", apply_size,
		"frames with FCS: 64,512,1518, 64x7,594x4, or imix (the smallest, often 64)"},
	{"rate", "RATES", apply_rate,
		"1Mpps (default), 2.5Gbps on the wire, 75% of line, line, max; a list: one trial "
		"each"},
	{"duration", "SECONDS", apply_duration, "of a trial (10)"},
	{"warm-up", "SECONDS", apply_warm_up, "sending before the first trial (1)"},
	{"ramp", "SECONDS", apply_ramp, "the rate climbs from 0 in this time of the trial (0)"},
	{"drain", "SECONDS", apply_drain, "longest wait for the last packets of a trial (2)"},
	{"catch-up", "SECONDS", apply_catch_up,
		"a sender that was held up sends faster to make up for so much (1ms; at most "
		"10ms)"},
	{"search", NULL, apply_search,
		"find the highest rate without loss, at most --rate (RFC 2544 26.1)"},
	{"loss", "PERCENT", apply_loss, "loss that the search tolerates (0)"},
	{"resolution", "PERCENT", apply_resolution,
		"of the highest rate: when the search ends (1)"},
	{"to-mac", "MAC", apply_to_mac, "send to this station, ask nobody"},
	{"gateway", "ADDR", apply_gateway, "the next hop to ask for (the service's address)"},
	{"address", "LIST", apply_address,
		"addresses and ranges to answer for: the generator's own first, then backends that "
		"it "
		"plays"},
	{"vlan", "ID", apply_vlan, "tag of all frames"},
	{"memory-mb", "N", apply_memory_mb, "memory for DPDK (256)"},
	{"hugepages", "yes|no", apply_hugepages, "use huge pages (no)"},
	{"cores", "LIST", apply_cores, "EAL's --lcores: control first, then the threads"},
	{"threads", "1|2", apply_threads, "2: sending and receiving have a core each (1)"},
	{"json", "FILE", apply_json, "write the results there (-: standard output)"},
	{"quiet", NULL, apply_quiet, "no line each second"},
	{"log-level", "LEVEL", apply_log_level, "error, warn, info (default) or debug"},
	{"help", NULL, apply_help, "print this help"},
	{"version", NULL, apply_version, "print the version"},
};

#define N_TABLE (sizeof(table) / sizeof(table[0]))

static int
apply_help(struct settings *settings, const char *text, struct err *err)
{
	char option[40];

	(void)settings;
	(void)text;
	(void)err;
	printf(PROGRAM ": sends measured traffic to a service and tells what comes back\n\n"
		       "Usage: " PROGRAM
		       " --port DEVICE --to ADDR:PORT --address ADDR [OPTION...]\n\n");
	for (size_t i = 0; i < N_TABLE; i++) {
		snprintf(option, sizeof(option), "--%s %s", table[i].name,
			table[i].value ? table[i].value : "");
		printf("  %-24s %s\n", option, table[i].help);
	}
	printf("\ndocs/pktgen.md explains them and has examples.\n");
	exit(EXIT_SUCCESS);
}

__attribute__((noreturn)) static void
fail(const char *text)
{
	fprintf(stderr, PROGRAM ": %s\nTry '" PROGRAM " --help'.\n", text);
	exit(EXIT_USAGE);
}

static void
set_defaults(struct settings *settings)
{
	*settings = (struct settings){
		.protocol = IPPROTO_UDP,
		.client_port = 1024,
		.n_client_ports = UINT16_MAX - 1024 + 1,
		.n_flows = 1000,
		.rates = {{RATE_PACKETS, 1000000}},
		.n_rates = 1,
		.duration_ns = 10 * NS_PER_S,
		.warm_up_ns = NS_PER_S,
		.catch_up_ns = NS_PER_MS,
		.drain_ns = 2 * NS_PER_S, /* RFC 2544 section 23 (d) */
		.resolution = SEARCH_WHOLE / 100,
		.memory_mb = 256,
		.n_threads = 1,
	};
}

void
settings_parse(struct settings *settings, int argc, char **argv)
{
	struct option options[N_TABLE + 1] = {{NULL, 0, NULL, 0}};
	struct err err = {""};
	int index = 0, option;

	set_defaults(settings);
	for (size_t i = 0; i < N_TABLE; i++)
		options[i] = (struct option){
			table[i].name, table[i].value ? required_argument : no_argument, NULL, 0};
	while ((option = getopt_long(argc, argv, "", options, &index)) == 0) {
		if (table[index].apply(settings, optarg, &err) < 0) {
			err_prefix(&err, "--%s", table[index].name);
			fail(err.text);
		}
	}
	if (option != -1) /* getopt_long() has printed what is wrong. */
		fail("the command line is not right: see above");
	if (optind < argc) {
		err_set(&err, 0, "'%s' is not an option", argv[optind]);
		fail(err.text);
	}
	if (settings_check(settings, &err) < 0)
		fail(err.text);
}
