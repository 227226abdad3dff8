# SPDX-License-Identifier: BSD-3-Clause
"""The databases: a private primary and its replica, made from nothing, with GTID replication.

Both start read-only. Who is primary is decided in one place, here, after the start; so a server
that comes back never takes writes by itself. Root gets in only by the socket."""

import shutil

from lablib import ca, paths, secret, topology
from lablib.command import run
from lablib.errors import LabError

MARIADBD = "/usr/sbin/mariadbd"
REPLICATION_USER = "weir_replication"

# Server options that the app tier relies on; it owns them.
APP_OPTIONS = paths.REPOSITORY / "apptier" / "mariadb" / "weir.cnf"

SERVER_CNF = """\
!include {app_options}

[mariadbd]
user = mysql
datadir = {folder}/data
socket = {folder}/mariadb.sock
pid_file = {folder}/mariadb.pid
tmpdir = {folder}
skip_log_error
bind_address = {address}
port = {port}
server_id = {server_id}
report_host = {name}
ssl_cert = {folder}/server.crt
ssl_key = {folder}/server.key

# Small: two of them share one machine with everything else.
relay_log = relaylog
performance_schema = OFF
innodb_buffer_pool_size = 64M
innodb_log_file_size = 16M
"""

# Who may do what. The lab's application lives on the data network, and so do its databases.
ACCOUNTS = {
    "weir_app": f"SELECT, INSERT, UPDATE, DELETE ON {topology.DATABASE}.*",
    "weir_read": f"SELECT ON {topology.DATABASE}.*",
    "weir_migrate": f"ALL ON {topology.DATABASE}.*",
    "weir_monitor": "REPLICA MONITOR, BINLOG MONITOR ON *.*",
    REPLICATION_USER: "REPLICATION REPLICA ON *.*",
}

FOLLOW = """\
CHANGE MASTER TO MASTER_HOST='{host}', MASTER_PORT={port}, MASTER_USER='{user}',
  MASTER_PASSWORD='{password}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1,
  MASTER_HEARTBEAT_PERIOD=1;
START SLAVE;
"""


def _socket(node):
    return paths.node_folder(node) / "mariadb.sock"


def client_argv(node):
    """The mariadb client as root over the node's socket."""
    return ["mariadb", "--no-defaults", f"--socket={_socket(node)}", "--user=root",
            "--connect-timeout=2"]


def ask(node, sql, timeout_s=5):
    """Runs SQL as root and returns the rows, tab-separated."""
    return run([*client_argv(node), "--batch", "--skip-column-names"], text_in=sql,
               timeout_s=timeout_s)


def ask_vertical(node, sql):
    """Runs a query of at most one row and returns that as a dictionary of its columns."""
    text = run([*client_argv(node), "--execute", sql + "\\G"], timeout_s=5)
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def argv(node):
    return [MARIADBD, f"--defaults-file={paths.node_folder(node) / 'server.cnf'}"]


def answers(node):
    try:
        return ask(node, "SELECT 1;").strip() == "1"
    except LabError:
        return False


def _write_options(node, app_options):
    folder = paths.node_folder(node)
    text = SERVER_CNF.format(folder=folder, app_options=app_options, name=node.name,
                             address=topology.DATA.ipv4(node.host),
                             port=topology.DATABASE_PORT, server_id=node.host)
    (folder / "server.cnf").write_text(text, encoding="ascii")


def _make_certificate(node):
    """By which app tier and monitor know that they speak to this server: it has its address."""
    path = paths.node_folder(node) / "server"
    ca.issue(path, node.name, [f"IP:{topology.DATA.ipv4(node.host)}"])
    shutil.chown(path.with_suffix(".key"), "mysql", "mysql")


def _install(folder):
    """System tables of a new server; root is known by the operating system, not by password."""
    run(["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={folder}",
         "--auth-root-authentication-method=socket", "--skip-test-db", "--skip-name-resolve",
         "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=32M"])


def make():
    """Makes both servers' files: one new server, and a copy of it while it has no history."""
    app_options = paths.LAB / "mariadb.cnf"
    shutil.copyfile(APP_OPTIONS, app_options)
    for node in topology.nodes_of("db"):
        folder = paths.node_folder(node)
        folder.mkdir()
        shutil.chown(folder, "mysql", "mysql")
        _write_options(node, app_options)
        _make_certificate(node)
    primary, replica = (paths.node_folder(topology.NODE[name]) / "data"
                        for name in (topology.PRIMARY, topology.REPLICA))
    _install(primary)
    run(["cp", "--archive", "--reflink=auto", primary, replica])


def _create_accounts(primary):
    hosts = f"{topology.DATA.prefix4}.%"
    lines = [f"CREATE DATABASE {topology.DATABASE} CHARACTER SET utf8mb4;"]
    for user, rights in ACCOUNTS.items():
        lines += [f"CREATE USER '{user}'@'{hosts}' IDENTIFIED BY '{secret.read(user)}';",
                  f"GRANT {rights} TO '{user}'@'{hosts}';"]
    ask(primary, "\n".join(lines))


def make_primary(node):
    """Lets the node take writes."""
    ask(node, "SET GLOBAL read_only = OFF;")


def set_up_replication():
    """With both servers answering: accounts and schema on the primary, then the replica follows."""
    primary = topology.NODE[topology.PRIMARY]
    replica = topology.NODE[topology.REPLICA]
    make_primary(primary)
    _create_accounts(primary)
    ask(replica, FOLLOW.format(host=topology.DATA.ipv4(primary.host),
                               port=topology.DATABASE_PORT, user=REPLICATION_USER,
                               password=secret.read(REPLICATION_USER)))


def replication():
    """The state of the replication as both servers tell it."""
    state = {"primary": topology.PRIMARY, "replica": topology.REPLICA, "state": "unknown",
             "io": "", "sql": "", "lag_s": None, "primary_gtid": "", "replica_gtid": "",
             "error": ""}
    try:
        state["primary_gtid"] = ask(topology.NODE[topology.PRIMARY],
                                    "SELECT @@gtid_binlog_pos;").strip()
    except LabError:
        state["error"] = f"{topology.PRIMARY} does not answer"
    try:
        row = ask_vertical(topology.NODE[topology.REPLICA], "SHOW REPLICA STATUS")
        state["replica_gtid"] = ask(topology.NODE[topology.REPLICA],
                                    "SELECT @@gtid_slave_pos;").strip()
    except LabError:
        state["error"] = f"{topology.REPLICA} does not answer"
        return state
    state["io"] = row.get("Slave_IO_Running", "")
    state["sql"] = row.get("Slave_SQL_Running", "")
    lag = row.get("Seconds_Behind_Master", "NULL")
    state["lag_s"] = int(lag) if lag.isdigit() else None
    state["state"] = "running" if state["io"] == state["sql"] == "Yes" else "stopped"
    state["error"] = row.get("Last_SQL_Error") or row.get("Last_IO_Error") or state["error"]
    return state
