# SPDX-License-Identifier: BSD-3-Clause
"""scripts/database on real servers: roles, promotion, divergence, backup and restore. They have a pair
of servers of their own, made ready by the commands under test alone."""

import fcntl
import json
import os
import shutil
import subprocess

import pytest
from databases import PATIENCE_S, REPOSITORY, START_S, Database, Pair, until

SCRIPTS = REPOSITORY / "scripts"

CLUSTER = """\
cluster: test
nodes:
  - {{name: db1, role: db, listen: "127.0.0.1:{db1}", database: primary}}
  - {{name: db2, role: db, listen: "127.0.0.1:{db2}", database: replica}}
database:
  name: weir
  user: weir_app
  password_file: app
  replication: {{user: follower, password_file: follower, admin_user: admin,
    admin_password_file: admin{more}}}
"""
SEMI_SYNC = ", semi_sync: yes, semi_sync_timeout_ms: 60000"


class Site:
    """A cluster file with two servers, and the commands that read it."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.pair = Pair(folder)
        self.file = folder / "weir.yaml"
        for name in ("app", "follower", "admin"):
            (folder / name).write_text(f"{name}'s \"secret\\\n")
            (folder / name).chmod(0o600)
        self.configure(SEMI_SYNC)

    def configure(self, more):
        self.file.write_text(CLUSTER.format(db1=self.pair.db1.port, db2=self.pair.db2.port, more=more))

    def run(self, *words, program="database"):
        return subprocess.run([SCRIPTS / program, words[0], "--config", self.file, *words[1:]]
                              if program == "database" else
                              [SCRIPTS / program, "--config", self.file, *words],
                              capture_output=True, text=True, timeout=4 * PATIENCE_S, check=False,
                              stdin=subprocess.DEVNULL)

    def ok(self, *words, program="database"):
        done = self.run(*words, program=program)
        assert done.returncode == 0, f"{program} {words}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def fails(self, *words, said, program="database"):
        done = self.run(*words, program=program)
        assert done.returncode == 1, f"{program} {words}:\n{done.stdout}{done.stderr}"
        assert said in done.stderr, done.stderr

    def restart(self, database):
        """As its machine would: with the options that its role asks for."""
        database.start(*self.ok("start-options", database.name).split())

    def write(self, database, number):
        database.sql(f"INSERT INTO weir.kept VALUES ({number})")


@pytest.fixture(scope="module")
def site(folder):
    made = Site(folder / "database")
    pair = made.pair
    try:
        for database in (pair.db1, pair.db2):
            database.start()
            database.sql(made.ok("accounts", "--hosts", "127.0.0.%"))
        made.ok("open", "db1")
        made.ok("join", "db2")
        pair.db1.sql("CREATE TABLE weir.kept (id INT PRIMARY KEY)")
        yield made
    finally:
        pair.stop()


def rows(database):
    return {int(row[0]) for row in database.sql("SELECT id FROM weir.kept")}


def await_same(one, other):
    until("both have the same", lambda: rows(one) == rows(other))


@pytest.fixture
def whole(site):
    """db1 is the primary, db2 follows it, and db1 waits for it, before the test and after it."""
    yield site
    site.configure(SEMI_SYNC)
    for database in (site.pair.db1, site.pair.db2):
        if not database.process:
            site.restart(database)
    now = site.run("status").stdout
    if "db2      takes writes" in now:
        site.ok("join", "db1")
        site.ok("db1", program="promote")
    elif "ON with 1 replicas" not in now or "stopped" in now:
        site.ok("join", "db2")


def test_accounts_are_made_again_without_harm_and_may_only_what_they_must(whole):
    pair = whole.pair
    text = whole.ok("accounts", "--hosts", "127.0.0.%")
    assert "secret" not in text
    pair.db1.sql(text)
    pair.db2.sql(text)
    assert pair.db1.value("SELECT @@gtid_binlog_pos") == pair.db2.value("SELECT @@gtid_binlog_pos")
    grants = "\n".join(row[0] for row in pair.db1.sql("SHOW GRANTS FOR admin@'127.0.0.%'"))
    for right in ("ALL PRIVILEGES", "SELECT", "INSERT", "SUPER", "FILE", "CREATE USER"):
        assert right not in grants.replace("REPLICATION", "")
    assert "READ_ONLY ADMIN" not in "".join(
        row[0] for row in pair.db1.sql("SHOW GRANTS FOR weir_app@'127.0.0.%'"))


def test_a_write_is_answered_when_the_replica_has_it(whole):
    pair = whole.pair
    assert pair.db1.sql("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_status'")[0][1] == "ON"
    before = int(pair.db1.sql("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_yes_tx'")[0][1])
    whole.write(pair.db1, 1)
    assert int(pair.db1.sql("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_yes_tx'")[0][1]) > before


def test_planned_changes_there_and_back_lose_nothing(whole):
    pair = whole.pair
    whole.write(pair.db1, 10)
    said = whole.ok(program="promote")
    assert "db2 takes writes" in said and "db1 follows db2" in said
    assert pair.db1.value("SELECT @@read_only") == "1"
    assert "already" in whole.ok("db2", program="promote")
    whole.write(pair.db2, 11)
    await_same(pair.db1, pair.db2)
    whole.ok("db1", program="promote")
    whole.write(pair.db1, 12)
    await_same(pair.db1, pair.db2)
    assert {10, 11, 12} <= rows(pair.db2)


def test_a_planned_change_to_a_replica_that_cannot_follow_changes_nothing(whole):
    pair = whole.pair
    # It has an extra row in the way of the primary's.
    pair.db2.sql("SET SESSION sql_log_bin = 0; INSERT INTO weir.kept VALUES (20)")
    pair.db1.sql("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
    whole.write(pair.db1, 20)
    until("replication has stopped",
          lambda: "Duplicate entry" in "".join(pair.db2.sql("SHOW REPLICA STATUS")[0]))
    whole.fails("db2", program="promote", said="has stopped")
    assert pair.db1.value("SELECT @@read_only") == "0"
    whole.write(pair.db1, 21)
    pair.db2.sql("SET SESSION sql_log_bin = 0; DELETE FROM weir.kept WHERE id = 20; START SLAVE")
    await_same(pair.db1, pair.db2)


def test_a_silent_primary_is_fenced_first(whole):
    pair = whole.pair
    pair.db1.kill()
    whole.fails(program="promote", said="--fenced")
    assert pair.db2.value("SELECT @@read_only") == "1"
    whole.configure(SEMI_SYNC + ", fence: [/bin/false]")
    whole.fails(program="promote", said="could not be fenced")
    assert pair.db2.value("SELECT @@read_only") == "1"
    log = whole.folder / "fenced"
    fence = whole.folder / "fence.sh"
    fence.write_text(f'#!/bin/sh\necho "$@" > {log}\n')
    fence.chmod(0o755)
    whole.configure(SEMI_SYNC + ", fence: [fence.sh, now]")
    assert "db2 takes writes" in whole.ok(program="promote")
    assert log.read_text() == "now db1 127.0.0.1\n"


def test_what_a_killed_primary_told_nobody_is_taken_back_when_it_returns(whole):
    """Semi-synchronous: a write that no replica has is in the primary's log, but not answered."""
    pair = whole.pair
    whole.write(pair.db1, 30)
    pair.db2.sql("STOP SLAVE IO_THREAD")
    pair.db1.sql("SET GLOBAL rpl_semi_sync_master_wait_no_slave = ON;"
                 "SET GLOBAL rpl_semi_sync_master_enabled = ON")
    before = pair.db1.value("SELECT @@gtid_binlog_pos")
    writer = subprocess.Popen(
        ["mariadb", "--no-defaults", f"--socket={pair.db1.folder}/socket", "--user=root",
         "-e", "INSERT INTO weir.kept VALUES (31)"], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    until("it is in the log", lambda: pair.db1.value("SELECT @@gtid_binlog_pos") != before)
    pair.db1.kill()
    assert writer.wait(PATIENCE_S) != 0
    # db2 had left, so its word alone does not do; here it is certain that nothing was answered.
    whole.ok("--fenced", "--accept-loss", "db2", program="promote")
    whole.write(pair.db2, 32)
    whole.restart(pair.db1)
    whole.ok("join", "db1")
    await_same(pair.db1, pair.db2)
    assert 31 not in rows(pair.db1) and {30, 32} <= rows(pair.db1)


def test_a_primary_that_only_restarts_takes_nothing_back(whole):
    """Nobody has been promoted: what its log holds may have been answered."""
    pair = whole.pair
    for number in range(40, 60):
        whole.write(pair.db1, number)
    pair.db1.kill()
    assert whole.ok("start-options", "db1") == ""
    whole.restart(pair.db1)
    assert pair.db1.value("SELECT @@read_only") == "1"
    whole.ok("open", "db1")
    assert set(range(40, 60)) <= rows(pair.db1)
    await_same(pair.db1, pair.db2)


def test_a_replica_that_its_primary_had_given_up_is_not_promoted_by_mistake(whole):
    pair = whole.pair
    pair.db2.kill()
    pair.db1.sql("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
    whole.write(pair.db1, 70)
    pair.db1.kill()
    whole.restart(pair.db2)
    whole.fails("--fenced", program="promote", said="may lack writes")
    assert pair.db2.value("SELECT @@read_only") == "1"
    whole.restart(pair.db1)
    whole.ok("open", "db1")
    await_same(pair.db1, pair.db2)


def test_a_server_that_has_diverged_is_refused_and_built_anew_from_a_backup(whole, tmp_path):
    pair = whole.pair
    whole.configure("")  # Asynchronous: here a write can be answered and lost.
    pair.db1.sql("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
    pair.db2.sql("STOP SLAVE IO_THREAD")
    whole.write(pair.db1, 80)
    pair.db1.kill()
    whole.ok("--fenced", "db2", program="promote")
    for number in (81, 82):
        whole.write(pair.db2, number)
    pair.db1.start()
    whole.fails("join", "db1", said="has diverged")
    assert 80 in rows(pair.db1) and pair.db1.value("SELECT @@read_only") == "1"

    backups = tmp_path / "backups"
    older = backups / "db2-20200101T000000Z"
    older.mkdir(parents=True)
    (older / "weir-backup.json").write_text('{"node": "db2"}')
    (backups / "db3-other").mkdir()
    whole.ok("db2", backups, "--keep", "1", program="backup")
    assert not older.exists()
    (backups / "db3-other").rmdir()
    whole.write(pair.db2, 83)
    pair.db1.kill()
    shutil.rmtree(pair.db1.folder / "data")
    said = restore(backups, pair.db1.folder / "data")
    position = said.partition("--position ")[2].split()[0]
    pair.db1.start()
    whole.ok("join", "db1", "--position", position)
    await_same(pair.db1, pair.db2)
    assert 80 not in rows(pair.db1) and {81, 82, 83} <= rows(pair.db1)


def restore(backups, data):
    folder = next(path for path in backups.iterdir())
    done = subprocess.run([SCRIPTS / "restore", folder, data], capture_output=True, text=True,
                          timeout=START_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_backup_under_load_restores_into_a_fresh_server(whole, tmp_path):
    pair = whole.pair
    pair.db1.sql("CREATE OR REPLACE TABLE weir.busy (id INT PRIMARY KEY AUTO_INCREMENT, t LONGTEXT)")
    backups = tmp_path / "backups"
    until("db2 has the table", lambda: pair.db2.sql("SHOW TABLES FROM weir LIKE 'busy'"))
    writer = subprocess.Popen(
        ["sh", "-c", "while :; do echo \"INSERT INTO weir.busy (t) VALUES (REPEAT('x', 2000));\"; done"
         f" | exec mariadb --no-defaults --socket={pair.db1.folder}/socket --user=root"],
        start_new_session=True)
    try:
        until("rows come", lambda: int(pair.db2.value("SELECT COUNT(*) FROM weir.busy")) > 10)
        before = int(pair.db2.value("SELECT COUNT(*) FROM weir.busy"))
        whole.ok("db2", backups, program="backup")
    finally:
        os.killpg(writer.pid, 15)
        writer.wait(PATIENCE_S)
    after = int(pair.db1.value("SELECT COUNT(*) FROM weir.busy"))

    fresh = Database("fresh", whole.folder / "fresh", 3)
    shutil.chown(fresh.folder, "mysql", "mysql")
    restore(backups, fresh.folder / "data")
    refused = subprocess.run([SCRIPTS / "restore", next(backups.iterdir()), fresh.folder / "data"],
                             capture_output=True, text=True, timeout=START_S, check=False)
    assert refused.returncode == 1 and "is not empty" in refused.stderr
    try:
        fresh.start()
        kept = int(fresh.value("SELECT COUNT(*) FROM weir.busy"))
        assert before <= kept <= after
        last = fresh.value("SELECT MAX(id) FROM weir.busy")
        compared = "SELECT COUNT(*), SUM(CRC32(CONCAT(id, t))) FROM weir.busy WHERE id <= " + last
        assert fresh.sql(compared) == pair.db1.sql(compared)
        assert rows(fresh) == rows(pair.db1)
        note = json.loads((next(backups.iterdir()) / "weir-backup.json").read_text())
        assert note["node"] == "db2" and note["position"].startswith("0-")
        # As the primary of what is left its history goes on.
        fresh.sql(f"SET GLOBAL gtid_slave_pos = '{note['position']}'; SET GLOBAL read_only = OFF;"
                  "DELETE FROM weir.busy WHERE id = 1")
        went_on = int(fresh.value("SELECT @@gtid_binlog_pos").split("-")[2])
        assert went_on == int(note["position"].split("-")[2]) + 1
    finally:
        fresh.kill()


def test_a_password_that_everybody_can_read_is_refused(whole):
    password = whole.folder / "admin"
    password.chmod(0o644)
    try:
        whole.fails("promote", said="open to everybody")
    finally:
        password.chmod(0o600)


def test_what_makes_no_sense_is_refused(whole):
    for words, said in ((("promote", "db9"), "no database is called 'db9'"),
                        (("join", "db1"), "is the primary"), (("open", "db2"), "db1 takes writes")):
        whole.fails(*words, said=said)
    with open(whole.file, encoding="ascii") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        whole.fails("promote", said="another promotion is under way")
