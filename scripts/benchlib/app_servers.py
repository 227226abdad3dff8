# SPDX-License-Identifier: BSD-3-Clause
"""What `scripts/bench app` measures: a database with links in it, and app nodes in front of it, in a
network namespace of this process on one machine's loopback. They share all processors, with each
other and with the client: nothing is pinned."""

import http.client
import shutil
from contextlib import contextmanager
from pathlib import Path

from benchlib import machine, programs, web_servers
from lablib import mariadb, namespaces, paths
from lablib.command import run
from lablib.waiting import until

LINKS = 100_000
DATABASE_PORT = 13306
APP_PORTS = (18080, 18081)
METRICS_PORTS = (19100, 19101)
CONNECTIONS = 8  # To the database, of each app node, and of the client that goes straight to it.
PASSWORD = "app-secret"
START_S = 60

WEIR = """cluster: bench
nodes:
  - {{name: app1, role: app, listen: "127.0.0.1:{app[0]}", metrics: "127.0.0.1:{metrics[0]}"}}
  - {{name: app2, role: app, listen: "127.0.0.1:{app[1]}", metrics: "127.0.0.1:{metrics[1]}"}}
  - {{name: db1, role: db, listen: "127.0.0.1:{database}", database: primary}}
app:
  public_url: http://short.test
  session_key_file: secret/session_key
  limits: {{threads: 1}}
  connections: {connections}
database:
  name: weir
  user: weir_app
  password_file: secret/app
  migrate_user: weir_migrate
  migrate_password_file: secret/migrate
  migrations: {migrations}
"""

SERVER_CNF = """!include {options}

[mariadbd]
datadir = {folder}/data
socket = {folder}/socket
pid_file = {folder}/pid
tmpdir = {folder}
log_error = {folder}/output
bind_address = 127.0.0.1
port = {port}
server_id = 1
performance_schema = OFF
innodb_buffer_pool_size = 256M
innodb_log_file_size = 256M
"""

ACCOUNTS = """CREATE DATABASE weir CHARACTER SET utf8mb4;
CREATE USER weir_app@'127.0.0.1' IDENTIFIED BY '{password}';
GRANT SELECT, INSERT, UPDATE, DELETE ON weir.* TO weir_app@'127.0.0.1';
CREATE USER weir_migrate@'127.0.0.1' IDENTIFIED BY '{password}';
GRANT ALL ON weir.* TO weir_migrate@'127.0.0.1';
SET GLOBAL read_only = OFF;
"""

FILL = """INSERT INTO weir.links (code, url, created_at)
SELECT CONCAT('b', LPAD(seq, 7, '0')), CONCAT('https://example.org/a/page?number=', seq),
  UTC_TIMESTAMP() FROM weir.seq_1_to_{links};
ANALYZE TABLE weir.links;
"""


class Database(web_servers.Server):
    """MariaDB with the options that the app tier asks for."""

    def launch(self):
        shutil.chown(self.folder, "mysql", "mysql")
        (self.folder / "server.cnf").write_text(SERVER_CNF.format(
            options=mariadb.APP_OPTIONS, folder=self.folder, port=DATABASE_PORT), encoding="ascii")
        run(["mariadb-install-db", "--no-defaults", "--user=mysql",
             f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=socket",
             "--skip-test-db", "--skip-name-resolve"], timeout_s=START_S)
        self.start("setpriv", "--reuid=mysql", "--regid=mysql", "--clear-groups",
                   mariadb.MARIADBD, f"--defaults-file={self.folder / 'server.cnf'}")
        self.sql(ACCOUNTS.format(password=PASSWORD))

    def sql(self, text):
        return run(["mariadb", "--no-defaults", f"--socket={self.folder / 'socket'}",
                    "--user=root", "--batch", "--skip-column-names"], text_in=text,
                   timeout_s=START_S)


class AppNode(web_servers.Server):
    """One process of weir-apptier with one worker."""

    def launch(self, config):
        self.start(programs.BUILD / "apptier" / "weir-apptier", "--config", config, "--node",
                   self.name, "--log-level", "error")
        until(f"{self.name} is of use", lambda: namespaces.inside(
            self.place.namespace, _health, self.ports[0]) == 200, START_S,
            lambda: [self.complaints()])


def _health(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    finally:
        connection.close()


class Place(web_servers.Place):
    """The namespace, with the cluster file and its secrets."""

    def make(self):
        super().make()
        secret = self.folder / "secret"
        secret.mkdir(mode=0o700)
        for name, text in (("app", PASSWORD), ("migrate", PASSWORD), ("session_key", "0" * 64)):
            path = secret / name
            path.touch(mode=0o600)
            path.write_text(f"{text}\n", encoding="ascii")
        self.config = self.folder / "weir.yaml"
        self.config.write_text(WEIR.format(
            app=APP_PORTS, metrics=METRICS_PORTS, database=DATABASE_PORT, connections=CONNECTIONS,
            migrations=paths.REPOSITORY / "apptier" / "migrations"), encoding="ascii")


@contextmanager
def servers(folder, n_links=LINKS):
    """(database, [app nodes]), with links to read; they are gone afterwards."""
    every = ",".join(map(str, sorted(set(machine.cpus()))))
    place = Place(Path(folder), (every, every))
    started = []
    try:
        place.make()
        database = Database(place, "db1", every, (DATABASE_PORT,))
        started.append(database)
        database.launch()
        nodes = []
        for name, port in zip(("app1", "app2"), APP_PORTS):
            node = AppNode(place, name, every, (port,))
            started.append(node)
            node.launch(place.config)
            nodes.append(node)
        database.sql(FILL.format(links=n_links))
        yield database, nodes
    finally:
        for server in reversed(started):
            server.stop()
        place.remove()
