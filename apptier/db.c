/* SPDX-License-Identifier: BSD-3-Clause */
/* The databases of one worker: servers, their state, and what is shared by jobs; see db.h. */
#include "apptier/db.h"

#include "apptier/db_internal.h"
#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

LOG_MODULE("database");

#define CONNECT_TIMEOUT_MS 1000

const char *
db_status_name(enum db_status status)
{
	switch (status) {
	case DB_OK:
		return "ok";
	case DB_DUPLICATE:
		return "duplicate key";
	case DB_CONFLICT:
		return "conflict with another transaction";
	case DB_UNAVAILABLE:
		return "unavailable";
	case DB_BUSY:
		return "too busy";
	case DB_TIMEOUT:
		return "took too long";
	case DB_UNKNOWN:
		return "connection lost, outcome unknown";
	case DB_FAILED:
		return "refused by the server";
	}
	return "?";
}

static uint64_t
lag_ns(const struct db *db, const struct db_server *server, uint64_t now_ns)
{
	return db_lag_ns(&db->history, &server->lag, db->primary != DB_ROUTER_NONE, now_ns);
}

static bool
is_stale(const struct db *db, const struct db_server *server, uint64_t now_ns)
{
	return lag_ns(db, server, now_ns) > db->model->app.max_lag_ms * NS_PER_MS;
}

static size_t
make_views(const struct db *db, struct db_view views[static DB_SERVERS_MAX])
{
	uint64_t now_ns = clock_now_ns();

	for (size_t i = 0; i < db->n_servers; i++) {
		const struct db_server *server = &db->servers[i];

		views[i] = (struct db_view){
			.up = server->up,
			.writable = server->writable,
			.lags = now_ns < server->lags_until_ns,
			.stale = (int)i != db->primary && is_stale(db, server, now_ns),
			.configured = server->configured,
		};
	}
	return db->n_servers;
}

/* Chooses the primary anew and says so when it is another. */
static void
elect(struct db *db)
{
	struct db_view views[DB_SERVERS_MAX];
	size_t n_views = make_views(db, views);
	int primary = db_router_primary(views, n_views, db->primary);
	bool split = db_router_is_split(views, n_views);

	if (split && !db->split)
		LOG_ERR("more than one database is writable; writes stay on %s. Set read_only=1 on "
			"the other before they drift apart",
			db->servers[primary].reader.server);
	db->split = split;
	if (primary == db->primary)
		return;
	LOG_INFORM("primary %s -> %s",
		db->primary == DB_ROUTER_NONE ? "none" : db->servers[db->primary].reader.server,
		primary == DB_ROUTER_NONE ? "none" : db->servers[primary].reader.server);
	db->primary = primary;
	if (primary != DB_ROUTER_NONE && primary != db->former) {
		db->former = primary;
		db_lag_reset(&db->history);
		for (size_t i = 0; i < db->n_servers; i++) {
			db->servers[i].lag.known = false;
			db->servers[i].lag.as_of_ns = 0;
		}
	}
}

static void
tell_age(const struct db_server *server, uint32_t max_lag_ms)
{
	if (!server->stale)
		LOG_INFORM("%s: is up to date with the primary: it is read", server->reader.server);
	else if (server->lag.as_of_ns == 0)
		LOG_INFORM("%s: is behind the primary; it is not read until it has caught up",
			server->reader.server);
	else
		LOG_WARNING("%s: is more than %" PRIu32 " ms behind the primary; it is not read "
			    "until it has caught up",
			server->reader.server, max_lag_ms);
}

/* Judges all replicas anew, and says of each when it falls behind the limit or is back. */
static void
judge_replicas(struct db *db)
{
	uint64_t now_ns = clock_now_ns();

	for (size_t i = 0; i < db->n_servers; i++) {
		struct db_server *server = &db->servers[i];
		bool stale;

		if ((int)i == db->primary || !server->up)
			continue;
		db_lag_judge(&db->history, &server->lag, db->primary != DB_ROUTER_NONE);
		stale = is_stale(db, server, now_ns);
		if (stale == server->stale)
			continue;
		server->stale = stale;
		tell_age(server, db->model->app.max_lag_ms);
	}
}

/* The minimum of connections where they will be used. */
static void
keep_connections(struct db *db)
{
	for (size_t i = 0; i < db->n_servers; i++) {
		struct db_server *server = &db->servers[i];

		if (server->writers != server->readers)
			db_pool_keep(server->writers, server->up && (int)i == db->primary);
		db_pool_keep(server->readers, server->up);
	}
}

static const char *
state_name(bool up, bool writable)
{
	return !up ? "down" : writable ? "writable" : "read-only";
}

static void
on_probe_changed(void *ctx, bool up, bool writable, const char *why)
{
	struct db_server *server = ctx;
	struct db *db = server->db;
	char text[ENDPOINT_TEXT_SIZE];

	if (up)
		LOG_INFORM("%s: %s -> %s", server->reader.server,
			state_name(server->up, server->writable), state_name(up, writable));
	else
		LOG_WARNING("%s: %s -> down: %s; trying again at %s", server->reader.server,
			state_name(server->up, server->writable), why,
			endpoint_format(&server->reader.endpoint, text, sizeof(text)));
	/* It may come back with another history (restored, rewound), so what it had proves nothing.
	 */
	server->reached = (struct gtid){0};
	server->lags_until_ns = 0;
	server->up = up;
	server->writable = writable;
	db_pool_reset(server->readers);
	if (server->writers != server->readers)
		db_pool_reset(server->writers);
	elect(db);
	judge_replicas(db);
	keep_connections(db);
	for (struct db_watcher *watcher = db->watchers; watcher; watcher = watcher->next)
		watcher->changed(watcher->ctx);
}

static void
on_probe_answered(void *ctx, uint64_t asked_ns, const struct gtid_set *position)
{
	struct db_server *server = ctx;
	struct db *db = server->db;

	server->lag.position = *position;
	server->lag.told = true;
	if (db->primary != DB_ROUTER_NONE && server == &db->servers[db->primary])
		db_lag_primary(&db->history, asked_ns, position);
	judge_replicas(db);
}

static const struct db_probe_events probe_events = {
	.changed = on_probe_changed,
	.answered = on_probe_answered,
};

static void
on_pool_lost(void *ctx)
{
	struct db_server *server = ctx;

	server->reached = (struct gtid){0};
	db_probe_now(server->probe);
}

static void
on_idle(uv_idle_t *idle)
{
	struct db *db = idle->data;
	struct db_deferred *list = db->deferred;

	db->deferred = NULL;
	db->deferred_end = &db->deferred;
	uv_idle_stop(idle);
	while (list) {
		struct db_deferred *deferred = list;

		list = deferred->next;
		deferred->run(deferred);
	}
}

void
db_defer(struct db *db, struct db_deferred *deferred)
{
	deferred->next = NULL;
	*db->deferred_end = deferred;
	db->deferred_end = &deferred->next;
	uv_idle_start(&db->idle, on_idle);
}

struct db_route
db_route_read(struct db *db, bool fresh, uint32_t tried)
{
	struct db_view views[DB_SERVERS_MAX];
	size_t n_views = make_views(db, views);

	if (!db->ready || db->shut)
		return (struct db_route){.server = DB_ROUTER_NONE};
	return db_router_read(views, n_views, db->primary, fresh, tried, db->turn++);
}

struct db_server *
db_route_write(struct db *db)
{
	if (!db->ready || db->shut || db->primary == DB_ROUTER_NONE)
		return NULL;
	return &db->servers[db->primary];
}

void
db_server_note(struct db_server *server, const struct db_result *result)
{
	server->n_queries++;
	if (result->status == DB_OK || result->status == DB_DUPLICATE)
		return;
	server->n_errors++;
	if (result->status == DB_UNAVAILABLE || result->status == DB_UNKNOWN)
		db_probe_now(server->probe);
}

static int
make_pool(struct db_pool **out, struct db_server *server, const struct db_account *account,
	struct err *err)
{
	const struct app_config *app = &server->db->model->app;
	const struct db_pool_config config = {
		.account = account,
		.n_connections = app->n_connections,
		.n_min = app->n_min_connections,
		.lifetime_ns = app->connection_lifetime_s * NS_PER_S,
		.queue_max = app->queue_max,
	};
	int rc = db_pool_new(out, server->db->loop, &config, err);

	if (rc == 0)
		db_pool_on_lost(*out, on_pool_lost, server);
	return rc;
}

static void
free_server(struct db_server *server)
{
	db_probe_free(server->probe);
	if (server->writers != server->readers)
		db_pool_free(server->writers);
	db_pool_free(server->readers);
}

static int
add_server(struct db *db, const struct node *node, const struct db_passwords *passwords,
	struct err *err)
{
	const struct database_config *database = &db->model->database;
	struct db_server *server = &db->servers[db->n_servers];
	int rc;

	server->db = db;
	server->configured = node->db.role == DATABASE_PRIMARY;
	server->writer = server->reader = (struct db_account){
		.server = node->name,
		.endpoint = node->db.listen,
		.user = database->user,
		.password = passwords->writer,
		.database = database->name,
		.tls_ca = database->tls_ca,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.statement_timeout_ms = db->model->app.query_timeout_ms,
	};
	if (database->read_user) {
		server->reader.user = database->read_user;
		server->reader.password = passwords->reader;
	}
	db->n_servers++; /* db_free() frees what there is of it. */
	rc = make_pool(&server->readers, server, &server->reader, err);
	server->writers = server->readers;
	if (rc == 0 && database->read_user)
		rc = make_pool(&server->writers, server, &server->writer, err);
	if (rc == 0)
		rc = db_probe_new(
			&server->probe, db->loop, &server->reader, &probe_events, server, err);
	return rc;
}

static void
on_idle_closed(uv_handle_t *handle)
{
	free(handle->data);
}

int
db_new(struct db **out, uv_loop_t *loop, const struct model *model,
	const struct db_passwords *passwords, struct err *err)
{
	struct db *db = calloc(1, sizeof(*db));
	const struct node *node = NULL;

	if (!db)
		return err_set(err, -ENOMEM, "no memory for the database layer");
	db->loop = loop;
	db->model = model;
	db->primary = db->former = DB_ROUTER_NONE;
	db_lag_init(&db->history, model->app.max_lag_ms * NS_PER_MS);
	db->deferred_end = &db->deferred;
	uv_idle_init(loop, &db->idle);
	db->idle.data = db;
	while ((node = model_next_node(model, ROLE_DB, node))) {
		int rc = db->n_servers < DB_SERVERS_MAX
				 ? add_server(db, node, passwords, err)
				 : err_set(err, -E2BIG, "more than %d database nodes",
					   DB_SERVERS_MAX);

		if (rc < 0) {
			db_free(db);
			return rc;
		}
	}
	if (db->n_servers == 0) {
		db_free(db);
		return err_set(err, -EINVAL,
			"%s describes no node with role 'db'; the app tier needs one", model->path);
	}
	*out = db;
	return 0;
}

void
db_shut(struct db *db)
{
	db->shut = true;
}

bool
db_is_idle(const struct db *db)
{
	return db->n_open == 0;
}

void
db_free(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < db->n_servers; i++)
		free_server(&db->servers[i]);
	uv_close((uv_handle_t *)&db->idle, on_idle_closed);
}

void
db_set_ready(struct db *db)
{
	db->ready = true;
	for (struct db_watcher *watcher = db->watchers; watcher; watcher = watcher->next)
		watcher->changed(watcher->ctx);
}

bool
db_is_writable(const struct db *db)
{
	return db->ready && !db->shut && db->primary != DB_ROUTER_NONE;
}

void
db_watch(struct db *db, struct db_watcher *watcher)
{
	watcher->next = db->watchers;
	db->watchers = watcher;
}

void
db_health(const struct db *db, struct db_health *out)
{
	struct db_view views[DB_SERVERS_MAX];
	size_t n_views = make_views(db, views);

	*out = (struct db_health){.ready = db->ready, .primary = db->primary != DB_ROUTER_NONE};
	for (size_t i = 0; i < n_views; i++) {
		bool usable = views[i].up && !views[i].stale;

		out->readable = out->readable || usable;
		out->replica = out->replica || (usable && (int)i != db->primary);
	}
}

size_t
db_n_servers(const struct db *db)
{
	return db->n_servers;
}

void
db_server_stats(const struct db *db, size_t index, struct db_server_stats *out)
{
	const struct db_server *server = &db->servers[index];
	struct db_pool_stats readers, writers = {.n_opened = 0};
	uint64_t age_ns = (int)index == db->primary ? 0 : lag_ns(db, server, clock_now_ns());

	db_pool_stats(server->readers, &readers);
	if (server->writers != server->readers)
		db_pool_stats(server->writers, &writers);
	*out = (struct db_server_stats){
		.server = server->reader.server,
		.up = server->up,
		.writable = server->up && server->writable,
		.lag_ms = server->up ? age_ns / NS_PER_MS : 0,
		.n_queries = server->n_queries,
		.n_errors = server->n_errors,
		.n_retries = server->n_retries,
		.n_waits = server->n_waits,
		.n_wait_timeouts = server->n_wait_timeouts,
		.n_opened = readers.n_opened + writers.n_opened,
		.n_lost = readers.n_lost + writers.n_lost,
		.n_retired = readers.n_retired + writers.n_retired,
		.n_killed = readers.n_killed + writers.n_killed,
		.n_refused = readers.n_refused + writers.n_refused,
		.n_connections = readers.n_connections + writers.n_connections,
		.n_waiting = readers.n_waiting + writers.n_waiting,
	};
}
