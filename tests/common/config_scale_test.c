/* SPDX-License-Identifier: BSD-3-Clause */
/* Files as large as they may be: what is given twice is found among ten thousand, and the first in
 * the file's order is named. */
#include "common/config.h"

#include "common/control.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N_SERVICES CONTROL_SERVICES_MAX
#define N_BACKENDS CONTROL_BACKENDS_MAX
#define N_POOLS 200
#define PORTS 40 /* Services of one address. */

/* What a file says other than the plain one: that item 'item' is like item 'of'. */
struct twin {
	int item, of;
};

struct deviation {
	struct twin names, keys, backends, addresses, pools;
	const char *says;
};

static int
resolve(struct twin twin, int i)
{
	return twin.item > 0 && i == twin.item ? twin.of : i;
}

static void
write_head(FILE *file)
{
	fputs("cluster: scale\n"
	      "nodes:\n"
	      "  - name: lb1\n"
	      "    role: lb\n"
	      "    metrics: 10.9.1.1:9100\n"
	      "    lb:\n"
	      "      control_socket: dataplane.sock\n"
	      "      admin_socket: admin.sock\n"
	      "      ports: [{name: front, device: net_null0, host_interface: weir0}]\n"
	      "virtual_routers:\n"
	      "  - name: front\n"
	      "    vrid: 51\n"
	      "    port: front\n"
	      "    members: [{node: lb1, priority: 200}]\n"
	      "    addresses:\n",
		file);
	for (int i = 0; i < N_SERVICES / PORTS; i++)
		fprintf(file, "      - 10.9.0.%d\n", i + 1);
}

static char *
write_file(const struct deviation *d, size_t *size)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, size);

	assert_non_null(file);
	write_head(file);
	fputs("pools:\n  - name: big\n    backends:\n", file);
	for (int i = 0; i < N_BACKENDS; i++) {
		int host = resolve(d->addresses, i);

		fprintf(file, "      - {name: b%d, address: 10.8.%d.%d}\n", resolve(d->backends, i),
			host / 250, host % 250 + 1);
	}
	for (int i = 0; i < N_POOLS; i++)
		fprintf(file, "  - {name: p%d, backends: [{name: a, address: 10.7.0.1}]}\n",
			resolve(d->pools, i));
	fputs("services:\n", file);
	for (int i = 0; i < N_SERVICES; i++) {
		int key = resolve(d->keys, i);

		fprintf(file, "  - {name: s%d, address: 10.9.0.%d, port: %d, protocol: tcp, ",
			resolve(d->names, i), key / PORTS + 1, 8000 + key % PORTS);
		if (i % 2)
			fprintf(file, "pool: p%d}\n", i % N_POOLS);
		else
			fputs("pool: big}\n", file);
	}
	fclose(file);
	return text;
}

static int
read_back(const struct deviation *deviation, struct model **model, struct err *err)
{
	size_t size;
	char *text = write_file(deviation, &size);
	int rc = config_parse(text, size, "weir.yaml", model, err);

	free(text);
	return rc;
}

static void
ten_thousand_services_find_their_pools_and_routers(void **state)
{
	static const struct deviation none = {.says = ""};
	struct model *model = NULL;
	struct err err = {""};

	(void)state;
	if (read_back(&none, &model, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(model->n_services, N_SERVICES);
	assert_int_equal(model->pools[0].n_backends, N_BACKENDS);
	for (int i = 0; i < N_SERVICES; i++) {
		char name[CONTROL_NAME_SIZE];

		snprintf(name, sizeof(name), i % 2 ? "p%d" : "big", i % N_POOLS);
		assert_string_equal(model->services[i].pool->name, name);
		assert_ptr_equal(model->services[i].router, &model->routers[0]);
	}
	model_free(model);
}

static void
what_is_given_twice_is_named_wherever_it_is(void **state)
{
	static const struct deviation deviations[] = {
		{.names = {9999, 0}, .says = "services[9999].name: 's0' is used twice"},
		{.names = {5001, 5000}, .says = "services[5001].name: 's5000' is used twice"},
		{.keys = {9000, 7},
			.says = "services[9000].address: 's7' has the same address, port and "
				"protocol"},
		{.keys = {100, 99}, .says = "services[100].address: 's99' has the same"},
		{.backends = {999, 3},
			.says = "pools[0].backends[999].name: 'b3' is used twice in this pool"},
		{.addresses = {500, 300},
			.says = "pools[0].backends[500].address: '10.8.1.51' is used twice in "
				"this pool"},
		{.pools = {150, 149}, .says = "pools[151].name: 'p149' is used twice"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(deviations) / sizeof(deviations[0]); i++) {
		struct model *model = NULL;
		struct err err = {""};

		assert_int_equal(read_back(&deviations[i], &model, &err), -EINVAL);
		assert_null(model);
		if (!strstr(err.text, deviations[i].says))
			fail_msg("expected '%s' in: %s", deviations[i].says, err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(ten_thousand_services_find_their_pools_and_routers),
		cmocka_unit_test(what_is_given_twice_is_named_wherever_it_is),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
