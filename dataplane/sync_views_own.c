/* SPDX-License-Identifier: BSD-3-Clause */
/* The own view of a virtual router; see sync_views.h. It is what former_table() says: the table of
 * the node that held before for as long as this one goes by it, then the own one. */
#include "dataplane/snapshot_former.h"
#include "dataplane/sync_views.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The tables of a router's pools, each once. */
struct tables {
	const struct maglev **by_pool; /* NULL: nobody takes new flows. */
	bool *used;
	size_t n;
	size_t n_parts; /* Records that they take. */
};

static size_t
n_parts(const struct maglev *table)
{
	size_t n = table ? table->n_members : 0;

	return n == 0 ? 1 : (n + SYNC_PART_TAKERS - 1) / SYNC_PART_TAKERS;
}

static void
tables_fini(struct tables *tables)
{
	free(tables->by_pool);
	free(tables->used);
}

static int
tables_init(struct tables *tables, const struct snapshot *snapshot,
	const struct snapshot_router *router, const struct lease_table *leases, uint64_t now_ns)
{
	*tables = (struct tables){
		.by_pool = calloc(snapshot->n_pools + 1, sizeof(const struct maglev *)),
		.used = calloc(snapshot->n_pools + 1, sizeof(*tables->used)),
	};
	if (!tables->by_pool || !tables->used) {
		tables_fini(tables);
		return -ENOMEM;
	}
	for (size_t i = 0; i < snapshot->n_services; i++) {
		const struct snapshot_service *service = &snapshot->services[i];
		const struct snapshot_vip *vip = snapshot_vip_by_addr(snapshot, &service->address);

		if (!vip || vip->lease != router->lease || tables->used[service->pool])
			continue;
		tables->used[service->pool] = true;
		tables->by_pool[service->pool] =
			former_table(snapshot, (uint32_t)i, leases, now_ns);
		tables->n++;
		tables->n_parts += n_parts(tables->by_pool[service->pool]);
	}
	return 0;
}

uint64_t
sync_views_digest(const struct snapshot *snapshot, const struct snapshot_router *router,
	const struct lease_table *leases, uint64_t now_ns)
{
	struct tables tables;
	uint64_t digest = 0;

	if (tables_init(&tables, snapshot, router, leases, now_ns) < 0)
		return 0;
	for (size_t i = 0; i < snapshot->n_pools; i++) {
		const struct maglev *table = tables.by_pool[i];

		if (!tables.used[i])
			continue;
		digest = hash_bytes(
			digest, snapshot->pools[i].name, strlen(snapshot->pools[i].name));
		for (uint32_t j = 0; table && j < table->n_members; j++)
			digest = hash_mix(digest ^ table->members[j].seed) +
				 table->members[j].weight;
	}
	tables_fini(&tables);
	return digest;
}

/* Writes the records of a pool; returns the place behind them. */
static struct sync_record *
write_pool(struct sync_record *record, const char *name, const struct maglev *table)
{
	uint32_t n_total = table ? table->n_members : 0;
	uint32_t first = 0;

	do {
		struct sync_pool *part = &record->pool;

		record->op = SYNC_VIEW_POOL;
		memcpy(part->name, name, sizeof(part->name));
		part->n_total = (uint16_t)n_total;
		part->first = (uint16_t)first;
		while (first < n_total && part->n < SYNC_PART_TAKERS) {
			part->takers[part->n++] = (struct sync_taker){
				table->members[first].seed, table->members[first].weight};
			first++;
		}
		record++;
	} while (first < n_total);
	return record;
}

int
sync_views_write(const struct snapshot *snapshot, const struct snapshot_router *router,
	const struct lease_table *leases, uint64_t now_ns, struct sync_record **out, size_t *n)
{
	struct tables tables;
	struct sync_record *records, *next;

	if (tables_init(&tables, snapshot, router, leases, now_ns) < 0)
		return -ENOMEM;
	*n = 2 + tables.n_parts;
	records = calloc(*n, sizeof(*records));
	if (!records) {
		tables_fini(&tables);
		return -ENOMEM;
	}
	records[0].op = SYNC_VIEW;
	records[0].view = (struct sync_view){.n_routers = 1, .n_pools = (uint16_t)tables.n};
	records[1].op = SYNC_VIEW_ROUTER;
	memcpy(records[1].router, router->name, sizeof(records[1].router));
	next = records + 2;
	for (size_t i = 0; i < snapshot->n_pools; i++)
		if (tables.used[i])
			next = write_pool(next, snapshot->pools[i].name, tables.by_pool[i]);
	tables_fini(&tables);
	*out = records;
	return 0;
}

void
sync_views_number(struct sync_record *records, uint64_t generation)
{
	records[0].view.generation = generation;
}
