/* SPDX-License-Identifier: BSD-3-Clause */
/* A module that does what strains the app tier; test_modules.py asks for it. */
#include "apptier/module.h"

#include "apptier/reply.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SLEEP_MS_MAX 60000

static const struct app_module trial;

static bool
read_ms(struct app_request *request, int64_t *ms)
{
	*ms = 0;
	return app_query_integer(request, "ms", (struct app_range){0, SLEEP_MS_MAX}, ms);
}

static void
on_done(struct app_request *request, const struct db_result *result)
{
	app_reply_json(request, 200,
		json_pack("{s:b, s:I}", "duplicate", result->status == DB_DUPLICATE, "affected",
			(json_int_t)result->n_affected));
}

/* --- GET /trial/sleep?ms=: a SELECT that takes so long --- */

static const struct db_statement select_sleep = {"SELECT SLEEP(? / 1000)", 1};

static void
handle_sleep(struct http_request *req, void *ctx)
{
	struct app_request *request = app_request_new(req, ctx, 0);
	int64_t ms;

	if (!request || !read_ms(request, &ms))
		return;
	const struct db_value value = db_integer(ms);
	app_read(request, &(struct db_call){&select_sleep, &value}, on_done);
}

/* --- GET /trial/hurry?ms=: the same on the primary, given up after a tenth of a second --- */

static void
on_hurried(void *ctx, const struct db_result *result)
{
	reply_db_failure(ctx, result->status == DB_OK ? DB_FAILED : result->status);
}

static void
handle_hurry(struct http_request *req, void *ctx)
{
	const struct db_value value = db_integer(SLEEP_MS_MAX);
	const struct db_call call = {&select_sleep, &value};
	const struct db_want want = {
		.primary = true, .deadline_ns = clock_now_ns() + 100 * NS_PER_MS};

	db_read(app_db(ctx), &call, &want, on_hurried, req);
}

/* --- POST /trial/pair?first=&second=&ms=: adds to two rows, holding the first for a while --- */

static const struct db_statement add_one = {
	"UPDATE trial SET n = n + 1 + SLEEP(? / 1000) WHERE id = ?", 2};

struct pair {
	struct db_value values[4];
	struct db_call calls[2];
};

static void
handle_pair(struct http_request *req, void *ctx)
{
	struct app_request *request = app_request_new(req, ctx, sizeof(struct pair));
	const struct app_range ids = {1, 10};
	int64_t first = 1, second = 2, ms;

	if (!request || !app_query_integer(request, "first", ids, &first) ||
		!app_query_integer(request, "second", ids, &second) || !read_ms(request, &ms))
		return;
	struct pair *pair = app_request_data(request);
	*pair = (struct pair){
		.values = {db_integer(ms), db_integer(first), db_integer(0), db_integer(second)},
		.calls = {{&add_one, &pair->values[0]}, {&add_one, &pair->values[2]}},
	};
	app_write(request, pair->calls, 2, on_done);
}

/* --- POST /trial/both?ms=: two rows by one statement --- */

static const struct db_statement add_both = {
	"UPDATE trial SET n = n + 1 + SLEEP(? / 1000) WHERE id BETWEEN 1 AND 2", 1};

static void
handle_both(struct http_request *req, void *ctx)
{
	struct app_request *request = app_request_new(req, ctx, 0);
	int64_t ms;

	if (!request || !read_ms(request, &ms))
		return;
	const struct db_value value = db_integer(ms);
	app_write(request, &(struct db_call){&add_both, &value}, 1, on_done);
}

/* --- GET /trial/sum: the table as the replica, or who is read in its stead, has it --- */

static const struct db_statement select_sum = {
	"SELECT CAST(SUM(n) AS SIGNED), @@server_id, CURRENT_USER() FROM trial", 0};

static void
on_sum(struct app_request *request, const struct db_result *result)
{
	app_reply_json(request, 200,
		json_pack("{s:I, s:I, s:s}", "sum",
			(json_int_t)db_result_value(result, 0, 0)->integer, "server",
			(json_int_t)db_result_value(result, 0, 1)->integer, "user",
			db_result_value(result, 0, 2)->text));
}

static void
handle_sum(struct http_request *req, void *ctx)
{
	struct app_request *request = app_request_new(req, ctx, 0);

	if (request)
		app_read(request, &(struct db_call){&select_sum, NULL}, on_sum);
}

/* --- GET /trial/statements: more of them than a connection keeps prepared, twice --- */

#define N_STATEMENTS (DB_STATEMENTS_MAX + 6)

struct statements {
	struct db_statement list[N_STATEMENTS];
	char sql[N_STATEMENTS][32];
};

struct round {
	const struct statements *statements;
	size_t n_done;
	int64_t sum;
};

static int
start(void **state, struct app *app, struct err *err)
{
	struct statements *statements = calloc(1, sizeof(*statements));

	(void)app;
	if (!statements)
		return err_set(err, -1, "out of memory");
	for (size_t i = 0; i < N_STATEMENTS; i++) {
		snprintf(statements->sql[i], sizeof(statements->sql[i]), "SELECT %zu", i);
		statements->list[i] = (struct db_statement){statements->sql[i], 0};
	}
	*state = statements;
	return 0;
}

static void
on_statement(struct app_request *request, const struct db_result *result)
{
	struct round *round = app_request_data(request);

	if (result)
		round->sum += db_result_value(result, 0, 0)->integer;
	if (round->n_done == 2 * N_STATEMENTS) {
		app_reply_json(request, 200, json_pack("{s:I}", "sum", (json_int_t)round->sum));
		return;
	}
	app_read(request,
		&(struct db_call){&round->statements->list[round->n_done++ % N_STATEMENTS], NULL},
		on_statement);
}

static void
handle_statements(struct http_request *req, void *ctx)
{
	struct app_request *request = app_request_new(req, ctx, sizeof(struct round));

	if (!request)
		return;
	struct round *round = app_request_data(request);
	round->statements = app_module_state(ctx, &trial);
	on_statement(request, NULL);
}

/* --- GET /trial/work?ms=&until=: that long in a thread, or until the file is there --- */

#define STEP_MS 5

struct work {
	int64_t ms;
	char until[256];
};

static void
work(void *data)
{
	const struct timespec step = {.tv_nsec = STEP_MS * NS_PER_MS};
	const struct work *given = data;

	for (int64_t ms = 0; ms < given->ms && access(given->until, F_OK) < 0; ms += STEP_MS)
		nanosleep(&step, NULL);
}

static void
on_worked(struct app_request *request)
{
	app_reply_empty(request, 204);
}

static void
handle_work(struct http_request *req, void *ctx)
{
	struct app_request *request = app_request_new(req, ctx, sizeof(struct work));
	const char *until = "";

	if (!request)
		return;
	struct work *given = app_request_data(request);
	if (!read_ms(request, &given->ms) ||
		!app_query_text(
			request, "until", (struct app_range){0, sizeof(given->until) - 1}, &until))
		return;
	snprintf(given->until, sizeof(given->until), "%s", until);
	app_work(request, work, on_worked);
}

/* --- POST /trial/input?word=: all kinds of input --- */

static void
handle_input(struct http_request *req, void *ctx)
{
	static const char *const members[] = {"text", "number", "flag", "maybe", NULL};
	struct app_request *request = app_request_new(req, ctx, 0);
	const char *word = "", *text;
	int64_t number;
	bool flag;

	if (request && app_query_text(request, "word", (struct app_range){1, 5}, &word) &&
		app_json_object(request, members) &&
		app_json_text(request, "text", (struct app_range){1, 3}, &text) &&
		app_json_integer(request, "number", (struct app_range){-5, 5}, &number) &&
		app_json_boolean(request, "flag", &flag))
		app_reply_json(request, 200,
			json_pack("{s:s, s:s, s:I, s:b, s:b}", "word", word, "text", text, "number",
				(json_int_t)number, "flag", flag, "maybe",
				app_json_has(request, "maybe")));
}

static const struct http_route routes[] = {
	{"GET", "/trial/sleep", HTTP_BODY_NONE, 0, handle_sleep, ""},
	{"GET", "/trial/hurry", HTTP_BODY_NONE, 0, handle_hurry, ""},
	{"POST", "/trial/pair", HTTP_BODY_BUFFERED, 0, handle_pair, ""},
	{"POST", "/trial/both", HTTP_BODY_BUFFERED, 0, handle_both, ""},
	{"GET", "/trial/sum", HTTP_BODY_NONE, 0, handle_sum, ""},
	{"GET", "/trial/statements", HTTP_BODY_NONE, 0, handle_statements, ""},
	{"GET", "/trial/work", HTTP_BODY_NONE, 0, handle_work, ""},
	{"POST", "/trial/input", HTTP_BODY_BUFFERED, 0, handle_input, ""},
	{0},
};

static const struct app_module trial = {
	.name = "trial", .routes = routes, .start = start, .stop = free};
APP_MODULE_EXPORT(trial);
