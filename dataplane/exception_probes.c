/* SPDX-License-Identifier: BSD-3-Clause */
/* The host's probes; see exception_probes.h. */
#include "dataplane/exception_probes.h"

#include "common/clock.h"
#include "dataplane/batch.h"
#include "dataplane/dataplane.h"
#include "dataplane/probe.h"

#include <errno.h>
#include <stdlib.h>

struct exception_probes {
	struct dataplane *dataplane;
	struct probe_path path;
	uint64_t n_sent;
	uint64_t n_answered; /* To the host: where an address is, or that a packet is too big. */
	uint64_t n_dropped;
};

/* Lets go of the packet as its verdict says. */
static void
dispose(struct exception_probes *probes, struct packet *packet)
{
	const struct dataplane *dataplane = probes->dataplane;
	struct rte_mbuf *mbuf = batch_take_buffer(packet);

	if (packet->verdict == V_REPLY || packet->verdict == V_REPLY_TOO_BIG) {
		probes->n_answered++;
		exception_write(dataplane->exceptions[packet->in_port], mbuf);
	} else if (packet->verdict == V_FORWARD &&
		   worker_inject(dataplane->first_workers[packet->out_port], mbuf) == 0) {
		probes->n_sent++;
	} else {
		probes->n_dropped++;
		rte_pktmbuf_free(mbuf);
	}
}

static bool
divert(void *ctx, uint16_t port, struct rte_mbuf *mbuf)
{
	struct exception_probes *probes = ctx;
	struct packet packet = {
		.data = rte_pktmbuf_mtod(mbuf, uint8_t *),
		.size = mbuf->data_len,
		.headroom = rte_pktmbuf_headroom(mbuf),
		.tailroom = rte_pktmbuf_tailroom(mbuf),
		.in_port = port,
		.buffer = mbuf,
	};

	packet.verdict = probe_run(
		&probes->path, probes->dataplane->shared.snapshot, &packet, clock_now_ns());
	if (packet.verdict == V_HOST)
		return false;
	dispose(probes, &packet);
	return true;
}

int
exception_probes_new(struct exception_probes **out, struct dataplane *dataplane)
{
	struct exception_probes *probes = calloc(1, sizeof(*probes));

	if (!probes)
		return -ENOMEM;
	probes->dataplane = dataplane;
	probes->path.ports = &dataplane->port_table;
	probes->path.nexthops = dataplane->nexthops;
	for (uint16_t i = 0; i < dataplane->n_ports; i++)
		exception_set_diversion(dataplane->exceptions[i], divert, probes, i);
	*out = probes;
	return 0;
}

void
exception_probes_free(struct exception_probes *probes)
{
	free(probes);
}

json_t *
exception_probes_show(const struct exception_probes *probes)
{
	return json_pack("{s:I, s:I, s:I}", "sent", (json_int_t)probes->n_sent, "answered",
		(json_int_t)probes->n_answered, "dropped", (json_int_t)probes->n_dropped);
}
