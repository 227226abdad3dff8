# SPDX-License-Identifier: BSD-3-Clause
"""Brings the lab up and down, and breaks and mends its nodes."""

import filecmp
import json
import shutil

from lablib import (building, ca, command, daemons, dns, host, lock, mariadb, namespaces, paths,
                    processes, secret, snapshot, topology, waiting)
from lablib.errors import LabError
from lablib.progress import complain, say, step

START_S = 40  # The longest that daemons may take until everybody finds everybody else healthy.
STOP_S = 5  # How long a process may take to end when asked to.
REAP_S = 3  # How long init may take to forget processes that have ended.
FAILOVER_S = 10

SESSION_KEY = "session_key"  # Signs the app tier's cookies.

SOURCE_CONFIG = paths.REPOSITORY / "docs" / "weir.yaml"
SOURCE_SITE = paths.REPOSITORY / "webtier" / "site"
SOURCE_MIGRATIONS = paths.REPOSITORY / "apptier" / "migrations"


# --- What the daemons read -----------------------------------------------------------------------


def _check_config():
    """weir.yaml is checked before anything of the lab changes."""
    missing = [str(path) for path in [paths.WEIRCTL, *daemons.executables()] if not path.exists()]
    if missing:
        raise LabError("the build made no " + ", ".join(missing))
    command.run([paths.WEIRCTL, "check", SOURCE_CONFIG])


def _copy_sources():
    """Copies the configuration, the site and the migrations; returns whether the first changed."""
    changed = not paths.CONFIG.exists() or not filecmp.cmp(SOURCE_CONFIG, paths.CONFIG, False)
    shutil.copyfile(SOURCE_CONFIG, paths.CONFIG)
    shutil.copytree(SOURCE_SITE, paths.SITE, dirs_exist_ok=True)
    shutil.copytree(SOURCE_MIGRATIONS, paths.MIGRATIONS, dirs_exist_ok=True)
    return changed


# --- Waiting for health --------------------------------------------------------------------------


def _dead(among):
    """Processes that were started and run no more."""
    return [process for process in among if process.was_started() and process.pid() is None]


def _await_health(node=None, among=None):
    """Waits until the node (or everything) is healthy; a program that dies ends the wait."""
    among = among if among is not None else processes.of_all()
    what = f"{node.name} is healthy" if node else "everything is healthy"
    last = []

    def problems():
        dead = _dead(among)
        if dead:
            raise LabError(" and ".join(process.name for process in dead) + " died at start",
                           *(process.log_tail() for process in dead))
        last[:] = snapshot.collect().problems(node)
        return last

    def logs():
        named = [process for process in among
                 if any(process.node.name in problem for problem in last)]
        return [process.log_tail() for process in named]

    waiting.until_none(what, problems, START_S, logs)


# --- up ------------------------------------------------------------------------------------------


def _tear_down():
    """Ends and removes everything of the lab, however much of it there is."""
    facts = host.read_facts()
    names = namespaces.existing()
    inhabitants = [pid for name in names for pid in namespaces.pids(name)]
    processes.stop(processes.of_all(), STOP_S)
    processes.sweep(names)
    processes.await_reaped(inhabitants, REAP_S)
    namespaces.remove()
    host.restore(facts)
    shutil.rmtree(paths.LAB, ignore_errors=True)


def _make_databases():
    mariadb.make()
    for node in topology.nodes_of("db"):
        daemons.start(node)
    mariadb.set_up_replication(lambda: [process.log_tail() for node in topology.nodes_of("db")
                                        for process in processes.of_node(node)])


def _create():
    """Everything from nothing, until it has been started."""
    for folder in (paths.LAB, paths.LOGS, paths.PIDS):
        folder.mkdir(mode=0o755)
    host.note_before()
    with step("network"):
        namespaces.make()
    with step("secrets, certificates, names"):
        secret.make([*mariadb.ACCOUNTS, SESSION_KEY])
        ca.make()
        dns.make()
        _copy_sources()
    with step("load balancers, DNS server"):
        for node in (topology.DNS, *topology.nodes_of("lb")):
            daemons.start(node)
    with step("databases"):
        _make_databases()
    with step("app tier, web tier, monitor"):
        for role in ("app", "web", "monitor"):
            for node in topology.nodes_of(role):
                daemons.start(node)


def _refresh():
    """Starts what does not run in a lab that is up, and restarts what the build has replaced."""
    everything = [process for process in processes.of_all()
                  if process.program not in daemons.FOREIGN]
    stale = everything if _copy_sources() else daemons.outdated()
    if stale:
        with step("restarting " + ", ".join(process.name for process in stale)):
            processes.stop(stale, STOP_S)
    for node in topology.MACHINES:
        _start_node(node)


def _start_node(node):
    """Starts what is missing of a node; a database server also takes its role again."""
    started = daemons.start(node)
    if started:
        say("started " + ", ".join(process.name for process in started))
    if started and node.name == topology.PRIMARY:
        waiting.until(f"{node.name} answers", lambda: mariadb.answers(node), START_S,
                      lambda: [process.log_tail() for process in started])
        mariadb.make_primary(node)
    return started


def client_argv(argv):
    return namespaces.exec_argv(topology.CLIENT.namespace, argv)


def _fetch(*words):
    """What the client's curl gets from the site."""
    environment = [f"{name}={value}" for name, value in ca.client_environment().items()]
    return command.run(client_argv(["env", *environment, "curl", "-sS", "--fail", "-m", "5",
                                    *words]))


def _fetch_answers():
    """One static answer by each protocol and one dynamic, by name, as a client would."""
    url = f"https://{topology.SITE}"
    for protocol in ("-4", "-6"):
        page = _fetch(protocol, f"{url}/")
        say(f"  static   {url}/ by IPv{protocol[1]}: {len(page)} bytes")
    answer = _fetch("-X", "POST", "-H", "Content-Type: application/json",
                    "-d", '{"url":"https://example.org/"}', f"{url}/api/links")
    code = json.loads(answer)["code"]
    say(f"  dynamic  POST {url}/api/links: code {code}")
    return code


NEXT = """
What to try next, all as root:
  scripts/lab status                  every node, the owner of each address, the replication
  scripts/lab client curl -sS {url}/
  scripts/lab client curl -sSi {url}/l/{code}
  scripts/lab failover                hand the addresses to the other load balancer
  scripts/lab kill lb1                as if it lost power; `heal lb1` starts it again
  scripts/lab ctl lb1 status          weirctl on lb1
  scripts/lab down                    end everything, leave nothing behind
The monitor's page: http://{page}/"""


def up(keep=False):
    """Installs, builds, starts what is not there, and waits until all of it works."""
    host.require_tap()
    building.install_dependencies("run", "build")
    with step("build", own_lines=True):
        building.build()
    _check_config()
    with lock.held("up"):
        _bring_up(keep)


def _bring_up(keep):
    repository = host.read_facts().get("repository")
    fresh = not host.is_up()
    if not fresh and repository != str(paths.REPOSITORY):
        raise LabError(f"another lab is up, from {repository}",
                       f"end it first: {repository}/scripts/lab down")
    if fresh:
        if host.has_remains():
            with step("clearing what an earlier lab left"):
                _tear_down()
        daemons.page_listener().close()
    try:
        _create() if fresh else _refresh()
        with step("waiting until all are healthy"):
            _await_health()
        say("fetching:")
        code = _fetch_answers()
    except BaseException:
        if fresh and not keep:
            complain("cleaning up")
            _tear_down()
            lock.remove()
        raise
    host.write_facts(ready=True)
    url = f"https://{topology.SITE}"
    say(f"weir lab is ready: {url}/ through {' and '.join(topology.VIPS)}")
    say(NEXT.format(url=url, code=code, page=":".join(map(str, topology.PAGE_ADDRESS))))


# --- The other commands --------------------------------------------------------------------------


def require_lab():
    if not host.stands():
        raise LabError("no lab is up", "start it: scripts/lab up")


def down():
    with lock.held("down"):
        if host.has_remains():
            with step("ending the lab"):
                _tear_down()
        else:
            say("no lab is up")
        lock.remove()


def kill(node):
    """Ends the node's processes as a loss of power would."""
    require_lab()
    with lock.held(f"kill {node.name}"):
        ended = processes.kill(processes.of_node(node))
        processes.sweep([node.namespace])
    names = ", ".join(process.program for process in ended)
    say(f"{node.name}: killed {names}" if names else f"{node.name}: nothing was running")


def heal(node):
    """Starts what is missing of the node and waits until its neighbours find it healthy."""
    require_lab()
    with lock.held(f"heal {node.name}"):
        if not _start_node(node):
            say(f"{node.name}: everything is running")
        with step(f"waiting until {node.name} is healthy"):
            _await_health(node, processes.of_node(node))


def _owners():
    """The load balancers that hold addresses now, by address."""
    state = snapshot.collect()
    return {address: state.owner(address) for address in topology.VIPS}


def failover():
    """Asks each load balancer that holds an address to hand all of its addresses over."""
    require_lab()
    before = _owners()
    holders = sorted({name for name in before.values() if name})
    if not holders:
        raise LabError("no load balancer holds an address", "look at: scripts/lab status")
    for name in holders:
        snapshot.weirctl(topology.NODE[name], "failover")

    moved = {}

    def not_moved():
        for address, owner in _owners().items():
            if owner and owner != before[address]:
                moved.setdefault(address, owner)
        return [f"{address} is still with {before[address]}" for address in topology.VIPS
                if address not in moved]

    waiting.until_none("the addresses have moved", not_moved, FAILOVER_S)
    for address in topology.VIPS:
        say(f"{address}: {before[address]} -> {moved[address]}")


def logs_of(node):
    """The log files that a node's programs write."""
    files = [process.log for process in processes.of_node(node)]
    files.append(paths.LOGS / f"access-{node.name}.log")
    found = [path for path in files if path.exists()]
    if not found:
        raise LabError(f"{node.name} has written no log yet")
    return found


def status():
    return snapshot.collect()

