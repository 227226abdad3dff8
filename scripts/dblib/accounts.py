# SPDX-License-Identifier: BSD-3-Clause
"""Who may do what, as SQL for root of each server.

It is run on every server and goes into no log: so a server has its accounts before it follows
anybody, and the shared history begins with the first migration. Passwords are in it as the hashes
that the servers keep (mysql_native_password)."""

import hashlib

from dblib.sql import quote

GRANTS = {
    "app": ("SELECT, INSERT, UPDATE, DELETE", "schema"),
    "read": ("SELECT", "schema"),
    "migrate": ("ALL", "schema"),
    "monitor": ("REPLICA MONITOR, BINLOG MONITOR", "*"),
    "replication": ("REPLICATION REPLICA", "*"),
    # Roles (read-only, replication, semi-sync), and what mariadb-backup needs. No data: not even
    # SELECT.
    "admin": ("READ_ONLY ADMIN, REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN, REPLICA MONITOR, "
              "BINLOG MONITOR, BINLOG ADMIN, CONNECTION ADMIN, RELOAD, PROCESS, LOCK TABLES", "*"),
}

BEGIN = """\
SET SESSION sql_log_bin = 0;
CREATE DATABASE IF NOT EXISTS {schema} CHARACTER SET utf8mb4;
"""

ONE = """\
CREATE USER IF NOT EXISTS {user}@{hosts} IDENTIFIED BY PASSWORD {hash};
ALTER USER {user}@{hosts} IDENTIFIED BY PASSWORD {hash};
GRANT {rights} ON {where} TO {user}@{hosts};
"""


def _hash(password):
    inner = hashlib.sha1(password.encode()).digest()
    return "*" + hashlib.sha1(inner).hexdigest().upper()


def statements(cluster, hosts):
    """Makes the accounts of weir.yaml, for clients whose addresses match 'hosts', or gives those that
    are there their passwords and rights again."""
    schema = f"`{cluster.schema}`"
    text = BEGIN.format(schema=schema)
    for name, account in cluster.accounts.items():
        rights, where = GRANTS[name]
        text += ONE.format(user=quote(account.user), hosts=quote(hosts), rights=rights,
                           hash=quote(_hash(account.password())),
                           where=f"{schema}.*" if where == "schema" else "*.*")
    return text
