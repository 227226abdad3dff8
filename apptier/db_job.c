/* SPDX-License-Identifier: BSD-3-Clause */
/* Single statements: routing, waiting for the client's own write, trying elsewhere; see db.h.
 *
 *   route → lease a connection → (read: wait for the GTID) → execute → answer
 *     ↑_______________________________↓ a read whose server failed or lags
 */
#include "apptier/db_internal.h"
#include "common/clock.h"

#include <stdlib.h>

/* How long the replica is given to catch up with the client's last write, and how long one that did
 * not is passed over. */
#define WAIT_SQL "SELECT MASTER_GTID_WAIT(?, 0.05)"
#define WAIT_LIMIT_NS (250 * NS_PER_MS) /* The server's 50 ms and a slow network. */
#define LAGS_FOR_NS (500 * NS_PER_MS)

#define RETRIES_MAX 3

static const struct db_statement wait_statement = {WAIT_SQL, 1};

struct db_job {
	struct db_deferred deferred; /* First member. */
	struct db *db;
	struct db_server *server;         /* Where it is now; NULL: nowhere. */
	struct db_connection *connection; /* Leased. */
	struct db_lease lease;
	bool write;
	bool starting; /* Inside the call that made it: the answer has to wait. */
	struct db_want want;
	bool wait;          /* At this server, wait for the client's write first. */
	uint32_t tried;     /* Bits of servers that failed. */
	uint32_t n_retries; /* Of a write. */
	db_result_fn fn;    /* NULL: detached. */
	void *ctx;
	struct db_result result; /* Deferred. */
	struct db_call wait_call;
	struct db_value wait_value;
	char wait_text[GTID_TEXT_SIZE];
	struct db_call call;
	struct db_value values[]; /* Followed by the bytes of their texts. */
};

static struct db_pool *
pool_of(const struct db_job *job)
{
	return job->write ? job->server->writers : job->server->readers;
}

static void
release(struct db_job *job, bool discard)
{
	struct db_connection *connection = job->connection;

	job->connection = NULL;
	if (connection)
		db_pool_release(pool_of(job), connection, discard);
}

static void
complete(struct db_job *job, const struct db_result *result)
{
	if (job->fn)
		job->fn(job->ctx, result);
	release(job, false);
	job->db->n_open--;
	free(job);
}

static void
complete_deferred(struct db_deferred *deferred)
{
	struct db_job *job = (struct db_job *)deferred;

	complete(job, &job->result);
}

static void
answer(struct db_job *job, const struct db_result *result)
{
	if (!job->starting) {
		complete(job, result);
		return;
	}
	/* The rows stay where they are, as the connection is still ours. */
	job->result = *result;
	job->deferred.run = complete_deferred;
	db_defer(job->db, &job->deferred);
}

static void
answer_status(struct db_job *job, enum db_status status)
{
	const struct db_result result = {.status = status};

	answer(job, &result);
}

/* The first of several servers may use up half of the time, so that there is time for another. */
static uint64_t
attempt_deadline_ns(const struct db_job *job)
{
	uint64_t now_ns = clock_now_ns();

	if (job->write || job->tried || job->want.primary || job->want.deadline_ns <= now_ns)
		return job->want.deadline_ns;
	return now_ns + (job->want.deadline_ns - now_ns) / 2;
}

/* Chooses where the job goes and asks for a connection there. */
static void
route(struct db_job *job)
{
	struct db *db = job->db;
	struct db_route chosen = {.server = DB_ROUTER_NONE};

	if (!job->write && !job->want.primary)
		chosen = db_route_read(db, gtid_is_set(&job->want.after), job->tried);
	else if (!job->tried && db_route_write(db))
		chosen.server = db->primary;
	if (chosen.server == DB_ROUTER_NONE) {
		answer_status(job, DB_UNAVAILABLE);
		return;
	}
	job->server = &db->servers[chosen.server];
	job->wait = chosen.wait && !gtid_covers(&job->server->reached, &job->want.after);
	job->lease.deadline_ns = attempt_deadline_ns(job);
	db_pool_acquire(pool_of(job), &job->lease);
}

static void
route_elsewhere(struct db_job *job)
{
	job->tried |= UINT32_C(1) << (job->server - job->db->servers);
	release(job, false);
	if (clock_now_ns() >= job->want.deadline_ns)
		answer_status(job, DB_TIMEOUT);
	else
		route(job);
}

/* True for a read that another server may do. What a replica refuses, the primary may know: a
 * migration reaches it first. */
static bool
is_for_others(const struct db_job *job, enum db_status status)
{
	const struct db *db = job->db;

	if (status == DB_FAILED)
		return db->primary != DB_ROUTER_NONE && job->server != &db->servers[db->primary];
	return status == DB_UNKNOWN || status == DB_UNAVAILABLE;
}

/* A write is tried again only if it certainly was not done: the server has rolled it back because
 * of another one (a statement by itself is a whole transaction), or the connection broke before it
 * was sent. */
static bool
may_retry(const struct db_job *job, enum db_status status)
{
	if (job->n_retries >= RETRIES_MAX || clock_now_ns() >= job->want.deadline_ns)
		return false;
	return status == DB_CONFLICT ||
	       (status == DB_UNAVAILABLE && !db_connection_is_usable(job->connection));
}

static void
on_result(void *ctx, const struct db_result *result)
{
	struct db_job *job = ctx;

	db_server_note(job->server, result);
	if (!job->write && is_for_others(job, result->status)) {
		route_elsewhere(job);
	} else if (job->write && may_retry(job, result->status)) {
		job->n_retries++;
		job->server->n_retries++;
		release(job, false);
		route(job);
	} else {
		answer(job, result);
	}
}

static void
execute(struct db_job *job)
{
	db_connection_execute(
		job->connection, &job->call, attempt_deadline_ns(job), on_result, job);
}

static void
on_waited(void *ctx, const struct db_result *result)
{
	struct db_job *job = ctx;
	struct db_server *server = job->server;

	db_server_note(server, result);
	if (result->status != DB_OK || result->n_rows != 1) {
		route_elsewhere(job);
		return;
	}
	/* 0: it is there; -1: not in time (and NULL, if the server cannot tell). */
	if (db_result_value(result, 0, 0)->kind == DB_INTEGER &&
		db_result_value(result, 0, 0)->integer == 0) {
		server->reached = gtid_latest(&server->reached, &job->want.after);
		execute(job);
		return;
	}
	server->n_wait_timeouts++;
	server->lags_until_ns = clock_now_ns() + LAGS_FOR_NS;
	release(job, false);
	route(job);
}

static void
on_granted(void *ctx, struct db_connection *connection)
{
	struct db_job *job = ctx;
	uint64_t limit_ns = clock_now_ns() + WAIT_LIMIT_NS;

	job->connection = connection;
	if (!job->fn && !job->write) {
		answer_status(job, DB_UNAVAILABLE); /* Nobody wants to know any more. */
		return;
	}
	if (!job->wait) {
		execute(job);
		return;
	}
	job->server->n_waits++;
	gtid_format(&job->want.after, job->wait_text, sizeof(job->wait_text));
	job->wait_value = db_text(job->wait_text);
	job->wait_call = (struct db_call){&wait_statement, &job->wait_value};
	db_connection_execute(connection, &job->wait_call,
		limit_ns < job->want.deadline_ns ? limit_ns : job->want.deadline_ns, on_waited,
		job);
}

static void
on_refused(void *ctx, enum db_status why)
{
	struct db_job *job = ctx;

	/* Not when it is busy: moving the load to the primary would take that down next. */
	if (!job->write && why == DB_UNAVAILABLE)
		route_elsewhere(job);
	else
		answer_status(job, why);
}

static struct db_job *
job_new(struct db *db, const struct db_call *call, db_result_fn fn, void *ctx)
{
	unsigned int n = call->statement->n_parameters;
	size_t text_size = 0;
	struct db_job *job;
	char *text;

	for (unsigned int i = 0; i < n; i++)
		text_size += call->values[i].kind == DB_TEXT ? call->values[i].size : 0;
	job = calloc(1, sizeof(*job) + n * sizeof(job->values[0]) + text_size);
	if (!job)
		return NULL;
	text = (char *)&job->values[n];
	for (unsigned int i = 0; i < n; i++) {
		job->values[i] = call->values[i];
		if (call->values[i].kind != DB_TEXT)
			continue;
		memcpy(text, call->values[i].text, call->values[i].size);
		job->values[i].text = text;
		text += call->values[i].size;
	}
	job->db = db;
	job->call = (struct db_call){call->statement, job->values};
	job->fn = fn;
	job->ctx = ctx;
	job->lease.granted = on_granted;
	job->lease.refused = on_refused;
	job->lease.ctx = job;
	return job;
}

static struct db_job *
start(struct db_job *job)
{
	if (!job)
		return NULL;
	job->db->n_open++;
	job->starting = true;
	route(job);
	job->starting = false;
	return job;
}

struct db_job *
db_read(struct db *db, const struct db_call *call, const struct db_want *want, db_result_fn fn,
	void *ctx)
{
	struct db_job *job = job_new(db, call, fn, ctx);

	if (job)
		job->want = *want;
	return start(job);
}

struct db_job *
db_write(
	struct db *db, const struct db_call *call, uint64_t deadline_ns, db_result_fn fn, void *ctx)
{
	struct db_job *job = job_new(db, call, fn, ctx);

	if (job) {
		job->write = true;
		job->want.deadline_ns = deadline_ns;
	}
	return start(job);
}

void
db_job_detach(struct db_job *job)
{
	if (job)
		job->fn = NULL;
}
