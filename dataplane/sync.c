/* SPDX-License-Identifier: BSD-3-Clause */
/* Flow sync of this node as a whole; see sync.h. */
#include "dataplane/sync.h"

#include "common/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define RUN_NS UINT64_C(100000000) /* sync_flows_run() wants to be called so often. */

struct sync {
	struct sync_config config;
	struct sync_flows *flows;
	struct sync_peers *peers;
	uv_prepare_t prepare;
	uv_timer_t timer;
	uv_async_t news;    /* Workers have some. */
	bool views_changed; /* And nobody has been told. */
	bool there;         /* There is somebody to tell. */
	bool has_handles;
};

/* --- Between flows and peers --- */

static bool
send_record(void *ctx, const struct sync_record *record)
{
	struct sync *sync = ctx;

	return sync_peers_send(sync->peers, record);
}

/* Called by workers. */
static void
wake(void *ctx)
{
	struct sync *sync = ctx;

	uv_async_send(&sync->news);
}

static void
meet(void *ctx, unsigned int peer)
{
	struct sync *sync = ctx;

	sync_flows_meet(sync->flows, peer);
}

static void
take(void *ctx, unsigned int peer, const struct sync_record *record)
{
	struct sync *sync = ctx;

	if (sync_flows_receive(sync->flows, peer, record, clock_now_ns()))
		sync->views_changed = true;
}

static void
want_all(void *ctx)
{
	struct sync *sync = ctx;

	if (sync->there)
		sync_flows_resend(sync->flows);
	else
		sync_flows_set_peer(sync->flows, true);
	sync->there = true;
}

static void
gone(void *ctx)
{
	struct sync *sync = ctx;

	sync->there = false;
	sync_flows_set_peer(sync->flows, false);
}

/* --- The loop --- */

static void
on_timer(uv_timer_t *timer)
{
	(void)timer; /* It is there to end the loop's wait. */
}

static void
on_news(uv_async_t *async)
{
	(void)async; /* As the timer. */
}

static void
set_timer(struct sync *sync, bool again, uint64_t now_ns)
{
	uint64_t deadline = sync_peers_deadline(sync->peers);
	uint64_t wait_ns = 0;

	if (deadline > now_ns + RUN_NS)
		deadline = now_ns + RUN_NS;
	if (!again && deadline > now_ns)
		wait_ns = deadline - now_ns;
	uv_update_time(sync->timer.loop);
	uv_timer_start(&sync->timer, on_timer, (wait_ns + NS_PER_MS - 1) / NS_PER_MS, 0);
}

static void
on_prepare(uv_prepare_t *prepare)
{
	struct sync *sync = prepare->data;
	uint64_t now_ns = clock_now_ns();
	bool again;

	if (sync->views_changed) {
		sync->views_changed = false;
		sync->config.on_views(sync->config.ctx);
	}
	if (sync_peers_deadline(sync->peers) == UINT64_MAX) {
		uv_timer_stop(&sync->timer);
		return;
	}
	again = sync_flows_run(sync->flows, now_ns);
	sync_peers_run(sync->peers, now_ns);
	set_timer(sync, again, now_ns);
}

static void
start_handles(struct sync *sync, uv_loop_t *loop)
{
	uv_prepare_init(loop, &sync->prepare);
	uv_timer_init(loop, &sync->timer);
	uv_async_init(loop, &sync->news, on_news);
	sync->prepare.data = sync;
	uv_prepare_start(&sync->prepare, on_prepare);
	sync->has_handles = true;
}

/* --- The whole --- */

int
sync_new(struct sync **out, uv_loop_t *loop, const struct sync_config *config, struct err *err)
{
	struct sync *sync = calloc(1, sizeof(*sync));
	struct sync_flows_config flows = {.n_flows = config->n_flows,
		.memory = memory_heap(),
		.leases = config->leases,
		.send = send_record,
		.wake = wake,
		.ctx = sync};
	struct sync_peers_config peers = {.node = config->node,
		.meet = meet,
		.take = take,
		.want_all = want_all,
		.gone = gone,
		.ctx = sync};
	int rc = -ENOMEM;

	if (sync && getrandom(&flows.seed, sizeof(flows.seed), 0) == sizeof(flows.seed)) {
		sync->config = *config;
		rc = sync_flows_new(&sync->flows, &flows);
		if (rc == 0)
			rc = sync_peers_new(&sync->peers, loop, &peers);
	}
	if (rc < 0) {
		if (sync)
			sync_flows_free(sync->flows);
		free(sync);
		return err_set(err, rc, "no memory for the %u flows of another node: lower flows",
			config->n_flows);
	}
	start_handles(sync, loop);
	*out = sync;
	return 0;
}

void
sync_close(struct sync *sync)
{
	if (!sync || !sync->has_handles)
		return;
	sync_peers_free(sync->peers);
	sync->peers = NULL;
	uv_close((uv_handle_t *)&sync->prepare, NULL);
	uv_close((uv_handle_t *)&sync->timer, NULL);
	uv_close((uv_handle_t *)&sync->news, NULL);
	sync->has_handles = false;
}

void
sync_free(struct sync *sync)
{
	if (!sync)
		return;
	sync_flows_free(sync->flows);
	free(sync);
}

struct sync_flows *
sync_flows_of(struct sync *sync)
{
	return sync ? sync->flows : NULL;
}

int
sync_configure(struct sync *sync, const struct flow_sync *config, struct err *err)
{
	if (sync)
		return sync_peers_configure(sync->peers, config, err);
	if (config->listen.addr.family == ADDR_NONE)
		return 0;
	return err_set(err, -EBUSY,
		"sync: this dataplane was started without the key 'flow_sync': restart it");
}

bool
sync_is_synced(const struct sync *sync)
{
	return !sync || sync_peers_are_synced(sync->peers, clock_now_ns());
}

/* --- Showing --- */

static json_t *
show_session_counters(const struct sync_session_counters *counters)
{
	json_t *out = json_object();

#define SYNC_SESSION_COUNTER(member, name, help) \
	json_object_set_new(out, name, json_integer((json_int_t)counters->member));
	SYNC_SESSION_COUNTERS
#undef SYNC_SESSION_COUNTER
	return out;
}

static json_t *
show_counters(const struct sync *sync)
{
	const struct sync_counters *counters = sync_flows_counters(sync->flows);
	const struct sync_strays *strays = sync_peers_strays(sync->peers);
	json_t *out = json_object();

#define SYNC_COUNTER(name, help) \
	json_object_set_new(out, #name, json_integer((json_int_t)counters->name));
	SYNC_COUNTERS
#undef SYNC_COUNTER
	json_object_set_new(out, "strangers", json_integer((json_int_t)strays->strangers));
	json_object_set_new(out, "forged", json_integer((json_int_t)strays->forged));
	return out;
}

static json_t *
show_peer(const struct sync_peer_view *peer)
{
	char text[ENDPOINT_TEXT_SIZE];

	return json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", peer->name, "address",
		endpoint_format(&peer->endpoint, text, sizeof(text)), "state",
		peer->up ? "up" : "down", "synced", peer->synced, "counters",
		show_session_counters(peer->counters));
}

json_t *
sync_show(const struct sync *sync)
{
	const struct flow_sync *configured = sync ? sync_peers_configured(sync->peers) : NULL;
	uint64_t now_ns = clock_now_ns();
	char text[ENDPOINT_TEXT_SIZE];
	json_t *peers;

	if (!configured || configured->listen.addr.family == ADDR_NONE)
		return json_null();
	peers = json_array();
	for (size_t i = 0; i < configured->n_peers; i++) {
		struct sync_peer_view peer = sync_peers_view(sync->peers, i, now_ns);

		json_array_append_new(peers, show_peer(&peer));
	}
	return json_pack("{s:s, s:b, s:I, s:o, s:o}", "listen",
		endpoint_format(&configured->listen, text, sizeof(text)), "synced",
		sync_is_synced(sync), "remote_flows",
		(json_int_t)flow_count(sync_flows_remote(sync->flows)), "counters",
		show_counters(sync), "peers", peers);
}
