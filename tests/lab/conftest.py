# SPDX-License-Identifier: BSD-3-Clause
"""The lab under test: brought up once, by its own command, and taken down at the end."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

from lablib import host, paths, topology  # noqa: E402  (the path above makes it importable)
from lablib.waiting import until, until_none  # noqa: E402

UP_S = 600  # The first `up` may have to install and build.
PATIENCE_S = 60  # For what comes in a moment unless the machine is busy.


class Lab:
    """scripts/lab as its users have it: commands in, text and exit status out."""

    url = "https://www.weir.test"

    def run(self, *words, timeout=3 * PATIENCE_S):
        return subprocess.run([REPOSITORY / "scripts" / "lab", *words], capture_output=True,
                              text=True, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL)

    def ok(self, *words, timeout=3 * PATIENCE_S):
        """Runs a command that must succeed, and returns its output."""
        done = self.run(*words, timeout=timeout)
        assert done.returncode == 0, f"lab {' '.join(words)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def curl(self, *words):
        """What the client's curl gets: the status (0 without an answer) and the body."""
        done = self.run("client", "curl", "-sS", "-m", "20", "-w", "\n%{http_code}", *words)
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def post_link(self, target="https://example.org/"):
        return self.curl("-X", "POST", "-H", "Content-Type: application/json",
                         "-d", json.dumps({"url": target}), f"{self.url}/api/links")

    def status(self):
        return json.loads(self.ok("status", "--json"))

    def owners(self):
        return {vip["address"]: vip["owner"] for vip in self.status()["vips"]}

    def edges_to(self, node):
        """How those who need the node see it; those that do not run themselves left out."""
        return {edge["from"]: edge["state"] for edge in self.status()["edges"]
                if edge["to"] == node and edge["state"] != "unknown"}

    def await_noticed(self, node):
        """Waits until everybody who needs the node has found out that it is down."""
        until(f"{node} is found down", lambda: set(self.edges_to(node).values()) == {"down"},
              PATIENCE_S)

    def await_healthy(self):
        until_none("the lab is healthy", lambda: self.status()["problems"], PATIENCE_S)


class Poller:
    """A client that asks for a page at a fixed pace, whatever becomes of the earlier requests."""

    def __init__(self, lab, path="/", timeout_ms=500, interval_ms=20, address=None):
        self.process = subprocess.Popen(
            [REPOSITORY / "scripts" / "lab", "client", sys.executable,
             Path(__file__).parent / "poller.py", lab.url + path, str(interval_ms),
             str(timeout_ms), *([address] if address else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        self.await_successes(10)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=PATIENCE_S)

    def totals(self):
        """Of all requests that have ended: succeeded, failed, longest_gap_ms, errors."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def await_earlier(self):
        """Waits until the requests that are under way now have ended."""
        began = time.monotonic()
        until("earlier requests have ended", lambda:
              self.totals()["oldest_under_way_s"] < time.monotonic() - began, 30)

    def await_successes(self, n_more):
        """Waits until 'n_more' further requests have succeeded, and returns the totals."""
        target = self.totals()["succeeded"] + n_more

        def reached():
            totals = self.totals()
            return totals if totals["succeeded"] >= target else None

        return until(f"{n_more} more requests succeed", reached, PATIENCE_S)


def lines_of(*argv):
    return set(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines())


def machine():
    """What a lab could leave behind on the machine."""
    links = {line.split(":")[1] for line in lines_of("ip", "-o", "link")}
    lab_words = ("weir-", str(paths.LAB))
    return {
        "links": links,
        "namespaces": {line for line in lines_of("ip", "netns") if line.startswith("weir-")},
        "mounts": {line for line in lines_of("mount") if any(word in line for word in lab_words)},
        "netns mount": host.is_mounted(paths.NETNS),
        "processes": {line for line in lines_of("ps", "-eo", "args")
                      if str(paths.LAB) in line},
        "files": {path for path in (paths.LAB, paths.LOCK, paths.ETC_NETNS) if path.exists()},
        "page": listens(topology.PAGE_ADDRESS),
    }


def listens(address):
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


@pytest.fixture(scope="session", autouse=True)
def other_work_comes_later():
    """A machine with other work to do must not decide elections. The lab's nodes inherit this."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, -5)  # The load balancers' own comes on top.
    yield
    os.setpriority(os.PRIO_PROCESS, 0, before)


@pytest.fixture(scope="session", autouse=True)
def no_other_lab():
    """Refuses to take over a lab that somebody uses: these tests kill its nodes."""
    if Lab().run("status").returncode == 0:
        pytest.exit("a lab is up already; end it first: scripts/lab down", 1)


@pytest.fixture(scope="module")
def machine_before():
    """What the machine had before the lab."""
    return machine()


@pytest.fixture(scope="module")
def lab(machine_before, request):
    """The lab, up; a module may have UP_OPTIONS."""
    the_lab = Lab()
    started = the_lab.run("up", *getattr(request.module, "UP_OPTIONS", ()), timeout=UP_S)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        the_lab.up_output = started.stdout
        yield the_lab
    finally:
        the_lab.run("down")


@pytest.fixture
def whole(lab):
    """The lab with every node healthy, before the test and after it."""
    lab.await_healthy()
    yield lab
    for node in lab.status()["nodes"]:
        if node["state"] != "up":
            lab.ok("heal", node["name"])
    lab.await_healthy()


@pytest.fixture
def poll(lab):
    """Makes pollers: poll(path, timeout_ms, ...)."""
    return lambda *args, **options: Poller(lab, *args, **options)
