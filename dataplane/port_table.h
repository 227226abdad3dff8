/* SPDX-License-Identifier: BSD-3-Clause */
/* What the packet core knows of the ports. Filled by the edge before the first worker starts and
 * constant from then on. The index is the one that packets carry. */
#ifndef DATAPLANE_PORT_TABLE_H
#define DATAPLANE_PORT_TABLE_H

#include "common/model.h"

#include <stdint.h>

struct port_info {
	char name[MODEL_NAME_MAX + 1];
	uint8_t mac[6]; /* Read together with what follows, as one word. */
	uint16_t mtu;   /* Largest IP packet. */
};

struct port_table {
	struct port_info ports[MODEL_PORTS_MAX];
	uint16_t n_ports;
};

/* Returns the index of the port called 'name', or -ENOENT. */
int port_table_find(const struct port_table *table, const char *name);

#endif /* DATAPLANE_PORT_TABLE_H */
