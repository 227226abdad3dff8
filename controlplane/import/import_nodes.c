/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes and their ports: what keepalived's file of one machine says of it and of its peers; see
 * import_data.h. */
#include "controlplane/import/import_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VLAN_MAX 4094
#define METRICS_PORT 9100

/* --- Nodes --- */

static const struct statement *
find_global(const struct import_view *view, const char *word)
{
	const struct statement *block = statement_find(&view->tree.root, "global_defs");
	const struct statement *found = NULL;

	for (; block && !found; block = statement_find_next(block))
		found = statement_find(block, word);
	return found && found->n_words > 1 ? found : NULL;
}

/* The first address that an instance of the view sends adverts from. */
static struct addr
find_own_address(const struct import_view *view)
{
	static const char *const words[] = {"unicast_src_ip", "mcast_src_ip"};
	const struct statement *instance = statement_find(&view->tree.root, "vrrp_instance");
	struct addr addr = {.family = ADDR_NONE};

	for (; instance; instance = statement_find_next(instance)) {
		for (size_t i = 0; i < 2; i++) {
			const struct statement *source = statement_find(instance, words[i]);

			if (source && import_addr(statement_word(source, 1), &addr))
				return addr;
		}
	}
	return addr;
}

static bool
is_taken(const struct import *import, const char *name)
{
	for (size_t i = 0; i < import->n_nodes; i++) {
		if (strcmp(import->nodes[i].name, name) == 0)
			return true;
	}
	return false;
}

static struct import_node *
add_node(struct import *import, const char *wanted)
{
	struct import_node *node;
	const char *name = wanted ? import_clean_name(import, wanted) : "";

	if (import->n_nodes == IMPORT_NODES_MAX)
		return NULL;
	for (size_t i = import->n_nodes; *name == '\0' || is_taken(import, name); i++)
		name = import_text(import, "lb%zu", i + 1);
	node = &import->nodes[import->n_nodes++];
	*node = (struct import_node){.name = name, .named = wanted != NULL};
	return node;
}

/* How many peers the instances speak to; where they use multicast there is one at least. */
static size_t
count_peers(const struct import_view *view)
{
	const struct statement *instance = statement_find(&view->tree.root, "vrrp_instance");
	size_t n = instance ? 1 : 0;

	for (; instance; instance = statement_find_next(instance)) {
		const struct statement *peers = statement_find(instance, "unicast_peer");
		size_t n_here = 0;

		for (const struct statement *peer = peers ? peers->first : NULL; peer;
			peer = peer->next)
			n_here++;
		if (n_here > n)
			n = n_here;
	}
	return n;
}

void
import_find_nodes(struct import *import)
{
	size_t n_peers = 0;

	for (size_t i = 0; i < import->n_views; i++) {
		const struct import_view *view = &import->views[i];
		const struct statement *router_id = find_global(view, "router_id");
		const char *wanted = *view->id ? view->id : router_id ? router_id->words[1] : NULL;
		struct import_node *node = add_node(import, wanted);

		if (!node)
			return;
		node->view = view;
		node->address = find_own_address(view);
	}
	if (import->n_views == 1)
		n_peers = count_peers(&import->views[0]);
	if (import->n_nodes == 0)
		n_peers = 1;
	for (size_t i = 0; i < n_peers; i++)
		add_node(import, NULL);
}

/* --- Ports --- */

/* "eth0.100" is VLAN 100 of eth0. */
static struct import_port
read_interface(struct import *import, const char *interface)
{
	const char *dot = strrchr(interface, '.');
	struct import_port port = {.interface = interface};
	long long vlan;

	if (dot && dot > interface && import_number(dot + 1, 1, VLAN_MAX, &vlan)) {
		port.vlan = (unsigned int)vlan;
		port.interface = import_text(import, "%.*s", (int)(dot - interface), interface);
	}
	port.name = import_clean_name(import, interface);
	return port;
}

const char *
import_port(struct import *import, const char *interface, bool tracked_only)
{
	struct import_port port = {.name = "front"};
	size_t i;

	if (!interface && import->n_ports > 0)
		return import->ports[0].name;
	if (interface)
		port = read_interface(import, interface);
	for (i = 0; i < import->n_ports; i++) {
		const struct import_port *other = &import->ports[i];

		if (strcmp(other->name, port.name) != 0)
			continue;
		if (!interface || (other->interface && other->vlan == port.vlan &&
					  strcmp(other->interface, port.interface) == 0))
			break;
		port.name = import_text(import, "%.24s-%zu", port.name, ++import->n_names + 1);
		i = (size_t)-1;
	}
	if (i == MODEL_PORTS_MAX)
		return NULL;
	if (i == import->n_ports) {
		port.tracked_only = true;
		import->ports[import->n_ports++] = port;
	}
	import->ports[i].tracked_only &= tracked_only;
	return import->ports[i].name;
}

struct addr
import_placeholder(const struct import *import, uint8_t family, uint8_t host)
{
	/* Of the networks for benchmarks, which no site routes: RFC 2544 and RFC 5180 8. */
	struct addr addr = {.family = family};

	if (family == ADDR_V4) {
		const uint8_t bytes[4] = {198, 18, import->v4_octet, host};

		memcpy(addr.bytes, bytes, sizeof(bytes));
		return addr;
	}
	const uint8_t bytes[16] = {
		0x20, 0x01, 0, 2, 0, 0, 0, import->v6_octet, 0, 0, 0, 0, 0, 1, 0, host};

	memcpy(addr.bytes, bytes, sizeof(bytes));
	return addr;
}

/* --- Writing --- */

static void
write_port(struct import *import, struct document_node *ports, const struct import_port *port,
	size_t i, const char *node)
{
	struct document *document = import->document;
	struct document_node *map = document_map(document, ports, NULL, false);
	const char *interface = port->interface ? port->interface : "eth0";

	if (port->tracked_only)
		document_comment(document, map,
			"No virtual router is on this port: it is here because %s is tracked. "
			"Where weir is not to drive it, take it out, and what tracks it as well.",
			interface);
	if (i == 0 || port->tracked_only || port->interface)
		document_fill(document, map,
			"%s: the PCI address of %s for 'device' (ethtool -i shows it as bus-info; "
			"see docs/ports.md), or leave AF_XDP%s; 'host_interface' is the TAP that "
			"the kernel gets instead, with the node's addresses on it",
			node, interface, port->interface ? "" : " with the right interface");
	document_text(document, map, "name", "%s", port->name);
	document_text(document, map, "device", "net_af_xdp%zu,iface=%s", i, interface);
	document_text(document, map, "host_interface", "weir%zu", i);
	if (port->vlan)
		document_text(document, map, "vlan", "%u", port->vlan);
}

static void
write_node(struct import *import, const struct import_node *node)
{
	struct document *document = import->document;
	struct document_node *map = document_map(document, import->nodes_at, NULL, false);
	struct document_node *lb, *ports, *metrics;
	struct endpoint endpoint = {.addr = node->address, .port = METRICS_PORT};
	bool known = node->address.family != ADDR_NONE && !addr_is_link_local(&node->address);
	char text[ENDPOINT_TEXT_SIZE];

	if (!node->named)
		document_fill(document, map,
			"%s: the node's name, here and in 'members' (the host's name, so that "
			"weirctl finds it)",
			node->name);
	document_text(document, map, "name", "%s", node->name);
	document_text(document, map, "role", "lb");
	if (!known)
		addr_parse("127.0.0.1", &endpoint.addr, NULL);
	metrics = document_text(
		document, map, "metrics", "%s", endpoint_format(&endpoint, text, sizeof(text)));
	if (!known)
		document_fill(document, metrics,
			"%s: an address of the node, by which Prometheus and weir-monitor reach it",
			node->name);
	lb = document_map(document, map, "lb", false);
	document_text(document, lb, "control_socket", "/run/weir/dataplane.sock");
	document_text(document, lb, "admin_socket", "/run/weir/admin.sock");
	ports = document_list(document, lb, "ports", false);
	for (size_t i = 0; i < import->n_ports; i++)
		write_port(import, ports, &import->ports[i], i, node->name);
}

void
import_write_nodes(struct import *import)
{
	/* A load balancer without a port is none. */
	import_port(import, NULL, false);
	for (size_t i = 0; i < import->n_nodes; i++)
		write_node(import, &import->nodes[i]);
}
