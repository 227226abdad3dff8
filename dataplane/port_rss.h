/* SPDX-License-Identifier: BSD-3-Clause */
/* What a port with several queues says about how it spreads packets over them, and a key for it
 * with which the local ports of mode fullnat can be chosen (rss.h). Main thread. */
#ifndef DATAPLANE_PORT_RSS_H
#define DATAPLANE_PORT_RSS_H

#include "dataplane/port.h"
#include "dataplane/steer.h"

#include <stddef.h>
#include <stdint.h>

/* Makes a key of 'size' bytes, PORT_RSS_KEY_MAX at most, for an indirection table of 'n_entries'.
 * Every entry can be reached by a change of the destination port's low bits. Returns 0, -EINVAL, or
 * -ENOMEM. */
int port_rss_make_key(uint8_t *key, size_t size, uint32_t n_entries);

/* Asks the started port, and fills 'steer'. Worker w of the port, counted from 'first_worker', has
 * its queue w, if there is one; there are 'n_workers' in all. What the port does not tell for sure
 * counts as unknown. */
void port_rss_describe(const struct port *port, uint16_t first_worker, uint16_t n_workers,
	struct steer_port *steer);

#endif /* DATAPLANE_PORT_RSS_H */
