/* SPDX-License-Identifier: BSD-3-Clause */
/* Settings of a session and meaning of its answers; see db_mysql.h. */
#include "apptier/db_mysql.h"

#include <stdio.h>

#include <errmsg.h>
#include <mysqld_error.h>

void
db_mysql_set_transport(MYSQL *mysql, const char *tls_ca)
{
	unsigned int protocol = MYSQL_PROTOCOL_TCP;
	my_bool reconnect = 0, yes = 1;

	mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
	mysql_options(mysql, MYSQL_OPT_RECONNECT, &reconnect);
	mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (!tls_ca)
		return;
	mysql_options(mysql, MYSQL_OPT_SSL_CA, tls_ca);
	mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
	mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
	mysql_options(mysql, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
}

void
db_mysql_set_options(MYSQL *mysql, const struct db_account *account)
{
	uint32_t statement_timeout_ms = account->statement_timeout_ms;
	unsigned int no = 0;
	char init[512];

	/* last_gtid comes with the answer to each write; times are UTC; a statement that we have
	 * given up must not go on for ever, nor wait long for a lock. */
	snprintf(init, sizeof(init),
		"SET SESSION session_track_system_variables='last_gtid', time_zone='+00:00', "
		"sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO', "
		"max_statement_time=%u.%03u, innodb_lock_wait_timeout=%u",
		statement_timeout_ms / 1000, statement_timeout_ms % 1000,
		statement_timeout_ms / 1000 + 1);
	db_mysql_set_transport(mysql, account->tls_ca);
	mysql_options(mysql, MYSQL_OPT_NONBLOCK, NULL);
	mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &no);
	mysql_options(mysql, MYSQL_INIT_COMMAND, init);
}

enum db_status
db_mysql_status(unsigned int code)
{
	switch (code) {
	case ER_DUP_ENTRY:
		return DB_DUPLICATE;
	case ER_LOCK_DEADLOCK:
	case ER_LOCK_WAIT_TIMEOUT:
	case ER_CHECKREAD:
		return DB_CONFLICT;
	case ER_OPTION_PREVENTS_STATEMENT: /* read_only: it is not the primary any more. */
	case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION:
	case ER_NO_SUCH_THREAD: /* It ended before it could be killed. */
		return DB_UNAVAILABLE;
	case ER_STATEMENT_TIMEOUT:
		return DB_TIMEOUT;
	default:
		return DB_FAILED;
	}
}

bool
db_mysql_is_fatal(unsigned int code)
{
	/* The client library's own errors are all about the connection. */
	return (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR) || code == ER_SERVER_SHUTDOWN ||
	       code == ER_CONNECTION_KILLED || code == ER_UNKNOWN_STMT_HANDLER;
}

struct gtid
db_mysql_gtid(MYSQL *mysql)
{
	struct gtid gtid = {0};
	const char *name, *value;
	size_t name_size, value_size;
	int rc;

	rc = mysql_session_track_get_first(
		mysql, SESSION_TRACK_SYSTEM_VARIABLES, &name, &name_size);
	while (rc == 0) {
		if (mysql_session_track_get_next(
			    mysql, SESSION_TRACK_SYSTEM_VARIABLES, &value, &value_size) != 0)
			break;
		if (name_size == strlen("last_gtid") && memcmp(name, "last_gtid", name_size) == 0)
			gtid_parse(value, value_size, &gtid);
		rc = mysql_session_track_get_next(
			mysql, SESSION_TRACK_SYSTEM_VARIABLES, &name, &name_size);
	}
	return gtid;
}
