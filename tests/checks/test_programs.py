# SPDX-License-Identifier: BSD-3-Clause
"""Checks of MariaDB, a primary and its replica, and checks by scripts."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "app"))

from databases import Pair  # noqa: E402
from servers import until  # noqa: E402

ACCOUNT = """\
SET SESSION sql_log_bin = 0;
CREATE USER checker@'127.0.0.1' IDENTIFIED BY 'check-secret';
GRANT SLAVE MONITOR ON *.* TO checker@'127.0.0.1';
"""


@pytest.fixture
def pair(folder):
    place = folder / "databases"
    place.mkdir()
    databases = Pair(place)
    try:
        databases.start()
        for database in (databases.db1, databases.db2):
            database.sql(ACCOUNT)
        (folder / "password").write_text("check-secret\n")
        yield databases
    finally:
        databases.stop()


def keys_of(folder, port, more=""):
    return (f"type: mariadb\nport: {port}\nuser: checker\npassword_file: {folder}/password\n"
            f"{more}")


def test_mariadb_good_bad_slow_silent(folder, pair, relay, checks):
    db1, db2 = pair.db1, pair.db2
    way = relay(db1.port)
    check = checks(keys_of(folder, way.port, "read_only: no"), timeout_ms=2000)
    check.await_result("up", "logged in")
    db1.sql("SET GLOBAL read_only = ON")
    check.await_result("down", "the server is read-only, expected writable")
    db1.open()
    check.await_result("up", "logged in")
    (folder / "password").write_text("another\n")
    check.await_result("down", "Access denied")
    (folder / "password").write_text("check-secret")
    check.await_result("up", "logged in")
    way.delay_s = 5
    check.await_result("down", "no answer within 2000 ms")
    way.delay_s = 0
    check.await_result("up", "logged in")
    db1.process.send_signal(19)
    try:
        check.await_result("down", "no answer within 2000 ms")
    finally:
        db1.process.send_signal(18)
    check.await_result("up", "logged in")
    db1.kill()
    check.await_result("down", "")
    check.close()
    check.close = lambda: None
    db1.start()
    db1.open()
    replica_is_looked_at(folder, db1, db2, checks)


def replica_is_looked_at(folder, db1, db2, checks):
    until("replication runs", lambda: "Yes" in str(db2.sql("SHOW SLAVE STATUS")))
    check = checks(keys_of(folder, db2.port, "read_only: yes\nreplica: yes\nmax_lag_s: 2"))
    check.await_result("up", "logged in")
    db2.sql("STOP SLAVE SQL_THREAD")
    check.await_result("down", "replication does not run")
    db2.sql("START SLAVE SQL_THREAD")
    check.await_result("up", "logged in")
    # An event that is delayed makes it late.
    db2.sql("STOP SLAVE")
    db2.sql("CHANGE MASTER TO MASTER_DELAY = 60")
    db2.sql("START SLAVE")
    db1.sql("CREATE DATABASE late")
    check.await_result("down", "s behind, at most 2 s")
    db2.sql("STOP SLAVE")
    db2.sql("CHANGE MASTER TO MASTER_DELAY = 0")
    db2.sql("START SLAVE")
    check.await_result("up", "logged in")
    check.close()
    check.close = lambda: None
    checks(keys_of(folder, db1.port, "replica: yes")).await_result(
        "down", "the server replicates from none")


def test_mariadb_without_its_password(folder, checks):
    checks(keys_of(folder, 3306)).await_result("down", "password: No such file or directory")


@pytest.fixture
def script(folder):
    """A program that does what a file says; returns the way to replace that."""
    path = folder / "check.sh"

    def say(text):
        new = folder / "new"
        new.write_text(f"#!/bin/sh\n{text}\n")
        new.chmod(0o755)
        new.rename(path)
    say("exit 0")
    return say


def test_script_good_bad_slow_silent(folder, script, checks):
    script(f'echo "$WEIR_ADDRESS $WEIR_PORT $WEIR_CHECK $WEIR_BACKEND $1" >{folder}/told; exit 0')
    check = checks(f"type: script\nport: 8080\ncommand: [{folder}/check.sh, 'one word; $HOME']",
                   timeout_ms=1000)
    check.await_result("up", "exit status 0")
    # No shell has touched the words.
    assert (folder / "told").read_text() == "127.0.0.1 8080 test b1 one word; $HOME\n"
    script("exit 3")
    check.await_result("down", "exit status 3")
    script("exit 0")
    check.await_result("up", "exit status 0")
    script("kill -9 $$")
    check.await_result("down", "ended by signal 9")
    script("exit 0")
    check.await_result("up", "exit status 0")
    script(f"echo $$ >{folder}/pid; sleep 1000 & echo $! >{folder}/child; wait")
    check.await_result("down", "no end of the script within 1000 ms")
    # What it has started is killed with it, though it does not wait for it.
    child = int(until("it has told of its child", lambda: (folder / "child").exists()
                      and (folder / "child").read_text()))
    script("exit 0")
    until("the child is dead", lambda: not lives(child))
    check.await_result("up", "exit status 0")


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_script_that_is_missing(folder, checks):
    checks(f"type: script\ncommand: [{folder}/nothing]").await_result("down", "cannot be run")


def test_start_states(folder, script, checks):
    """'up' and 'down' hold until the results say otherwise 'fall' and 'rise' times."""
    script("exit 1")
    check = checks(f"type: script\nstart: up\ncommand: [{folder}/check.sh]")
    assert [check.next()[0] for _ in range(2)] == ["up", "down"]
    check.close()
    check.close = lambda: None
    script("exit 0")
    check = checks(f"type: script\nstart: down\ncommand: [{folder}/check.sh]")
    assert [check.next()[0] for _ in range(2)] == ["down", "up"]
    check.close()
    check.close = lambda: None
    check = checks(f"type: script\nstart: wait\ncommand: [{folder}/check.sh]")
    assert check.next()[0] == "up"


