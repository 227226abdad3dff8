/* SPDX-License-Identifier: BSD-3-Clause */
/* What each client may do, on a clock of the test's own. */
#include "common/clock.h"
#include "common/http/clients.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW (1000 * NS_PER_S)

static struct addr
at(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr, NULL), 0);
	return addr;
}

static struct clients *
make(const struct clients_config *config)
{
	struct clients *clients;

	assert_int_equal(clients_new(&clients, config), 0);
	return clients;
}

static bool
enter(struct clients *clients, const char *text)
{
	struct addr addr = at(text);

	return clients_enter(clients, &addr, NOW);
}

static void
leave(struct clients *clients, const char *text)
{
	struct addr addr = at(text);

	clients_leave(clients, &addr);
}

static unsigned int
count_requests(struct clients *clients, const char *text, unsigned int n, uint64_t now_ns)
{
	struct addr addr = at(text);
	unsigned int n_allowed = 0;

	for (unsigned int i = 0; i < n; i++)
		n_allowed += clients_request(clients, &addr, now_ns);
	return n_allowed;
}

static void
connections_are_counted_by_client(void **state)
{
	struct clients *clients =
		make(&(struct clients_config){.max_connections = 2, .n_places = 1000});

	(void)state;
	assert_true(enter(clients, "192.0.2.1"));
	assert_true(enter(clients, "192.0.2.1"));
	assert_false(enter(clients, "192.0.2.1"));
	assert_true(enter(clients, "192.0.2.2"));
	leave(clients, "192.0.2.1");
	assert_true(enter(clients, "192.0.2.1"));
	assert_false(enter(clients, "192.0.2.1"));
	/* An IPv6 client is a prefix of 64 bits. */
	assert_true(enter(clients, "2001:db8::1"));
	assert_true(enter(clients, "2001:db8::2"));
	assert_false(enter(clients, "2001:db8::ffff:3"));
	assert_true(enter(clients, "2001:db8:0:1::1"));
	assert_int_equal(clients_n_untracked(clients), 0);
	clients_free(clients);
}

static void
requests_come_in_bursts_and_then_at_the_rate(void **state)
{
	struct clients *clients =
		make(&(struct clients_config){.requests_per_s = 10, .burst = 5, .n_places = 1000});

	(void)state;
	assert_int_equal(count_requests(clients, "192.0.2.1", 20, NOW), 5);
	assert_int_equal(count_requests(clients, "192.0.2.2", 20, NOW), 5);
	assert_int_equal(count_requests(clients, "192.0.2.1", 20, NOW + NS_PER_S / 10 - 1), 0);
	assert_int_equal(count_requests(clients, "192.0.2.1", 20, NOW + NS_PER_S / 10), 1);
	assert_int_equal(count_requests(clients, "192.0.2.1", 20, NOW + 3 * NS_PER_S / 10), 2);
	/* No more than a burst gathers, however long it was silent. */
	assert_int_equal(count_requests(clients, "192.0.2.1", 20, NOW + 100 * NS_PER_S), 5);
	clients_free(clients);
}

static void
the_exempt_may_do_anything(void **state)
{
	struct prefix exempt[2];
	struct clients *clients;

	(void)state;
	assert_int_equal(prefix_parse("192.0.2.0/24", &exempt[0], NULL), 0);
	assert_int_equal(prefix_parse("2001:db8::/32", &exempt[1], NULL), 0);
	clients = make(&(struct clients_config){.max_connections = 1,
		.requests_per_s = 1,
		.burst = 1,
		.exempt = exempt,
		.n_exempt = 2,
		.n_places = 1000});
	for (int i = 0; i < 10; i++) {
		assert_true(enter(clients, "192.0.2.7"));
		assert_true(enter(clients, "2001:db8:7::1"));
	}
	assert_int_equal(count_requests(clients, "192.0.2.7", 10, NOW), 10);
	assert_true(enter(clients, "198.51.100.1"));
	assert_false(enter(clients, "198.51.100.1"));
	clients_free(clients);
}

static void
places_are_given_to_others_when_their_clients_mean_nothing_any_more(void **state)
{
	struct clients *clients = make(&(struct clients_config){
		.max_connections = 1, .requests_per_s = 1, .burst = 1, .n_places = 1});
	unsigned int n_at_work = 0;
	char text[20];

	(void)state;
	/* Far more clients than places: those that are gone make room, so each is known. */
	for (unsigned int i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i / 256, i % 256);
		assert_true(enter(clients, text));
		assert_false(enter(clients, text));
		leave(clients, text);
	}
	assert_int_equal(clients_n_untracked(clients), 0);
	/* Those that stay do not: the rest is let in and counted. */
	for (unsigned int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u", i / 256, i % 256);
		assert_true(enter(clients, text));
		n_at_work++;
	}
	assert_true(clients_n_untracked(clients) > 0);
	assert_true(clients_n_untracked(clients) < n_at_work);
	clients_free(clients);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(connections_are_counted_by_client),
		cmocka_unit_test(requests_come_in_bursts_and_then_at_the_rate),
		cmocka_unit_test(the_exempt_may_do_anything),
		cmocka_unit_test(
			places_are_given_to_others_when_their_clients_mean_nothing_any_more),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
