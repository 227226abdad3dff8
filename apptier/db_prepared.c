/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters and rows of prepared statements; see db_prepared.h. */
#include "apptier/db_prepared.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* What a row is fetched into: integers at once, the length of texts, whose bytes follow. */
struct columns {
	MYSQL_BIND binds[DB_COLUMNS_MAX];
	int64_t integers[DB_COLUMNS_MAX];
	unsigned long lengths[DB_COLUMNS_MAX];
	my_bool nulls[DB_COLUMNS_MAX];
	unsigned int n;
};

/* Connector/C only reads parameters but its struct has no const. */
static void *
unconst(const void *pointer)
{
	void *plain;

	memcpy(&plain, &pointer, sizeof(plain));
	return plain;
}

static bool
is_integer(enum enum_field_types type)
{
	return type == MYSQL_TYPE_TINY || type == MYSQL_TYPE_SHORT || type == MYSQL_TYPE_INT24 ||
	       type == MYSQL_TYPE_LONG || type == MYSQL_TYPE_LONGLONG || type == MYSQL_TYPE_YEAR;
}

static int
grow(void **memory, size_t *capacity, size_t needed, size_t item_size)
{
	size_t larger = *capacity ? *capacity : 256;
	void *grown;

	if (needed <= *capacity)
		return 0;
	while (larger < needed)
		larger *= 2;
	grown = realloc(*memory, larger * item_size);
	if (!grown)
		return -ENOMEM;
	*memory = grown;
	*capacity = larger;
	return 0;
}

/* Makes room for one more row and 'text_size' bytes of text. */
static int
reserve(struct db_rows *rows, size_t n_values, size_t text_size, struct err *err)
{
	void *values = rows->values, *text = rows->text;
	int rc;

	if (rows->n_values + n_values > DB_RESULT_VALUES_MAX ||
		text_size > DB_RESULT_TEXT_MAX - rows->text_size)
		return err_set(err, -EMSGSIZE, "the result is too large");
	rc = grow(
		&values, &rows->values_capacity, rows->n_values + n_values, sizeof(*rows->values));
	rows->values = values;
	if (rc == 0)
		rc = grow(&text, &rows->text_capacity, rows->text_size + text_size, 1);
	rows->text = text;
	return rc < 0 ? err_set(err, rc, "no memory for the result") : 0;
}

/* Copies the bytes of text column 'i' behind those that are there. Its place is kept as an offset
 * until the last row is in, because the text may move when it grows. */
static int
collect_text(MYSQL_STMT *stmt, struct db_rows *rows, const struct columns *columns, unsigned int i,
	struct err *err)
{
	struct db_value *value = &rows->values[rows->n_values];
	unsigned long length = columns->lengths[i];
	MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_STRING,
		.buffer = rows->text + rows->text_size,
		.buffer_length = length};

	if (length > 0 && mysql_stmt_fetch_column(stmt, &bind, i, 0) != 0)
		return err_set(
			err, -EIO, "cannot read column %u: %s", i + 1, mysql_stmt_error(stmt));
	*value = (struct db_value){
		.kind = DB_TEXT, .integer = (int64_t)rows->text_size, .size = length};
	rows->text[rows->text_size + length] = '\0';
	rows->text_size += length + 1;
	return 0;
}

static int
collect_row(MYSQL_STMT *stmt, struct db_rows *rows, const struct columns *columns, struct err *err)
{
	size_t text_size = 0;
	int rc;

	for (unsigned int i = 0; i < columns->n; i++) {
		if (columns->binds[i].buffer_type == MYSQL_TYPE_STRING && !columns->nulls[i])
			text_size += columns->lengths[i] + 1;
	}
	rc = reserve(rows, columns->n, text_size, err);
	for (unsigned int i = 0; i < columns->n && rc == 0; i++, rows->n_values++) {
		if (columns->nulls[i])
			rows->values[rows->n_values] = (struct db_value){.kind = DB_NULL};
		else if (columns->binds[i].buffer_type == MYSQL_TYPE_LONGLONG)
			rows->values[rows->n_values] = db_integer(columns->integers[i]);
		else
			rc = collect_text(stmt, rows, columns, i, err);
	}
	return rc;
}

static int
bind_columns(MYSQL_STMT *stmt, struct columns *columns, struct err *err)
{
	const MYSQL_FIELD *fields = mariadb_stmt_fetch_fields(stmt);

	columns->n = mysql_stmt_field_count(stmt);
	if (columns->n > DB_COLUMNS_MAX || !fields)
		return err_set(err, -EMSGSIZE, "the result has %u columns; at most %d are read",
			columns->n, DB_COLUMNS_MAX);
	for (unsigned int i = 0; i < columns->n; i++) {
		MYSQL_BIND *bind = &columns->binds[i];
		bool integer = is_integer(fields[i].type);

		*bind = (MYSQL_BIND){
			.buffer_type = integer ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_STRING,
			.buffer = integer ? &columns->integers[i] : NULL,
			.length = &columns->lengths[i],
			.is_null = &columns->nulls[i]};
	}
	if (mysql_stmt_bind_result(stmt, columns->binds) != 0)
		return err_set(err, -EIO, "cannot bind the result: %s", mysql_stmt_error(stmt));
	return 0;
}

void
db_rows_fini(struct db_rows *rows)
{
	free(rows->values);
	free(rows->text);
	memset(rows, 0, sizeof(*rows));
}

int
db_prepared_bind(MYSQL_STMT *stmt, const struct db_call *call, struct err *err)
{
	unsigned int n = call->statement->n_parameters;
	MYSQL_BIND binds[DB_PARAMETERS_MAX] = {0};

	if (n > DB_PARAMETERS_MAX || mysql_stmt_param_count(stmt) != n)
		return err_set(err, -EINVAL,
			"the statement has %lu parameters, not %u, of at most %d",
			mysql_stmt_param_count(stmt), n, DB_PARAMETERS_MAX);
	for (unsigned int i = 0; i < n; i++) {
		const struct db_value *value = &call->values[i];

		switch (value->kind) {
		case DB_NULL:
			binds[i].buffer_type = MYSQL_TYPE_NULL;
			break;
		case DB_INTEGER:
			binds[i].buffer_type = MYSQL_TYPE_LONGLONG;
			binds[i].buffer = unconst(&value->integer);
			break;
		case DB_TEXT:
			binds[i].buffer_type = MYSQL_TYPE_STRING;
			binds[i].buffer = unconst(value->text);
			binds[i].buffer_length = value->size;
			break;
		}
	}
	if (n > 0 && mysql_stmt_bind_param(stmt, binds) != 0)
		return err_set(err, -EINVAL, "cannot bind parameters: %s", mysql_stmt_error(stmt));
	return 0;
}

int
db_prepared_collect(MYSQL_STMT *stmt, struct db_rows *rows, struct err *err)
{
	struct columns columns = {.n = 0};
	int rc;

	rows->n_values = rows->text_size = 0;
	rc = bind_columns(stmt, &columns, err);
	rows->n_columns = rc == 0 ? columns.n : 0;
	while (rc == 0) {
		int fetched = mysql_stmt_fetch(stmt);

		if (fetched == MYSQL_NO_DATA)
			break;
		/* Truncation is expected: texts are bound without a buffer. */
		if (fetched != 0 && fetched != MYSQL_DATA_TRUNCATED)
			rc = err_set(err, -EIO, "cannot fetch a row: %s", mysql_stmt_error(stmt));
		else
			rc = collect_row(stmt, rows, &columns, err);
	}
	mysql_stmt_free_result(stmt);
	for (size_t i = 0; i < rows->n_values && rc == 0; i++) {
		if (rows->values[i].kind == DB_TEXT)
			rows->values[i].text = rows->text + rows->values[i].integer;
	}
	return rc;
}
