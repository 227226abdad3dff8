/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings that do not go together; see settings.h. */
#include "dataplane/pktgen/settings.h"

#include "dataplane/pktgen/flows.h"
#include "dataplane/pktgen/probe.h"

#include <errno.h>

/* The blocks set aside for measuring networks: RFC 2544 appendix C.2.2, RFC 5180 section 8. */
#define CLIENTS4 "198.18.0.1-198.18.255.254"
#define CLIENTS6 "2001:2::1-2001:2::ffff"

const struct addr *
settings_next_hop(const struct settings *settings)
{
	return settings->gateway.family == ADDR_NONE ? &settings->target : &settings->gateway;
}

uint64_t
settings_space(const struct settings *settings)
{
	return (uint64_t)settings->clients.n * settings->n_client_ports * settings->n_target_ports;
}

static int
check_needed(const struct settings *settings, struct err *err)
{
	if (!settings->port)
		return err_set(err, -EINVAL,
			"--port is needed: a PCI address (0000:03:00.0) or a DPDK device "
			"(net_af_xdp0,iface=eth1)");
	if (settings->target.family == ADDR_NONE)
		return err_set(err, -EINVAL,
			"--to is needed: the service's address and port (192.0.2.100:80)");
	return 0;
}

static int
check_addresses(struct settings *settings, struct err *err)
{
	uint8_t family = settings->target.family;
	bool can_ask = false;
	int rc;

	if (settings->clients.n == 0 && (rc = range_parse(family == ADDR_V4 ? CLIENTS4 : CLIENTS6,
						 &settings->clients, err)) < 0)
		return rc;
	if (settings->clients.first.family != family)
		return err_set(err, -EINVAL,
			"--from and --to must both be IPv4 or both be IPv6 addresses");
	if (settings->gateway.family != ADDR_NONE && settings->gateway.family != family)
		return err_set(err, -EINVAL, "--gateway must be of the same family as --to");
	for (size_t i = 0; i < settings->n_addresses; i++)
		can_ask = can_ask || settings->addresses[i].first.family == family;
	if (!settings->has_to_mac && !can_ask)
		return err_set(err, -EINVAL,
			"who is to be asked for the link-layer address of the next hop has to know "
			"who asks: give the generator an address of its network (--address), or "
			"the "
			"link-layer address itself (--to-mac)");
	return 0;
}

static int
check_flows(const struct settings *settings, struct err *err)
{
	uint64_t space = settings_space(settings);
	bool closes = settings->protocol == IPPROTO_TCP && settings->life == TCP_LIFE;

	if (settings->n_flows > space)
		return err_set(err, -EINVAL,
			"--flows: %u flows are more than the %lu that --from, --from-ports and "
			"--to "
			"allow",
			settings->n_flows, (unsigned long)space);
	if (closes && settings->new_share > FLOWS_SHARE_ALL / 2)
		return err_set(err, -EINVAL,
			"--new-flows: every new flow takes a SYN and a FIN of TCP, so 50 %% is the "
			"most: lower it, or use --tcp syn");
	if (settings->life != TCP_LIFE && settings->protocol != IPPROTO_TCP)
		return err_set(err, -EINVAL, "--tcp is for --protocol tcp");
	return 0;
}

static int
check_sizes(struct settings *settings, struct err *err)
{
	uint16_t least = probe_size_min(
		(enum addr_family)settings->target.family, settings->protocol, settings->vlan);

	if (settings->sizes.n == 0)
		settings->sizes = (struct sizes){.n = 1, .bytes = {least}, .n_order = 1};
	if (sizes_least(&settings->sizes) >= least)
		return 0;
	return err_set(err, -EINVAL,
		"--size: %u bytes are too few for the headers, the stamp of 6 bytes and the FCS: "
		"the "
		"smallest frame is %u bytes",
		sizes_least(&settings->sizes), least);
}

static int
check_search(const struct settings *settings, struct err *err)
{
	if (!settings->search)
		return 0;
	if (settings->n_rates != 1)
		return err_set(err, -EINVAL,
			"--search takes one --rate, the highest to try (line, or max for what the "
			"generator can)");
	if (settings->ramp_ns > 0)
		return err_set(err, -EINVAL, "--ramp and --search do not go together");
	if (settings->resolution == 0)
		return err_set(err, -EINVAL, "--resolution must be more than 0");
	return 0;
}

int
settings_check(struct settings *settings, struct err *err)
{
	int rc = check_needed(settings, err);

	if (rc == 0)
		rc = check_addresses(settings, err);
	if (rc == 0)
		rc = check_flows(settings, err);
	if (rc == 0)
		rc = check_sizes(settings, err);
	if (rc == 0)
		rc = check_search(settings, err);
	for (size_t i = 0; i < settings->n_rates && rc == 0; i++) {
		if (settings->ramp_ns > 0 && settings->rates[i].unit == RATE_MAX)
			rc = err_set(err, -EINVAL, "--ramp needs a rate to climb to: not max");
	}
	return rc;
}
