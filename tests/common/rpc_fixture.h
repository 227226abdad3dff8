/* SPDX-License-Identifier: BSD-3-Clause */
/* A server and a client on one loop, for the tests of the RPC. Each test has a folder of its own
 * with the server's socket in it. */
#ifndef TESTS_COMMON_RPC_FIXTURE_H
#define TESTS_COMMON_RPC_FIXTURE_H

#include "common/rpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DEADLINE_MS 60000

struct fixture {
	uv_loop_t loop;
	char folder[64];
	char path[96];
	struct rpc_server *server;
	struct rpc_client *client;
	struct rpc_pending *pending; /* Of the method "later". */
	int n_connects, n_disconnects;
	int n_results, n_errors;
	json_t *result;
	char error[256];
	bool timed_out;
};

/* Methods "echo" (its params), "fail" ("no luck") and "later" (deferred to 'pending'). */
extern const struct rpc_method fixture_methods[];

int set_up(void **state);
int tear_down(void **state);

/* Runs the loop until '*value' is at least 'wanted'; fails the test when it takes too long. */
void run_until(struct fixture *fixture, const int *value, int wanted);

/* Sets '*timer->data', a bool. */
void on_timeout(uv_timer_t *timer);

/* Count and keep what the client is told. */
void on_state(void *ctx, bool connected);
void on_reply(void *ctx, json_t *result, const char *error);

/* Makes the client and waits until it is connected. */
void connect_client(struct fixture *fixture);

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif /* TESTS_COMMON_RPC_FIXTURE_H */
