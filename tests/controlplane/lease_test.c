/* SPDX-License-Identifier: BSD-3-Clause */
#include "controlplane/lease.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"front4", "front6", "back4"};

/* The dataplane takes the message. */
static void
assert_accepted(const struct control_lease *message)
{
	json_t *json = control_lease_encode(message);
	struct control_lease decoded;
	struct err err = {""};

	if (control_lease_decode(json, &decoded, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(decoded.n_held, message->n_held);
	control_lease_fini(&decoded);
	json_decref(json);
}

static struct control_lease
message(struct lease *lease, uint64_t now_ms)
{
	struct control_lease out;

	assert_int_equal(lease_message(lease, names, 3, now_ms * NS_PER_MS, &out), 0);
	assert_accepted(&out);
	return out;
}

static void
a_message_names_what_is_held_with_the_shortest_time(void **state)
{
	struct control_lease out;
	struct lease lease;

	(void)state;
	lease_init(&lease);
	lease_hold(&lease, 0, 1250 * NS_PER_MS);
	lease_hold(&lease, 2, 3500 * NS_PER_MS);
	assert_true(lease.changed);
	out = message(&lease, 1000);
	assert_int_equal(out.n_held, 2);
	assert_string_equal(out.held[0], "front4");
	assert_string_equal(out.held[1], "back4");
	assert_int_equal(out.until_ns, 1250 * NS_PER_MS);
	assert_false(lease.changed);
	control_lease_fini(&out);
}

static void
what_has_run_out_is_not_named(void **state)
{
	struct control_lease out;
	struct lease lease;

	(void)state;
	lease_init(&lease);
	lease_hold(&lease, 0, 1250 * NS_PER_MS);
	lease_hold(&lease, 1, 3500 * NS_PER_MS);
	assert_true(lease_is_held(&lease, 0, 1249 * NS_PER_MS));
	assert_false(lease_is_held(&lease, 0, 1250 * NS_PER_MS));
	out = message(&lease, 1250);
	assert_int_equal(out.n_held, 1);
	assert_string_equal(out.held[0], "front6");
	assert_int_equal(out.until_ns, 3500 * NS_PER_MS);
	control_lease_fini(&out);
	out = message(&lease, 9000);
	assert_int_equal(out.n_held, 0);
	control_lease_fini(&out);
}

static void
a_release_is_a_change_only_if_it_was_held(void **state)
{
	struct control_lease out;
	struct lease lease;

	(void)state;
	lease_init(&lease);
	lease_let_go(&lease, 1);
	assert_false(lease.changed);
	lease_hold(&lease, 1, 1250 * NS_PER_MS);
	out = message(&lease, 1000);
	control_lease_fini(&out);
	lease_let_go(&lease, 1);
	assert_true(lease.changed);
	out = message(&lease, 1000);
	assert_int_equal(out.n_held, 0);
	control_lease_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_message_names_what_is_held_with_the_shortest_time),
		cmocka_unit_test(what_has_run_out_is_not_named),
		cmocka_unit_test(a_release_is_a_change_only_if_it_was_held),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}
