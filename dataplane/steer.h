/* SPDX-License-Identifier: BSD-3-Clause */
/* Which worker has a flow whose two directions have to meet (modes nat and fullnat), and how both
 * get to it.
 *
 * A flow is in the table of one worker, and packets of its two directions come to whatever workers
 * the ports choose. Everything that says which worker has it can be told from the packet alone:
 *
 *   nat              a hash of the client's address and port, which both directions have
 *   fullnat, client  the worker that the port gives the flow's packets to; where that cannot be
 *                    foretold, or the port has more workers than queues, the same hash
 *   fullnat, backend the worker that the port gives the packets to, for the local port was chosen
 *                    so; where the port leaves no choice, the rest of the local port's division by
 *                    the number of workers
 *
 * Services in modes dr and tunnel are served where their packets come, unless the port has more
 * workers than queues: then the workers that receive spread all flows over those of the port.
 *
 * A worker that has got a packet of another's flow hands it over: V_STEER and packet.owner. */
#ifndef DATAPLANE_STEER_H
#define DATAPLANE_STEER_H

#include "common/model.h"
#include "dataplane/packet.h"
#include "dataplane/parse.h"
#include "dataplane/rss.h"

#include <stdbool.h>
#include <stdint.h>

/* Local ports of mode fullnat are those above the well-known ones. */
#define STEER_PORT_MIN 1024

/* How a port spreads packets over workers. */
enum steer_kind {
	STEER_ONE,     /* To one worker. */
	STEER_RSS,     /* As 'rss' says. */
	STEER_UNKNOWN, /* By a hash that it keeps to itself, or not at all by itself. */
};

struct steer_port {
	uint8_t kind;    /* enum steer_kind */
	bool chooses;    /* STEER_RSS, and every worker gets some. */
	struct rss *rss; /* STEER_RSS */
	/* STEER_UNKNOWN: flows of all modes are spread over so many workers; 0: they are not. */
	uint16_t n_spread;
	uint16_t first_spread;
};

/* Filled by the edge before the first worker starts and constant from then on. */
struct steer {
	uint64_t seed; /* Random, so that nobody can aim at a worker. */
	uint16_t n_workers;
	struct steer_port ports[MODEL_PORTS_MAX]; /* By index of the port table. */
};

/* A worker's part of it. */
struct steering {
	const struct steer *steer; /* NULL: there is one worker. */
	uint16_t worker;
	uint64_t *events; /* By enum path_event, of the worker's stats. */
};

/* Whether packets of all modes that come in by the port may be another worker's. */
static inline bool
steer_spreads(const struct steering *steering, uint16_t port)
{
	return steering->steer && steering->steer->ports[port].n_spread > 0;
}

/* Whether the client's packet, of a service of 'mode', is another worker's: then packet.owner says
 * whose. Of modes dr and tunnel only with steer_spreads(). */
bool steer_away_client(const struct steering *steering, struct packet *packet,
	const struct parsed *parsed, uint8_t mode);

/* As steer_away_client(), of a backend's packet, with 'parsed' as nat_find_return() leaves it.
 * 'known': its flow is here. */
bool steer_away_return(const struct steering *steering, struct packet *packet,
	const struct parsed *parsed, bool known);

/* A local port (host order), number 'count' of those with which packets of 'flow', the backend's to
 * the local address, find this worker when they come in by 'port'. 0: not this one, try the next.
 */
uint16_t steer_local_port(const struct steering *steering, uint16_t port,
	const struct rss_flow *flow, uint32_t count);

#endif /* DATAPLANE_STEER_H */
