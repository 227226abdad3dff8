/* SPDX-License-Identifier: BSD-3-Clause */
#include "apptier/shortener/host_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
a_name_stands_for_all_below_it(void **state)
{
	struct host_list *list;

	(void)state;
	assert_int_equal(host_list_new(&list), 0);
	assert_null(host_list_find(list, "example.org"));
	assert_int_equal(host_list_add(list, "zebra.test"), 0);
	assert_int_equal(host_list_add(list, "Example.ORG."), 0);
	assert_int_equal(host_list_add(list, "bad.example.net"), 0);
	host_list_sort(list);
	assert_int_equal(host_list_size(list), 3);
	assert_string_equal(host_list_find(list, "example.org"), "example.org");
	assert_string_equal(host_list_find(list, "a.b.example.org"), "example.org");
	assert_string_equal(host_list_find(list, "very.bad.example.net"), "bad.example.net");
	assert_null(host_list_find(list, "anexample.org"));
	assert_null(host_list_find(list, "example.net"));
	assert_null(host_list_find(list, "org"));
	assert_null(host_list_find(list, ""));
	host_list_free(list);
}

static void
many_names_are_all_found(void **state)
{
	struct host_list *list;
	char host[32];

	(void)state;
	assert_int_equal(host_list_new(&list), 0);
	for (unsigned int i = 0; i < 5000; i++) {
		snprintf(host, sizeof(host), "h%u.example", i * 7919 % 5000);
		assert_int_equal(host_list_add(list, host), 0);
	}
	host_list_sort(list);
	for (unsigned int i = 0; i < 5000; i++) {
		snprintf(host, sizeof(host), "h%u.example", i);
		assert_string_equal(host_list_find(list, host), host);
	}
	assert_null(host_list_find(list, "h5000.example"));
	host_list_free(list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_stands_for_all_below_it),
		cmocka_unit_test(many_names_are_all_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
