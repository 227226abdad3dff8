/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates, shares and frame sizes as people write them. */
#include "dataplane/pktgen/rate.h"
#include "dataplane/pktgen/sizes.h"
#include "dataplane/pktgen/value.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
rates_are_read_with_their_units(void **state)
{
	static const struct {
		const char *text;
		struct rate rate;
	} cases[] = {
		{"1000", {RATE_PACKETS, 1000}},
		{"1.5M", {RATE_PACKETS, 1500000}},
		{"14.88Mpps", {RATE_PACKETS, 14880000}},
		{"500kpps", {RATE_PACKETS, 500000}},
		{"10Gbps", {RATE_BITS, 10000000000}},
		{"100Mbit/s", {RATE_BITS, 100000000}},
		{"75%", {RATE_LINE, 750000}},
		{"0.1%", {RATE_LINE, 1000}},
		{"line", {RATE_LINE, 1000000}},
		{"max", {RATE_MAX, 0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rate rate = {0};

		assert_int_equal(rate_parse(cases[i].text, &rate, NULL), 0);
		assert_int_equal(rate.unit, cases[i].rate.unit);
		assert_int_equal(rate.value, cases[i].rate.value);
	}
}

static void
what_is_no_rate_is_refused(void **state)
{
	static const char *const bad[] = {"", "0", "-1", "fast", "10Xbps", "10Gb", "101%", "nan",
		"inf", "1e30", "10 Gbps", "0.1"};
	struct rate rate;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = '\0';
		assert_int_equal(rate_parse(bad[i], &rate, &err), -EINVAL);
		assert_true(err.text[0]);
	}
}

static void
line_rate_needs_a_port_that_tells_its_speed(void **state)
{
	struct rate half = {RATE_LINE, 500000};
	struct pacing pacing;
	struct err err;

	(void)state;
	assert_int_equal(rate_resolve(&half, 10000000000, &pacing, &err), 0);
	assert_true(pacing.in_bits);
	assert_int_equal(pacing.rate, 5000000000);
	assert_int_equal(rate_resolve(&half, 0, &pacing, &err), -EINVAL);
}

static void
shares_are_read_in_percent(void **state)
{
	uint32_t share = 0;

	(void)state;
	assert_int_equal(value_share("0.001", 1000000000, &share, NULL), 0);
	assert_int_equal(share, 10000);
	assert_int_equal(value_share("100 %", 1000000000, &share, NULL), 0);
	assert_int_equal(share, 1000000000);
	assert_int_equal(value_share("101", 1000, &share, NULL), -EINVAL);
	assert_int_equal(value_share("-1", 1000, &share, NULL), -EINVAL);
	assert_int_equal(value_share("some", 1000, &share, NULL), -EINVAL);
}

static void
numbers_ports_and_times_are_read(void **state)
{
	unsigned long number = 0;
	uint16_t first = 0, n = 0;
	uint64_t ns = 0;

	(void)state;
	assert_int_equal(value_number("42", 1, 42, &number, NULL), 0);
	assert_int_equal(number, 42);
	assert_int_equal(value_number("43", 1, 42, &number, NULL), -EINVAL);
	assert_int_equal(value_number("-1", 0, 42, &number, NULL), -EINVAL);
	assert_int_equal(value_number("4x", 0, 42, &number, NULL), -EINVAL);
	assert_int_equal(value_ports("80", &first, &n, NULL), 0);
	assert_int_equal(first * 100 + n, 8001);
	assert_int_equal(value_ports("1-65535", &first, &n, NULL), 0);
	assert_int_equal(n, 65535);
	assert_int_equal(value_ports("90-80", &first, &n, NULL), -EINVAL);
	assert_int_equal(value_ports("0", &first, &n, NULL), -EINVAL);
	assert_int_equal(value_ports("80-", &first, &n, NULL), -EINVAL);
	assert_int_equal(value_seconds("1.5", &ns, NULL), 0);
	assert_int_equal(ns, 1500000000);
	assert_int_equal(value_seconds("250ms", &ns, NULL), 0);
	assert_int_equal(ns, 250000000);
	assert_int_equal(value_seconds("-1", &ns, NULL), -EINVAL);
	assert_int_equal(value_seconds("1h", &ns, NULL), -EINVAL);
}

static void
sizes_have_their_weight_and_are_spread(void **state)
{
	unsigned int n[3] = {0};
	struct sizes sizes;

	(void)state;
	assert_int_equal(sizes_parse("imix", &sizes, NULL), 0);
	assert_int_equal(sizes.n, 3);
	assert_int_equal(sizes.n_order, 12);
	for (uint16_t i = 0; i < sizes.n_order; i++)
		n[sizes.order[i]]++;
	assert_int_equal(n[0], 7);
	assert_int_equal(n[1], 4);
	assert_int_equal(n[2], 1);
	for (uint16_t i = 1; i < sizes.n_order; i++)
		assert_false(sizes.order[i] == 2 && sizes.order[i - 1] == 2);
	assert_int_equal(sizes_least(&sizes), 64);
	assert_int_equal(sizes_most(&sizes), 1518);
	assert_int_equal(sizes_round_bits(&sizes), 8 * (7 * 84 + 4 * 614 + 1538));
}

static void
what_is_no_size_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "63", "9217", "64,", "64x0", "64x65", "64x60,65x60", "x7", "big", "64;65"};
	struct sizes sizes;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(sizes_parse(bad[i], &sizes, &err), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_read_with_their_units),
		cmocka_unit_test(what_is_no_rate_is_refused),
		cmocka_unit_test(line_rate_needs_a_port_that_tells_its_speed),
		cmocka_unit_test(shares_are_read_in_percent),
		cmocka_unit_test(numbers_ports_and_times_are_read),
		cmocka_unit_test(sizes_have_their_weight_and_are_spread),
		cmocka_unit_test(what_is_no_size_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
