/* SPDX-License-Identifier: BSD-3-Clause */
/* Node lb1 of the sample cluster with a real admin socket, and a dataplane that is a server with
 * fixed answers; all in one loop and below one temporary folder. */
#ifndef TESTS_CONTROLPLANE_ADMIN_FIXTURE_H
#define TESTS_CONTROLPLANE_ADMIN_FIXTURE_H

#include "common/config.h"
#include "common/rpc.h"
#include "controlplane/admin.h"
#include "controlplane/cluster.h"
#include "controlplane/dataplane_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include <cmocka.h>

struct fixture {
	uv_loop_t loop;
	char folder[64];
	struct model *model;
	struct cluster *cluster;
	struct dataplane_client *client;
	struct admin *admin;
	struct rpc_server *dataplane; /* NULL until dataplane_start(). */
	json_t *flows_params;         /* What the dataplane was last asked for. */
	size_t n_failovers;
	bool timed_out;
};

int set_up(void **state);
int tear_down(void **state);

/* Starts the dataplane and waits until the client is connected. */
void dataplane_start(struct fixture *fixture);

/* Runs the loop until '*done'; fails the test when it takes too long. */
void run_until(struct fixture *fixture, const bool *done);

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif /* TESTS_CONTROLPLANE_ADMIN_FIXTURE_H */
