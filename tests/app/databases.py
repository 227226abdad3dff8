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
ssl_cert = {folder}/../tls/server.crt
ssl_key = {folder}/../tls/server.key
"""

ACCOUNTS = """\
SET SESSION sql_log_bin = 0;
CREATE DATABASE weir CHARACTER SET utf8mb4;
CREATE USER weir_app@'127.0.0.1' IDENTIFIED BY 'app-secret';
GRANT SELECT, INSERT, UPDATE, DELETE ON weir.* TO weir_app@'127.0.0.1';
CREATE USER weir_read@'127.0.0.1' IDENTIFIED BY 'read-secret';
GRANT SELECT ON weir.* TO weir_read@'127.0.0.1';
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

    def session(self):
        """A client as root that is told one statement after the other."""
        return subprocess.Popen(
            ["mariadb", "--no-defaults", f"--socket={self.folder}/socket", "--user=root",
             "--batch", "--skip-column-names", "--unbuffered"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

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


def make_authority(folder):
    """A certificate authority, ca.crt, and what it has signed for 127.0.0.1: server.crt."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True,
                       timeout=PATIENCE_S)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    folder.mkdir()
    openssl("req", "-x509", *key, "-subj", "/CN=test authority", "-days", "2",
            "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", "-x509", *key, "-subj", "/CN=database", "-days", "2", "-CA", "ca.crt",
            "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", "server.key", "-out", "server.crt")
    shutil.chown(folder / "server.key", "mysql", "mysql")


class Pair:
    """Primary db1 and replica db2."""

    def __init__(self, folder):
        self.folder = folder
        self.template = folder / "template"
        shutil.chown(folder, "mysql", "mysql")
        make_authority(folder / "tls")
        self.ca = folder / "tls" / "ca.crt"
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", "--user=mysql",
             f"--datadir={self.template}",
             "--auth-root-authentication-method=socket", "--skip-test-db",
             "--skip-name-resolve", "--innodb-log-file-size=16M"],
            check=True, capture_output=True, timeout=START_S)
        self.db1 = self.make("db1", 1)
        self.db2 = self.make("db2", 2)

    def make(self, name, server_id):
        """A new server, not started."""
        database = Database(name, self.folder / name, server_id)
        shutil.chown(database.folder, "mysql", "mysql")
        subprocess.run(["cp", "-a", self.template, database.folder / "data"], check=True)
        return database

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
