# SPDX-License-Identifier: BSD-3-Clause
"""The databases: a private primary and its replica, made from nothing, with GTID replication.

Both start read-only. Who is primary is decided in one place, here, after the start; so a server
that comes back never takes writes by itself. Roles change by scripts/database, as on any site.
Root gets in only by the socket."""

import shutil

from lablib import ca, facts, namespaces, paths, topology
from lablib.command import run
from lablib.errors import LabError

MARIADBD = "/usr/sbin/mariadbd"

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

# Who they are; what each may do, scripts/database knows.
ACCOUNTS = ("weir_app", "weir_read", "weir_migrate", "weir_monitor", "weir_replication", "weir_admin")


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


def database(command, *words):
    """Runs scripts/database on a machine that reaches the servers; returns what it says."""
    argv = [paths.DATABASE, command, "--config", paths.CONFIG, *words]
    return run(namespaces.exec_argv(topology.MONITOR.namespace, argv))


def argv(node):
    """The server's command line: it depends on whether another one has been promoted meanwhile."""
    return [MARIADBD, f"--defaults-file={paths.node_folder(node) / 'server.cnf'}",
            *database("start-options", node.name).split()]


def primary():
    """The name of the server that has been made the primary, whether it runs or not."""
    return facts.read().get("primary", topology.PRIMARY)


def replica():
    return next(node.name for node in topology.nodes_of("db") if node.name != primary())


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


def _takes_writes(node):
    try:
        return ask(node, "SELECT @@read_only;").strip() == "0"
    except LabError:
        return False


def take_role(node):
    """A server that has been started: it follows whoever takes writes, or is the primary again."""
    if any(_takes_writes(other) for other in topology.nodes_of("db") if other != node):
        database("join", node.name)
    elif node.name == primary():
        database("open", "--fenced", node.name)


def set_up_replication():
    """With both servers answering: accounts, then the replica follows."""
    accounts = database("accounts", "--hosts", f"{topology.DATA.prefix4}.%")
    for node in topology.nodes_of("db"):
        ask(node, accounts)
    database("open", topology.PRIMARY)
    database("join", topology.REPLICA)


def replication():
    """The state of the replication as both servers tell it."""
    leader, follower = primary(), replica()
    state = {"primary": leader, "replica": follower, "state": "unknown",
             "io": "", "sql": "", "lag_s": None, "primary_gtid": "", "replica_gtid": "",
             "error": ""}
    try:
        state["primary_gtid"] = ask(topology.NODE[leader], "SELECT @@gtid_binlog_pos;").strip()
    except LabError:
        state["error"] = f"{leader} does not answer"
    try:
        row = ask_vertical(topology.NODE[follower], "SHOW REPLICA STATUS")
        state["replica_gtid"] = ask(topology.NODE[follower], "SELECT @@gtid_slave_pos;").strip()
    except LabError:
        state["error"] = f"{follower} does not answer"
        return state
    state["io"] = row.get("Slave_IO_Running", "")
    state["sql"] = row.get("Slave_SQL_Running", "")
    lag = row.get("Seconds_Behind_Master", "NULL")
    state["lag_s"] = int(lag) if lag.isdigit() else None
    state["state"] = "running" if state["io"] == state["sql"] == "Yes" else "stopped"
    state["error"] = row.get("Last_SQL_Error") or row.get("Last_IO_Error") or state["error"]
    return state
