/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes into a statement and what comes out: the values, statements and results that modules
 * and the database layer exchange. */
#ifndef APPTIER_DB_VALUE_H
#define APPTIER_DB_VALUE_H

#include "apptier/gtid.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum db_kind {
	DB_NULL,
	DB_INTEGER,
	DB_TEXT
};

struct db_value {
	enum db_kind kind;
	int64_t integer;  /* DB_INTEGER */
	const char *text; /* DB_TEXT: 'size' bytes of UTF-8; in results a NUL follows. */
	size_t size;
};

static inline struct db_value
db_integer(int64_t integer)
{
	return (struct db_value){.kind = DB_INTEGER, .integer = integer};
}

static inline struct db_value
db_text(const char *text)
{
	return (struct db_value){.kind = DB_TEXT, .text = text, .size = strlen(text)};
}

#define DB_PARAMETERS_MAX 16
#define DB_COLUMNS_MAX 32
#define DB_STATEMENTS_MAX 64 /* Different statements prepared on one connection. */

/* A statement to prepare; '?' stands for each parameter. A constant: its address is what the
 * connections' caches go by. */
struct db_statement {
	const char *sql;
	unsigned int n_parameters;
};

/* A statement with its parameters. */
struct db_call {
	const struct db_statement *statement;
	const struct db_value *values; /* 'statement->n_parameters' of them. */
};

enum db_status {
	DB_OK,
	DB_DUPLICATE,   /* A unique key has this value already; nothing was changed. */
	DB_CONFLICT,    /* Deadlock or lock wait; rolled back, may be tried again. */
	DB_UNAVAILABLE, /* No server could take it; certainly not done. */
	DB_BUSY,        /* Queue full, or no connection in time; certainly not done. */
	DB_TIMEOUT,     /* A read that took too long. */
	DB_UNKNOWN,     /* The connection was lost after a write was sent: done or not. */
	DB_FAILED,      /* The server refused the statement: a bug or a missing grant; logged. */
};

const char *db_status_name(enum db_status status);

/* Valid only during the callback that receives it. */
struct db_result {
	enum db_status status;
	uint64_t n_affected; /* Rows that a write matched and changed. */
	uint64_t insert_id;  /* The AUTO_INCREMENT value that an INSERT has made; else 0. */
	size_t n_rows;
	size_t n_columns;
	const struct db_value *values; /* Row by row. */
	struct gtid gtid;              /* Of the write; unset if it changed nothing. */
};

static inline const struct db_value *
db_result_value(const struct db_result *result, size_t row, size_t column)
{
	assert(row < result->n_rows && column < result->n_columns);
	return &result->values[row * result->n_columns + column];
}

/* Called once for each statement. */
typedef void (*db_result_fn)(void *ctx, const struct db_result *result);

#endif /* APPTIER_DB_VALUE_H */
