/* SPDX-License-Identifier: BSD-3-Clause */
#include "webtier/path_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
paths_become_relative_names_without_a_way_up(void **state)
{
	static const struct {
		const char *path;
		enum path_verdict verdict;
		const char *file;
	} cases[] = {
		{"/", PATH_OK, ""},
		{"//", PATH_OK, ""},
		{"/a", PATH_OK, "a"},
		{"/a/", PATH_OK, "a/"},
		{"//a///b//", PATH_OK, "a/b/"},
		{"/a b/c.txt", PATH_OK, "a b/c.txt"},
		{"/.well-known/x", PATH_OK, ".well-known/x"},
		{"//.well-known/x", PATH_OK, ".well-known/x"},
		{"/a..b/c.", PATH_OK, "a..b/c."},
		{"", PATH_INVALID, NULL},
		{"a", PATH_INVALID, NULL},
		{"*", PATH_INVALID, NULL},
		{"/.", PATH_FORBIDDEN, NULL},
		{"/..", PATH_FORBIDDEN, NULL},
		{"/a/../b", PATH_FORBIDDEN, NULL},
		{"/a/./b", PATH_FORBIDDEN, NULL},
		{"/.git/config", PATH_FORBIDDEN, NULL},
		{"/a/.htpasswd", PATH_FORBIDDEN, NULL},
		{"/a/.well-known/x", PATH_FORBIDDEN, NULL},
		{"/.well-known2/x", PATH_FORBIDDEN, NULL},
		{"/...", PATH_FORBIDDEN, NULL},
	};
	char file[PATH_FILE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(path_to_file(cases[i].path, file, sizeof(file)), cases[i].verdict);
		if (cases[i].file)
			assert_string_equal(file, cases[i].file);
	}
}

static void
a_path_that_does_not_fit_is_refused_and_never_cut(void **state)
{
	char file[8];

	(void)state;
	assert_int_equal(path_to_file("/abcdef", file, sizeof(file)), PATH_OK);
	assert_string_equal(file, "abcdef");
	assert_int_equal(path_to_file("/abcde/", file, sizeof(file)), PATH_OK);
	assert_string_equal(file, "abcde/");
	assert_int_equal(path_to_file("/abcdefg", file, sizeof(file)), PATH_TOO_LONG);
	assert_int_equal(path_to_file("/abc/defg", file, sizeof(file)), PATH_TOO_LONG);
}

static void
locations_are_percent_encoded(void **state)
{
	char out[32];

	(void)state;
	assert_true(path_encode("a b/c%\"\r\n<", out, sizeof(out)));
	assert_string_equal(out, "/a%20b/c%25%22%0D%0A%3C");
	assert_true(path_encode("", out, sizeof(out)));
	assert_string_equal(out, "/");
	assert_false(path_encode("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", out, sizeof(out)));
}

static void
a_target_passes_only_below_its_prefix(void **state)
{
	static const struct {
		const char *target;
		bool may_pass;
	} cases[] = {
		{"/api/", true},
		{"/api/x", true},
		{"/api/x/?q=../..&r=%2e%2e", true},
		{"/api/x%2Fy", true},
		{"/api/..x", true},
		{"/api/x..", true},
		{"/api/...", true},
		{"/api//x", true},
		{"/api", false},
		{"/apix", false},
		{"/API/x", false},
		{"/%61pi/x", false},
		{"//api/x", false},
		{"http://h/api/x", false},
		{"/api/..", false},
		{"/api/../x", false},
		{"/api/./x", false},
		{"/api/.", false},
		{"/api/x/..?y", false},
		{"/api/%2e%2e/x", false},
		{"/api/%2E./x", false},
		{"/api/.%2e", false},
		{"/api/..%2fx", false},
		{"/api/%2e", false},
		{"/api/..\\x", false},
		{"/api/..%5cx", false},
		{"/api/x%00", false},
		{"/api/x%0d%0aHost:y", false},
		{"/api/x%7f", false},
		{"/api/x%", false},
		{"/api/x%2", false},
		{"/api/x%zz", false},
		{"/api/x y", false},
		{"/api/x\ty", false},
		{"/api/x\x80", false},
		{"/api/x?y z", false},
		{"/api/x?y\n", false},
		{"/api/x#y", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (path_may_pass(cases[i].target, "/api/") != cases[i].may_pass)
			print_error("'%s'\n", cases[i].target);
		assert_int_equal(path_may_pass(cases[i].target, "/api/"), cases[i].may_pass);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(paths_become_relative_names_without_a_way_up),
		cmocka_unit_test(a_path_that_does_not_fit_is_refused_and_never_cut),
		cmocka_unit_test(locations_are_percent_encoded),
		cmocka_unit_test(a_target_passes_only_below_its_prefix),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
