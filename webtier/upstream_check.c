/* SPDX-License-Identifier: BSD-3-Clause */
/* Active checks of the app nodes; see upstream_check.h. */
#include "webtier/upstream_check.h"

#include "common/log.h"
#include "webtier/upstream_conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("upstream");

#define RECEIVE_BYTES 4096u
#define BODY_MAX 65536u /* A check's answer that is longer is no good sign. */
#define WHY_SIZE 96

/* The check of one node. */
struct probe {
	struct upstream_checks *checks;
	struct upstream_node *node;
	struct upstream_health health;
	uv_timer_t timer; /* The interval, and while a check runs its time limit. */
	struct upstream_conn *conn;
	struct byte_queue out;
	struct byte_queue in;
	uint64_t started_ms;
	bool is_running;
};

struct upstream_checks {
	uv_loop_t *loop;
	const struct check *check;
	struct upstream_settings settings;
	const struct upstream_events *events;
	uv_timer_cb start;
	struct upstream_set *set;
	struct probe *probes; /* By place in the set. */
	size_t n_probes;      /* That have been started. */
	size_t n_open;        /* Timers not closed yet. */
	char buffer[RECEIVE_BYTES];
};

static void
report(struct probe *probe, bool success, const char *why)
{
	static const char *const names[] = {
		[UPSTREAM_UNKNOWN] = "unknown", [UPSTREAM_UP] = "up", [UPSTREAM_DOWN] = "down"};
	enum upstream_state before = probe->health.state;

	if (!upstream_health_result(&probe->health, success))
		return;
	atomic_store_explicit(&probe->node->state, probe->health.state, memory_order_relaxed);
	if (success)
		circuit_succeed(&probe->node->circuit); /* It has come back: no need to wait. */
	log_write(success ? LOG_INFO : LOG_WARN, log_module, "%s (%s): %s -> %s (%s)",
		probe->node->name, probe->node->host, names[before], names[probe->health.state],
		why);
}

/* Takes the result in and waits for the rest of the interval, a tenth more or less, so that the
 * checks of many web nodes do not march in step. */
static void
finish(struct probe *probe, bool success, const char *why)
{
	struct upstream_checks *checks = probe->checks;
	uint64_t interval_ms = checks->check->interval_ms;
	uint64_t spread_ms = interval_ms / 5 + 1;
	uint64_t passed_ms = uv_now(checks->loop) - probe->started_ms;
	uint64_t wait_ms = interval_ms - interval_ms / 10 + (uint64_t)random() % spread_ms;

	upstream_conn_free(probe->conn);
	probe->conn = NULL;
	byte_queue_clear(&probe->out);
	byte_queue_clear(&probe->in);
	report(probe, success, why);
	uv_timer_start(
		&probe->timer, checks->start, passed_ms < wait_ms ? wait_ms - passed_ms : 1, 0);
}

static void
on_progress(void *ctx)
{
	struct probe *probe = ctx;

	if (byte_queue_size(&probe->in) > BODY_MAX)
		finish(probe, false, "the answer is too long");
}

static void
on_end(void *ctx)
{
	struct probe *probe = ctx;
	unsigned int status = response_parser_head(upstream_conn_response(probe->conn))->status;
	bool success = check_http_expects(&probe->checks->check->http, status);
	char why[WHY_SIZE];

	snprintf(why, sizeof(why), "status %u%s", status, success ? "" : ", not as expected");
	finish(probe, success, why);
}

static void
on_failure(void *ctx, enum upstream_failure failure, const char *why)
{
	(void)failure;
	finish(ctx, false, why);
}

static const struct upstream_events check_events = {
	.on_progress = on_progress,
	.on_end = on_end,
	.on_failure = on_failure,
};

static void
on_timeout(uv_timer_t *timer)
{
	finish(timer->data, false, "no answer in time");
}

static bool
write_request(struct probe *probe)
{
	return byte_queue_append_text(&probe->out, "GET ") &&
	       byte_queue_append_text(&probe->out, probe->checks->check->http.path) &&
	       byte_queue_append_text(&probe->out, " HTTP/1.1\r\nHost: ") &&
	       byte_queue_append_text(&probe->out, probe->checks->check->http.host
							   ? probe->checks->check->http.host
							   : probe->node->host) &&
	       byte_queue_append_text(
		       &probe->out, "\r\nUser-Agent: weir-webtier\r\nConnection: close\r\n\r\n");
}

static void
start_check(uv_timer_t *timer)
{
	struct probe *probe = timer->data;
	struct upstream_checks *checks = probe->checks;
	const struct upstream_request request = {
		.out = &probe->out,
		.in = &probe->in,
		.is_whole = true,
		.events = checks->events,
		.ctx = probe,
	};
	int rc;

	probe->started_ms = uv_now(checks->loop);
	rc = write_request(probe)
		     ? upstream_conn_new(&probe->conn, &checks->settings, &probe->node->endpoint)
		     : -ENOMEM;
	if (rc < 0) {
		finish(probe, false, strerror(-rc));
		return;
	}
	upstream_conn_begin(probe->conn, &request);
	uv_timer_start(timer, on_timeout, checks->check->timeout_ms, 0);
}

static void
add_probe(struct upstream_checks *checks)
{
	struct probe *probe = &checks->probes[checks->n_probes];

	probe->checks = checks;
	probe->node = &checks->set->nodes[checks->n_probes++];
	byte_queue_init(&probe->out);
	byte_queue_init(&probe->in);
	uv_timer_init(checks->loop, &probe->timer);
	probe->timer.data = probe;
	checks->n_open++;
}

static void
run_probe(struct probe *probe)
{
	const struct check *check = probe->checks->check;

	upstream_health_init(&probe->health, check->rise, check->fall);
	probe->is_running = true;
	uv_timer_start(&probe->timer, probe->checks->start, 0, 0);
}

static void
rest_probe(struct probe *probe)
{
	upstream_conn_free(probe->conn);
	probe->conn = NULL;
	byte_queue_clear(&probe->out);
	byte_queue_clear(&probe->in);
	probe->is_running = false;
	uv_timer_stop(&probe->timer);
}

void
upstream_checks_update(struct upstream_checks *checks, const struct check *check)
{
	checks->check = check;
	checks->settings.connect_timeout_ms = check->timeout_ms;
	checks->settings.response_timeout_ms = check->timeout_ms;
	while (checks->n_probes < checks->set->n_nodes)
		add_probe(checks);
	for (size_t i = 0; i < checks->n_probes; i++) {
		struct probe *probe = &checks->probes[i];
		bool is_gone = atomic_load(&probe->node->state) == UPSTREAM_GONE;

		probe->health.rise = check->rise;
		probe->health.fall = check->fall;
		if (is_gone && probe->is_running)
			rest_probe(probe);
		else if (!is_gone && !probe->is_running)
			run_probe(probe);
	}
}

int
upstream_checks_new(struct upstream_checks **out, uv_loop_t *loop, struct upstream_set *set,
	const struct check *check)
{
	struct upstream_checks *checks = calloc(1, sizeof(*checks));

	if (!checks)
		return -ENOMEM;
	checks->probes = calloc(set->n_max + 1, sizeof(checks->probes[0]));
	if (!checks->probes) {
		free(checks);
		return -ENOMEM;
	}
	checks->loop = loop;
	checks->set = set;
	checks->events = &check_events;
	checks->start = start_check;
	checks->settings = (struct upstream_settings){
		.loop = loop,
		.buffer = checks->buffer,
		.buffer_size = sizeof(checks->buffer),
	};
	upstream_checks_update(checks, check);
	*out = checks;
	return 0;
}

static void
free_memory(struct upstream_checks *checks)
{
	free(checks->probes);
	free(checks);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct upstream_checks *checks = ((struct probe *)handle->data)->checks;

	if (--checks->n_open == 0)
		free_memory(checks);
}

void
upstream_checks_free(struct upstream_checks *checks)
{
	if (!checks)
		return;
	for (size_t i = 0; i < checks->n_probes; i++) {
		struct probe *probe = &checks->probes[i];

		upstream_conn_free(probe->conn);
		probe->conn = NULL;
		byte_queue_fini(&probe->out);
		byte_queue_fini(&probe->in);
		uv_close((uv_handle_t *)&probe->timer, on_timer_closed);
	}
	if (checks->n_probes == 0)
		free_memory(checks);
}
