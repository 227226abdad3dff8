/* SPDX-License-Identifier: BSD-3-Clause */
/* Tries with nodes; see passage_try.h. */
#include "webtier/passage_try.h"

#include "common/clock.h"
#include "webtier/passage_queue.h"
#include "webtier/passage_spares.h"

#include <inttypes.h>

LOG_MODULE("proxy");

void
passage_end_try(struct passage *passage, enum outcome outcome)
{
	struct proxy *proxy = passage->proxy;
	struct upstream_node *node = &proxy->set->nodes[passage->node];

	balance_end(&proxy->balance, passage->node, outcome != OUTCOME_FAILED);
	if (outcome == OUTCOME_UNKNOWN)
		circuit_forget(&node->circuit, passage->ticket);
	else if (outcome == OUTCOME_WHOLE && circuit_succeed(&node->circuit))
		LOG_INFORM("%s (%s): its circuit is closed again", node->name, node->host);
	else if (outcome == OUTCOME_FAILED &&
		 circuit_fail(&node->circuit, passage->ticket, &proxy->circuit, clock_now_ns()))
		LOG_WARNING("%s (%s): its circuit is open for %" PRIu64 " ms", node->name,
			node->host, proxy->circuit.open_ns / NS_PER_MS);
	passage_queue_serve(proxy->waiting);
}

void
passage_let_go(struct passage *passage, bool success)
{
	struct upstream_conn *conn = passage->conn;

	if (!conn)
		return;
	passage->conn = NULL;
	passage_end_try(passage, success ? OUTCOME_WHOLE : OUTCOME_FAILED);
	if (success)
		upstream_pool_put(passage->proxy->pool, passage->node, conn);
	else
		upstream_conn_free(conn);
}

void
passage_note_failure(struct passage *passage, enum upstream_failure failure, const char *why)
{
	struct proxy *proxy = passage->proxy;
	struct upstream_node *node = &proxy->set->nodes[passage->node];

	if (failure == UPSTREAM_FAIL_CONNECT || failure == UPSTREAM_FAIL_CONNECT_TIMEOUT)
		upstream_eject(node, clock_now_ns());
	log_write_limited(&proxy->failure_limit, LOG_WARN, log_module, "%s (%s): %s", node->name,
		node->host, why);
}
