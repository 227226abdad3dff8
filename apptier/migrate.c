/* SPDX-License-Identifier: BSD-3-Clause */
/* Schema migrations; see migrate.h. */
#include "apptier/migrate.h"

#include "apptier/db_mysql.h"
#include "apptier/db_prepared.h"
#include "apptier/migration_files.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mysql.h>
#include <mysqld_error.h>

LOG_MODULE("migrate");

#define CONNECT_TIMEOUT_S 2
#define LOCK_TIMEOUT_S "30"

static const char create_table[] =
	"CREATE TABLE IF NOT EXISTS schema_migrations ("
	"version INT UNSIGNED NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL, "
	"hash CHAR(64) CHARACTER SET ascii NOT NULL, applied_at DATETIME NOT NULL) "
	"ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4";

static int
db_error(MYSQL *mysql, const struct node *node, const char *what, struct err *err)
{
	return err_set(err, -EIO, "%s on %s: %s", what, node->name, mysql_error(mysql));
}

/* Connects as the user who may alter the schema. Returns NULL with 'err' set. */
static MYSQL *
connect_to(
	const struct model *model, const struct node *node, const char *password, struct err *err)
{
	MYSQL *mysql = mysql_init(NULL);
	unsigned int timeout_s = CONNECT_TIMEOUT_S;
	char host[ADDR_TEXT_SIZE];

	if (!mysql) {
		err_set(err, -ENOMEM, "no memory for a database connection");
		return NULL;
	}
	db_mysql_set_transport(mysql, model->database.tls_ca);
	mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
	mysql_options(mysql, MYSQL_INIT_COMMAND, "SET SESSION time_zone='+00:00'");
	addr_format(&node->db.listen.addr, host, sizeof(host));
	if (mysql_real_connect(mysql, host, model->database.migrate_user, password,
		    model->database.name, node->db.listen.port, NULL, CLIENT_MULTI_STATEMENTS))
		return mysql;
	db_error(mysql, node, "cannot connect", err);
	mysql_close(mysql);
	return NULL;
}

/* Runs all statements of 'sql' and throws results away. Returns 0 or -EIO; the error is mysql's. */
static int
execute(MYSQL *mysql, const char *sql, size_t size)
{
	int more = mysql_real_query(mysql, sql, size) == 0 ? 0 : 1;

	while (more == 0) {
		MYSQL_RES *result = mysql_store_result(mysql);

		mysql_free_result(result);
		more = mysql_next_result(mysql);
	}
	return mysql_errno(mysql) ? -EIO : 0;
}

/* Asks for one number. */
static int
ask(MYSQL *mysql, const char *sql, long *out)
{
	MYSQL_RES *result;
	MYSQL_ROW row;

	if (mysql_real_query(mysql, sql, strlen(sql)) != 0)
		return -EIO;
	result = mysql_store_result(mysql);
	row = result ? mysql_fetch_row(result) : NULL;
	*out = row && row[0] ? strtol(row[0], NULL, 10) : 0;
	mysql_free_result(result);
	return row ? 0 : -EIO;
}

/* How many of the files have been applied: the first '*n_applied', which must be the same as then.
 * Returns 0, -EIO (mysql's error) or -EINVAL with 'err' set. */
static int
count_applied(MYSQL *mysql, const struct migration_files *files, size_t *n_applied, struct err *err)
{
	static const char sql[] = "SELECT version, hash FROM schema_migrations ORDER BY version";
	MYSQL_RES *result;
	MYSQL_ROW row;
	size_t n = 0;
	int rc = 0;

	*n_applied = 0;
	if (mysql_real_query(mysql, sql, sizeof(sql) - 1) != 0)
		return mysql_errno(mysql) == ER_NO_SUCH_TABLE ? 0 : -EIO;
	result = mysql_store_result(mysql);
	if (!result)
		return -EIO;
	while (rc == 0 && (row = mysql_fetch_row(result)) && n < files->n) {
		const struct migration *file = &files->list[n];

		if (strtoul(row[0], NULL, 10) != file->version)
			rc = err_set(err, -EINVAL,
				"the database has migration %s, which is not among the files, "
				"where "
				"%s comes next; a number may not be given twice nor put between "
				"others",
				row[0], file->name);
		else if (strcmp(row[1], file->hash) != 0)
			rc = err_set(err, -EINVAL,
				"%s is not what was applied under its number; put it back as it "
				"was "
				"and write the change into a new file",
				file->name);
		else
			n++;
	}
	mysql_free_result(result);
	*n_applied = n;
	return rc;
}

/* Writes down that the file has been applied. */
static int
note(MYSQL *mysql, const struct node *node, const struct migration *file, struct err *err)
{
	static const struct db_statement insert = {
		"INSERT INTO schema_migrations (version, name, hash, applied_at) "
		"VALUES (?, ?, ?, UTC_TIMESTAMP())",
		3};
	const struct db_value values[] = {
		db_integer(file->version), db_text(file->name), db_text(file->hash)};
	const struct db_call call = {&insert, values};
	MYSQL_STMT *stmt = mysql_stmt_init(mysql);
	int rc = 0;

	if (!stmt)
		return err_set(err, -ENOMEM, "no memory for a statement");
	if (mysql_stmt_prepare(stmt, insert.sql, strlen(insert.sql)) != 0)
		rc = -EIO;
	else
		rc = db_prepared_bind(stmt, &call, err);
	if (rc == 0 && mysql_stmt_execute(stmt) != 0)
		rc = -EIO;
	if (rc == -EIO)
		err_set(err, rc, "cannot note a migration on %s: %s", node->name,
			mysql_stmt_error(stmt));
	mysql_stmt_close(stmt);
	return rc;
}

static int
apply(MYSQL *mysql, const struct node *node, const struct migration *file, struct err *err)
{
	LOG_INFORM("%s: applying %s", node->name, file->name);
	if (execute(mysql, file->sql, file->size) < 0) {
		err_set(err, -EINVAL, "%s: %s (on %s)", file->name, mysql_error(mysql), node->name);
		/* A lost server is no fault of the file. */
		return mysql_errno(mysql) >= 2000 ? -EIO : -EINVAL;
	}
	return note(mysql, node, file, err);
}

/* With the lock held. */
static int
apply_missing(
	MYSQL *mysql, const struct node *node, const struct migration_files *files, struct err *err)
{
	size_t n_applied;
	int rc;

	if (execute(mysql, create_table, sizeof(create_table) - 1) < 0)
		return db_error(mysql, node, "cannot create schema_migrations", err);
	rc = count_applied(mysql, files, &n_applied, err);
	if (rc == -EIO)
		return db_error(mysql, node, "cannot read schema_migrations", err);
	for (size_t i = n_applied; rc == 0 && i < files->n; i++)
		rc = apply(mysql, node, &files->list[i], err);
	return rc;
}

static int
apply_locked(
	MYSQL *mysql, const struct node *node, const struct migration_files *files, struct err *err)
{
	/* Names of locks are the server's, not the database's. It is freed with the connection. */
	static const char lock[] =
		"SELECT GET_LOCK(CONCAT(DATABASE(), '.migrations'), " LOCK_TIMEOUT_S ")";
	long locked;
	int rc = ask(mysql, lock, &locked);

	if (rc < 0)
		return db_error(mysql, node, "cannot take the lock for migrations", err);
	if (!locked)
		return err_set(err, -EIO, "another node is still migrating %s", node->name);
	return apply_missing(mysql, node, files, err);
}

/* Tries one server. Returns 0, -EIO if this server is of no use now, -EINVAL as migrate_run(). */
static int
try_server(const struct model *model, const struct node *node, const char *password,
	const struct migration_files *files, enum migrate_state *state, struct err *err)
{
	MYSQL *mysql = connect_to(model, node, password, err);
	size_t n_applied;
	long read_only;
	int rc;

	if (!mysql)
		return -EIO;
	rc = ask(mysql, "SELECT @@global.read_only", &read_only);
	if (rc < 0) {
		db_error(mysql, node, "cannot ask for read_only", err);
	} else if (!read_only) {
		rc = apply_locked(mysql, node, files, err);
		if (rc == 0)
			*state = MIGRATE_DONE;
	} else {
		rc = count_applied(mysql, files, &n_applied, err);
		if (rc == -EIO)
			db_error(mysql, node, "cannot read schema_migrations", err);
		else if (rc == 0 && n_applied == files->n)
			*state = MIGRATE_USABLE;
		if (rc == 0)
			err_set(err, 0, "%s is read-only", node->name);
	}
	mysql_close(mysql);
	return rc;
}

int
migrate_run(
	const struct model *model, const char *password, enum migrate_state *state, struct err *err)
{
	struct migration_files files;
	const struct node *node = NULL;
	char reasons[ERR_TEXT_SIZE] = "";
	int rc = migration_files_load(&files, model->database.migrations, err);

	if (rc < 0)
		return rc;
	*state = MIGRATE_WAITING;
	while (*state != MIGRATE_DONE && (node = model_next_node(model, ROLE_DB, node))) {
		size_t length = strlen(reasons);

		rc = try_server(model, node, password, &files, state, err);
		if (rc == -EINVAL)
			break;
		rc = 0;
		if (*state != MIGRATE_DONE)
			snprintf(reasons + length, sizeof(reasons) - length, "%s%.200s",
				length ? "; " : "", err->text);
	}
	if (rc == 0)
		err_set(err, 0, "%s", reasons);
	migration_files_fini(&files);
	return rc;
}
