/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/eal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
pci_addresses_are_told_from_virtual_devices(void **state)
{
	(void)state;
	assert_true(eal_device_is_pci("0000:03:00.0"));
	assert_true(eal_device_is_pci("03:00.0"));
	assert_true(eal_device_is_pci("abcd:ef:1f.7"));
	assert_false(eal_device_is_pci("net_af_xdp0,iface=front"));
	assert_false(eal_device_is_pci("net_null0"));
	assert_false(eal_device_is_pci(""));
	assert_false(eal_device_is_pci("0000"));
}

static void
an_argument_of_a_device_is_found_by_its_whole_key(void **state)
{
	const char *device = "net_af_xdp0,xiface=no,iface=front,start_queue=0";
	char value[16];

	(void)state;
	assert_true(eal_device_argument(device, "iface", value, sizeof(value)));
	assert_string_equal(value, "front");
	assert_true(eal_device_argument(device, "start_queue", value, sizeof(value)));
	assert_string_equal(value, "0");
	assert_false(eal_device_argument(device, "start", value, sizeof(value)));
	assert_false(eal_device_argument(device, "net_af_xdp0", value, sizeof(value)));
	assert_false(eal_device_argument("net_null0", "iface", value, sizeof(value)));
}

static void
an_argument_that_does_not_fit_is_not_cut(void **state)
{
	char value[5] = "same";

	(void)state;
	assert_false(eal_device_argument("net_x0,iface=front", "iface", value, sizeof(value)));
	assert_string_equal(value, "same");
	assert_true(eal_device_argument("net_x0,iface=four", "iface", value, sizeof(value)));
	assert_string_equal(value, "four");
}

static void
a_node_has_the_workers_of_all_ports(void **state)
{
	struct lb_port ports[] = {{.n_queues = 1, .n_workers = 1}, {.n_queues = 1, .n_workers = 3}};
	struct lb_node lb = {.ports = ports, .n_ports = 2};

	(void)state;
	assert_int_equal(eal_n_workers(&lb), 4);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(pci_addresses_are_told_from_virtual_devices),
		cmocka_unit_test(an_argument_of_a_device_is_found_by_its_whole_key),
		cmocka_unit_test(an_argument_that_does_not_fit_is_not_cut),
		cmocka_unit_test(a_node_has_the_workers_of_all_ports),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
