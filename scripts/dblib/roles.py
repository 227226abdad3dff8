# SPDX-License-Identifier: BSD-3-Clause
"""A server becomes a primary or a replica.

Semi-synchronous replication (AFTER_SYNC): the primary writes its log, waits until a replica has it,
commits, answers. So what was answered is with a replica."""

from dblib import gtid, sql, state
from dblib.sql import quote
from lablib.errors import LabError
from lablib.progress import say
from lablib.waiting import until

JOIN_S = 30  # Until a replica has connected. It may then have much to catch up with.
FOREVER_MS = 10 ** 12

FOLLOW = """\
STOP SLAVE;
SET GLOBAL read_only = ON;
SET GLOBAL rpl_semi_sync_master_enabled = OFF;
SET GLOBAL rpl_semi_sync_slave_enabled = {semi_sync};
{position}CHANGE MASTER TO MASTER_HOST={host}, MASTER_PORT={port}, MASTER_USER={user},
  MASTER_PASSWORD={password}, MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1,
  MASTER_HEARTBEAT_PERIOD=1{more};
START SLAVE;
"""

SEMI_SYNC = """\
SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC;
SET GLOBAL rpl_semi_sync_master_timeout = {timeout_ms};
SET GLOBAL rpl_semi_sync_master_wait_no_slave = ON;
SET GLOBAL rpl_semi_sync_master_enabled = ON;
"""

OPEN = """\
STOP SLAVE;
RESET SLAVE ALL;
SET GLOBAL read_only = OFF;
"""

DIVERGED = """\
It has written what {primary} has not: writes that nobody was told had succeeded, or that were
lost with asynchronous replication. It stays apart, read-only, with all its data.
Look at them (mariadb-binlog), then build it anew from a backup of {primary}: docs/database.md"""


def _semi_sync(cluster):
    """What has the primary answer writes when a replica has them, if the cluster wants that."""
    if not cluster.semi_sync:
        return ""
    return SEMI_SYNC.format(timeout_ms=cluster.semi_sync_timeout_ms or FOREVER_MS)


def open_for_writes(cluster, server, has_replicas):
    """Whoever followed somebody follows nobody any more.

    Without replicas (they come by join()) it would wait for nobody."""
    sql.ask(cluster, server, (_semi_sync(cluster) if has_replicas else "") + OPEN)


def _follow(cluster, server, primary, position):
    account = cluster.account("replication")
    # One that was the primary goes on after what it wrote itself.
    more = "" if position else ", MASTER_DEMOTE_TO_SLAVE=1"
    if cluster.tls_ca:
        more += (f", MASTER_SSL=1, MASTER_SSL_CA={quote(str(cluster.tls_ca))}, "
                 "MASTER_SSL_VERIFY_SERVER_CERT=1")
    sql.ask(cluster, server, FOLLOW.format(
        host=quote(primary.host), port=primary.port, user=quote(account.user),
        password=quote(account.password()), more=more,
        semi_sync="ON" if cluster.semi_sync else "OFF",
        position=f"SET GLOBAL gtid_slave_pos = {quote(position)};\n" if position else ""))


def _give_up(cluster, server, primary, problem):
    """The primary cannot send what comes after what the server has."""
    sql.ask(cluster, server, "STOP SLAVE; RESET SLAVE ALL;")
    if "purged" in problem:
        raise LabError(f"{server.name} is too far behind", problem,
                       f"build it anew from a backup of {primary.name}: docs/database.md")
    raise LabError(f"{server.name} has diverged from {primary.name}", problem,
                   DIVERGED.format(primary=primary.name))


def _await_running(cluster, server, primary):
    """Until it gets and applies what the primary writes."""
    last = []

    def runs():
        now = state.of(cluster, server)
        last[:] = [now.problem or now.describe()]
        if now.is_refused:
            _give_up(cluster, server, primary, now.problem)
        if now.cannot_apply:
            raise LabError(f"{server.name} cannot apply what {primary.name} has written",
                           now.problem)
        return now.is_accepted

    until(f"{server.name} follows {primary.name}", runs, JOIN_S, lambda: last)


def _await_semi_sync(cluster, primary):
    """Until the primary waits for replicas. A replica that has much to catch up with is no error."""
    def waits():
        return state.of(cluster, primary).row.get("semi_sync_status") == "ON"

    try:
        until(f"{primary.name} waits for its replicas", waits, JOIN_S)
    except LabError:
        say(f"{primary.name} does not wait for replicas before they have caught up")


def join(cluster, server, position=None):
    """Makes the server a replica of the one that takes writes.

    'position' is where it goes on if it was made from a backup."""
    states = state.of_all(cluster)
    primary = state.writable(states)
    own = next(entry for entry in states if entry.server == server)
    if not own.answers:
        raise own.error
    if not primary:
        raise LabError("no server takes writes, so there is nobody to follow",
                       "scripts/promote makes one the primary; scripts/database status shows all")
    if primary is own:
        raise LabError(f"{server.name} is the primary", "scripts/promote changes roles")
    if not gtid.covers(primary.current, own.binlog):
        # They were asked at the same time, and it may follow already.
        primary = state.certain(cluster, primary.server)
    if not gtid.covers(primary.current, own.binlog):
        raise LabError(f"{server.name} has diverged from {primary.server.name}: it is at "
                       f"{own.binlog}, the primary at {primary.current}",
                       DIVERGED.format(primary=primary.server.name))
    _follow(cluster, server, primary.server, position)
    _await_running(cluster, server, primary.server)
    if cluster.semi_sync:
        sql.ask(cluster, primary.server, _semi_sync(cluster))
        _await_semi_sync(cluster, primary.server)
    say(f"{server.name} follows {primary.server.name}")


def open_first(cluster, server, apart=False):
    """Lets a server take writes where none does: of a new cluster, or after a restart.

    'apart': those that do not answer are known not to take writes."""
    states = state.of_all(cluster)
    primary = state.writable(states)
    own = next(entry for entry in states if entry.server == server)
    if not own.answers:
        raise own.error
    if primary is own:
        say(f"{server.name} takes writes already")
        return
    if primary:
        raise LabError(f"{primary.server.name} takes writes", "scripts/promote changes roles")
    silent = [entry.server.name for entry in states if not entry.answers]
    if silent and not apart:
        raise LabError(f"{' and '.join(silent)} cannot be asked, and may take writes",
                       "add --fenced if it is certain that they do not")
    for other in states:
        if other.answers and not gtid.covers(own.current, other.received):
            raise LabError(f"{other.server.name} has more ({other.received}) than {server.name} "
                           f"({own.current})", f"promote it: scripts/promote {other.server.name}")
    open_for_writes(cluster, server,
                    any(entry.follows == (server.host, str(server.port)) for entry in states))
    say(f"{server.name} takes writes")
