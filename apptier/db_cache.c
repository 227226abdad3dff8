/* SPDX-License-Identifier: BSD-3-Clause */
/* Prepared statements of a connection; see db_cache.h. */
#include "apptier/db_cache.h"

MYSQL_STMT *
db_cache_find(const struct db_cache *cache, const struct db_statement *statement)
{
	for (size_t i = 0; i < cache->n; i++) {
		if (cache->entries[i].statement == statement)
			return cache->entries[i].stmt;
	}
	return NULL;
}

void
db_cache_add(struct db_cache *cache, const struct db_statement *statement, MYSQL_STMT *stmt)
{
	struct db_cached *entry;

	if (cache->n < DB_STATEMENTS_MAX) {
		entry = &cache->entries[cache->n++];
	} else {
		entry = &cache->entries[cache->oldest];
		cache->oldest = (cache->oldest + 1) % DB_STATEMENTS_MAX;
		mysql_stmt_close(entry->stmt);
	}
	*entry = (struct db_cached){.statement = statement, .stmt = stmt};
}

void
db_cache_clear(struct db_cache *cache)
{
	for (size_t i = 0; i < cache->n; i++)
		mysql_stmt_close(cache->entries[i].stmt);
	cache->n = cache->oldest = 0;
}
