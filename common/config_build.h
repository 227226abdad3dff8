/* SPDX-License-Identifier: BSD-3-Clause */
/* From the texts of config_schema.h to a model: every value and every relation checked. */
#ifndef COMMON_CONFIG_BUILD_H
#define COMMON_CONFIG_BUILD_H

#include "common/config_read.h"
#include "common/config_schema.h"
#include "common/model.h"

/* Fill their part of 'model'; errors go to reader->code. In this order: balancing refers to nodes,
 * tiers to both. */
void config_build_nodes(
	struct config_reader *reader, const struct raw_config *raw, struct model *model);
void config_build_balancing(
	struct config_reader *reader, const struct raw_config *raw, struct model *model);
void config_build_tiers(
	struct config_reader *reader, const struct raw_config *raw, struct model *model);

/* The parts of config_build_balancing(): routers refer to nodes, services to all before them. */
void config_build_routers(
	struct config_reader *reader, const struct raw_config *raw, struct model *model);
void config_build_pools(
	struct config_reader *reader, const struct raw_config *raw, struct model *model);
void config_build_services(
	struct config_reader *reader, const struct raw_config *raw, struct model *model);

/* Scripts, and what routers track, run and belong to; after routers and pools. */
void config_build_tracking(
	struct config_reader *reader, const struct raw_config *raw, struct model *model);

/* The local addresses of a virtual router, whose other addresses are there already. */
void config_build_router_locals(struct config_reader *reader, const char *path,
	const struct raw_router *raw, struct virtual_router *router);

/* Sees to it that local addresses, of ports and of routers, are nobody else's. */
void config_check_locals(struct config_reader *reader, const struct model *model);

/* Whether the node has a local address of the family for mode fullnat. */
bool config_has_local(const struct model *model, const struct node *node, uint8_t family);

/* The virtual router of 'model' that has the address, or NULL. */
const struct virtual_router *config_find_holder(const struct model *model, const struct addr *addr);

/* Source lists, before the services that name them, and what a service names. */
void config_build_lists(
	struct config_reader *reader, const struct raw_config *raw, struct model *model);
void config_build_service_lists(struct config_reader *reader, const char *path,
	const struct raw_service *raw, const struct model *model, struct service *service);

/* What checks by the virtual address need; after services. */
void config_build_probe_ports(
	struct config_reader *reader, const struct raw_config *raw, struct model *model);

void config_build_flow_timeouts(
	struct config_reader *reader, const struct raw_config *raw, struct model *model);

/* How load balancers tell each other of flows; the nodes are there already. */
void config_build_flow_sync(
	struct config_reader *reader, const struct raw_config *raw, struct model *model);

/* A service's keys 'tunnel' and 'mss'; its address, protocol, mode and pool are there already. */
void config_build_tunnel(struct config_reader *reader, const char *path,
	const struct raw_service *raw, const struct model *model, struct service *service);

/* A service's keys 'client_address' and 'syn_cookies'; its protocol and mode are there already. */
void config_build_nat(struct config_reader *reader, const char *path, const struct raw_service *raw,
	struct service *service);

/* Who may use a socket of a load balancer; 'raw' may be NULL. */
void config_build_access(struct config_reader *reader, const char *path,
	const struct raw_access *raw, struct socket_access *access);

/* The checks, before the pools that name them. */
void config_build_checks(
	struct config_reader *reader, const struct raw_config *raw, struct model *model);
/* The check of the web tier's upstream nodes, which knows fewer keys; 'raw' may be NULL. */
void config_build_upstream_check(
	struct config_reader *reader, const struct raw_check *raw, struct check *check);

/* What the web tier has beside ports, files and limits: TLS, files' headers, what a client may do.
 */
void config_build_web_front(
	struct config_reader *reader, const struct raw_web *raw, struct web_config *web);

/* How the web tier treats app nodes; prefixes and their methods are there already. */
void config_build_web_proxy(
	struct config_reader *reader, const struct raw_web *raw, struct web_config *web);

/* How the databases are replicated; 'raw' may be NULL. */
void config_build_replication(struct config_reader *reader, const struct raw_replication *raw,
	struct replication_config *replication);

/* A command of 'n' words as an array that ends with NULL. There is never a shell in between, so
 * the first word is a file; a relative one is in the file's own folder. */
const char *const *config_command(struct config_reader *reader, const char *path, const char *key,
	char **raw, unsigned int n);

#endif /* COMMON_CONFIG_BUILD_H */
