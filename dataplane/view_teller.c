/* SPDX-License-Identifier: BSD-3-Clause */
/* Tells the own views; see view_teller.h. */
#include "dataplane/view_teller.h"

#include "common/clock.h"
#include "dataplane/snapshot_former.h"
#include "dataplane/sync_views.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_NS NS_PER_S       /* Views that time changes are found within this. */
#define AHEAD_NS (2 * LOOK_NS) /* How long before it does the first step is taken. */
#define ARRIVAL_NS NS_PER_S    /* In which a view gets to the other node and into force there. */
/* A view is told again after this time. Of three nodes one may hear late, after a cut, what another
 * told while it held, and later than what the one that holds now has told. */
#define AGAIN_NS (5 * NS_PER_S)

/* The view of a router that was told last. */
struct told_view {
	bool told;
	uint64_t since_ns; /* When the router was gained for which it was told. */
	uint64_t digest;
	uint64_t told_ns;   /* 0: it is to be told again. */
	uint64_t asked_for; /* Digest of the view that workers go round their tables for. */
};

struct view_teller {
	struct view_teller_config config;
	const struct snapshot *snapshot;
	struct told_view told[LEASES_MAX]; /* By slot of the lease table. */
	uint64_t generation;
	uint64_t n_told;
	uint64_t looked_ns;          /* When views were looked at last. */
	bool look;                   /* They are to be looked at now. */
	bool changing;               /* The other node may not know all own views. */
	bool waiting;                /* Some wait until workers have gone round their tables. */
	uint64_t changed_ns;         /* When the last was told or may have changed; 0: just now. */
	struct sync_record *records; /* The view that is being told. */
	size_t n_records;
	size_t n_sent;
};

int
view_teller_new(struct view_teller **out, const struct view_teller_config *config)
{
	struct view_teller *teller = calloc(1, sizeof(*teller));

	if (!teller)
		return -ENOMEM;
	teller->config = *config;
	*out = teller;
	return 0;
}

/* No more of the view that was being told. */
static void
drop_records(struct view_teller *teller)
{
	free(teller->records);
	teller->records = NULL;
	teller->n_records = 0;
	teller->n_sent = 0;
}

void
view_teller_free(struct view_teller *teller)
{
	if (teller)
		drop_records(teller);
	free(teller);
}

static void
set_changing(struct view_teller *teller, bool changing)
{
	teller->changing = changing;
	sync_members_set_changing(teller->config.members, changing);
}

void
view_teller_prepare(struct view_teller *teller)
{
	set_changing(teller, true);
}

void
view_teller_set_snapshot(struct view_teller *teller, const struct snapshot *snapshot)
{
	teller->snapshot = snapshot;
	teller->look = true;
	teller->changed_ns = 0;
}

void
view_teller_restart(struct view_teller *teller)
{
	drop_records(teller);
	memset(teller->told, 0, sizeof(teller->told));
	teller->generation = 0;
	teller->waiting = false;
	teller->look = true;
}

void
view_teller_repeat(struct view_teller *teller)
{
	for (size_t i = 0; i < LEASES_MAX; i++)
		teller->told[i].told_ns = 0;
	teller->look = true;
}

/* Whether the view, which is another than was told, may be told by now. */
static bool
is_ripe(struct view_teller *teller, struct told_view *told, uint64_t digest)
{
	if (told->asked_for != digest) {
		told->asked_for = digest;
		set_changing(teller, true);
		sync_members_ask(teller->config.members, false);
	}
	return sync_members_are_told(teller->config.members);
}

/* Whether the view with the digest is to be told now in the place of 'told'. */
static bool
is_due(struct view_teller *teller, struct told_view *told, uint64_t digest, uint64_t now_ns)
{
	/* What was gained just now is what the node before told, so the other knows as much. */
	if (!told->told)
		return true;
	if (told->digest == digest) {
		told->asked_for = digest;
		return told->told_ns == 0 || now_ns - told->told_ns >= AGAIN_NS;
	}
	if (is_ripe(teller, told, digest))
		return true;
	teller->waiting = true;
	return false;
}

/* Makes the router's view the one that is told. */
static int
write_view(struct view_teller *teller, const struct snapshot_router *router, uint64_t digest,
	uint64_t now_ns)
{
	struct told_view *told = &teller->told[router->lease];
	int rc = sync_views_write(teller->snapshot, router, teller->config.leases, now_ns,
		&teller->records, &teller->n_records);

	if (rc < 0)
		return rc;
	sync_views_number(teller->records, ++teller->generation);
	if (!told->told || told->digest != digest)
		teller->changed_ns = now_ns;
	*told = (struct told_view){
		true, lease_since(teller->config.leases, router->lease), digest, now_ns, digest};
	teller->n_told++;
	return 0;
}

/* Whether the router is held and its view is to be looked at. */
static bool
is_wanted(struct view_teller *teller, uint16_t lease, uint64_t now_ns)
{
	struct told_view *told = &teller->told[lease];
	bool held = lease_held(teller->config.leases, lease, now_ns);

	/* In a gap between two looks, too, workers have told of nothing. */
	if (!held || told->since_ns != lease_since(teller->config.leases, lease))
		told->told = false;
	return held && (teller->look || !told->told);
}

/* Looks for a router whose view is due. */
static void
find_view(struct view_teller *teller, uint64_t now_ns, bool *gained)
{
	const struct lease_table *leases = teller->config.leases;
	size_t n;
	const struct snapshot_router *routers = snapshot_routers(teller->snapshot, &n);

	teller->waiting = teller->waiting && !teller->look;
	for (size_t i = 0; i < n; i++) {
		struct told_view *told = &teller->told[routers[i].lease];
		bool was_told;
		uint64_t digest;

		if (!is_wanted(teller, routers[i].lease, now_ns))
			continue;
		was_told = told->told;
		if (former_ends_within(
			    teller->snapshot, leases, routers[i].lease, AHEAD_NS, now_ns)) {
			set_changing(teller, true);
			teller->changed_ns = now_ns;
		}
		digest = sync_views_digest(teller->snapshot, &routers[i], leases, now_ns);
		if (!is_due(teller, told, digest, now_ns))
			continue;
		if (write_view(teller, &routers[i], digest, now_ns) == 0 && !was_told)
			*gained = true;
		return;
	}
	teller->look = false;
}

/* When views are to be looked at, and when the other node goes by them. */
static void
keep_time(struct view_teller *teller, uint64_t now_ns)
{
	if (now_ns - teller->looked_ns >= LOOK_NS ||
		(teller->waiting && sync_members_are_told(teller->config.members))) {
		teller->looked_ns = now_ns;
		teller->look = true;
	}
	if (!teller->changing || teller->waiting || teller->look)
		return;
	if (teller->changed_ns == 0)
		teller->changed_ns = now_ns;
	if (now_ns - teller->changed_ns >= ARRIVAL_NS)
		set_changing(teller, false);
}

bool
view_teller_run(struct view_teller *teller, uint64_t now_ns, bool *gained)
{
	keep_time(teller, now_ns);
	for (;;) {
		while (teller->n_sent < teller->n_records) {
			if (!teller->config.send(
				    teller->config.ctx, &teller->records[teller->n_sent]))
				return false;
			teller->n_sent++;
		}
		drop_records(teller);
		find_view(teller, now_ns, gained);
		if (!teller->records)
			return true;
	}
}

bool
view_teller_is_waiting(const struct view_teller *teller)
{
	return teller->waiting;
}

uint64_t
view_teller_n_told(const struct view_teller *teller)
{
	return teller->n_told;
}
