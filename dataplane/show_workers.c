/* SPDX-License-Identifier: BSD-3-Clause */
/* What each worker has received and how packets found their way between workers; see show.h. */
#include "dataplane/show.h"

#include "dataplane/dataplane.h"
#include "dataplane/stats.h"

#include <stdio.h>

#define NUMBER_SIZE 12

static json_t *
integer(const uint64_t *counter)
{
	return json_integer((json_int_t)stats_read(counter));
}

static json_t *
show_worker(const struct dataplane *dataplane, unsigned int index)
{
	struct worker *worker = dataplane->workers[index];
	const struct stats *stats = pipeline_stats(worker_pipeline(worker));
	const uint64_t *events = stats->path_events;
	uint16_t queue = worker_queue(worker);
	char name[NUMBER_SIZE];

	snprintf(name, sizeof(name), "%u", index);
	return json_pack("{s:s, s:s, s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "name", name, "port",
		dataplane->ports[worker_port(worker)].name, "queue",
		queue == WORKER_NO_QUEUE ? json_null() : json_integer(queue), "socket",
		(int)worker_socket(worker), "packets", integer(&stats->n_packets), "returns_home",
		integer(&events[PATH_RETURNS_HOME]), "steered_in",
		integer(&events[PATH_STEERED_IN]), "steered_out",
		integer(&events[PATH_STEERED_OUT]), "steer_drops",
		integer(&stats->verdicts[V_DROP_STEER_FULL]));
}

json_t *
show_workers(const struct dataplane *dataplane)
{
	json_t *out = json_array();

	for (unsigned int w = 0; w < dataplane->n_workers; w++)
		json_array_append_new(out, show_worker(dataplane, w));
	return out;
}
