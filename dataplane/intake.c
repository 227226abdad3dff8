/* SPDX-License-Identifier: BSD-3-Clause */
/* States on their way into force; see intake.h. */
#include "dataplane/intake.h"

#include "common/control.h"
#include "common/log.h"
#include "dataplane/dataplane.h"
#include "dataplane/list_files.h"
#include "dataplane/snapshot.h"

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
	bool stopping;
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
	if (!intake->job.pending)
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

/* Answers for the state that was under way. */
static void
finish(struct job *job)
{
	control_state_free(job->state);
	if (job->rc < 0) {
		snapshot_free(job->snapshot);
		LOG_LIMITED(LOG_WARN, "state refused, the old one stays: %s", job->err.text);
		rpc_answer(job->pending, NULL, job->err.text);
	} else {
		rpc_answer(job->pending, describe(job->snapshot), NULL);
	}
}

/* Has the waiting state, if there is one, begun. */
static void
take_next(struct intake *intake)
{
	intake->job = intake->next;
	intake->next = (struct job){.pending = NULL};
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

/* In the control thread, after 'work': what only it may do with the result. Returns whether there
 * is more to do. */
static bool
advance(struct intake *intake, struct job *job)
{
	struct dataplane *dataplane = intake->dataplane;
	const struct snapshot_tables tables = {
		.ports = &dataplane->port_table,
		.nexthops = dataplane->nexthops,
		.leases = dataplane->leases,
	};

	if (job->rc == 0 && intake->stopping)
		job->rc = err_set(&job->err, -ECANCELED, "the dataplane is stopping");
	if (job->rc < 0)
		return false;
	if (job->stage == STAGE_BUILD) {
		job->rc = dataplane_publish(dataplane, job->snapshot, &job->err);
		return false;
	}
	job->stage = STAGE_BUILD;
	job->rc = snapshot_begin(&job->snapshot, job->state, &tables, &job->err);
	return job->rc == 0;
}

static void
on_worked(uv_work_t *request, int status)
{
	struct intake *intake = request->data;

	(void)status; /* Nobody cancels it. */
	if (!advance(intake, &intake->job)) {
		finish(&intake->job);
		take_next(intake);
	}
	if (intake->job.pending)
		uv_queue_work(&intake->dataplane->loop, request, work, on_worked);
	else if (intake->stopping)
		free(intake);
}

void
intake_take(struct intake *intake, json_t *state, struct rpc_pending *pending)
{
	drop_next(intake, "a newer state came before this one's turn: it never was in force");
	intake->next = (struct job){.pending = pending, .json = json_incref(state)};
	if (intake->job.pending)
		return;
	take_next(intake);
	uv_queue_work(&intake->dataplane->loop, &intake->request, work, on_worked);
}
