/* SPDX-License-Identifier: BSD-3-Clause */
/* Holding virtual routers; see holder.h. */
#include "dataplane/holder.h"

#include "common/clock.h"
#include "common/log.h"
#include "dataplane/announce.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

LOG_MODULE("holder");

#define LEASE_MAX_NS (600 * NS_PER_S)

/* Announcements sent at once. More would overflow queues behind us; so many a millisecond are
 * all of a takeover of thousands of addresses in a twentieth of a second. */
#define ANNOUNCE_FRAMES_MAX 128

/* No round is under way. */
#define NO_ROUND SIZE_MAX

/* What is kept for one slot of the lease table. */
struct holding {
	char name[CONTROL_NAME_SIZE]; /* "": no such router in the snapshot. */
	bool held;
	uint64_t addresses; /* Hash, to see whether they have changed. */
	struct announce_schedule schedule;
	size_t next_frame; /* Of the round under way: its number, or NO_ROUND. */
};

struct holder {
	struct holder_config config;
	uv_timer_t timer;
	const struct snapshot *snapshot;
	struct holding holdings[LEASES_MAX];
};

/* FNV-1a of the router's addresses and their MAC. */
static uint64_t
hash_addresses(const struct snapshot_router *router)
{
	const uint8_t *bytes = (const uint8_t *)router->addresses;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < router->n_addresses * sizeof(*router->addresses); i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < sizeof(router->mac); i++)
		hash = (hash ^ router->mac[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static const struct snapshot_router *
routers(const struct holder *holder, size_t *n)
{
	*n = 0;
	return holder->snapshot ? snapshot_routers(holder->snapshot, n) : NULL;
}

/* Goes on with the round of 'router' while frames may be sent: '*n_left' of them. Every address
 * has been announced in one form before the first of them is in the other. */
static void
announce(struct holder *holder, const struct snapshot_router *router, struct holding *holding,
	unsigned int *n_left)
{
	uint8_t frame[ANNOUNCE_FRAME_MAX];

	for (; holding->next_frame < router->n_addresses * ANNOUNCE_FORMS; holding->next_frame++) {
		size_t i = holding->next_frame % router->n_addresses;
		unsigned int form = (unsigned int)(holding->next_frame / router->n_addresses);
		size_t size = announce_build(
			frame, sizeof(frame), form, &router->addresses[i], router->mac);

		if (size == 0)
			continue;
		if (*n_left == 0 ||
			holder->config.send(holder->config.ctx, router->port, frame, size) < 0) {
			*n_left = 0;
			return;
		}
		(*n_left)--;
	}
	holding->next_frame = NO_ROUND;
}

/* Ends a holding whose lease is over. */
static void
let_go(struct holding *holding, const char *why)
{
	holding->held = false;
	holding->next_frame = NO_ROUND;
	announce_stop(&holding->schedule);
	LOG_INFORM("virtual router %s: held -> not held: %s", holding->name, why);
}

static void
run(struct holder *holder, uint64_t now_ns)
{
	uint64_t next_ns = UINT64_MAX;
	unsigned int n_left = ANNOUNCE_FRAMES_MAX;
	size_t n;
	const struct snapshot_router *list = routers(holder, &n);

	for (size_t i = 0; i < n; i++) {
		struct holding *holding = &holder->holdings[list[i].lease];
		uint64_t until_ns = holder->config.leases->until_ns[list[i].lease];

		if (!holding->held)
			continue;
		if (now_ns >= until_ns) {
			let_go(holding, "the lease ran out");
			continue;
		}
		if (announce_due(&holding->schedule, now_ns) && holding->next_frame == NO_ROUND)
			holding->next_frame = 0;
		if (holding->next_frame != NO_ROUND)
			announce(holder, &list[i], holding, &n_left);
		if (holding->next_frame != NO_ROUND)
			next_ns = now_ns + NS_PER_MS;
		if (holding->schedule.next_ns < next_ns)
			next_ns = holding->schedule.next_ns;
		if (until_ns < next_ns)
			next_ns = until_ns;
	}
	if (next_ns == UINT64_MAX) {
		uv_timer_stop(&holder->timer);
		return;
	}
	uv_timer_set_repeat(&holder->timer,
		next_ns > now_ns ? (next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 1);
	uv_timer_again(&holder->timer);
}

static void
on_timer(uv_timer_t *timer)
{
	run(timer->data, clock_now_ns());
}

int
holder_new(struct holder **out, uv_loop_t *loop, const struct holder_config *config)
{
	struct holder *holder = calloc(1, sizeof(*holder));

	if (!holder)
		return -ENOMEM;
	holder->config = *config;
	uv_timer_init(loop, &holder->timer);
	holder->timer.data = holder;
	/* Gives uv_timer_again() its callback. */
	uv_timer_start(&holder->timer, on_timer, 1, 1);
	*out = holder;
	return 0;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
holder_free(struct holder *holder)
{
	if (holder)
		uv_close((uv_handle_t *)&holder->timer, on_closed);
}

void
holder_set_snapshot(struct holder *holder, const struct snapshot *snapshot)
{
	uint64_t now_ns = clock_now_ns();
	struct holding old[LEASES_MAX];
	size_t n;
	const struct snapshot_router *list;

	memcpy(old, holder->holdings, sizeof(old));
	memset(holder->holdings, 0, sizeof(holder->holdings));
	holder->snapshot = snapshot;
	list = routers(holder, &n);
	for (size_t i = 0; i < n; i++) {
		struct holding *holding = &holder->holdings[list[i].lease];
		const struct holding *before = &old[list[i].lease];
		uint64_t addresses = hash_addresses(&list[i]);

		if (strcmp(before->name, list[i].name) == 0) {
			*holding = *before;
		} else {
			memcpy(holding->name, list[i].name, sizeof(holding->name));
			announce_init(&holding->schedule);
			holding->next_frame = NO_ROUND;
		}
		if (holding->held && holding->addresses != addresses) {
			holding->next_frame = NO_ROUND;
			announce_start(&holding->schedule, now_ns);
		}
		holding->addresses = addresses;
	}
	run(holder, now_ns);
}

static bool
has_name(char (*names)[CONTROL_NAME_SIZE], size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

int
holder_set_lease(
	struct holder *holder, const struct control_lease *lease, uint64_t now_ns, struct err *err)
{
	size_t n;
	const struct snapshot_router *list = routers(holder, &n);

	/* Farther away than anybody means: the other end has another clock (a time namespace). */
	if (lease->until_ns > now_ns + LEASE_MAX_NS)
		return err_set(err, -EINVAL,
			"until_ns: %.3f s from now, may be %u s: run both processes by one clock",
			(double)(lease->until_ns - now_ns) / NS_PER_S,
			(unsigned int)(LEASE_MAX_NS / NS_PER_S));
	for (size_t i = 0; i < lease->n_held; i++) {
		uint16_t slot = lease_find(holder->config.leases, lease->held[i]);

		if (slot == LEASE_NONE)
			return err_set(err, -EINVAL,
				"held[%zu]: there is no virtual router '%s' in the state in force: "
				"push a state with it first",
				i, lease->held[i]);
	}
	for (size_t i = 0; i < n; i++) {
		struct holding *holding = &holder->holdings[list[i].lease];
		uint16_t slot = list[i].lease;

		if (!has_name(lease->held, lease->n_held, list[i].name)) {
			lease_set(holder->config.leases, slot, 0);
			if (holding->held)
				let_go(holding, "the control plane let go");
			continue;
		}
		/* A lease that ran out unnoticed is a gap: others may have answered in it. */
		if (holding->held && !lease_held(holder->config.leases, slot, now_ns))
			let_go(holding, "the lease ran out");
		if (!holding->held)
			lease_begin(holder->config.leases, slot, now_ns);
		lease_set(holder->config.leases, slot, lease->until_ns);
		if (!holding->held && now_ns < lease->until_ns) {
			holding->held = true;
			LOG_INFORM("virtual router %s: not held -> held", holding->name);
			announce_start(&holding->schedule, now_ns);
		}
		if (has_name(lease->announce, lease->n_announce, list[i].name))
			announce_again(&holding->schedule, now_ns);
	}
	run(holder, now_ns);
	return 0;
}

void
holder_look(struct holder *holder, uint64_t now_ns)
{
	bool any = false;
	size_t n;
	const struct snapshot_router *list = routers(holder, &n);

	for (size_t i = 0; i < n; i++) {
		struct holding *holding = &holder->holdings[list[i].lease];

		if (!lease_take_claim(holder->config.leases, list[i].lease) || !holding->held)
			continue;
		LOG_LIMITED(LOG_WARN,
			"virtual router %s: another station claims its addresses: announced again",
			list[i].name);
		announce_again(&holding->schedule, now_ns);
		any = true;
	}
	if (any)
		run(holder, now_ns);
}
