/* SPDX-License-Identifier: BSD-3-Clause */
/* States on their way into force; see intake.h. */
#include "dataplane/intake.h"

#include "common/control.h"
#include "common/log.h"
#include "dataplane/dataplane.h"
#include "dataplane/list_files.h"
#include "dataplane/publish.h"
#include "dataplane/snapshot.h"
#include "dataplane/sync.h"
#include "dataplane/sync_views.h"

#include <errno.h>
#include <stdlib.h>

LOG_MODULE("control");

/* What the thread beside does, in this order. */
enum stage {
	STAGE_DECODE,
	STAGE_BUILD
};

/* One state. */
struct job {
	enum stage stage;
	struct rpc_pending *pending; /* NULL: there is none. */
	json_t *json;                /* Until it is decoded. */
	struct control_state *state;
	bool renews; /* The state is the one in force, and its owner's. */
	struct sync_views *views;
	struct snapshot *snapshot;
	struct err err;
	int rc;
};

struct intake {
	struct dataplane *dataplane;
	uv_work_t request;
	struct job job;  /* Under way: the thread beside has it but in on_worked(). */
	struct job next; /* Waits for that. */
	const struct snapshot *previous;
	bool busy; /* There is a job. */
	bool stopping;
	bool wants_renewal;
};

int
intake_new(struct intake **out, struct dataplane *dataplane)
{
	struct intake *intake = calloc(1, sizeof(*intake));

	if (!intake)
		return -ENOMEM;
	intake->dataplane = dataplane;
	intake->request.data = intake;
	*out = intake;
	return 0;
}

/* Ends the waiting state. */
static void
drop_next(struct intake *intake, const char *why)
{
	struct job *next = &intake->next;

	if (!next->pending)
		return;
	json_decref(next->json);
	rpc_answer(next->pending, NULL, why);
	*next = (struct job){.pending = NULL};
}

void
intake_free(struct intake *intake)
{
	if (!intake)
		return;
	drop_next(intake, "the dataplane is stopping");
	intake->stopping = true;
	if (!intake->busy)
		free(intake);
}

static json_t *
describe(const struct snapshot *snapshot)
{
	size_t n_services, n_backends;

	snapshot_services(snapshot, &n_services);
	snapshot_backends(snapshot, &n_backends);
	LOG_LIMITED(LOG_INFO, "state %llu in force: %zu services, %zu backends",
		(unsigned long long)snapshot_generation(snapshot), n_services, n_backends);
	return json_pack("{s:I}", "generation", (json_int_t)snapshot_generation(snapshot));
}

/* What came from files is in the snapshot now, and large. */
static void
drop_file_contents(struct control_state *state)
{
	for (size_t i = 0; i < state->n_lists; i++)
		if (state->lists[i].file)
			prefix_list_fini(&state->lists[i].content);
}

/* Keeps the state that has come into force, for intake_renew(). */
static void
keep(struct dataplane *dataplane, struct control_state *state)
{
	drop_file_contents(state);
	flow_sync_fini(&state->sync);
	control_state_free(dataplane->state);
	dataplane->state = state;
}

/* Answers for the state that was under way. */
static void
finish(struct intake *intake, struct job *job)
{
	sync_views_free(job->views);
	if (job->rc < 0)
		snapshot_free(job->snapshot);
	if (job->renews) {
		/* Of one that is stopping nobody needs them. */
		if (job->rc < 0 && !intake->stopping)
			LOG_LIMITED(
				LOG_WARN, "views of other nodes are not used: %s", job->err.text);
	} else if (job->rc < 0) {
		control_state_free(job->state);
		LOG_LIMITED(LOG_WARN, "state refused, the old one stays: %s", job->err.text);
		rpc_answer(job->pending, NULL, job->err.text);
	} else {
		keep(intake->dataplane, job->state);
		rpc_answer(job->pending, describe(job->snapshot), NULL);
	}
}

/* Has the waiting state, if there is one, begun. */
static void
take_next(struct intake *intake)
{
	intake->job = intake->next;
	intake->next = (struct job){.pending = NULL};
	intake->busy = intake->job.pending != NULL;
	intake->previous = intake->dataplane->shared.snapshot;
}

static void
decode(const struct intake *intake, struct job *job)
{
	job->rc = control_state_decode(job->json, &job->state, &job->err);
	json_decref(job->json);
	if (job->rc == 0)
		job->rc = list_files_read(job->state, intake->previous, &job->err);
}

/* In the thread beside. */
static void
work(uv_work_t *request)
{
	struct intake *intake = request->data;
	struct job *job = &intake->job;

	if (job->stage == STAGE_DECODE)
		decode(intake, job);
	else
		job->rc = snapshot_build(job->snapshot, job->state, intake->previous, &job->err);
}

/* Claims what the snapshot needs, in the control thread, so that it can be built. */
static int
begin_build(struct dataplane *dataplane, struct job *job)
{
	const struct sync_flows *flows = sync_flows_of(dataplane->sync);
	struct snapshot_tables tables = {
		.ports = &dataplane->port_table,
		.nexthops = dataplane->nexthops,
		.leases = dataplane->leases,
	};

	job->stage = STAGE_BUILD;
	if (flows && sync_views_copy(&job->views, sync_flows_views(flows)) < 0)
		return err_set(&job->err, -ENOMEM, "out of memory");
	tables.views = job->views;
	return snapshot_begin(&job->snapshot, job->state, &tables, &job->err);
}

/* Puts the snapshot in force. Others are not heard of before: what they told would be about
 * services that are not there yet, and be lost. */
static void
publish(struct dataplane *dataplane, struct job *job)
{
	if (!job->renews)
		job->rc = sync_configure(dataplane->sync, &job->state->sync, &job->err);
	if (job->rc == 0)
		job->rc = dataplane_publish(dataplane, job->snapshot, &job->err);
}

/* In the control thread, after 'work': what only it may do with the result. Returns whether there
 * is more to do. */
static bool
advance(struct intake *intake, struct job *job)
{
	struct dataplane *dataplane = intake->dataplane;

	if (job->rc == 0 && intake->stopping)
		job->rc = err_set(&job->err, -ECANCELED, "the dataplane is stopping");
	if (job->rc < 0)
		return false;
	if (job->stage == STAGE_BUILD) {
		publish(dataplane, job);
		return false;
	}
	job->rc = begin_build(dataplane, job);
	return job->rc == 0;
}

/* Begins the renewal that is wanted, as nothing is under way. Returns whether there is one. */
static bool
take_renewal(struct intake *intake)
{
	struct job *job = &intake->job;

	if (!intake->wants_renewal || intake->stopping || !intake->dataplane->state)
		return false;
	intake->wants_renewal = false;
	intake->previous = intake->dataplane->shared.snapshot;
	*job = (struct job){.state = intake->dataplane->state, .renews = true};
	job->rc = begin_build(intake->dataplane, job);
	if (job->rc < 0)
		finish(intake, job);
	intake->busy = job->rc == 0;
	return intake->busy;
}

static void
on_worked(uv_work_t *request, int status)
{
	struct intake *intake = request->data;

	(void)status; /* Nobody cancels it. */
	if (!advance(intake, &intake->job)) {
		finish(intake, &intake->job);
		take_next(intake);
	}
	if (intake->busy || take_renewal(intake))
		uv_queue_work(&intake->dataplane->loop, request, work, on_worked);
	else if (intake->stopping)
		free(intake);
}

void
intake_renew(struct intake *intake)
{
	intake->wants_renewal = true;
	if (!intake->busy && take_renewal(intake))
		uv_queue_work(&intake->dataplane->loop, &intake->request, work, on_worked);
}

void
intake_take(struct intake *intake, json_t *state, struct rpc_pending *pending)
{
	drop_next(intake, "a newer state came before this one's turn: it never was in force");
	intake->next = (struct job){.pending = pending, .json = json_incref(state)};
	if (intake->busy)
		return;
	take_next(intake);
	uv_queue_work(&intake->dataplane->loop, &intake->request, work, on_worked);
}
