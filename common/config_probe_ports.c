/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks that go by the virtual address: which service each goes by, and the local ports by which
 * the dataplane tells their backends apart; see config_build.h. */
#include "common/config_build.h"

#define FIRST_PORT_DEFAULT 61000 /* Behind those that Linux gives out by itself. */
#define FIRST_PORT_MIN 1024

/* Gives the service of the pool a port for each backend, from '*next' on. */
static void
assign(struct config_reader *reader, const char *path, const struct pool *pool,
	struct service *service, uint32_t *next)
{
	if (*next + pool->n_backends > UINT16_MAX + 1u) {
		config_fail(reader, path, "check",
			"the local ports of checks by the virtual address do not suffice: each "
			"backend of such a pool takes one, from probe_ports up to 65535");
		return;
	}
	service->probe_port = (uint16_t)*next;
	*next += (uint32_t)pool->n_backends;
}

void
config_build_probe_ports(
	struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	uint32_t next = (uint32_t)config_number(reader, "", "probe_ports", raw->probe_ports,
		(struct config_range){FIRST_PORT_MIN, UINT16_MAX, FIRST_PORT_DEFAULT});

	for (size_t i = 0; i < model->n_pools && reader->code == 0; i++) {
		const struct pool *pool = &model->pools[i];
		struct config_path path = config_path("pools[%zu]", i);
		struct service *service = NULL;

		if (!pool->check || !pool->check->via_vip || pool->n_backends == 0)
			continue;
		for (size_t j = 0; j < model->n_services && !service; j++) {
			if (check_goes_by(pool->check, pool, &model->services[j]))
				service = &model->services[j];
		}
		if (service)
			assign(reader, path.text, pool, service, &next);
		else
			config_fail(reader, path.text, "check",
				"'%s' goes by the virtual address, and the pool has no service for "
				"it: one in mode dr or tunnel, of the check's protocol and port",
				pool->check->name);
	}
}
