# SPDX-License-Identifier: BSD-3-Clause
"""What the servers say of themselves."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dblib import gtid, sql
from lablib.errors import LabError

QUESTION = """\
SELECT @@read_only AS is_read_only, @@gtid_binlog_pos AS binlog, @@gtid_current_pos AS current,
  @@rpl_semi_sync_master_enabled AS semi_sync, s.VARIABLE_VALUE AS semi_sync_status,
  c.VARIABLE_VALUE AS semi_sync_clients, @@rpl_semi_sync_slave_enabled AS says_what_it_has
FROM information_schema.GLOBAL_STATUS AS s, information_schema.GLOBAL_STATUS AS c
WHERE s.VARIABLE_NAME = 'RPL_SEMI_SYNC_MASTER_STATUS'
  AND c.VARIABLE_NAME = 'RPL_SEMI_SYNC_MASTER_CLIENTS';
SHOW REPLICA STATUS;
"""


@dataclass(frozen=True)
class State:
    """One server at one moment; 'error' if it did not say."""

    server: object
    row: dict
    error: LabError = None

    @property
    def answers(self):
        return self.error is None

    @property
    def is_writable(self):
        return self.row.get("is_read_only") == "0"

    @property
    def binlog(self):
        """Up to where its own log goes."""
        return self.row.get("binlog", "")

    @property
    def current(self):
        """Up to where it has applied what it got, or written itself."""
        return self.row.get("current", "")

    @property
    def received(self):
        """What it has, applied or still in its relay log."""
        got = self.row.get("Gtid_IO_Pos", "")
        return self.current if gtid.covers(self.current, got) else got

    @property
    def follows(self):
        """(host, port) of whom it follows, running or not; None: nobody."""
        host = self.row.get("Master_Host")
        return (host, self.row.get("Master_Port")) if host else None

    @property
    def is_running(self):
        return self.row.get("Slave_IO_Running") == self.row.get("Slave_SQL_Running") == "Yes"

    @property
    def is_accepted(self):
        """Its primary sends it what it asked for: the first thing sent is the name of a log."""
        return self.is_running and bool(self.row.get("Master_Log_File"))

    @property
    def problem(self):
        """Why replication does not run, as the server says."""
        return self.row.get("Last_SQL_Error") or self.row.get("Last_IO_Error") or ""

    @property
    def cannot_apply(self):
        """What it has got does not fit what it has."""
        return self.row.get("Slave_SQL_Running") == "No" and bool(self.row.get("Last_SQL_Error"))

    @property
    def is_refused(self):
        """The primary's log does not have the position from which this one wants to go on."""
        return self.row.get("Last_IO_Errno") == "1236"

    @property
    def was_semi_sync(self):
        """As a replica: it was with its primary since it started, and has tried ever since. A new
        process does not know the primary's number before they have spoken."""
        return (self.row.get("says_what_it_has") == "1" and self.row.get("Slave_IO_Running") != "No"
                and self.row.get("Master_Server_Id", "0") != "0")

    def describe(self):
        if not self.answers:
            return str(self.error).splitlines()[0]
        text = "takes writes" if self.is_writable else "read-only"
        text += f", at {self.current or 'no GTID'}"
        if self.is_writable and self.row.get("semi_sync") == "1":
            text += (f", semi-synchronous {self.row['semi_sync_status']} with "
                     f"{self.row['semi_sync_clients']} replicas")
        if self.follows:
            text += f", follows {self.follows[0]}"
            text += "" if self.is_running else f" (stopped: {self.problem or 'no reason told'})"
        return text


def of(cluster, server, before=""):
    """The state of one server, after the statements 'before'."""
    try:
        return State(server, sql.ask_vertical(cluster, server, before + QUESTION))
    except sql.ServerError as error:
        return State(server, {}, error)


def certain(cluster, server, before=""):
    """Likewise of a server that must answer."""
    found = of(cluster, server, before)
    if not found.answers:
        raise found.error
    return found


def of_all(cluster):
    """The states of all servers, asked at once."""
    with ThreadPoolExecutor(len(cluster.servers)) as pool:
        return list(pool.map(lambda server: of(cluster, server), cluster.servers))


def writable(states):
    """The one that takes writes, or None; more than one is an error."""
    found = [state for state in states if state.is_writable]
    if len(found) > 1:
        names = " and ".join(state.server.name for state in found)
        raise LabError(f"{names} take writes, which nothing here can mend",
                       "close all but one: SET GLOBAL read_only = ON (docs/database.md)")
    return found[0] if found else None
