/* SPDX-License-Identifier: BSD-3-Clause */
/* Binding of parameters and collecting of rows for a prepared statement: the part of a connection
 * that does no I/O. Belongs to the connection's thread. */
#ifndef APPTIER_DB_PREPARED_H
#define APPTIER_DB_PREPARED_H

#include "apptier/db_value.h"
#include "common/err.h"

#include <mysql.h>

/* Rows of one result, in storage that is kept from one to the next. */
struct db_rows {
	struct db_value *values;
	size_t n_values;
	size_t values_capacity;
	char *text; /* What DB_TEXT values point into. */
	size_t text_size;
	size_t text_capacity;
	size_t n_columns;
};

/* One result may hold this much; a statement that returns more lacks a LIMIT. */
#define DB_RESULT_VALUES_MAX 65536
#define DB_RESULT_TEXT_MAX (4u << 20)

void db_rows_fini(struct db_rows *rows);

/* Tells 'stmt' where its parameters are; the values must stay until it has been executed. Returns
 * 0, or -EINVAL with 'err' set if the statement has another number of parameters. */
int db_prepared_bind(MYSQL_STMT *stmt, const struct db_call *call, struct err *err);

/* Reads all rows of an executed statement whose result has been stored. Returns 0, or a negative
 * errno with 'err' set. */
int db_prepared_collect(MYSQL_STMT *stmt, struct db_rows *rows, struct err *err);

#endif /* APPTIER_DB_PREPARED_H */
