# SPDX-License-Identifier: BSD-3-Clause
"""Brings the lab up and down."""

import json
import shutil
import signal

from lablib import (building, ca, command, daemons, dns, facts, host, lock, mariadb, namespaces,
                    nodes, paths, processes, secret, shape, topology)
from lablib.errors import LabError
from lablib.health import await_database, await_healthy
from lablib.progress import complain, say, step

STOP_S = 15  # How long a process may take to end when asked to.
REAP_S = 10  # How long init may take to forget processes that have ended.

SESSION_KEY = "session_key"      # Signs the app tier's cookies.
FLOW_SYNC_KEY = "flow_sync_key"  # Signs what the load balancers tell each other of connections.

SOURCE_SITE = paths.REPOSITORY / "webtier" / "site"
SOURCE_MIGRATIONS = paths.REPOSITORY / "apptier" / "migrations"


# --- What the daemons read -----------------------------------------------------------------------


def _check_config(active_active):
    """weir.yaml is checked before anything of the lab changes."""
    made = [paths.WEIRCTL, paths.DECAPSULATE, *daemons.executables()]
    missing = [str(path) for path in made if not path.exists()]
    if missing:
        raise LabError("the build made no " + ", ".join(missing))
    shape.check(active_active)


def _copy_sources():
    """Copies the configuration, the site and the migrations; returns whether the first changed."""
    text = shape.configuration(shape.is_active_active())
    changed = not paths.CONFIG.exists() or paths.CONFIG.read_text(encoding="utf-8") != text
    paths.CONFIG.write_text(text, encoding="utf-8")
    shutil.copytree(SOURCE_SITE, paths.SITE, dirs_exist_ok=True)
    shutil.copytree(SOURCE_MIGRATIONS, paths.MIGRATIONS, dirs_exist_ok=True)
    return changed


# --- Everything from nothing, and back -----------------------------------------------------------


def _stop(among):
    """Stops processes, and tells of those that did not end when asked to: they should."""
    for process in processes.stop(among, STOP_S):
        complain(f"{process.name} did not end within {STOP_S} s and was killed")


def _tear_down():
    """Ends and removes everything of the lab, however much of it there is."""
    before = facts.read()
    names = namespaces.existing()
    inhabitants = [pid for name in names for pid in namespaces.pids(name)]
    _stop(processes.of_all())
    processes.sweep(names)
    processes.await_reaped(inhabitants, REAP_S)
    namespaces.remove()
    host.restore(before)
    shutil.rmtree(paths.LAB, ignore_errors=True)


def _clean_up():
    """Tears down after a failure, of which the message is still to come. Not to be interrupted: the
    signal that ended `up` may come again (a second Ctrl-C), and to the programs run from here."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    complain("cleaning up")
    try:
        _tear_down()
    except (LabError, OSError) as error:
        complain(f"{error}\nnot all could be cleaned up: try scripts/lab down")


def _make_databases():
    mariadb.make()
    for node in topology.nodes_of("db"):
        daemons.start(node)
    for node in topology.nodes_of("db"):
        await_database(node)
    mariadb.set_up_replication()


def _create(active_active):
    """Everything from nothing, until it has been started."""
    for folder in (paths.LAB, paths.LOGS, paths.PIDS):
        folder.mkdir(mode=0o755)
    host.note_before(active_active)
    with step("network"):
        namespaces.make()
    with step("secrets, certificates, names"):
        secret.make([*mariadb.ACCOUNTS, SESSION_KEY, FLOW_SYNC_KEY])
        ca.make()
        dns.make()
        _copy_sources()
    with step("databases"):
        _make_databases()
    with step("DNS server, app tier, web tier, load balancers, monitor"):
        for role in ("dns", "app", "web", "lb", "monitor"):
            for node in topology.nodes_of(role):
                daemons.start(node)


def _refresh():
    """Starts what does not run in a lab that is up, and restarts what the build has replaced."""
    everything = [process for process in processes.of_all()
                  if process.program not in daemons.FOREIGN]
    stale = everything if _copy_sources() else daemons.outdated()
    if stale:
        with step("restarting " + ", ".join(process.name for process in stale)):
            _stop(stale)
    for node in topology.nodes_of("web"):
        namespaces.attach_decapsulation(node)
    for node in topology.MACHINES:
        nodes.start(node)


# --- up ------------------------------------------------------------------------------------------


def client_argv(argv):
    return namespaces.exec_argv(topology.CLIENT.namespace, argv)


def _fetch(*words):
    """What the client's curl gets from the site."""
    environment = [f"{name}={value}" for name, value in ca.client_environment().items()]
    return command.run(client_argv(["env", *environment, "curl", "-sS", "--fail", "-m", "5",
                                    *words]))


def _fetch_answers():
    """A static answer by each protocol and mode, and a dynamic one, by name, as a client would."""
    url = f"https://{topology.SITE}"
    for protocol in ("-4", "-6"):
        page = _fetch(protocol, f"{url}/")
        say(f"  static   {url}/ by IPv{protocol[1]}: {len(page)} bytes")
    for address in topology.OTHER.vips if shape.is_active_active() else ():
        at = f"[{address}]" if ":" in address else address
        page = _fetch("--resolve", f"{topology.SITE}:443:{at}", f"{url}/")
        say(f"  static   {url}/ at {address}: {len(page)} bytes")
    for mode in topology.MODES:
        sizes = {len(_fetch(protocol, f"https://{mode.site}/")) for protocol in ("-4", "-6")}
        say(f"  {mode.name:<8} https://{mode.site}/ by IPv4 and IPv6: {max(sizes)} bytes")
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
  scripts/lab {failover}            hand the addresses to the other load balancer
  scripts/lab kill lb1                as if it lost power; `heal lb1` starts it again
  scripts/lab ctl lb1 services        weirctl on lb1: what it balances, and in which mode
  scripts/lab client curl -sS https://nat.{zone}/      by mode nat; also dr, ipip, gue, fullnat
  scripts/lab client dig @gue.{zone} {site}     DNS by mode gue, and so on
  scripts/lab down                    end everything, leave nothing behind
The monitor's page: http://{page}/"""


def up(keep=False, active_active=False):
    """Installs, builds, starts what is not there, and waits until all of it works. A lab that is
    up keeps its shape."""
    host.require_tap()
    building.install_dependencies("run", "build")
    with step("build", own_lines=True):
        building.build()
    with lock.held("up"):
        _bring_up(keep, active_active)


def _bring_up(keep, active_active):
    repository = facts.read().get("repository")
    fresh = not host.is_up()
    _check_config(active_active if fresh else shape.is_active_active())
    if not fresh and repository != str(paths.REPOSITORY):
        raise LabError(f"another lab is up, from {repository}",
                       f"end it first: {repository}/scripts/lab down")
    if not fresh and active_active and not shape.is_active_active():
        raise LabError("the lab that is up is active-passive",
                       "end it first: scripts/lab down")
    if fresh:
        if host.has_remains():
            with step("clearing what an earlier lab left"):
                _tear_down()
        daemons.page_listener().close()
    try:
        _create(active_active) if fresh else _refresh()
        with step("waiting until all are healthy"):
            await_healthy()
        say("fetching:")
        code = _fetch_answers()
    except BaseException:
        if fresh and not keep:
            _clean_up()
        raise
    facts.write(ready=True)
    url = f"https://{topology.SITE}"
    say(f"weir lab is ready: {url}/ through {', '.join(shape.vips())}")
    failover = "failover lb1" if shape.is_active_active() else "failover    "
    say(NEXT.format(failover=failover, url=url, code=code, zone=topology.ZONE, site=topology.SITE,
                    page=":".join(map(str, topology.PAGE_ADDRESS))))


# --- down ----------------------------------------------------------------------------------------


def down():
    with lock.held("down"):
        if host.has_remains():
            with step("ending the lab"):
                _tear_down()
        else:
            say("no lab is up")
