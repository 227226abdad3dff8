/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates of two answers, and how they are shown. */
#include "controlplane/weirctl_rates.h"

#include "controlplane/weirctl_print.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static json_t *
parse(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	return json;
}

/* Two seconds lie between 'before' and 'now'. */
static void
expect(const char *before, const char *now, const char *expected)
{
	json_t *was = parse(before), *is = parse(now), *wanted = parse(expected);
	char *text;

	rates_add(is, was, 2);
	text = json_dumps(is, JSON_SORT_KEYS);
	if (!json_equal(is, wanted))
		fail_msg("%s", text);
	free(text);
	json_decref(was);
	json_decref(is);
	json_decref(wanted);
}

static void
elements_are_found_by_pool_and_name_wherever_they_stand(void **state)
{
	(void)state;
	expect("[{\"pool\": \"a\", \"backend\": \"b1\", \"packets\": 100, \"weight\": 5},"
	       " {\"pool\": \"b\", \"backend\": \"b1\", \"packets\": 7}]",
		"[{\"pool\": \"b\", \"backend\": \"b1\", \"packets\": 8},"
		" {\"pool\": \"a\", \"backend\": \"b1\", \"packets\": 300, \"weight\": 6}]",
		"[{\"pool\": \"b\", \"backend\": \"b1\", \"packets\": 8, \"packets_per_s\": 0.5},"
		" {\"pool\": \"a\", \"backend\": \"b1\", \"packets\": 300, \"weight\": 6,"
		"  \"packets_per_s\": 100.0}]");
}

static void
what_is_new_or_began_anew_has_no_rate(void **state)
{
	(void)state;
	expect("[{\"name\": \"a\", \"packets\": 100}]",
		"[{\"name\": \"a\", \"packets\": 10}, {\"name\": \"b\", \"packets\": 1}]",
		"[{\"name\": \"a\", \"packets\": 10, \"packets_per_s\": null},"
		" {\"name\": \"b\", \"packets\": 1, \"packets_per_s\": null}]");
}

static void
maps_of_counters_get_a_map_of_rates(void **state)
{
	(void)state;
	expect("{\"verdicts\": {\"forward\": 10}, \"sync\": {\"peers\":"
	       " [{\"name\": \"lb2\", \"counters\": {\"lost\": 1}}], \"counters\": {\"told\": 2}}}",
		"{\"verdicts\": {\"forward\": 30}, \"sync\": {\"peers\":"
		" [{\"name\": \"lb2\", \"counters\": {\"lost\": 2}}], \"counters\": {\"told\": "
		"2}}}",
		"{\"verdicts\": {\"forward\": 30}, \"verdicts_per_s\": {\"forward\": 10.0},"
		" \"sync\": {\"peers\": [{\"name\": \"lb2\", \"counters\": {\"lost\": 2},"
		"   \"counters_per_s\": {\"lost\": 0.5}}], \"counters\": {\"told\": 2},"
		"   \"counters_per_s\": {\"told\": 0.0}}}");
}

static void
tables_show_rates_in_place_of_totals(void **state)
{
	json_t *before = parse("[{\"pool\": \"web4\", \"backend\": \"web1\", \"address\": "
			       "\"10.77.1.21\", \"state\": \"up\", \"weight\": 100, \"packets\": 0,"
			       " \"bytes\": 0, \"new_flows\": 0, \"active_flows\": 7}]");
	json_t *now = parse("[{\"pool\": \"web4\", \"backend\": \"web1\", \"address\": "
			    "\"10.77.1.21\", \"state\": \"up\", \"weight\": 100, \"packets\": 2469,"
			    " \"bytes\": 4096, \"new_flows\": 1, \"active_flows\": 8}]");
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	rates_add(now, before, 2);
	print_backends(now, file);
	fclose(file);
	assert_string_equal(text,
		"POOL  BACKEND  ADDRESS     STATE  FOR  WEIGHT  CHANGES  FLOWS  NEW FLOWS/S  "
		"PACKETS/S   BYTES/S  LAST CHECK\n"
		"web4  web1     10.77.1.21  up       -     100        -      8         0.50  "
		"    1.24k  2.00 KiB  -\n");
	free(text);
	json_decref(before);
	json_decref(now);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(elements_are_found_by_pool_and_name_wherever_they_stand),
		cmocka_unit_test(what_is_new_or_began_anew_has_no_rate),
		cmocka_unit_test(maps_of_counters_get_a_map_of_rates),
		cmocka_unit_test(tables_show_rates_in_place_of_totals),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
