/* SPDX-License-Identifier: BSD-3-Clause */
/* The key 'flow_sync', and 'sync_address' of load balancers; see config_build.h. */
#include "common/config_build.h"

#include <string.h>

#define PLACE "flow_sync"
#define NODE_PLACE "nodes[%zu].lb"

static void
build_keys(struct config_reader *reader, const struct raw_flow_sync *raw,
	struct flow_sync_config *config)
{
	if (raw->keys_count < 1 || raw->keys_count > FLOW_SYNC_KEYS_MAX) {
		config_fail(reader, PLACE, raw->keys_count ? "keys" : NULL,
			"%u keys: give from 1 to %d, the one to send with first", raw->keys_count,
			FLOW_SYNC_KEYS_MAX);
		return;
	}
	for (size_t i = 0; i < raw->keys_count; i++) {
		struct config_path path = config_path(PLACE ".keys[%zu]", i);
		struct flow_sync_file *key = &config->keys[i];

		key->id = (uint8_t)config_number(reader, path.text, "id", raw->keys[i].id,
			(struct config_range){1, UINT8_MAX, CONFIG_REQUIRED});
		key->file = config_file(reader, path.text, "file", raw->keys[i].file);
		if (!key->file)
			config_fail(reader, path.text, NULL, "the key 'file' is missing");
		for (size_t j = 0; j < i; j++)
			if (config->keys[j].id == key->id)
				config_fail(reader, path.text, "id",
					"%u is used twice: nodes tell keys apart by it", key->id);
		config->n_keys++;
	}
}

static bool
is_unspecified(const struct addr *addr)
{
	static const uint8_t zero[16];

	return memcmp(addr->bytes, zero, sizeof(zero)) == 0;
}

/* 'before' is another load balancer, or NULL. */
static void
check_address(struct config_reader *reader, const char *path, const struct node *node,
	const struct node *before)
{
	const struct addr *addr = &node->lb.sync_address;
	char text[ADDR_TEXT_SIZE];

	if (is_unspecified(addr) || addr_is_multicast(addr) || addr_is_link_local(addr))
		config_fail(reader, path, NULL,
			"the others cannot send to %s: give %s a 'sync_address' that is an "
			"address of its own",
			addr_format(addr, text, sizeof(text)), node->name);
	if (!before)
		return;
	if (addr_equal(addr, &before->lb.sync_address))
		config_fail(reader, path, NULL,
			"%s and %s would both sync flows at %s: give them a 'sync_address' each",
			before->name, node->name, addr_format(addr, text, sizeof(text)));
	if (addr->family != before->lb.sync_address.family)
		config_fail(reader, path, NULL,
			"%s and %s would sync flows by different versions of IP: give them a "
			"'sync_address' of one",
			before->name, node->name);
}

static void
build_addresses(struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	size_t n = 0;

	for (size_t i = 0; i < model->n_nodes; i++) {
		struct config_path path = config_path(NODE_PLACE, i);
		struct node *node = &model->nodes[i];

		if (node->role != ROLE_LB)
			continue;
		node->lb.sync_address = node->metrics.addr;
		if (raw->nodes[i].lb->sync_address)
			node->lb.sync_address = config_addr(
				reader, path.text, "sync_address", raw->nodes[i].lb->sync_address);
		check_address(reader, path.text, node, NULL);
		for (size_t j = 0; j < i; j++)
			if (model->nodes[j].role == ROLE_LB)
				check_address(reader, path.text, node, &model->nodes[j]);
		n++;
	}
	if (n < 2 || n > FLOW_SYNC_PEERS_MAX + 1)
		config_fail(reader, PLACE, NULL,
			"%zu nodes have role lb: flows are synced by 2 to %d", n,
			FLOW_SYNC_PEERS_MAX + 1);
}

static void
refuse_addresses(struct config_reader *reader, const struct raw_config *raw)
{
	for (size_t i = 0; i < raw->nodes_count; i++) {
		struct config_path path = config_path(NODE_PLACE, i);

		if (raw->nodes[i].lb && raw->nodes[i].lb->sync_address)
			config_fail(reader, path.text, "sync_address",
				"has no use without the key '" PLACE "'");
	}
}

void
config_build_flow_sync(
	struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	if (!raw->flow_sync) {
		refuse_addresses(reader, raw);
		return;
	}
	model->flow_sync.port = (uint16_t)config_number(reader, PLACE, "port", raw->flow_sync->port,
		(struct config_range){1, UINT16_MAX, FLOW_SYNC_PORT});
	build_keys(reader, raw->flow_sync, &model->flow_sync);
	build_addresses(reader, raw, model);
}
