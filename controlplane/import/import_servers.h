/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of reading virtual servers. */
#ifndef CONTROLPLANE_IMPORT_IMPORT_SERVERS_H
#define CONTROLPLANE_IMPORT_IMPORT_SERVERS_H

#include "controlplane/import/import_service.h"

/* Adds what the virtual server is reached by: an address and a port, or those of a group. A
 * firewall mark is noted. import_targets.c */
void import_find_targets(struct import *import, struct import_service *service,
	const struct statement *virtual_server);

/* Adds the addresses of the local_address_group that is named. import_targets.c */
void import_find_locals(
	struct import *import, struct import_service *service, const struct statement *statement);

#endif /* CONTROLPLANE_IMPORT_IMPORT_SERVERS_H */
