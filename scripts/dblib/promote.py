# SPDX-License-Identifier: BSD-3-Clause
"""Another server becomes the primary.

    fence the old one → the new one applies all that it has → it takes writes
                      → the others follow it → the old one, too, if it is there

Whoever writes finds the new primary by read_only. One promotion at a time, from one machine."""

import fcntl
import subprocess
import time
from contextlib import contextmanager

from dblib import gtid, roles, sql, state
from dblib.sql import quote
from lablib.errors import LabError
from lablib.progress import complain, say

CATCH_UP_S = 60
LOOK_S = 1  # How often a wait looks whether it makes sense.
CLOSE_S = 5  # How long writes under way may take before a planned change is given up.
FENCE_S = 60

UNFENCED = """\
It may be alive for others, and take writes. Fence it first (power, network), then say so with
--fenced; or give the cluster file a command that does it, database.replication.fence."""

MAY_LACK = """\
It has not been with its primary since it started, or has been told to stop, so that writes which were
answered may be missing here. --accept-loss promotes it nevertheless; better bring {old} back, if that can be."""


@contextmanager
def _alone(cluster):
    """One decider: whoever has locked the cluster file."""
    with open(cluster.path, encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(f"another promotion is under way by {cluster.path}") from None
        yield


def _old_primary(cluster, states, target):
    """The state of the server that takes writes, or did until it fell silent; None if unknown."""
    found = state.writable(states)
    if found:
        return found
    if target and target.follows:
        server = cluster.at(*target.follows)
        return next((entry for entry in states if entry.server == server), None)
    return None


def _choose(states, name):
    """The server to promote: the one named, or the replica that has most."""
    if name:
        target = next(entry for entry in states if entry.server.name == name)
        if not target.answers:
            raise target.error
        return target
    able = [entry for entry in states if entry.answers and entry.follows and not entry.is_writable]
    if not able:
        raise LabError("there is no replica that answers",
                       *(f"{entry.server.name}: {entry.describe()}" for entry in states))
    return max(able, key=lambda entry: gtid.progress(entry.received))


def _refuse_less(target, states, old):
    """Another replica must not have more: it would have to be thrown away."""
    for other in states:
        if other in (target, old) or not other.answers:
            continue
        if not gtid.covers(target.received, other.received):
            raise LabError(f"{other.server.name} has more ({other.received}) than "
                           f"{target.server.name} ({target.received})",
                           f"promote it instead: scripts/promote {other.server.name}")


def _close(cluster, old):
    """The old primary answers: it takes no more writes. Returns what it had at the end."""
    sql.ask(cluster, old.server, f"SET SESSION lock_wait_timeout = {CLOSE_S};"
            "SET GLOBAL read_only = ON;", CLOSE_S + sql.ANSWER_S)
    return state.certain(cluster, old.server).binlog


def _fence(cluster, old, fenced):
    """The old primary does not answer: whatever it does must reach nobody."""
    if fenced:
        return
    if not cluster.fence:
        raise LabError(f"{old.server.name} does not answer", str(old.error), UNFENCED)
    argv = [*cluster.fence, old.server.name, old.server.host]
    say(f"fencing {old.server.name}: {' '.join(argv)}")
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, timeout=FENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"{old.server.name} could not be fenced: {error}", UNFENCED) from None
    if done.returncode != 0:
        raise LabError(f"{old.server.name} could not be fenced: the command ended with "
                       f"{done.returncode}", UNFENCED)


def _apply(cluster, target, position):
    """Waits until the target has applied everything up to 'position', or all it has got."""
    if position is None:
        position = state.certain(cluster, target.server, "STOP SLAVE IO_THREAD;").received
    if not position:
        return
    deadline = time.monotonic() + CATCH_UP_S
    wait = f"SELECT MASTER_GTID_WAIT({quote(position)}, {LOOK_S});"
    while sql.ask(cluster, target.server, wait).strip() != "0":
        now = state.of(cluster, target.server)
        if now.cannot_apply:
            raise LabError(f"replication on {target.server.name} has stopped", now.problem)
        if time.monotonic() > deadline:
            raise LabError(f"{target.server.name} has not applied {position} within "
                           f"{CATCH_UP_S} s", now.describe())


def _reopen(cluster, old):
    """A planned change that does not come off leaves things as they were."""
    try:
        sql.ask(cluster, old.server, "SET GLOBAL read_only = OFF;")
        complain(f"nothing has changed: {old.server.name} takes writes again")
    except sql.ServerError as error:
        complain(f"{old.server.name} could not be opened again: {error}")


def _join_others(cluster, states, target):
    """Everybody else follows; who cannot now joins later."""
    for other in states:
        if other.server == target.server:
            continue
        if not other.answers:
            say(f"{other.server.name} does not answer; when it is back: "
                f"scripts/database join {other.server.name}")
            continue
        try:
            roles.join(cluster, other.server)
        except LabError as error:
            complain(str(error))


def _check_crash(cluster, target, old, accept_loss):
    """Nobody can ask the old primary what it had."""
    safe = target.was_semi_sync or not cluster.semi_sync
    if not safe and not accept_loss:
        raise LabError(f"{target.server.name} may lack writes", MAY_LACK.format(old=old.server.name))


def _switch(cluster, states, target, old, fenced):
    """Returns after how many seconds the target took writes."""
    began = time.monotonic()
    if old is not None and old.answers:
        _apply(cluster, target, old.binlog)  # What lags is caught up with while writes go on.
        try:
            _apply(cluster, target, _close(cluster, old))
        except BaseException:
            if old.is_writable:
                _reopen(cluster, old)
            raise
    else:
        if old is not None:
            _fence(cluster, old, fenced)
        try:
            _apply(cluster, target, None)
        except BaseException:
            sql.ask(cluster, target.server, "START SLAVE IO_THREAD;")
            raise
    roles.open_for_writes(cluster, target.server, has_replicas=False)
    return time.monotonic() - began


def promote(cluster, name=None, fenced=False, accept_loss=False):
    """Makes the server called 'name', or the replica that has most, the primary."""
    if name:
        cluster.server(name)
    with _alone(cluster):
        states = state.of_all(cluster)
        target = _choose(states, name)
        if target.is_writable:
            say(f"{target.server.name} is the primary already")
            return
        old = _old_primary(cluster, states, target)
        if old is None and not all(entry.answers for entry in states) and not fenced:
            raise LabError("nobody knows who was the primary, and not all servers answer",
                           *(f"{entry.server.name}: {entry.describe()}" for entry in states),
                           UNFENCED)
        _refuse_less(target, states, old)
        if old is not None and old.answers and not target.follows:
            raise LabError(f"{target.server.name} follows nobody",
                           f"scripts/database join {target.server.name}")
        if old is not None and not old.answers:
            _check_crash(cluster, target, old, accept_loss)
        seconds = _switch(cluster, states, target, old, fenced)
        say(f"{target.server.name} takes writes at {state.of(cluster, target.server).current}, "
            f"{seconds * 1000:.0f} ms after the start of the change")
        _join_others(cluster, states, target)
