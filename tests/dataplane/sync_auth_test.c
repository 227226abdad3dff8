/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/sync_auth.h"

#include "dataplane/sync_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SIZE (SYNC_HEADER_SIZE + 10)

static const struct flow_sync_key old_key = {.id = 1, .size = 16, .secret = "0123456789abcdef"};
static const struct flow_sync_key new_key = {.id = 2, .size = 17, .secret = "another secret !!"};
static const struct flow_sync_key like_old = {.id = 1, .size = 16, .secret = "0123456789abcdeF"};

static struct sync_auth *
ring(const struct flow_sync_key *first, const struct flow_sync_key *second)
{
	struct flow_sync_key keys[2] = {*first};
	struct sync_auth *auth = NULL;

	if (second)
		keys[1] = *second;
	assert_int_equal(sync_auth_new(&auth, keys, second ? 2 : 1, NULL), 0);
	return auth;
}

/* Whether what a ring signs is accepted by another. */
static bool
accepted(struct sync_auth *from, struct sync_auth *to)
{
	uint8_t datagram[SIZE + SYNC_TAG_SIZE] = {1, 2, 3};

	assert_int_equal(sync_auth_sign(from, datagram, SIZE), sizeof(datagram));
	return sync_auth_check(to, datagram, sizeof(datagram)) == SIZE;
}

static void
a_changed_bit_anywhere_is_noticed(void **state)
{
	struct sync_auth *auth = ring(&old_key, NULL);
	uint8_t datagram[SIZE + SYNC_TAG_SIZE] = {0};

	(void)state;
	assert_int_equal(sync_auth_sign(auth, datagram, SIZE), sizeof(datagram));
	for (size_t bit = 0; bit < 8 * sizeof(datagram); bit++) {
		datagram[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(sync_auth_check(auth, datagram, sizeof(datagram)), 0);
		datagram[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t size = 0; size < sizeof(datagram); size++)
		assert_int_equal(sync_auth_check(auth, datagram, size), 0);
	assert_int_equal(sync_auth_check(auth, datagram, sizeof(datagram)), SIZE);
	sync_auth_free(auth);
}

static void
another_secret_of_the_same_id_is_refused(void **state)
{
	struct sync_auth *a = ring(&old_key, NULL), *b = ring(&like_old, NULL);

	(void)state;
	assert_false(accepted(a, b));
	sync_auth_free(a);
	sync_auth_free(b);
}

/* old | old new | new old | new, one node a step ahead of the other. */
static void
keys_roll_without_a_gap(void **state)
{
	struct sync_auth *steps[] = {ring(&old_key, NULL), ring(&old_key, &new_key),
		ring(&new_key, &old_key), ring(&new_key, NULL)};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_true(accepted(steps[i], steps[i + 1]));
		assert_true(accepted(steps[i + 1], steps[i]));
	}
	assert_false(accepted(steps[0], steps[3]));
	assert_false(accepted(steps[3], steps[0]));
	for (size_t i = 0; i < 4; i++)
		sync_auth_free(steps[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_bit_anywhere_is_noticed),
		cmocka_unit_test(another_secret_of_the_same_id_is_refused),
		cmocka_unit_test(keys_roll_without_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
