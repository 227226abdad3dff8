/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/service.h"
#include "frames.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct service_key
key_of(const char *address, uint16_t port, uint8_t protocol)
{
	struct addr addr = frame_addr(address);
	struct service_key key = {
		.port = be16_from(port), .protocol = protocol, .family = addr.family};

	memcpy(key.address, addr.bytes, sizeof(key.address));
	return key;
}

static int
find(const struct service_table *table, const char *address, uint16_t port, uint8_t protocol)
{
	struct service_key key = key_of(address, port, protocol);
	const struct service_slot *slot = service_find(table, &key, service_hash(&key));

	return slot ? slot->service : -1;
}

static void
add(struct service_table *table, const char *address, uint16_t port, uint8_t protocol,
	uint16_t service)
{
	const struct service_slot slot = {
		.key = key_of(address, port, protocol), .vip = 5, .service = service};

	assert_int_equal(service_table_add(table, &slot), 0);
	assert_int_equal(service_table_add(table, &slot), -EEXIST);
}

static void
address_port_protocol_and_family_all_count(void **state)
{
	struct service_table table;

	(void)state;
	assert_int_equal(service_table_init(&table, 10), 0);
	add(&table, "192.0.2.1", 80, 6, 1);
	add(&table, "192.0.2.1", 80, 17, 2);
	add(&table, "192.0.2.1", 443, 6, 3);
	add(&table, "192.0.2.2", 80, 6, 4);
	add(&table, "c000:201::", 80, 6, 5); /* The bytes of 192.0.2.1. */
	assert_int_equal(find(&table, "192.0.2.1", 80, 6), 1);
	assert_int_equal(find(&table, "192.0.2.1", 80, 17), 2);
	assert_int_equal(find(&table, "192.0.2.1", 443, 6), 3);
	assert_int_equal(find(&table, "192.0.2.2", 80, 6), 4);
	assert_int_equal(find(&table, "c000:201::", 80, 6), 5);
	assert_int_equal(find(&table, "192.0.2.2", 443, 6), -1);
	assert_int_equal(find(&table, "192.0.2.3", 80, 6), -1);
	service_table_fini(&table);
}

static void
a_service_of_all_ports_takes_what_no_other_does(void **state)
{
	struct service_table table;

	(void)state;
	assert_int_equal(service_table_init(&table, 10), 0);
	add(&table, "192.0.2.1", 0, 6, 1);
	add(&table, "192.0.2.1", 80, 6, 2);
	assert_int_equal(find(&table, "192.0.2.1", 80, 6), 2);
	assert_int_equal(find(&table, "192.0.2.1", 81, 6), 1);
	assert_int_equal(find(&table, "192.0.2.1", 81, 17), -1);
	service_table_fini(&table);
}

static void
vips_and_services_do_not_meet(void **state)
{
	struct addr vip = frame_addr("2001:db8::1");
	struct service_table table;

	(void)state;
	assert_int_equal(service_table_init(&table, 10), 0);
	add(&table, "2001:db8::1", 0, 0, 0);
	assert_false(table.any_port);
	assert_int_equal(service_find_vip(&table, vip.bytes, ADDR_V6)->vip, 5);
	assert_null(service_find_vip(&table, vip.bytes, ADDR_V4));
	assert_int_equal(find(&table, "2001:db8::1", 80, 6), -1);
	service_table_fini(&table);
}

static void
ten_thousand_services_are_all_found_within_few_steps(void **state)
{
	struct service_table table;
	struct service_key key = key_of("10.0.0.0", 80, 6);
	struct service_slot added;
	uint32_t n_steps = 0, n_steps_max = 0;

	(void)state;
	assert_int_equal(service_table_init(&table, 10000), 0);
	for (uint16_t i = 0; i < 10000; i++) {
		key.address[2] = (uint8_t)(i >> 8);
		key.address[3] = (uint8_t)i;
		added = (struct service_slot){.key = key, .vip = 1, .service = i};
		assert_int_equal(service_table_add(&table, &added), 0);
	}
	for (uint16_t i = 0; i < 10000; i++) {
		const struct service_slot *slot;
		uint32_t hash, n;

		key.address[2] = (uint8_t)(i >> 8);
		key.address[3] = (uint8_t)i;
		hash = service_hash(&key);
		slot = service_find(&table, &key, hash);
		assert_non_null(slot);
		assert_int_equal(slot->service, i);
		n = ((uint32_t)(slot - table.slots) - hash) & table.mask;
		n_steps += n;
		if (n > n_steps_max)
			n_steps_max = n;
	}
	/* Linear probing at a third full: half a step on average would be a bad hash. */
	assert_in_range(n_steps, 0, 5000);
	assert_in_range(n_steps_max, 0, 30);
	service_table_fini(&table);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(address_port_protocol_and_family_all_count),
		cmocka_unit_test(a_service_of_all_ports_takes_what_no_other_does),
		cmocka_unit_test(vips_and_services_do_not_meet),
		cmocka_unit_test(ten_thousand_services_are_all_found_within_few_steps),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
