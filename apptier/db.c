/* SPDX-License-Identifier: BSD-3-Clause */
/* The databases of one worker: servers, their state, and what is shared by jobs; see db.h. */
#include "apptier/db.h"

#include "apptier/db_internal.h"
#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
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
			db->servers[primary].account.server);
	db->split = split;
	if (primary == db->primary)
		return;
	LOG_INFORM("primary %s -> %s",
		db->primary == DB_ROUTER_NONE ? "none" : db->servers[db->primary].account.server,
		primary == DB_ROUTER_NONE ? "none" : db->servers[primary].account.server);
	db->primary = primary;
}

static const char *
state_name(bool up, bool writable)
{
	return !up ? "down" : writable ? "writable" : "read-only";
}

static void
on_probe(void *ctx, bool up, bool writable, const char *why)
{
	struct db_server *server = ctx;
	struct db *db = server->db;
	char text[ENDPOINT_TEXT_SIZE];

	if (up)
		LOG_INFORM("%s: %s -> %s", server->account.server,
			state_name(server->up, server->writable), state_name(up, writable));
	else
		LOG_WARNING("%s: %s -> down: %s; trying again at %s", server->account.server,
			state_name(server->up, server->writable), why,
			endpoint_format(&server->account.endpoint, text, sizeof(text)));
	/* It may come back with another history (restored, rewound), so what it had proves nothing.
	 */
	server->reached = (struct gtid){0};
	server->lags_until_ns = 0;
	server->up = up;
	server->writable = writable;
	db_pool_reset(server->pool);
	elect(db);
	for (struct db_watcher *watcher = db->watchers; watcher; watcher = watcher->next)
		watcher->changed(watcher->ctx);
}

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
add_server(struct db *db, const struct node *node, const char *password, struct err *err)
{
	const struct app_config *app = &db->model->app;
	struct db_server *server = &db->servers[db->n_servers];
	int rc;

	server->db = db;
	server->configured = node->db.role == DATABASE_PRIMARY;
	server->account = (struct db_account){
		.server = node->name,
		.endpoint = node->db.listen,
		.user = db->model->database.user,
		.password = password,
		.database = db->model->database.name,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.statement_timeout_ms = app->query_timeout_ms,
	};
	rc = db_pool_new(
		&server->pool, db->loop, &server->account, app->n_connections, app->queue_max, err);
	if (rc < 0)
		return rc;
	db_pool_on_lost(server->pool, on_pool_lost, server);
	rc = db_probe_new(&server->probe, db->loop, &server->account, on_probe, server, err);
	if (rc < 0) {
		db_pool_free(server->pool);
		return rc;
	}
	db->n_servers++;
	return 0;
}

static void
on_idle_closed(uv_handle_t *handle)
{
	free(handle->data);
}

int
db_new(struct db **out, uv_loop_t *loop, const struct model *model, const char *password,
	struct err *err)
{
	struct db *db = calloc(1, sizeof(*db));
	const struct node *node = NULL;

	if (!db)
		return err_set(err, -ENOMEM, "no memory for the database layer");
	db->loop = loop;
	db->model = model;
	db->primary = DB_ROUTER_NONE;
	db->deferred_end = &db->deferred;
	uv_idle_init(loop, &db->idle);
	db->idle.data = db;
	while ((node = model_next_node(model, ROLE_DB, node))) {
		int rc = db->n_servers < DB_SERVERS_MAX
				 ? add_server(db, node, password, err)
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
	for (size_t i = 0; i < db->n_servers; i++) {
		db_probe_free(db->servers[i].probe);
		db_pool_free(db->servers[i].pool);
	}
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
	*out = (struct db_health){.ready = db->ready, .primary = db->primary != DB_ROUTER_NONE};
	for (size_t i = 0; i < db->n_servers; i++) {
		out->readable = out->readable || db->servers[i].up;
		out->replica = out->replica || (db->servers[i].up && (int)i != db->primary);
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
	struct db_pool_stats pool;

	db_pool_stats(server->pool, &pool);
	*out = (struct db_server_stats){
		.server = server->account.server,
		.up = server->up,
		.writable = server->up && server->writable,
		.n_queries = server->n_queries,
		.n_errors = server->n_errors,
		.n_waits = server->n_waits,
		.n_wait_timeouts = server->n_wait_timeouts,
		.n_lost = pool.n_lost,
		.n_connections = pool.n_connections,
		.n_waiting = pool.n_waiting,
	};
}
