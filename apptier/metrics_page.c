/* SPDX-License-Identifier: BSD-3-Clause */
/* The app tier's metrics; see metrics_page.h. */
#include "apptier/metrics_page.h"

#include "common/process_metrics.h"

#include <stdio.h>

#define MS_PER_S 1000

/* A figure of one database server. */
struct server_metric {
	const char *name;
	enum metric_type type;
	const char *help;
	double (*value)(const struct db_server_stats *stats);
};

static double
value_queries(const struct db_server_stats *stats)
{
	return (double)stats->n_queries;
}

static double
value_errors(const struct db_server_stats *stats)
{
	return (double)stats->n_errors;
}

static double
value_waits(const struct db_server_stats *stats)
{
	return (double)stats->n_waits;
}

static double
value_wait_timeouts(const struct db_server_stats *stats)
{
	return (double)stats->n_wait_timeouts;
}

static double
value_lost(const struct db_server_stats *stats)
{
	return (double)stats->n_lost;
}

static double
value_retries(const struct db_server_stats *stats)
{
	return (double)stats->n_retries;
}

static double
value_opened(const struct db_server_stats *stats)
{
	return (double)stats->n_opened;
}

static double
value_retired(const struct db_server_stats *stats)
{
	return (double)stats->n_retired;
}

static double
value_killed(const struct db_server_stats *stats)
{
	return (double)stats->n_killed;
}

static double
value_refused(const struct db_server_stats *stats)
{
	return (double)stats->n_refused;
}

static double
value_connections(const struct db_server_stats *stats)
{
	return stats->n_connections;
}

static double
value_waiting(const struct db_server_stats *stats)
{
	return stats->n_waiting;
}

static const struct server_metric server_metrics[] = {
	{"weir_database_queries_total", METRIC_COUNTER, "Statements run.", value_queries},
	{"weir_database_errors_total", METRIC_COUNTER, "Statements that failed or were lost.",
		value_errors},
	{"weir_database_gtid_waits_total", METRIC_COUNTER,
		"Reads that asked the server to catch up with their client's write.", value_waits},
	{"weir_database_gtid_timeouts_total", METRIC_COUNTER,
		"Such reads that went to another server instead.", value_wait_timeouts},
	{"weir_database_connections_lost_total", METRIC_COUNTER, "Connections that broke.",
		value_lost},
	{"weir_database_retries_total", METRIC_COUNTER,
		"Writes tried again after a deadlock or a connection lost before they were sent.",
		value_retries},
	{"weir_database_connections_opened_total", METRIC_COUNTER, "Connections made.",
		value_opened},
	{"weir_database_connections_retired_total", METRIC_COUNTER,
		"Connections closed because of their age or because nobody needed them.",
		value_retired},
	{"weir_database_statements_killed_total", METRIC_COUNTER,
		"Statements ended at the server because their deadline had passed.", value_killed},
	{"weir_database_refused_total", METRIC_COUNTER,
		"Statements refused because the queue was full or too slow.", value_refused},
	{"weir_database_connections", METRIC_GAUGE, "Connections open in the pools.",
		value_connections},
	{"weir_database_queue", METRIC_GAUGE, "Statements waiting for a connection.",
		value_waiting},
};

/* Servers are the same, in the same order, in every worker. */
static void
write_servers(struct metrics *metrics, const struct worker_stats *workers, size_t n_workers)
{
	const struct worker_stats *first = &workers[0];

	metrics_family(metrics, "weir_database_up", METRIC_GAUGE,
		"1 if the database server answers all workers.");
	for (size_t s = 0; s < first->n_servers; s++) {
		bool up = true;

		for (size_t w = 0; w < n_workers; w++)
			up = up && workers[w].servers[s].up;
		metrics_value(metrics, up, "server", first->servers[s].server, NULL);
	}
	metrics_family(metrics, "weir_database_writable", METRIC_GAUGE,
		"1 if all workers see the database server open for writes.");
	for (size_t s = 0; s < first->n_servers; s++) {
		bool writable = true;

		for (size_t w = 0; w < n_workers; w++)
			writable = writable && workers[w].servers[s].writable;
		metrics_value(metrics, writable, "server", first->servers[s].server, NULL);
	}
	metrics_family(metrics, "weir_database_lag_seconds", METRIC_GAUGE,
		"How far the database server is behind the primary, at most.");
	for (size_t s = 0; s < first->n_servers; s++) {
		uint64_t lag_ms = 0;

		for (size_t w = 0; w < n_workers; w++) {
			if (lag_ms < workers[w].servers[s].lag_ms)
				lag_ms = workers[w].servers[s].lag_ms;
		}
		metrics_value(metrics, (double)lag_ms / MS_PER_S, "server",
			first->servers[s].server, NULL);
	}
	for (size_t i = 0; i < sizeof(server_metrics) / sizeof(server_metrics[0]); i++) {
		const struct server_metric *metric = &server_metrics[i];

		metrics_family(metrics, metric->name, metric->type, metric->help);
		for (size_t s = 0; s < first->n_servers; s++) {
			double sum = 0;

			for (size_t w = 0; w < n_workers; w++)
				sum += metric->value(&workers[w].servers[s]);
			metrics_value(metrics, sum, "server", first->servers[s].server, NULL);
		}
	}
}

static void
write_http(struct metrics *metrics, const struct worker_stats *workers, size_t n_workers)
{
	double responses[6] = {0}, connections = 0, refused = 0, shed = 0;

	for (size_t w = 0; w < n_workers; w++) {
		const struct http_server_stats *http = &workers[w].http;

		for (size_t i = 0; i < 6; i++)
			responses[i] += (double)http->n_responses[i];
		connections += (double)http->n_connections;
		refused += (double)http->n_refused;
		shed += (double)http->n_shed;
	}
	metrics_family(metrics, "weir_http_requests_total", METRIC_COUNTER,
		"Requests by the class of their answer; 0xx: the client left before.");
	for (unsigned int i = 0; i < 6; i++) {
		char code[4];

		snprintf(code, sizeof(code), "%uxx", i);
		metrics_value(metrics, responses[i], "code", code, NULL);
	}
	metrics_family(metrics, "weir_http_connections", METRIC_GAUGE, "Open connections.");
	metrics_value(metrics, connections, NULL);
	metrics_family(
		metrics, "weir_http_refused_total", METRIC_COUNTER, "Malformed requests refused.");
	metrics_value(metrics, refused, NULL);
	metrics_family(metrics, "weir_http_shed_total", METRIC_COUNTER,
		"Connections closed because there were too many.");
	metrics_value(metrics, shed, NULL);
}

static void
write_work(struct metrics *metrics, const struct worker_stats *workers, size_t n_workers)
{
	double n_works = 0, n_refused = 0;

	for (size_t w = 0; w < n_workers; w++) {
		n_works += workers[w].n_works;
		n_refused += (double)workers[w].n_works_refused;
	}
	metrics_family(metrics, "weir_app_work", METRIC_GAUGE,
		"Pieces of long work that wait for a thread or are under way.");
	metrics_value(metrics, n_works, NULL);
	metrics_family(metrics, "weir_app_work_refused_total", METRIC_COUNTER,
		"Pieces of long work refused because too many waited.");
	metrics_value(metrics, n_refused, NULL);
}

static void
write_modules(struct metrics *metrics, const struct app_modules *modules,
	const struct worker_stats *workers, size_t n_workers)
{
	for (size_t m = 0; m < modules->n; m++) {
		const struct app_metric *list = modules->list[m]->metrics;

		for (size_t i = 0; list && i < APP_METRICS_MAX && list[i].name; i++) {
			double sum = 0;

			for (size_t w = 0; w < n_workers; w++)
				sum += workers[w].modules[m][i];
			metrics_family(metrics, list[i].name, list[i].type, list[i].help);
			metrics_value(metrics, sum, NULL);
		}
	}
}

void
metrics_page_write(struct metrics *metrics, const struct worker_config *config,
	const struct worker_stats *workers, size_t n_workers)
{
	process_metrics(metrics, config->node->name, node_role_name(config->node->role));
	write_http(metrics, workers, n_workers);
	write_servers(metrics, workers, n_workers);
	write_work(metrics, workers, n_workers);
	write_modules(metrics, config->modules, workers, n_workers);
}
