/* SPDX-License-Identifier: BSD-3-Clause */
/* What weir asks of every session with a MariaDB server, and what the server's answers mean to it.
 * No I/O; any thread. */
#ifndef APPTIER_DB_MYSQL_H
#define APPTIER_DB_MYSQL_H

#include "apptier/db_connection.h"

#include <stdbool.h>
#include <stdint.h>

#include <mysql.h>

/* Before connecting, for any connection: TCP, UTF-8, and, where 'tls_ca' is not NULL, TLS with a
 * server whose certificate these authorities have signed for its address. */
void db_mysql_set_transport(MYSQL *mysql, const char *tls_ca);

/* Before connecting as one that serves requests: this, and non-blocking, UTC, strict, GTIDs told
 * with each write. */
void db_mysql_set_options(MYSQL *mysql, const struct db_account *account);

/* What an error of a statement means, unless it is fatal. */
enum db_status db_mysql_status(unsigned int code);

/* True if the connection cannot be used after this error. */
bool db_mysql_is_fatal(unsigned int code);

/* The id of the transaction that just ended, which the server tells because of our
 * session_track_system_variables; unset if it changed nothing. */
struct gtid db_mysql_gtid(MYSQL *mysql);

#endif /* APPTIER_DB_MYSQL_H */
