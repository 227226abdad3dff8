/* SPDX-License-Identifier: BSD-3-Clause */
/* Stores hits of links; see count_writer.h.
 *
 *   IDLE → REGISTERING (once) → STORING → IDLE
 *            ↓_____________________↓ any failure
 *          RESTING, then IDLE again
 */
#include "apptier/shortener/count_writer.h"

#include "apptier/backoff.h"
#include "apptier/db_tx.h"
#include "apptier/shortener/count_buffer.h"
#include "apptier/shortener/link_time.h"
#include "common/clock.h"
#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

LOG_MODULE("counts");

#define CODES_MAX 16384 /* Different links with hits in memory: about 2 MB. */
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000
#define N_PARAMETERS 7

/* Registering anew keeps the row from being taken for one of a process that ended long ago. */
static const struct db_statement register_writer = {"INSERT INTO count_writers (writer, sequence, "
						    "node, seen) VALUES (?, 0, ?, UTC_TIMESTAMP()) "
						    "ON DUPLICATE KEY UPDATE seen = VALUES(seen)",
	2};

/* All three rows change or none; a sequence number that is stored already finds none, and neither
 * does the first visit of a day. */
static const struct db_statement store_hits = {
	"UPDATE links JOIN count_writers AS w ON w.writer = ? "
	"JOIN link_days AS d ON d.link_id = links.id AND d.day = ? "
	"SET links.hits = links.hits + ?, d.hits = d.hits + ?, w.sequence = ? "
	"WHERE links.code = ? AND w.sequence < ?",
	N_PARAMETERS};

/* The link is locked as store_hits will: two writers that both had it to read could not go on. */
static const struct db_statement begin_day = {
	"INSERT IGNORE INTO link_days (link_id, day, hits) "
	"SELECT id, ?, 0 FROM links WHERE code = ? FOR UPDATE",
	2};

enum state {
	STATE_IDLE,
	STATE_REGISTERING,
	STATE_STORING,
	STATE_RESTING
};

/* What is done to an entry: one statement is enough, but for the first visit of a day. */
enum step {
	STEP_STORE,
	STEP_BEGIN_DAY,
	STEP_STORE_AGAIN
};

struct count_writer {
	struct app *app;
	struct db *db;
	struct count_buffer *buffer;
	int64_t id; /* Random; the key of our row in count_writers. */
	enum state state;
	bool registered;
	const struct count_entry *batch;
	size_t n_batch;
	size_t at; /* Entry of the batch that is being stored. */
	enum step step;
	char day[LINK_DAY_SIZE]; /* Of that entry. */
	struct db_value values[N_PARAMETERS];
	struct db_call call;
	struct db_tx *tx;
	struct count_wait *first; /* Who waits, longest first. */
	struct count_wait *last;
	uv_timer_t wait_timer;  /* When the first has waited long enough. */
	uv_timer_t rest_timer;  /* When to go on ... */
	uv_timer_cb on_rested;  /* ... by this function. */
	uv_timer_t drain_timer; /* When to give up. */
	int n_handles;          /* Open libuv handles. */
	struct backoff backoff;
	struct db_watcher watcher;
	void (*drained)(void *ctx); /* NULL: not draining. */
	void *drained_ctx;
	struct count_writer_stats stats;
};

static uint64_t
deadline_ns(const struct count_writer *writer)
{
	return clock_now_ns() + app_model(writer->app)->app.query_timeout_ms * NS_PER_MS;
}

static void
remove_wait(struct count_writer *writer, struct count_wait *wait)
{
	*(wait->previous ? &wait->previous->next : &writer->first) = wait->next;
	*(wait->next ? &wait->next->previous : &writer->last) = wait->previous;
	wait->waiting = false;
}

/* Lets go all who wait for tickets up to 'ticket'. */
static void
let_go(struct count_writer *writer, uint64_t ticket, const struct gtid *gtid)
{
	struct count_wait *next;

	for (struct count_wait *wait = writer->first; wait; wait = next) {
		next = wait->next;
		if (wait->ticket > ticket)
			continue;
		remove_wait(writer, wait);
		wait->done(wait->ctx, gtid);
	}
}

static void
on_wait_timer(uv_timer_t *timer)
{
	struct count_writer *writer = timer->data;
	uint64_t now_ns = clock_now_ns();

	while (writer->first && writer->first->until_ns <= now_ns) {
		struct count_wait *wait = writer->first;

		remove_wait(writer, wait);
		wait->done(wait->ctx, NULL);
	}
	if (writer->first)
		uv_timer_start(timer, on_wait_timer,
			(writer->first->until_ns - now_ns) / NS_PER_MS + 1, 0);
}

static void
finish_drain(struct count_writer *writer)
{
	void (*drained)(void *ctx) = writer->drained;

	if (!drained)
		return;
	writer->drained = NULL;
	uv_timer_stop(&writer->drain_timer);
	drained(writer->drained_ctx);
}

/* Goes on when the loop comes round or later; what is asked for meanwhile joins the next batch. */
static void
go_on_in(struct count_writer *writer, uint64_t wait_ms)
{
	writer->state = STATE_RESTING;
	uv_timer_start(&writer->rest_timer, writer->on_rested, wait_ms, 0);
}

/* After a failure: nobody waits any longer, and we try again later. */
static void
rest(struct count_writer *writer, enum db_status status)
{
	uint32_t random = 0;

	db_tx_rollback(writer->tx);
	writer->tx = NULL;
	writer->registered = false;
	(void)getrandom(&random, sizeof(random), GRND_NONBLOCK);
	LOG_LIMITED(LOG_WARN,
		"cannot store counts of visits now: %s; %" PRIu64 " are kept in memory",
		db_status_name(status), count_buffer_pending(writer->buffer));
	go_on_in(writer, backoff_fail(&writer->backoff, random));
	let_go(writer, UINT64_MAX, NULL);
}

static void
on_stored(struct count_writer *writer, const struct gtid *gtid)
{
	uint64_t before = count_buffer_pending(writer->buffer);
	uint64_t ticket = count_buffer_done(writer->buffer);

	backoff_reset(&writer->backoff);
	writer->stats.n_flushes++;
	writer->stats.n_stored += before - count_buffer_pending(writer->buffer);
	go_on_in(writer, 0);
	let_go(writer, ticket, gtid);
	if (count_buffer_pending(writer->buffer) == 0)
		finish_drain(writer);
}

/* The statement that the entry's step takes. */
static const struct db_call *
step_call(struct count_writer *writer)
{
	const struct count_entry *entry = &writer->batch[writer->at];
	struct db_value *values = writer->values;

	link_day_format(entry->day, writer->day);
	if (writer->step == STEP_BEGIN_DAY) {
		values[0] = db_text(writer->day);
		values[1] = db_text(entry->code);
		writer->call = (struct db_call){&begin_day, values};
		return &writer->call;
	}
	values[0] = db_integer(writer->id);
	values[1] = db_text(writer->day);
	values[2] = values[3] = db_integer((int64_t)entry->n_hits);
	values[4] = values[6] = db_integer((int64_t)entry->sequence);
	values[5] = db_text(entry->code);
	writer->call = (struct db_call){&store_hits, values};
	return &writer->call;
}

/* Goes on to the next step, by what the last one found. Returns false if the batch is through. */
static bool
advance(struct count_writer *writer, const struct db_result *result)
{
	if (writer->step == STEP_STORE && result->n_affected == 0) {
		writer->step = STEP_BEGIN_DAY;
		return true;
	}
	if (writer->step == STEP_BEGIN_DAY) {
		writer->step = STEP_STORE_AGAIN;
		return true;
	}
	/* What finds no row now was stored before, or its link is gone. */
	writer->step = STEP_STORE;
	return ++writer->at < writer->n_batch;
}

static void
on_single(void *ctx, const struct db_result *result)
{
	struct count_writer *writer = ctx;

	if (result->status != DB_OK)
		rest(writer, result->status);
	else if (!advance(writer, result))
		on_stored(writer, &result->gtid);
	else if (!db_write(writer->db, step_call(writer), deadline_ns(writer), on_single, writer))
		rest(writer, DB_BUSY);
}

static void
on_committed(void *ctx, const struct db_result *result)
{
	struct count_writer *writer = ctx;

	if (result->status != DB_OK) {
		rest(writer, result->status);
		return;
	}
	writer->tx = NULL;
	on_stored(writer, &result->gtid);
}

static void
on_step(void *ctx, const struct db_result *result)
{
	struct count_writer *writer = ctx;

	if (result->status != DB_OK)
		rest(writer, result->status);
	else if (advance(writer, result))
		db_tx_execute(writer->tx, step_call(writer), on_step, writer);
	else
		db_tx_commit(writer->tx, on_committed, writer);
}

static void
on_begun(void *ctx, const struct db_result *result)
{
	struct count_writer *writer = ctx;

	if (result->status == DB_OK)
		db_tx_execute(writer->tx, step_call(writer), on_step, writer);
	else
		rest(writer, result->status);
}

static void
store(struct count_writer *writer)
{
	bool started;

	writer->n_batch = count_buffer_take(writer->buffer, &writer->batch);
	writer->at = 0;
	writer->step = STEP_STORE;
	if (writer->n_batch == 0) {
		writer->state = STATE_IDLE;
		return;
	}
	writer->state = STATE_STORING;
	if (writer->n_batch == 1) {
		started = db_write(
			writer->db, step_call(writer), deadline_ns(writer), on_single, writer);
	} else {
		writer->tx = db_begin(writer->db, deadline_ns(writer), on_begun, writer);
		started = writer->tx;
	}
	if (!started)
		rest(writer, DB_BUSY);
}

static void
on_registered(void *ctx, const struct db_result *result)
{
	struct count_writer *writer = ctx;

	if (result->status != DB_OK) {
		rest(writer, result->status);
		return;
	}
	writer->registered = true;
	store(writer);
}

/* Begins to store if nothing is under way and there is a primary. */
static void
kick(struct count_writer *writer)
{
	if (writer->state != STATE_IDLE || count_buffer_pending(writer->buffer) == 0 ||
		!db_is_writable(writer->db))
		return;
	if (writer->registered) {
		store(writer);
		return;
	}
	writer->state = STATE_REGISTERING;
	writer->values[0] = db_integer(writer->id);
	writer->values[1] = db_text(app_node(writer->app)->name);
	writer->call = (struct db_call){&register_writer, writer->values};
	if (!db_write(writer->db, &writer->call, deadline_ns(writer), on_registered, writer))
		rest(writer, DB_BUSY);
}

static void
on_rested(uv_timer_t *timer)
{
	struct count_writer *writer = timer->data;

	writer->state = STATE_IDLE;
	kick(writer);
}

static void
on_database_changed(void *ctx)
{
	struct count_writer *writer = ctx;

	if (!db_is_writable(writer->db))
		return;
	if (writer->state == STATE_RESTING)
		go_on_in(writer, 0); /* The primary is back: no need to wait longer. */
	else
		kick(writer);
}

static void
on_drain_timer(uv_timer_t *timer)
{
	finish_drain(timer->data);
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct count_writer *writer = handle->data;

	if (--writer->n_handles == 0)
		free(writer);
}

static void
open_timer(struct count_writer *writer, uv_timer_t *timer)
{
	uv_timer_init(app_loop(writer->app), timer);
	timer->data = writer;
	writer->n_handles++;
}

int
count_writer_new(struct count_writer **out, struct app *app, struct err *err)
{
	struct count_writer *writer = calloc(1, sizeof(*writer));

	if (!writer || count_buffer_new(&writer->buffer, CODES_MAX) < 0) {
		free(writer);
		return err_set(err, -ENOMEM, "no memory for counts of visits");
	}
	if (getrandom(&writer->id, sizeof(writer->id), 0) < 0) {
		int rc = -errno;

		count_buffer_free(writer->buffer);
		free(writer);
		return err_set(err, rc, "the kernel gave no random number: %s", strerror(-rc));
	}
	writer->id &= INT64_MAX;
	writer->app = app;
	writer->db = app_db(app);
	writer->on_rested = on_rested;
	backoff_init(&writer->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	open_timer(writer, &writer->wait_timer);
	open_timer(writer, &writer->rest_timer);
	open_timer(writer, &writer->drain_timer);
	writer->watcher = (struct db_watcher){.changed = on_database_changed, .ctx = writer};
	db_watch(writer->db, &writer->watcher);
	*out = writer;
	return 0;
}

void
count_writer_free(struct count_writer *writer)
{
	uint64_t n_lost;

	if (!writer)
		return;
	assert(!writer->first);
	n_lost = count_buffer_pending(writer->buffer);
	if (n_lost > 0)
		LOG_WARNING("%" PRIu64 " counts of visits are lost: the primary did not come back "
			    "before this process ended",
			n_lost);
	db_tx_rollback(writer->tx);
	count_buffer_free(writer->buffer);
	uv_close((uv_handle_t *)&writer->wait_timer, on_handle_closed);
	uv_close((uv_handle_t *)&writer->rest_timer, on_handle_closed);
	uv_close((uv_handle_t *)&writer->drain_timer, on_handle_closed);
}

bool
count_writer_hit(struct count_writer *writer, const char *code, struct count_wait *wait)
{
	uint64_t ticket = count_buffer_add(writer->buffer, code, link_day_today());

	if (!ticket) {
		LOG_LIMITED(LOG_ERROR,
			"visits of more than %d links are waiting for the primary; more are not "
			"counted",
			CODES_MAX);
		writer->stats.n_lost++;
		return false;
	}
	if (!db_is_writable(writer->db))
		return false;
	wait->ticket = ticket;
	wait->until_ns = clock_now_ns() + COUNT_WAIT_MS * NS_PER_MS;
	wait->next = NULL;
	wait->previous = writer->last;
	*(writer->last ? &writer->last->next : &writer->first) = wait;
	writer->last = wait;
	wait->waiting = true;
	if (!uv_is_active((uv_handle_t *)&writer->wait_timer))
		uv_timer_start(&writer->wait_timer, on_wait_timer, COUNT_WAIT_MS + 1, 0);
	/* Through the loop, so that 'done' cannot come before we return. */
	if (writer->state == STATE_IDLE)
		go_on_in(writer, 0);
	return true;
}

void
count_writer_cancel(struct count_writer *writer, struct count_wait *wait)
{
	if (wait->waiting)
		remove_wait(writer, wait);
}

void
count_writer_refresh(struct count_writer *writer)
{
	writer->registered = false;
}

void
count_writer_drain(
	struct count_writer *writer, uint64_t until_ns, void (*done)(void *ctx), void *ctx)
{
	uint64_t now_ns = clock_now_ns();

	writer->drained = done;
	writer->drained_ctx = ctx;
	if (count_buffer_pending(writer->buffer) == 0 || until_ns <= now_ns) {
		finish_drain(writer);
		return;
	}
	uv_timer_start(
		&writer->drain_timer, on_drain_timer, (until_ns - now_ns) / NS_PER_MS + 1, 0);
	kick(writer);
}

void
count_writer_stats(const struct count_writer *writer, struct count_writer_stats *out)
{
	*out = writer->stats;
	out->n_pending = count_buffer_pending(writer->buffer);
}
