/* SPDX-License-Identifier: BSD-3-Clause */
/* What a change of the tiers, the database or the monitor does, and the whole file; see
 * plan_data.h. */
#include "common/plan_data.h"

#define APP PLAN_APPTIER
#define MON PLAN_MONITOR

static const struct plan_treatment of_app = {
	0, APP, "none; requests under way are finished before the app tier restarts", false};
static const struct plan_treatment of_monitor = {MON, 0, "none", false};
static const struct plan_treatment of_database = {
	0, APP, "none; requests under way are finished before the app tier restarts", false};
static const struct plan_treatment of_database_name = {
	MON, APP, "none; requests under way are finished before the app tier restarts", false};
static const struct plan_treatment of_database_tls = {
	MON, APP, "none; requests under way are finished before the app tier restarts", false};

/* --- App tier and data --- */

static const struct plan_key app_keys[] = {
	PLAN_KEY(app_config, public_url, "public_url", plan_format_text, of_app),
	PLAN_KEY(app_config, session_key_file, "session_key_file", plan_format_text, of_app),
	PLAN_KEY(app_config, n_connections, "connections", plan_format_u32, of_app),
	PLAN_KEY(app_config, queue_max, "queue", plan_format_u32, of_app),
	PLAN_KEY(app_config, query_timeout_ms, "query_timeout_ms", plan_format_u32, of_app),
	PLAN_KEY(app_config, links.anonymous, "links.anonymous", plan_format_bool, of_app),
	PLAN_KEY(app_config, links.owner_writes_per_minute, "links.owner_writes_per_minute",
		plan_format_u32, of_app),
	PLAN_KEY(app_config, links.owner_burst, "links.owner_burst", plan_format_u32, of_app),
	PLAN_KEY(app_config, n_min_connections, "min_connections", plan_format_u32, of_app),
	PLAN_KEY(app_config, connection_lifetime_s, "connection_lifetime_s", plan_format_u32,
		of_app),
	PLAN_KEY(app_config, max_lag_ms, "max_lag_ms", plan_format_u32, of_app),
	PLAN_KEY(app_config, n_work_threads, "work_threads", plan_format_u32, of_app),
	PLAN_KEY(app_config, work_queue_max, "work_queue", plan_format_u32, of_app),
	PLAN_KEY(app_config, modules, "modules", plan_format_words, of_app),
	PLAN_LIMIT_KEYS(app_config, of_app),
	PLAN_KEYS_END,
};

static const void *
find_app(const void *parent, size_t *n)
{
	*n = 1;
	return &((const struct model *)parent)->app;
}

const struct plan_class plan_app = {"app", NULL, find_app, sizeof(struct app_config),
	plan_format_nothing, app_keys, NULL, NULL, NULL, NULL};

static const struct plan_key database_keys[] = {
	PLAN_KEY(database_config, name, "name", plan_format_text, of_database_name),
	PLAN_KEY(database_config, user, "user", plan_format_text, of_database),
	PLAN_KEY(database_config, password_file, "password_file", plan_format_text, of_database),
	PLAN_KEY(database_config, migrate_user, "migrate_user", plan_format_text, of_database),
	PLAN_KEY(database_config, migrate_password_file, "migrate_password_file", plan_format_text,
		of_database),
	PLAN_KEY(database_config, monitor_user, "monitor_user", plan_format_text, of_monitor),
	PLAN_KEY(database_config, monitor_password_file, "monitor_password_file", plan_format_text,
		of_monitor),
	PLAN_KEY(database_config, migrations, "migrations", plan_format_text, of_database),
	PLAN_KEY(database_config, read_user, "read_user", plan_format_text, of_database),
	PLAN_KEY(database_config, read_password_file, "read_password_file", plan_format_text,
		of_database),
	PLAN_KEY(database_config, tls_ca, "tls_ca", plan_format_text, of_database_tls),
	PLAN_KEYS_END,
};

/* Read whenever scripts/database runs, by no process. */
static const struct plan_treatment of_replication = {0, 0, "none", false};

static const struct plan_key replication_keys[] = {
	PLAN_KEY(replication_config, user, "user", plan_format_text, of_replication),
	PLAN_KEY(replication_config, password_file, "password_file", plan_format_text,
		of_replication),
	PLAN_KEY(replication_config, admin_user, "admin_user", plan_format_text, of_replication),
	PLAN_KEY(replication_config, admin_password_file, "admin_password_file", plan_format_text,
		of_replication),
	PLAN_KEY(replication_config, semi_sync, "semi_sync", plan_format_bool, of_replication),
	PLAN_KEY(replication_config, semi_sync_timeout_ms, "semi_sync_timeout_ms", plan_format_u32,
		of_replication),
	PLAN_KEY(replication_config, fence, "fence", plan_format_words, of_replication),
	PLAN_KEYS_END,
};

static const void *
find_replication(const void *parent, size_t *n)
{
	*n = 1;
	return &((const struct database_config *)parent)->replication;
}

static const struct plan_class plan_replication = {"replication", NULL, find_replication,
	sizeof(struct replication_config), plan_format_nothing, replication_keys, NULL, NULL, NULL,
	NULL};

static const struct plan_class *const database_parts[] = {&plan_replication, NULL};

static const void *
find_database(const void *parent, size_t *n)
{
	*n = 1;
	return &((const struct model *)parent)->database;
}

const struct plan_class plan_database = {"database", NULL, find_database,
	sizeof(struct database_config), plan_format_nothing, database_keys, database_parts, NULL,
	NULL, NULL};

/* --- Monitor --- */

static const struct plan_key monitor_keys[] = {
	PLAN_KEY(monitor_config, scrape_interval_ms, "scrape_interval_ms", plan_format_u32,
		of_monitor),
	PLAN_KEY(monitor_config, scrape_timeout_ms, "scrape_timeout_ms", plan_format_u32,
		of_monitor),
	PLAN_KEY(monitor_config, probe_url, "probe_url", plan_format_text, of_monitor),
	PLAN_KEY(monitor_config, probe_ca, "probe_ca", plan_format_text, of_monitor),
	PLAN_KEY(monitor_config, probe_dns, "probe_dns", plan_format_endpoint, of_monitor),
	PLAN_KEYS_END,
};

static const void *
find_monitor(const void *parent, size_t *n)
{
	*n = 1;
	return &((const struct model *)parent)->monitor;
}

const struct plan_class plan_monitor = {"monitor", NULL, find_monitor,
	sizeof(struct monitor_config), plan_format_nothing, monitor_keys, NULL, NULL, NULL, NULL};

/* --- The whole --- */

static const struct plan_treatment of_cluster = {PLAN_CONTROLPLANE, PLAN_DATAPLANE,
	"those that only one node knows break when its dataplane restarts", false};
static const struct plan_treatment of_site = {PLAN_MONITOR, 0, "none", false};

static const struct plan_treatment of_probes = {
	PLAN_CONTROLPLANE, 0, "none; backends keep their verdicts meanwhile", false};

/* The first that is in use: the others follow from it. */
static void
format_probe_ports(FILE *out, const void *field, const void *object)
{
	const struct model *model = object;
	uint16_t first = 0;

	(void)field;
	for (size_t i = 0; i < model->n_services; i++) {
		uint16_t port = model->services[i].probe_port;

		if (port != 0 && (first == 0 || port < first))
			first = port;
	}
	plan_format_some16(out, &first, object);
}

static const struct plan_key file_keys[] = {
	PLAN_KEY(model, cluster, "cluster", plan_format_text, of_cluster),
	PLAN_KEY(model, site, "site", plan_format_text, of_site),
	PLAN_KEY(model, services, "probe_ports", format_probe_ports, of_probes),
	PLAN_KEYS_END,
};

static const struct plan_class *const sections[] = {&plan_nodes, &plan_routers, &plan_checks,
	&plan_pools, &plan_scripts, &plan_lists, &plan_services, &plan_flow_timeouts,
	&plan_flow_sync, &plan_web, &plan_app, &plan_database, &plan_monitor, NULL};

const struct plan_class plan_file = {"", NULL, NULL, sizeof(struct model), plan_format_nothing,
	file_keys, sections, NULL, NULL, NULL};
