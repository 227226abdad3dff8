/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/pktgen/flows.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct flows *
make(uint32_t n, uint32_t space, uint32_t new_share, bool closes)
{
	struct flows_config config = {n, space, new_share, closes};
	struct flows *flows = NULL;

	assert_int_equal(flows_new(&flows, &config), 0);
	return flows;
}

static void
all_flows_are_opened_first_and_then_take_turns(void **state)
{
	struct flows *flows = make(5, 100, 0, true);

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		struct flow_packet packet = flows_next(flows);

		assert_int_equal(flows_all_open(flows), i == 4);
		assert_int_equal(packet.act, ACT_OPEN);
		assert_int_equal(packet.flow, i);
	}
	for (uint32_t i = 0; i < 20; i++) {
		struct flow_packet packet = flows_next(flows);

		assert_int_equal(packet.act, ACT_DATA);
		assert_int_equal(packet.flow, i % 5);
	}
	flows_free(flows);
}

/* Follows each flow: data only while it is open, one opening, one closing. */
static void
check_lives(uint32_t n, uint32_t space, uint32_t share, bool closes)
{
	enum {
		PACKETS = 100000
	};
	struct flows *flows = make(n, space, share, closes);
	bool *is_open = calloc(space, sizeof(*is_open));
	uint32_t n_open = 0, n_opened = 0;

	assert_non_null(is_open);
	for (uint32_t i = 0; i < PACKETS; i++) {
		struct flow_packet packet = flows_next(flows);

		assert_true(packet.flow < space);
		if (packet.act == ACT_OPEN) {
			assert_true(!closes || !is_open[packet.flow]);
			n_open += !is_open[packet.flow];
			n_opened++;
			is_open[packet.flow] = true;
		} else {
			assert_true(is_open[packet.flow]);
		}
		if (packet.act == ACT_CLOSE) {
			assert_true(closes);
			is_open[packet.flow] = false;
			n_open--;
		}
		assert_true(!closes || n_open <= n);
	}
	assert_in_range(n_opened - n, (uint64_t)(PACKETS - n) * share / FLOWS_SHARE_ALL - 1,
		(uint64_t)(PACKETS - n) * share / FLOWS_SHARE_ALL + 1);
	flows_free(flows);
	free(is_open);
}

static void
flows_live_and_the_share_of_new_ones_is_kept(void **state)
{
	(void)state;
	check_lives(1, 1000000, FLOWS_SHARE_ALL / 10, true);
	check_lives(100, 1000000, FLOWS_SHARE_ALL / 10, true);
	check_lives(100, 1000000, FLOWS_SHARE_ALL / 2, true);
	check_lives(1000, 1000000, FLOWS_SHARE_ALL / 1000, true);
	check_lives(100, 101, FLOWS_SHARE_ALL / 4, true);
	check_lives(100, 1000000, FLOWS_SHARE_ALL, false);
	check_lives(100, 1000000, FLOWS_SHARE_ALL / 3, false);
}

static void
a_space_without_room_to_spare_is_used_again(void **state)
{
	(void)state;
	check_lives(100, 100, FLOWS_SHARE_ALL / 4, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_flows_are_opened_first_and_then_take_turns),
		cmocka_unit_test(flows_live_and_the_share_of_new_ones_is_kept),
		cmocka_unit_test(a_space_without_room_to_spare_is_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
