# SPDX-License-Identifier: BSD-3-Clause
"""Tiers grow and shrink, and the configuration changes again and again, while clients use the site.

The tests run in this order in one lab."""

import http.client
import json
import re
import socket
from urllib.request import urlopen

import pytest

from lablib import namespaces, paths, snapshot, topology
from lablib.waiting import until, until_none

N_KEPT = 12  # Connections that stay open all the time.
N_CYCLES = 50  # Of four reloads each.
PATIENCE_S = 30


class KeptConnections:
    """Connections of the client that are used again and again and must never break."""

    def __init__(self, count):
        self.connections = [namespaces.inside(topology.CLIENT.namespace, self._open)
                            for _ in range(count)]

    @staticmethod
    def _open():
        connection = http.client.HTTPConnection(topology.VIP4, 80, timeout=20)
        connection.auto_open = 0
        connection.sock = socket.create_connection((topology.VIP4, 80), timeout=20)
        return connection

    def use(self):
        for connection in self.connections:
            connection.request("GET", "/health")
            with connection.getresponse() as answer:
                assert answer.status == 200
                answer.read()

    def backends(self):
        """Who serves which, as the load balancer that holds the address knows it."""
        owner = topology.NODE[snapshot.owners()[topology.VIP4]]
        flows = snapshot.weirctl(owner, "flows", "--service", "http4", "--limit", "10000")["flows"]
        by_client = {flow["client"]: flow["backend"] for flow in flows}
        names = [":".join(map(str, connection.sock.getsockname()))
                 for connection in self.connections]
        return {name: by_client.get(name) for name in names}

    def close(self):
        for connection in self.connections:
            connection.close()


@pytest.fixture
def keep(whole):
    """Opens connections that are closed after the test."""
    opened = []

    def keep_some():
        opened.append(KeptConnections(N_KEPT))
        return opened[-1]

    yield keep_some
    for connections in opened:
        connections.close()


def monitored():
    """The names of nodes and how the monitor finds them."""
    host, port = topology.PAGE_ADDRESS
    with urlopen(f"http://{host}:{port}/api/state", timeout=5) as answer:
        return {node["name"]: node["state"] for node in json.load(answer)["nodes"]}


def scale(lab, role, number):
    """By the command, and in this process, too, which asks the same nodes."""
    lab.ok("scale", role, str(number), timeout=120)
    topology.set_scale({**topology.scale(), role: number})


def await_monitored(names):
    def wrong():
        found = monitored()
        return [f"{name}: {found.get(name)}" for name in names if found.get(name) != "ok"] + [
            f"{name} is still shown" for name in found if name[:3] in ("web", "app")
            and name not in names]

    until_none("the monitor shows the nodes", wrong, PATIENCE_S)


def names_of(role):
    return [node.name for node in topology.nodes_of(role)]


def test_the_web_tier_grows_without_a_failed_request(whole, poll, keep):
    kept = keep()
    kept.use()
    before = kept.backends()
    assert set(before.values()) <= {"web1", "web2"}
    with poll("/", timeout_ms=20000) as poller:
        scale(whole, "web", 3)
        totals = poller.await_successes(200)
    kept.use()
    assert totals["failed"] == 0, totals
    assert kept.backends() == before
    assert {"web3"} <= {row["backend"] for row in snapshot.weirctl(topology.NODE["lb1"], "backends")
                        if row["state"] == "up"}
    await_monitored(names_of("web") + names_of("app"))


class Configuration:
    """The lab's weir.yaml, edited as an operator would."""

    def __init__(self):
        self.text = paths.CONFIG.read_text(encoding="utf-8")

    def weights(self, weights):
        """A copy with these weights of backends; those with None are not in it."""
        text = self.text
        for name, weight in weights.items():
            entry = re.compile(rf"^( +- {{ name: {name}, address: .*weight: )\d+( }})\n",
                               re.MULTILINE)
            text = entry.sub("" if weight is None else rf"\g<1>{weight}\g<2>\n", text)
        return text

    @staticmethod
    def apply(text):
        paths.CONFIG.write_text(text, encoding="utf-8")
        return [snapshot.weirctl(node, "reload") for node in topology.nodes_of("lb")]


def backend_states(name):
    return {row["state"] for node in topology.nodes_of("lb")
            for row in snapshot.weirctl(node, "backends", name)}


def test_two_hundred_reloads_under_load_break_nothing(whole, poll, keep):
    """web3 comes, is weighed, drained and taken away; the others are weighed anew."""
    configuration = Configuration()
    configuration.apply(configuration.weights({"web3": None}))
    try:
        kept = keep()
        kept.use()
        before = kept.backends()
        assert set(before.values()) <= {"web1", "web2"}
        with poll("/", timeout_ms=20000, interval_ms=10) as poller:
            for cycle in range(N_CYCLES):
                configuration.apply(configuration.weights({"web3": 100}))
                if cycle % 5 == 0:
                    until("web3 is up", lambda: backend_states("web3") == {"up"}, PATIENCE_S)
                configuration.apply(configuration.weights({"web1": 50 + cycle, "web2": 150}))
                configuration.apply(configuration.weights({"web1": 70, "web3": 0}))
                poller.await_earlier()  # web3 gets no new ones.
                configuration.apply(configuration.weights({"web3": None}))
                kept.use()
            totals = poller.await_successes(100)
        after = kept.backends()
    finally:
        configuration.apply(configuration.text)
    assert totals["failed"] == 0, totals
    assert after == before
    status = snapshot.weirctl(topology.NODE["lb1"], "status")
    assert status["reload"]["done"] >= 4 * N_CYCLES
    assert status["reload"]["restart"] == []


def test_diff_shows_what_a_reload_would_do_and_does_nothing(whole, tmp_path):
    edited = tmp_path / "edited.yaml"
    edited.write_text(Configuration().weights({"web1": 7, "web3": None}), encoding="utf-8")
    shown = whole.ok("ctl", "lb1", "diff", str(edited))
    assert "~ pools[web4].backends[web1].weight: 100 -> 7" in shown
    assert "- pools[web4].backends[web3]" in shown
    assert "no process has to restart" in shown
    plan = json.loads(whole.ok("ctl", "lb1", "--json", "diff", str(edited)))
    assert len(plan["changes"]) == 16
    rows = snapshot.weirctl(topology.NODE["lb1"], "backends", "web1")
    assert {row["configured_weight"] for row in rows} == {100}


def test_a_wrong_file_changes_nothing(whole):
    configuration = Configuration()
    try:
        paths.CONFIG.write_text(configuration.text.replace("mode: dr", "mode: drr", 1),
                                encoding="utf-8")
        failed = whole.run("ctl", "lb1", "reload")
    finally:
        paths.CONFIG.write_text(configuration.text, encoding="utf-8")
    assert failed.returncode == 1
    assert re.search(r"weir.yaml:\d+: services\[0\]", failed.stderr), failed.stderr
    assert whole.status()["healthy"]


def test_the_app_tier_grows_and_both_shrink_without_a_failed_request(whole, poll):
    assert whole.post_link()[0] == 201
    with poll("/api/links", timeout_ms=20000) as poller:
        scale(whole, "app", 4)
        await_monitored(names_of("web") + names_of("app"))
        grown = poller.await_successes(200)
        scale(whole, "app", 2)
        scale(whole, "web", 2)
        totals = poller.await_successes(100)
    assert grown["failed"] == 0, grown
    assert totals["failed"] == 0, totals
    await_monitored(names_of("web") + names_of("app"))
    assert {node["name"] for node in whole.status()["nodes"]} == {
        node.name for node in topology.MACHINES}
