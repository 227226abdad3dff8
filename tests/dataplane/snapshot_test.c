/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/snapshot.h"
#include "dataplane/snapshot_data.h"
#include "frames.h"
#include "world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static uint16_t
backend_id(const struct world *world, const char *pool, const char *name)
{
	size_t n;
	const struct snapshot_backend *backends = snapshot_backends(world->snapshot, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(backends[i].pool, pool) == 0 && strcmp(backends[i].name, name) == 0)
			return backends[i].id;
	return 0;
}

static bool
table_has(const struct maglev *maglev, uint16_t id)
{
	for (uint32_t i = 0; i < maglev->size; i++)
		if (maglev->entries[i] == id)
			return true;
	return false;
}

static void
the_state_can_be_read_back(void **state)
{
	struct world *world = *state;
	struct addr vip = frame_addr(WORLD_VIP6);
	const struct snapshot_service *service;
	size_t n;

	assert_int_equal(snapshot_generation(world->snapshot), 1);
	assert_string_equal(snapshot_routers(world->snapshot, &n)[1].name, "front6");
	assert_int_equal(n, 2);
	assert_true(addr_equal(&snapshot_routers(world->snapshot, &n)[1].addresses[0], &vip));
	snapshot_vips(world->snapshot, &n);
	assert_int_equal(n, 2);
	snapshot_services(world->snapshot, &n);
	assert_int_equal(n, 4);
	snapshot_backends(world->snapshot, &n);
	assert_int_equal(n, 8);
	service = snapshot_service_find(world->snapshot, &vip, 80, PROTOCOL_TCP);
	assert_non_null(service);
	assert_string_equal(service->name, "http6");
	assert_null(snapshot_service_find(world->snapshot, &vip, 81, PROTOCOL_TCP));
	assert_non_null(snapshot_vip_by_addr(world->snapshot, &vip));
	assert_ptr_equal(snapshot_vip_by_id(
				 world->snapshot, snapshot_vip_by_addr(world->snapshot, &vip)->id),
		snapshot_vip_by_addr(world->snapshot, &vip));
	assert_string_equal(
		snapshot_backend_by_id(world->snapshot, backend_id(world, "pool1", "b2"))->name,
		"b2");
	assert_null(snapshot_backend_by_id(world->snapshot, 9999));
}

static void
ids_survive_new_snapshots(void **state)
{
	struct world *world = *state;
	uint16_t b2 = backend_id(world, "pool0", "b2");
	uint16_t b3 = backend_id(world, "pool0", "b3");
	size_t n;
	uint16_t http6 = snapshot_services(world->snapshot, &n)[WORLD_HTTP6].id;
	uint16_t b5;

	/* b1 goes, the others move up in the list, b5 comes. */
	memmove(&world->backends[0][0], &world->backends[0][1], 3 * sizeof(struct control_backend));
	snprintf(world->backends[0][3].name, CONTROL_NAME_SIZE, "b5");
	world->backends[0][3].addr = frame_addr("192.0.2.15");
	memmove(&world->services[0], &world->services[1], 3 * sizeof(struct control_service));
	world->state.n_services = 3;
	world_apply(world);

	assert_int_equal(backend_id(world, "pool0", "b2"), b2);
	assert_int_equal(backend_id(world, "pool0", "b3"), b3);
	b5 = backend_id(world, "pool0", "b5");
	assert_true(b5 > 8); /* Not b1's. */
	assert_true(snapshot_backend_by_id(world->snapshot, b5)->is_new);
	assert_false(snapshot_backend_by_id(world->snapshot, b2)->is_new);
	assert_int_equal(snapshot_services(world->snapshot, &n)[WORLD_HTTP6 - 1].id, http6);

	/* Another address under the same name is another backend. */
	world->backends[0][0].addr = frame_addr("192.0.2.99");
	world_apply(world);
	assert_int_not_equal(backend_id(world, "pool0", "b2"), b2);
}

static void
down_and_drained_backends_get_no_new_flows(void **state)
{
	struct world *world = *state;
	const struct snapshot *s;

	world->backends[0][0].up = false;
	world->backends[0][1].weight = 0;
	world_apply(world);
	s = world->snapshot;
	assert_false(table_has(s->pools[0].maglev, backend_id(world, "pool0", "b1")));
	assert_false(table_has(s->pools[0].maglev, backend_id(world, "pool0", "b2")));
	assert_true(table_has(s->pools[0].maglev, backend_id(world, "pool0", "b3")));
	assert_false(s->path_backends[backend_id(world, "pool0", "b1")].usable);
	assert_true(s->path_backends[backend_id(world, "pool0", "b2")].usable);

	for (int i = 0; i < WORLD_BACKENDS; i++)
		world->backends[0][i].up = false;
	world_apply(world);
	assert_null(world->snapshot->pools[0].maglev);
}

static void
tables_are_shared_until_their_members_change(void **state)
{
	struct world *world = *state;
	const struct maglev *four = world->snapshot->pools[0].maglev;
	const struct maglev *six = world->snapshot->pools[1].maglev;

	world->backends[0][0].weight = 50;
	world_apply(world);
	assert_ptr_not_equal(world->snapshot->pools[0].maglev, four);
	assert_ptr_equal(world->snapshot->pools[1].maglev, six);
	assert_ptr_equal(world->snapshot->path_services[WORLD_HTTP6].maglev, six);
	assert_ptr_equal(world->snapshot->path_services[WORLD_DNS6].maglev, six);
}

static void
next_hops_and_leases_are_released(void **state)
{
	struct world *world = *state;
	struct addr addr;
	uint32_t cursor = 0, n = 0;

	world->state.n_services = 0;
	world->state.n_pools = 0;
	world->state.n_routers = 0;
	world_apply(world);
	while (nexthop_next(world->nexthops, &cursor, &addr) != NEXTHOP_NONE)
		n++;
	assert_int_equal(n, 0);
	assert_int_equal(lease_find(world->leases, "front4"), LEASE_NONE);
}

/* Applies the state, which must be refused with words that contain 'word'. */
static void
assert_refused(struct world *world, const char *word)
{
	const struct snapshot_tables tables = {
		.ports = &world->ports, .nexthops = world->nexthops, .leases = world->leases};
	struct snapshot *snapshot = NULL;
	struct err err = {""};

	assert_true(snapshot_new(&snapshot, &world->state, world->snapshot, &tables, &err) < 0);
	assert_null(snapshot);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" does not name %s", err.text, word);
}

static void
bad_states_are_refused_by_name_and_change_nothing(void **state)
{
	struct world *world = *state;
	struct world saved = *world;
	struct addr addr;
	uint32_t cursor = 0, n = 0;

	snprintf(world->routers[1].port, CONTROL_NAME_SIZE, "nowhere");
	assert_refused(world, "nowhere");
	*world = saved;
	world->vips[1] = world->vips[0];
	assert_refused(world, WORLD_VIP4);
	*world = saved;
	world->backends[1][2].addr = frame_addr("192.0.2.77");
	assert_refused(world, "b3");
	*world = saved;
	world->backends[1][2] = world->backends[1][0];
	assert_refused(world, "b1");
	*world = saved;
	world->backends[1][3].addr.family = ADDR_NONE;
	assert_refused(world, "b4");
	*world = saved;
	snprintf(world->pools[1].name, CONTROL_NAME_SIZE, "pool0");
	assert_refused(world, "pool0");
	*world = saved;
	world->services[3].pool = 2;
	assert_refused(world, "dns6");
	*world = saved;
	world->services[3].protocol = 1;
	assert_refused(world, "dns6");
	*world = saved;
	world->services[3].mode = 99;
	assert_refused(world, "dns6");
	*world = saved;
	world->services[1] = world->services[0];
	assert_refused(world, "http4");
	*world = saved;

	while (nexthop_next(world->nexthops, &cursor, &addr) != NEXTHOP_NONE)
		n++;
	assert_int_equal(n, 8);
	world_apply(world); /* The good one still is. */
}

static void
ten_thousand_services_and_a_thousand_backends_fit(void **state)
{
	struct world *world = *state;
	struct control_service *services = calloc(CONTROL_SERVICES_MAX, sizeof(*services));
	struct control_backend *backends = calloc(CONTROL_BACKENDS_MAX, sizeof(*backends));

	assert_non_null(services);
	assert_non_null(backends);
	for (uint32_t i = 0; i < CONTROL_SERVICES_MAX; i++) {
		services[i] = world->services[WORLD_HTTP4];
		snprintf(services[i].name, CONTROL_NAME_SIZE, "s%u", i);
		services[i].port = (uint16_t)(i + 1);
	}
	for (uint32_t i = 0; i < CONTROL_BACKENDS_MAX; i++) {
		backends[i] = world->backends[0][0];
		snprintf(backends[i].name, CONTROL_NAME_SIZE, "b%u", i);
		backends[i].addr.bytes[2] = (uint8_t)(i >> 8);
		backends[i].addr.bytes[3] = (uint8_t)i;
	}
	world->state.services = services;
	world->state.n_services = CONTROL_SERVICES_MAX;
	world->pools[0].backends = backends;
	world->pools[0].n_backends = CONTROL_BACKENDS_MAX;
	world_apply(world);
	/* All of them anew: no id may be short. */
	for (uint32_t i = 0; i < CONTROL_SERVICES_MAX; i++)
		services[i].port = (uint16_t)(i + 20001);
	world_apply(world);
	free(services);
	free(backends);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test_setup_teardown(
			the_state_can_be_read_back, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			ids_survive_new_snapshots, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			down_and_drained_backends_get_no_new_flows, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(tables_are_shared_until_their_members_change,
			world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(
			next_hops_and_leases_are_released, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(bad_states_are_refused_by_name_and_change_nothing,
			world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(ten_thousand_services_and_a_thousand_backends_fit,
			world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
