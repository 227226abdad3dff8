/* SPDX-License-Identifier: BSD-3-Clause */
/* Views of several other nodes: each in the order in which it was told, whatever the others say. */
#include "dataplane/sync_views.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum {
	PEER_A,
	PEER_B
};

static struct sync_record
head(uint64_t generation)
{
	return (struct sync_record){
		.op = SYNC_VIEW, .view = {.generation = generation, .n_routers = 1, .n_pools = 1}};
}

static struct sync_record
router(const char *name)
{
	struct sync_record record = {.op = SYNC_VIEW_ROUTER};

	memcpy(record.router, name, strlen(name) + 1);
	return record;
}

static struct sync_record
pool(uint64_t seed)
{
	return (struct sync_record){.op = SYNC_VIEW_POOL,
		.pool = {.name = "web",
			.n_total = 1,
			.n = 1,
			.takers = {{.seed = seed, .weight = 1}}}};
}

/* Tells of a router that one backend takes all, and returns what the last record came to. */
static int
tell(struct sync_views *views, unsigned int peer, uint64_t generation, const char *name,
	uint64_t seed)
{
	const struct sync_record records[] = {head(generation), router(name), pool(seed)};
	int rc = 0;

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
		rc = sync_views_take(views, peer, &records[i]);
	return rc;
}

static uint64_t
seed_of(const struct sync_views *views, const char *name)
{
	const struct sync_view_pool *found = sync_views_find(views, name, "web");

	assert_non_null(found);
	assert_int_equal(found->n, 1);
	return found->takers[0].seed;
}

static int
set_up(void **state)
{
	return sync_views_new((struct sync_views **)state);
}

static int
tear_down(void **state)
{
	sync_views_free(*state);
	return 0;
}

static void
an_old_generation_is_refused(void **state)
{
	struct sync_views *views = *state;

	assert_int_equal(tell(views, PEER_A, 2, "front", 7), 1);
	assert_int_equal(tell(views, PEER_A, 1, "front", 8), -EINVAL);
	assert_int_equal(tell(views, PEER_A, 2, "front", 8), -EINVAL);
	assert_int_equal(seed_of(views, "front"), 7);
	assert_int_equal(tell(views, PEER_A, 3, "front", 7), 0);
	assert_int_equal(tell(views, PEER_A, 4, "front", 8), 1);
	assert_int_equal(seed_of(views, "front"), 8);
}

static void
each_node_counts_its_own_generations(void **state)
{
	struct sync_views *views = *state;

	assert_int_equal(tell(views, PEER_A, 9, "front", 7), 1);
	assert_int_equal(tell(views, PEER_B, 1, "front", 8), 1);
	assert_int_equal(seed_of(views, "front"), 8);
	assert_int_equal(tell(views, PEER_A, 10, "front", 9), 1);
	assert_int_equal(seed_of(views, "front"), 9);
}

static void
a_new_session_with_one_begins_its_generations_alone(void **state)
{
	struct sync_views *views = *state;

	assert_int_equal(tell(views, PEER_A, 9, "front", 7), 1);
	assert_int_equal(tell(views, PEER_B, 9, "back", 8), 1);
	sync_views_restart(views, PEER_B);
	assert_int_equal(tell(views, PEER_B, 1, "back", 9), 1);
	assert_int_equal(tell(views, PEER_A, 1, "front", 9), -EINVAL);
	assert_int_equal(seed_of(views, "front"), 7);
	assert_int_equal(seed_of(views, "back"), 9);
}

static void
records_of_two_nodes_may_come_in_turns(void **state)
{
	struct sync_views *views = *state;
	const struct sync_record a[] = {head(1), router("front"), pool(7)};
	const struct sync_record b[] = {head(1), router("back"), pool(8)};

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(sync_views_take(views, PEER_A, &a[i]), i == 2);
		assert_int_equal(sync_views_take(views, PEER_B, &b[i]), i == 2);
	}
	assert_int_equal(seed_of(views, "front"), 7);
	assert_int_equal(seed_of(views, "back"), 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_old_generation_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			each_node_counts_its_own_generations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_new_session_with_one_begins_its_generations_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			records_of_two_nodes_may_come_in_turns, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
