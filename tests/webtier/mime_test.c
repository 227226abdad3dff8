/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

/* Writes a list and makes types of it. */
static struct mime_types *
types_of(const char *list)
{
	char path[] = "/tmp/weir-mime-XXXXXX";
	int fd = mkstemp(path);
	struct mime_types *types = NULL;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, list, strlen(list)), (ssize_t)strlen(list));
	close(fd);
	assert_int_equal(mime_types_new(&types, path), 0);
	unlink(path);
	return types;
}

static void
the_systems_list_is_read(void **state)
{
	struct mime_types *types = types_of("# comment\n"
					    "text/html\thtml htm # page\n"
					    "application/x-thing  thing\tTHONG\n"
					    "no-type ext\n"
					    "image/x-late thing\n"
					    "application/json json");

	(void)state;
	assert_string_equal(mime_type_of(types, "a/b.html"), "text/html; charset=utf-8");
	assert_string_equal(mime_type_of(types, "B.HTM"), "text/html; charset=utf-8");
	assert_string_equal(mime_type_of(types, "x.thing"), "application/x-thing");
	assert_string_equal(mime_type_of(types, "x.thong"), "application/x-thing");
	assert_string_equal(mime_type_of(types, "x.json"), "application/json; charset=utf-8");
	assert_string_equal(mime_type_of(types, "x.ext"), MIME_UNKNOWN);
	mime_types_free(types);
}

static void
what_sites_are_made_of_is_known_without_a_list(void **state)
{
	struct mime_types *types = NULL;

	(void)state;
	assert_int_equal(mime_types_new(&types, "/nonexistent/mime.types"), 0);
	assert_string_equal(mime_type_of(types, "index.html"), "text/html; charset=utf-8");
	assert_string_equal(mime_type_of(types, "app.js"), "text/javascript; charset=utf-8");
	assert_string_equal(mime_type_of(types, "logo.svg"), "image/svg+xml");
	assert_string_equal(mime_type_of(types, "README"), MIME_UNKNOWN);
	assert_string_equal(mime_type_of(types, "a.html/README"), MIME_UNKNOWN);
	assert_string_equal(mime_type_of(types, "end."), MIME_UNKNOWN);
	assert_string_equal(mime_type_of(types, ""), MIME_UNKNOWN);
	mime_types_free(types);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(the_systems_list_is_read),
		cmocka_unit_test(what_sites_are_made_of_is_known_without_a_list),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
