/* SPDX-License-Identifier: BSD-3-Clause */
/* Readiness; see gate.h. */
#include "controlplane/gate.h"

#include "common/clock.h"

#define PATIENCE_NS (GATE_PATIENCE_MS * NS_PER_MS)
#define SYNC_PATIENCE_NS (GATE_SYNC_PATIENCE_MS * NS_PER_MS)
#define NEVER UINT64_MAX

/* What is missing, or NULL; sets the deadline where time alone will mend it. */
static const char *
find_obstacle(struct gate *gate, uint64_t now_ns)
{
	uint64_t ready_ns = gate->accepted_ns + PATIENCE_NS;
	uint64_t synced_ns = gate->accepted_ns + SYNC_PATIENCE_NS;

	gate->deadline_ns = NEVER;
	if (!gate->inputs.connected)
		return "dataplane is not connected";
	if (!gate->settled) {
		gate->deadline_ns = gate->connected_ns + PATIENCE_NS;
		return "health checks have no first result yet";
	}
	if (gate->open)
		return NULL;
	if (!gate->inputs.accepted)
		return "dataplane has not accepted the desired state";
	if (!gate->inputs.ready && now_ns < ready_ns) {
		gate->deadline_ns = ready_ns;
		return "dataplane is resolving next hops";
	}
	if (gate->inputs.behind && now_ns < synced_ns) {
		gate->deadline_ns = synced_ns;
		return "other nodes are still telling of their flows";
	}
	return NULL;
}

void
gate_init(struct gate *gate)
{
	*gate = (struct gate){.why = "starting", .deadline_ns = NEVER};
}

bool
gate_update(struct gate *gate, const struct gate_inputs *inputs, uint64_t now_ns)
{
	bool was_settled = gate->settled, was_open = gate->open;
	const char *obstacle;

	if (inputs->connected && !gate->inputs.connected)
		gate->connected_ns = now_ns;
	if (inputs->accepted && !gate->inputs.accepted)
		gate->accepted_ns = now_ns;
	gate->inputs = *inputs;
	gate->settled = inputs->connected && (gate->settled || inputs->health_known ||
						     now_ns >= gate->connected_ns + PATIENCE_NS);
	obstacle = find_obstacle(gate, now_ns);
	gate->open = obstacle == NULL;
	gate->why = obstacle ? obstacle : "";
	return gate->settled != was_settled || gate->open != was_open;
}
