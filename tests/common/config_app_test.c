/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys of the app tier and its databases. */
#include "common/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* More keys of 'app' begin on line 7. */
#define CLUSTER                                                                                \
	"cluster: a\n"                                                                         \
	"nodes:\n"                                                                             \
	"  - {name: app1, role: app, listen: \"192.0.2.1:80\", metrics: \"192.0.2.1:9100\"}\n" \
	"database: {name: weir, user: u, password_file: /p" DATABASE_MORE "}\n"                \
	"app:\n"                                                                               \
	"  {public_url: \"https://a\", session_key_file: /k"
#define DATABASE_MORE ""
#define END "}\n"

static struct model *
load(const char *text)
{
	struct model *model = NULL;
	struct err err = {""};

	if (config_parse(text, strlen(text), "weir.yaml", &model, &err) < 0)
		fail_msg("%s", err.text);
	return model;
}

static void
assert_refused(const char *text, const char *word)
{
	struct model *model = NULL;
	struct err err = {""};

	assert_true(config_parse(text, strlen(text), "weir.yaml", &model, &err) < 0);
	assert_non_null(strstr(err.text, "weir.yaml:"));
	if (!strstr(err.text, word))
		fail_msg("'%s' is not in: %s", word, err.text);
}

static void
what_is_not_given_has_a_good_value(void **state)
{
	struct model *model = load(CLUSTER END);
	const struct app_config *app = &model->app;

	(void)state;
	assert_int_equal(app->n_connections, 8);
	assert_int_equal(app->n_min_connections, 1);
	assert_int_equal(app->connection_lifetime_s, 3600);
	assert_int_equal(app->max_lag_ms, 5000);
	assert_int_equal(app->n_work_threads, 2);
	assert_int_equal(app->work_queue_max, 64);
	assert_string_equal(app->modules[0], "shortener");
	assert_null(app->modules[1]);
	assert_null(model->database.read_user);
	assert_null(model->database.tls_ca);
	model_free(model);
}

static void
modules_are_names_or_files(void **state)
{
	struct model *model = load(CLUSTER ", modules: [shortener, notes.so, /m/other.so]" END);
	const char *const *modules = model->app.modules;

	(void)state;
	assert_string_equal(modules[0], "shortener");
	assert_int_equal(modules[1][0], '/'); /* Below the folder of the file. */
	assert_non_null(strstr(modules[1], "/notes.so"));
	assert_string_equal(modules[2], "/m/other.so");
	assert_null(modules[3]);
	model_free(model);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *more, *word;
	} cases[] = {
		{", modules: [Notes]", "'Notes' is not a name"},
		{", modules: [shortener, shortener]", "'shortener' is there twice"},
		{", connections: 4, min_connections: 5", "must not exceed connections (4)"},
		{", connection_lifetime_s: 604801", "connection_lifetime_s"},
		{", max_lag_ms: 999", "max_lag_ms"},
		{", work_threads: 0", "work_threads"},
		{", work_queue: -1", "work_queue"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1024];

		assert_true(snprintf(text, sizeof(text), CLUSTER "%s" END, cases[i].more) <
			    (int)sizeof(text));
		assert_refused(text, cases[i].word);
	}
}

#undef DATABASE_MORE
#define DATABASE_MORE ", read_user: r, read_password_file: r.password, tls_ca: ca.crt"

static void
the_database_may_have_a_reader_and_tls(void **state)
{
	struct model *model = load(CLUSTER END);
	const struct database_config *database = &model->database;

	(void)state;
	assert_string_equal(database->read_user, "r");
	assert_int_equal(database->read_password_file[0], '/');
	assert_int_equal(database->tls_ca[0], '/');
	model_free(model);
}

#undef DATABASE_MORE
#define DATABASE_MORE ", read_user: r"

static void
a_reader_needs_a_password(void **state)
{
	(void)state;
	assert_refused(CLUSTER END, "read_user needs read_password_file");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_given_has_a_good_value),
		cmocka_unit_test(modules_are_names_or_files),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(the_database_may_have_a_reader_and_tls),
		cmocka_unit_test(a_reader_needs_a_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
