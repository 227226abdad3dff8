/* SPDX-License-Identifier: BSD-3-Clause */
/* 'weirctl drain'; see weirctl_drain.h. The waiting is done here and not by the control plane: who
 * interrupts it stops nothing, and nobody keeps a request open for hours. */
#include "controlplane/weirctl_drain.h"

#include "common/clock.h"
#include "controlplane/weirctl_cells.h"
#include "controlplane/weirctl_request.h"

#include <errno.h>
#include <time.h>

#define LOOK_EVERY_MS 250

/* What is waited for. */
struct patience {
	bool waits;
	json_int_t until_flows;
	json_int_t timeout_s; /* -1: for ever. */
};

/* Takes what the control plane need not know out of 'params'. */
static int
take_patience(json_t *params, struct patience *out, struct err *err)
{
	json_t *until = json_object_get(params, "until_flows");
	json_t *timeout = json_object_get(params, "timeout");

	*out = (struct patience){
		.waits = json_is_true(json_object_get(params, "wait")),
		.until_flows = json_integer_value(until),
		.timeout_s = timeout ? json_integer_value(timeout) : -1,
	};
	if (!out->waits && (until || timeout))
		return err_set(err, -EINVAL, "--until-flows and --timeout go with --wait");
	if (out->until_flows < 0 || (timeout && out->timeout_s < 0))
		return err_set(err, -EINVAL, "%s must not be negative",
			out->until_flows < 0 ? "--until-flows" : "--timeout");
	json_object_del(params, "wait");
	json_object_del(params, "until_flows");
	json_object_del(params, "timeout");
	return 0;
}

/* Counts the flows of the drained backends, and puts the number of each into 'answer'. */
static int
count_flows(json_t *answer, json_t *backends, json_int_t *total, struct err *err)
{
	json_t *drained, *backend;
	size_t i, j;

	*total = 0;
	json_array_foreach(json_object_get(answer, "backends"), i, drained)
	{
		json_array_foreach(backends, j, backend)
		{
			json_t *flows = json_object_get(backend, "active_flows");

			if (!json_equal(json_object_get(backend, "pool"),
				    json_object_get(drained, "pool")))
				continue;
			if (!json_is_true(json_object_get(backend, "drained")))
				return err_set(err, -ECANCELED,
					"backend %s of pool %s is no longer drained: somebody has "
					"undrained it, or the control plane was restarted",
					text_of(drained, "backend"), text_of(drained, "pool"));
			if (!json_is_integer(flows))
				return err_set(err, -ENOTCONN,
					"the backend is drained, but its flows cannot be counted: "
					"see 'weirctl status' for the dataplane's state");
			json_object_set(drained, "active_flows", flows);
			*total += json_integer_value(flows);
		}
	}
	return 0;
}

/* Waits as wanted and completes 'answer'. */
static int
wait_for_flows(const char *socket, json_t *params, const struct patience *patience, json_t *answer,
	struct err *err)
{
	const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * (long)NS_PER_MS};
	uint64_t start_ns = clock_now_ns();

	for (;;) {
		json_t *backends = request_send(socket, "backends", json_incref(params), err);
		double waited_s = (double)(clock_now_ns() - start_ns) / (double)NS_PER_S;
		json_int_t flows = 0;
		bool done, over;
		int rc;

		if (!backends)
			return -EIO;
		rc = count_flows(answer, backends, &flows, err);
		json_decref(backends);
		if (rc < 0)
			return rc;
		done = flows <= patience->until_flows;
		over = patience->timeout_s >= 0 && waited_s >= (double)patience->timeout_s;
		if (done || over) {
			json_object_set_new(answer, "flows", json_integer(flows));
			json_object_set_new(answer, "waited_s", json_real(waited_s));
			json_object_set_new(answer, "done", json_boolean(done));
			return 0;
		}
		nanosleep(&pause, NULL);
	}
}

json_t *
drain_send(const struct arguments *arguments, const char *socket, struct err *err)
{
	json_t *params = json_copy(arguments->params);
	struct patience patience;
	json_t *answer = NULL;

	if (take_patience(params, &patience, err) == 0)
		answer = request_send(socket, "drain", json_incref(params), err);
	if (answer && patience.waits &&
		wait_for_flows(socket, params, &patience, answer, err) < 0) {
		json_decref(answer);
		answer = NULL;
	}
	json_decref(params);
	return answer;
}

int
drain_status(json_t *answer)
{
	return json_is_false(json_object_get(answer, "done")) ? EXIT_FLOWS_LEFT : EXIT_DONE;
}
