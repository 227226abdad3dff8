/* SPDX-License-Identifier: BSD-3-Clause */
/* The desired state that is in force; see desired.h. */
#include "dataplane/desired.h"

#include "common/log.h"
#include "dataplane/list_files.h"
#include "dataplane/snapshot.h"

LOG_MODULE("control");

static int
publish(struct dataplane *dataplane, struct control_state *state, struct err *err)
{
	const struct sync_flows *flows = sync_flows_of(dataplane->sync);
	struct snapshot_tables tables = {
		.ports = &dataplane->port_table,
		.nexthops = dataplane->nexthops,
		.leases = dataplane->leases,
		.views = flows ? sync_flows_views(flows) : NULL,
	};
	struct snapshot *snapshot = NULL;
	int rc = snapshot_new(&snapshot, state, dataplane->shared.snapshot, &tables, err);

	if (rc < 0)
		return rc;
	rc = dataplane_publish(dataplane, snapshot, err);
	if (rc < 0)
		snapshot_free(snapshot);
	return rc;
}

/* What came from files is in the snapshot now, and large. */
static void
drop_file_contents(struct control_state *state)
{
	for (size_t i = 0; i < state->n_lists; i++)
		if (state->lists[i].file)
			prefix_list_fini(&state->lists[i].content);
}

int
desired_set(struct dataplane *dataplane, struct control_state *state, struct err *err)
{
	size_t n_services, n_backends;
	int rc = list_files_read(state, dataplane->shared.snapshot, err);

	if (rc == 0)
		rc = sync_configure(dataplane->sync, &state->sync, err);
	if (rc == 0)
		rc = publish(dataplane, state, err);
	if (rc < 0) {
		control_state_free(state);
		return rc;
	}
	drop_file_contents(state);
	flow_sync_fini(&state->sync);
	control_state_free(dataplane->state);
	dataplane->state = state;
	snapshot_services(dataplane->shared.snapshot, &n_services);
	snapshot_backends(dataplane->shared.snapshot, &n_backends);
	LOG_LIMITED(LOG_INFO, "state %llu in force: %zu services, %zu backends",
		(unsigned long long)state->generation, n_services, n_backends);
	return 0;
}

void
desired_renew(struct dataplane *dataplane)
{
	struct err err = {""};

	if (dataplane->state && publish(dataplane, dataplane->state, &err) < 0)
		LOG_LIMITED(LOG_WARN, "views of other nodes are not used: %s", err.text);
}
