/* SPDX-License-Identifier: BSD-3-Clause */
/* Metrics of flow sync; see metrics_sync.h. */
#include "controlplane/metrics_sync.h"

#include <stdbool.h>
#include <string.h>

static const char *
text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void
write_counts(struct metrics *metrics, json_t *counters)
{
	const char *name;
	json_t *value;

	metrics_family(metrics, "weir_sync_flows_total", METRIC_COUNTER,
		"What was told to other nodes of flows, heard of them, and what became of it.");
	json_object_foreach(counters, name, value)
		metrics_value(metrics, json_number_value(value), "event", name, NULL);
}

/* A gauge of each peer: whether 'key' is 'text', or, without a text, true. */
static void
write_flags(struct metrics *metrics, json_t *peers, const char *key, const char *text)
{
	json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		json_t *value = json_object_get(peer, key);
		bool is = text ? strcmp(text_of(peer, key), text) == 0 : json_is_true(value);

		metrics_value(metrics, is, "peer", text_of(peer, "address"), NULL);
	}
}

static void
write_sessions(struct metrics *metrics, json_t *peers)
{
	json_t *peer, *value;
	const char *name;
	size_t i;

	metrics_family(metrics, "weir_sync_session_total", METRIC_COUNTER,
		"Messages and records of the session with a peer, and what went wrong with them.");
	json_array_foreach(peers, i, peer) json_object_foreach(
		json_object_get(peer, "counters"), name, value) metrics_value(metrics,
		json_number_value(value), "peer", text_of(peer, "address"), "event", name, NULL);
}

void
metrics_sync_write(struct metrics *metrics, json_t *sync)
{
	json_t *peers = json_object_get(sync, "peers");

	if (!json_is_object(sync))
		return;
	metrics_family(metrics, "weir_sync_synced", METRIC_GAUGE,
		"1 if this node knows the flows that other nodes know.");
	metrics_value(metrics, json_is_true(json_object_get(sync, "synced")), NULL);
	metrics_family(metrics, "weir_sync_remote_flows", METRIC_GAUGE,
		"Flows that other nodes have told of.");
	metrics_value(metrics, json_number_value(json_object_get(sync, "remote_flows")), NULL);
	metrics_family(metrics, "weir_sync_peer_up", METRIC_GAUGE,
		"1 if there is a session with the peer.");
	write_flags(metrics, peers, "state", "up");
	metrics_family(metrics, "weir_sync_peer_synced", METRIC_GAUGE,
		"1 if there is nothing more to learn from the peer.");
	write_flags(metrics, peers, "synced", NULL);
	write_counts(metrics, json_object_get(sync, "counters"));
	write_sessions(metrics, peers);
}
