/* SPDX-License-Identifier: BSD-3-Clause */
/* Web tier, app tier, database and monitor; see config_build.h. A section is needed when a node
 * has the role that reads it. */
#include "common/config_build.h"

#include <string.h>

#define MS_MAX 3600000
#define THREADS_MAX 256
#define CONNECTIONS_MAX 1000000
#define BODY_MAX (UINT64_C(1) << 40)
#define HEADER_MIN 4096
#define HEADER_MAX 65536
#define DB_CONNECTIONS_MAX 1000
#define DB_QUEUE_MAX 1000000
#define OWNER_WRITES_MAX 60000 /* A thousand a second. */
#define LIFETIME_MAX_S 604800
#define LAG_MIN_MS 1000 /* Less cannot be told apart from the time between two looks. */
#define WORK_THREADS_MAX 128
#define APP_MODULE_MISSING "shortener"

static bool
has_role(const struct model *model, enum node_role role)
{
	return model_next_node(model, role, NULL) != NULL;
}

static uint32_t
number(struct config_reader *reader, const char *path, const char *key, const char *raw,
	struct config_range range)
{
	return (uint32_t)config_number(reader, path, key, raw, range);
}

static void
build_limits(struct config_reader *reader, const char *path, const struct raw_limits *given,
	struct http_limits *limits)
{
	static const struct raw_limits none;
	const struct raw_limits *raw = given ? given : &none;

	limits->n_threads = number(
		reader, path, "threads", raw->threads, (struct config_range){0, THREADS_MAX, 0});
	limits->max_connections = number(reader, path, "max_connections", raw->max_connections,
		(struct config_range){1, CONNECTIONS_MAX, 10000});
	limits->max_body_bytes = config_number(reader, path, "max_body_bytes", raw->max_body_bytes,
		(struct config_range){0, BODY_MAX, UINT64_C(1) << 20});
	limits->max_header_bytes = number(reader, path, "max_header_bytes", raw->max_header_bytes,
		(struct config_range){HEADER_MIN, HEADER_MAX, 16384});
	limits->header_timeout_ms = number(reader, path, "header_timeout_ms",
		raw->header_timeout_ms, (struct config_range){100, MS_MAX, 10000});
	limits->idle_timeout_ms = number(reader, path, "idle_timeout_ms", raw->idle_timeout_ms,
		(struct config_range){100, MS_MAX, 60000});
	limits->drain_timeout_ms = number(reader, path, "drain_timeout_ms", raw->drain_timeout_ms,
		(struct config_range){0, MS_MAX, 5000});
}

static void
build_proxies(struct config_reader *reader, const struct raw_web *raw, struct web_config *web)
{
	web->proxies = config_array(reader, raw->proxy_count, sizeof(*web->proxies));
	for (size_t i = 0; web->proxies && i < raw->proxy_count; i++) {
		struct config_path path = config_path("web.proxy[%zu]", i);
		const char *prefix =
			config_required(reader, path.text, "prefix", raw->proxy[i].prefix);

		if (*prefix != '/' || strpbrk(prefix, " ?#%"))
			config_fail(reader, path.text, "prefix",
				"'%s' must begin with '/' and have no space, '?', '#' or '%%'",
				prefix);
		web->proxies[i].prefix = prefix;
		web->n_proxies = i + 1;
	}
}

/* A file of that name would be "./journal". */
static const char *
build_access_log(struct config_reader *reader, const char *raw)
{
	if (raw && strcmp(raw, WEB_LOG_JOURNAL) == 0)
		return WEB_LOG_JOURNAL;
	return config_file(reader, "web", "access_log", raw);
}

static void
build_web(struct config_reader *reader, const struct raw_web *raw, struct web_config *web)
{
	static const char *const formats[] = {"combined", "json", NULL};

	web->http_port = (uint16_t)number(
		reader, "web", "http_port", raw->http_port, (struct config_range){1, 65535, 80});
	web->https_port = (uint16_t)number(
		reader, "web", "https_port", raw->https_port, (struct config_range){1, 65535, 443});
	if (web->http_port == web->https_port)
		config_fail(reader, "web", "https_port", "must differ from http_port (%u)",
			web->http_port);
	config_required(reader, "web", "root", raw->root);
	config_required(reader, "web", "certificate", raw->certificate);
	config_required(reader, "web", "private_key", raw->private_key);
	web->root = config_file(reader, "web", "root", raw->root);
	web->certificate = config_file(reader, "web", "certificate", raw->certificate);
	web->private_key = config_file(reader, "web", "private_key", raw->private_key);
	web->access_log = build_access_log(reader, raw->access_log);
	web->access_log_format = (enum log_format)config_word(reader, "web", "access_log_format",
		raw->access_log_format, formats, LOG_FORMAT_COMBINED);
	build_limits(reader, "web.limits", raw->limits, &web->limits);
	build_proxies(reader, raw, web);
	web->connect_timeout_ms = number(reader, "web", "connect_timeout_ms",
		raw->connect_timeout_ms, (struct config_range){10, MS_MAX, 1000});
	web->response_timeout_ms = number(reader, "web", "response_timeout_ms",
		raw->response_timeout_ms, (struct config_range){10, MS_MAX, 30000});
	config_build_upstream_check(reader, raw->upstream_check, &web->upstream_check);
	config_build_web_front(reader, raw, web);
	config_build_web_proxy(reader, raw, web);
}

/* What has a path or the suffix of one is a file; other words are names of modules of ours. */
static const char *
read_module(struct config_reader *reader, const char *raw)
{
	size_t length = strlen(raw);

	if (strchr(raw, '/') || (length > 3 && strcmp(raw + length - 3, ".so") == 0))
		return config_file(reader, "app", "modules", raw);
	return config_name(reader, "app", "modules", raw);
}

static void
build_modules(struct config_reader *reader, const struct raw_app *raw, struct app_config *app)
{
	size_t n = raw->modules_count ? raw->modules_count : 1;
	const char **modules = config_array(reader, n + 1, sizeof(*modules));

	for (size_t i = 0; modules && i < n; i++) {
		modules[i] = read_module(
			reader, raw->modules_count ? raw->modules[i] : APP_MODULE_MISSING);
		for (size_t other = 0; other < i; other++) {
			if (strcmp(modules[other], modules[i]) == 0)
				config_fail(reader, "app", "modules", "'%s' is there twice",
					modules[i]);
		}
	}
	app->modules = modules;
}

static void
build_pools(struct config_reader *reader, const struct raw_app *raw, struct app_config *app)
{
	app->n_connections = number(reader, "app", "connections", raw->connections,
		(struct config_range){1, DB_CONNECTIONS_MAX, 8});
	app->n_min_connections = number(reader, "app", "min_connections", raw->min_connections,
		(struct config_range){0, DB_CONNECTIONS_MAX, 1});
	if (app->n_min_connections > app->n_connections)
		config_fail(reader, "app", "min_connections", "%u must not exceed connections (%u)",
			app->n_min_connections, app->n_connections);
	app->connection_lifetime_s = number(reader, "app", "connection_lifetime_s",
		raw->connection_lifetime_s, (struct config_range){0, LIFETIME_MAX_S, 3600});
	app->max_lag_ms = number(reader, "app", "max_lag_ms", raw->max_lag_ms,
		(struct config_range){LAG_MIN_MS, MS_MAX, 5000});
	app->queue_max = number(
		reader, "app", "queue", raw->queue, (struct config_range){0, DB_QUEUE_MAX, 1000});
	app->query_timeout_ms = number(reader, "app", "query_timeout_ms", raw->query_timeout_ms,
		(struct config_range){10, MS_MAX, 2000});
}

static void
build_links(struct config_reader *reader, const struct raw_links *given, struct links_config *links)
{
	static const struct raw_links none;
	const struct raw_links *raw = given ? given : &none;

	links->anonymous = config_bool(reader, "app.links", "anonymous", raw->anonymous, true);
	links->owner_writes_per_minute = number(reader, "app.links", "owner_writes_per_minute",
		raw->owner_writes_per_minute, (struct config_range){1, OWNER_WRITES_MAX, 60});
	links->owner_burst = number(reader, "app.links", "owner_burst", raw->owner_burst,
		(struct config_range){1, OWNER_WRITES_MAX, 30});
}

static void
build_app(struct config_reader *reader, const struct raw_app *raw, struct app_config *app)
{
	app->public_url = config_required(reader, "app", "public_url", raw->public_url);
	if (strncmp(app->public_url, "http://", 7) != 0 &&
		strncmp(app->public_url, "https://", 8) != 0)
		config_fail(reader, "app", "public_url", "'%s' must begin with http:// or https://",
			app->public_url);
	else if (app->public_url[strlen(app->public_url) - 1] == '/')
		config_fail(
			reader, "app", "public_url", "'%s' must not end with '/'", app->public_url);
	config_required(reader, "app", "session_key_file", raw->session_key_file);
	app->session_key_file =
		config_file(reader, "app", "session_key_file", raw->session_key_file);
	build_limits(reader, "app.limits", raw->limits, &app->limits);
	build_pools(reader, raw, app);
	app->n_work_threads = number(reader, "app", "work_threads", raw->work_threads,
		(struct config_range){1, WORK_THREADS_MAX, 2});
	app->work_queue_max = number(reader, "app", "work_queue", raw->work_queue,
		(struct config_range){0, DB_QUEUE_MAX, 64});
	build_modules(reader, raw, app);
	build_links(reader, raw->links, &app->links);
}

static void
build_database(struct config_reader *reader, const struct raw_database *raw,
	struct database_config *database)
{
	static const char path[] = "database";

	database->name = config_name(reader, path, "name", raw->name);
	database->user = config_required(reader, path, "user", raw->user);
	config_required(reader, path, "password_file", raw->password_file);
	database->password_file = config_file(reader, path, "password_file", raw->password_file);
	database->migrate_user = config_text(reader, path, "migrate_user", raw->migrate_user, NULL);
	database->migrate_password_file =
		config_file(reader, path, "migrate_password_file", raw->migrate_password_file);
	database->monitor_user = config_text(reader, path, "monitor_user", raw->monitor_user, NULL);
	database->monitor_password_file =
		config_file(reader, path, "monitor_password_file", raw->monitor_password_file);
	database->migrations = config_file(reader, path, "migrations", raw->migrations);
	database->read_user = config_text(reader, path, "read_user", raw->read_user, NULL);
	database->read_password_file =
		config_file(reader, path, "read_password_file", raw->read_password_file);
	database->tls_ca = config_file(reader, path, "tls_ca", raw->tls_ca);
	if (database->read_user && !database->read_password_file)
		config_fail(reader, path, NULL, "read_user needs read_password_file");
	if (!database->read_user && database->read_password_file)
		config_fail(reader, path, NULL, "read_password_file needs read_user");
	config_build_replication(reader, raw->replication, &database->replication);
	if (database->migrate_user && !database->migrate_password_file)
		config_fail(reader, path, NULL, "migrate_user needs migrate_password_file");
	if (database->monitor_user && !database->monitor_password_file)
		config_fail(reader, path, NULL, "monitor_user needs monitor_password_file");
	if (database->migrate_user && !database->migrations)
		config_fail(reader, path, NULL,
			"migrate_user needs 'migrations', the folder of .sql files");
}

static void
build_monitor(struct config_reader *reader, const struct raw_monitor *given,
	struct monitor_config *monitor)
{
	static const struct raw_monitor none;
	const struct raw_monitor *raw = given ? given : &none;
	static const char path[] = "monitor";

	monitor->scrape_interval_ms = number(reader, path, "scrape_interval_ms",
		raw->scrape_interval_ms, (struct config_range){100, MS_MAX, 1000});
	monitor->scrape_timeout_ms =
		number(reader, path, "scrape_timeout_ms", raw->scrape_timeout_ms,
			(struct config_range){10, MS_MAX, monitor->scrape_interval_ms});
	if (monitor->scrape_timeout_ms > monitor->scrape_interval_ms)
		config_fail(reader, path, "scrape_timeout_ms",
			"%u must not exceed scrape_interval_ms (%u)", monitor->scrape_timeout_ms,
			monitor->scrape_interval_ms);
	monitor->probe_url = config_text(reader, path, "probe_url", raw->probe_url, NULL);
	monitor->probe_ca = config_file(reader, path, "probe_ca", raw->probe_ca);
	monitor->probe_dns = config_endpoint(reader, path, "probe_dns", raw->probe_dns);
}

static void
need_section(struct config_reader *reader, const struct model *model, enum node_role role,
	const char *section, bool given)
{
	if (has_role(model, role) && !given)
		config_fail(reader, "", NULL,
			"there are nodes with role %s, so the section '%s' is needed",
			node_role_name(role), section);
}

void
config_build_tiers(struct config_reader *reader, const struct raw_config *raw, struct model *model)
{
	need_section(reader, model, ROLE_WEB, "web", raw->web != NULL);
	need_section(reader, model, ROLE_APP, "app", raw->app != NULL);
	need_section(reader, model, ROLE_APP, "database", raw->database != NULL);
	need_section(reader, model, ROLE_DB, "database", raw->database != NULL);
	if (raw->web)
		build_web(reader, raw->web, &model->web);
	if (raw->app)
		build_app(reader, raw->app, &model->app);
	if (raw->database)
		build_database(reader, raw->database, &model->database);
	build_monitor(reader, raw->monitor, &model->monitor);
}
