/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/pool_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COMMON 1000

static void
ports_of_one_node_share_a_pool_for_all(void **state)
{
	const struct pool_port ports[] = {{0, 512, 256}, {0, 1024, 128}};
	struct pool_plan plan;

	(void)state;
	pool_plan_make(&plan, ports, 2, COMMON);
	assert_int_equal(plan.n_pools, 1);
	assert_int_equal(plan.pools[0].socket, 0);
	assert_int_equal(plan.pools[0].n_buffers, COMMON + 512 + 256 + 1024 + 128);
	assert_int_equal(plan.of_port[0], 0);
	assert_int_equal(plan.of_port[1], 0);
}

static void
each_node_with_ports_has_a_pool_for_what_these_receive(void **state)
{
	const struct pool_port ports[] = {{1, 512, 256}, {0, 1024, 128}, {1, 64, 32}};
	const unsigned int n_tx = 256 + 128 + 32;
	struct pool_plan plan;

	(void)state;
	pool_plan_make(&plan, ports, 3, COMMON);
	assert_int_equal(plan.n_pools, 2);
	assert_int_equal(plan.pools[0].socket, 1);
	assert_int_equal(plan.pools[1].socket, 0);
	assert_int_equal(plan.of_port[0], 0);
	assert_int_equal(plan.of_port[1], 1);
	assert_int_equal(plan.of_port[2], 0);
	/* What one port receives may fill the transmit queues of all. */
	assert_int_equal(plan.pools[0].n_buffers, COMMON + n_tx + 512 + 64);
	assert_int_equal(plan.pools[1].n_buffers, COMMON + n_tx + 1024);
}

static void
ports_may_all_be_on_nodes_of_their_own(void **state)
{
	struct pool_port ports[MODEL_PORTS_MAX];
	struct pool_plan plan;

	(void)state;
	for (int i = 0; i < MODEL_PORTS_MAX; i++)
		ports[i] = (struct pool_port){.socket = i, .n_rx = 100u + (unsigned int)i};
	pool_plan_make(&plan, ports, MODEL_PORTS_MAX, COMMON);
	assert_int_equal(plan.n_pools, MODEL_PORTS_MAX);
	for (unsigned int i = 0; i < MODEL_PORTS_MAX; i++) {
		assert_int_equal(plan.of_port[i], i);
		assert_int_equal(plan.pools[i].n_buffers, COMMON + 100 + i);
	}
}

static void
where_memory_has_no_nodes_there_is_one_pool(void **state)
{
	const struct pool_port ports[] = {{-1, 512, 256}, {-1, 1024, 128}};
	struct pool_plan plan;

	(void)state;
	pool_plan_make(&plan, ports, 2, COMMON);
	assert_int_equal(plan.n_pools, 1);
	assert_int_equal(plan.pools[0].socket, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_of_one_node_share_a_pool_for_all),
		cmocka_unit_test(each_node_with_ports_has_a_pool_for_what_these_receive),
		cmocka_unit_test(ports_may_all_be_on_nodes_of_their_own),
		cmocka_unit_test(where_memory_has_no_nodes_there_is_one_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
