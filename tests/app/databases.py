# SPDX-License-Identifier: BSD-3-Clause
"""A private MariaDB primary and replica on the loopback, made from nothing.

Servers run as the user mysql and die with the test run, whatever becomes of it (setpriv)."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from ports import free_port  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[2]
OPTIONS = REPOSITORY / "apptier" / "mariadb" / "weir.cnf"
START_S = 90
PATIENCE_S = 60

AS_MYSQL = ["setpriv", "--reuid=mysql", "--regid=mysql", "--clear-groups", "--pdeathsig=KILL"]

SERVER_CNF = """\
!include {options}

[mariadbd]
datadir = {folder}/data
socket = {folder}/socket
pid_file = {folder}/pid
tmpdir = {folder}
log_error = {folder}/error.log
bind_address = 127.0.0.1
port = {port}
server_id = {server_id}
performance_schema = OFF
innodb_buffer_pool_size = 32M
innodb_log_file_size = 16M
"""

ACCOUNTS = """\
SET SESSION sql_log_bin = 0;
CREATE DATABASE weir CHARACTER SET utf8mb4;
CREATE USER weir_app@'127.0.0.1' IDENTIFIED BY 'app-secret';
GRANT SELECT, INSERT, UPDATE, DELETE ON weir.* TO weir_app@'127.0.0.1';
CREATE USER weir_migrate@'127.0.0.1' IDENTIFIED BY 'migrate-secret';
GRANT ALL ON weir.* TO weir_migrate@'127.0.0.1';
CREATE USER follower@'127.0.0.1' IDENTIFIED BY 'follower-secret';
GRANT REPLICATION REPLICA ON *.* TO follower@'127.0.0.1';
"""

FOLLOW = """\
CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='follower',
  MASTER_PASSWORD='follower-secret', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1{more};
START SLAVE;
"""


def until(what, condition, seconds=PATIENCE_S):
    """Calls 'condition' until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)


class Database:
    """One server, in a folder of its own."""

    def __init__(self, name, folder, server_id):
        self.name = name
        self.folder = folder
        self.port = free_port()
        self.process = None
        folder.mkdir()
        (folder / "server.cnf").write_text(SERVER_CNF.format(
            options=OPTIONS, folder=folder, port=self.port, server_id=server_id))

    def start(self, *options):
        self.process = subprocess.Popen(
            AS_MYSQL + ["/usr/sbin/mariadbd", f"--defaults-file={self.folder}/server.cnf", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(f"{self.name} answers", self._answers, START_S)

    def _answers(self):
        assert self.process.poll() is None, \
            f"{self.name} ended:\n{(self.folder / 'error.log').read_text()[-3000:]}"
        return self._client("SELECT 1").returncode == 0

    def _client(self, sql):
        return subprocess.run(
            ["mariadb", "--no-defaults", f"--socket={self.folder}/socket", "--user=root",
             "--batch", "--skip-column-names"],
            input=sql, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def sql(self, sql):
        """Runs SQL as root; returns the rows, each a list of texts."""
        done = self._client(sql)
        assert done.returncode == 0, f"{self.name}: {sql}\n{done.stderr}"
        return [line.split("\t") for line in done.stdout.splitlines()]

    def value(self, sql):
        return self.sql(sql)[0][0]

    def kill(self):
        """As a crash does."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def open(self):
        self.sql("SET GLOBAL read_only = OFF")

    def follow(self, primary, more=""):
        self.sql(FOLLOW.format(port=primary.port, more=more))


class Pair:
    """Primary db1 and replica db2."""

    def __init__(self, folder):
        shutil.chown(folder, "mysql", "mysql")
        self.db1 = Database("db1", folder / "db1", 1)
        self.db2 = Database("db2", folder / "db2", 2)
        template = folder / "template"
        for path in (self.db1.folder, self.db2.folder):
            shutil.chown(path, "mysql", "mysql")
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={template}",
             "--auth-root-authentication-method=socket", "--skip-test-db",
             "--skip-name-resolve", "--innodb-log-file-size=16M"],
            check=True, capture_output=True, timeout=START_S)
        for database in (self.db1, self.db2):
            subprocess.run(["cp", "-a", template, database.folder / "data"], check=True)

    def start(self):
        for database in (self.db1, self.db2):
            database.start()
            # On both alone, so that the history that they share begins with the first migration.
            database.sql(ACCOUNTS)
        self.db1.open()
        self.db2.follow(self.db1)

    def await_replicated(self):
        def same():
            return (self.db1.value("SELECT @@gtid_binlog_pos")
                    == self.db2.value("SELECT @@gtid_slave_pos"))
        try:
            until("db2 has all that db1 has", same)
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.db2.sql('SHOW SLAVE STATUS')}\n"
                                 f"{(self.db2.folder / 'error.log').read_text()[-3000:]}") \
                from error

    def stop(self):
        self.db1.kill()
        self.db2.kill()
