/* SPDX-License-Identifier: BSD-3-Clause */
/* What weir asks of every session with a MariaDB server, and what the server's answers mean to it.
 * No I/O; any thread. */
#ifndef APPTIER_DB_MYSQL_H
#define APPTIER_DB_MYSQL_H

#include "apptier/db_value.h"

#include <stdbool.h>
#include <stdint.h>

#include <mysql.h>

/* Before connecting: non-blocking, UTF-8, UTC, strict, and GTIDs told with each write. */
void db_mysql_set_options(MYSQL *mysql, uint32_t statement_timeout_ms);

/* What an error of a statement means, unless it is fatal. */
enum db_status db_mysql_status(unsigned int code);

/* True if the connection cannot be used after this error. */
bool db_mysql_is_fatal(unsigned int code);

/* The id of the transaction that just ended, which the server tells because of our
 * session_track_system_variables; unset if it changed nothing. */
struct gtid db_mysql_gtid(MYSQL *mysql);

#endif /* APPTIER_DB_MYSQL_H */
