/* SPDX-License-Identifier: BSD-3-Clause */
/* Port table; see port_table.h. */
#include "dataplane/port_table.h"

#include <errno.h>
#include <string.h>

int
port_table_find(const struct port_table *table, const char *name)
{
	for (int i = 0; i < table->n_ports; i++)
		if (strcmp(table->ports[i].name, name) == 0)
			return i;
	return -ENOENT;
}
