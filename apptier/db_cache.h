/* SPDX-License-Identifier: BSD-3-Clause */
/* The statements that one connection has prepared, so that each is prepared once. Modules may have
 * more of them than a server should keep for a connection: then the oldest makes room. No I/O but
 * for telling the server what is closed; the connection's thread. */
#ifndef APPTIER_DB_CACHE_H
#define APPTIER_DB_CACHE_H

#include "apptier/db_value.h"

#include <mysql.h>

struct db_cached {
	const struct db_statement *statement; /* By its address. */
	MYSQL_STMT *stmt;
};

/* Zeroed: empty. */
struct db_cache {
	struct db_cached entries[DB_STATEMENTS_MAX];
	size_t n;
	size_t oldest; /* Entry that makes room next. */
};

/* The prepared statement, or NULL. */
MYSQL_STMT *db_cache_find(const struct db_cache *cache, const struct db_statement *statement);

/* Takes over 'stmt', which is not in it. No other of its statements may be in use. */
void db_cache_add(struct db_cache *cache, const struct db_statement *statement, MYSQL_STMT *stmt);

/* Closes all. */
void db_cache_clear(struct db_cache *cache);

#endif /* APPTIER_DB_CACHE_H */
