# SPDX-License-Identifier: BSD-3-Clause
"""As many services and backends as there may be, from the file to the wire, by the real programs:

    weirctl -- weir-controlplane -- weir-dataplane -- front -- Wire: clients and the backends' router
"""

import json
import os
import re
import subprocess
import urllib.request

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from harness import (BUILD, CLIENT4, CLIENT_MAC, ENVIRONMENT, PORT_MAC, ROOT, Dataplane,
                     wait_until)

CONTROLPLANE = os.path.join(ROOT, BUILD, "controlplane", "weir-controlplane")
WEIRCTL = os.path.join(ROOT, BUILD, "controlplane", "weirctl")
N_VIPS, N_PORTS, N_BACKENDS = 250, 40, 1000
N_SERVICES = N_VIPS * N_PORTS
GATEWAY, GATEWAY_MAC = "10.9.0.21", "02:00:00:00:01:21"  # Of all backends.
SCHEDULERS = ("maglev", "round-robin", "least-connections", "source-hash")
SAMPLE = range(0, N_SERVICES, 997)
PATIENCE_S = 60


def vip(i):
    return f"10.30.0.{i // N_PORTS + 1}"


def port(i):
    return 8000 + i % N_PORTS


def sections():
    text = ["virtual_routers:",
            "  - name: front", "    vrid: 51", "    port: front",
            "    members: [{node: lb1, priority: 200}]",
            "    addresses: [" + ", ".join(vip(i) for i in range(0, N_SERVICES, N_PORTS)) + "]",
            "pools:", "  - name: web", "    backends:"]
    text += [f"      - {{name: b{i}, address: 10.8.{i // 250}.{i % 250 + 1}, weight: {1 + i}}}"
             for i in range(N_BACKENDS)]
    text += ["services:"]
    text += [f"  - {{name: s{i}, address: {vip(i)}, port: {port(i)}, protocol: tcp, pool: web, "
             f"scheduler: {SCHEDULERS[i % len(SCHEDULERS)]}}}" for i in range(N_SERVICES)]
    return "\n".join(text) + "\n"


class Node:
    """A dataplane and its control plane."""

    def __init__(self, folder):
        self.dataplane = Dataplane(folder)
        self.control = None
        with open(self.dataplane.config, "a", encoding="ascii") as file:
            file.write(sections())

    def start(self):
        dataplane = self.dataplane
        dataplane.start()
        dataplane.add_host_addresses()
        dataplane.lb.ip("route", "add", "10.8.0.0/16", "via", GATEWAY, "dev", "weir0")
        dataplane.wire.hosts.update({CLIENT4: CLIENT_MAC, GATEWAY: GATEWAY_MAC})
        with open(os.path.join(dataplane.folder, "control.log"), "wb") as log:
            self.control = subprocess.Popen(
                dataplane.lb.command(CONTROLPLANE, "--config", dataplane.config, "--node", "lb1"),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=ENVIRONMENT)
        wait_until(self.is_master, "mastership", PATIENCE_S)

    def log(self):
        with open(os.path.join(self.dataplane.folder, "control.log"), encoding="utf-8") as file:
            return file.read()

    def is_master(self):
        """Asked again where it matters: a machine that stands still for long loses it for a while."""
        assert self.control.poll() is None, self.log()
        if not os.path.exists(self.dataplane.folder + "/admin.sock"):
            return False
        status = self.ctl("status")
        return status["ready"] and status["routers"][0]["state"] == "master"

    def run(self, *words):
        done = subprocess.run(
            [WEIRCTL, "--socket", self.dataplane.folder + "/admin.sock", *words],
            capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=ENVIRONMENT)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ctl(self, *words):
        return json.loads(self.run("--json", *words))

    def metrics(self):
        def get():
            with urllib.request.urlopen("http://127.0.0.1:9100/metrics", timeout=20) as reply:
                return reply.read().decode()

        return self.dataplane.lb.call(get)

    def close(self):
        try:
            if self.control:
                self.control.terminate()
                assert self.control.wait(30) == 0, self.log()
        finally:
            self.dataplane.close()


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    made = Node(tmp_path_factory.mktemp("node"))
    try:
        made.start()
        yield made
    finally:
        made.close()


def syn(i, client_port=4000):
    return (Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=vip(i))
            / TCP(sport=client_port, dport=port(i), flags="S"))


def test_the_file_is_fine(node):
    said = subprocess.run([WEIRCTL, "check", node.dataplane.config], capture_output=True,
                          text=True, timeout=PATIENCE_S, check=True, env=ENVIRONMENT).stdout
    assert f"1 pool, {N_SERVICES} services" in said


def test_weirctl_lists_all_services(node):
    wait_until(node.is_master, "mastership", PATIENCE_S)
    # Without them while the dataplane has not told yet.
    services = wait_until(lambda: (all_of_them := node.ctl("services")) and
                          all("packets" in s for s in all_of_them) and all_of_them,
                          "counters of all services", PATIENCE_S)
    assert [s["name"] for s in services] == [f"s{i}" for i in range(N_SERVICES)]
    assert {(s["backends"], s["backends_up"], s["router_state"]) for s in services} == {
        (N_BACKENDS, N_BACKENDS, "master")}
    lines = node.run("services").splitlines()
    assert sum(1 for line in lines if re.match(r"s\d+ ", line)) == N_SERVICES


def test_weirctl_lists_all_backends(node):
    backends = node.ctl("backends")
    assert [b["backend"] for b in backends] == [f"b{i}" for i in range(N_BACKENDS)]
    assert {b["state"] for b in backends} == {"up"}


def test_packets_to_services_all_over_are_forwarded_and_counted(node):
    wait_until(node.is_master, "mastership", PATIENCE_S)
    wire = node.dataplane.wire
    for i in SAMPLE:
        before = node.ctl("services", f"s{i}")[0]["packets"]
        frame = wire.ask(syn(i), lambda f, i=i: TCP in f and f[IP].dst == vip(i)
                         and f.dst == GATEWAY_MAC, f"service s{i}")
        assert frame[TCP].dport == port(i) and frame[IP].src == CLIENT4
        wait_until(lambda i=i, before=before:
                   node.ctl("services", f"s{i}")[0]["packets"] == before + 1, "the count")


def test_statistics_and_metrics_name_all_of_them(node):
    stats = node.ctl("stats")
    assert len(stats["services"]) == N_SERVICES and len(stats["backends"]) == N_BACKENDS

    def has_all():
        # The page has what the dataplane said last, once a second.
        return len(set(re.findall(r'weir_\w*packets\w*\{[^}]*service="(s\d+)"',
                                  node.metrics()))) == N_SERVICES

    wait_until(has_all, "all services in /metrics", PATIENCE_S)


def test_changes_come_into_force(node):
    dataplane = node.dataplane
    for i in range(10):
        node.run("drain" if i % 2 == 0 else "undrain", f"b{i // 2}")
    node.run("drain", "b999")
    assert [b["state"] for b in node.ctl("backends", "b999")] == ["drained"]

    def is_in_force():
        # Of the newest state: pushed, accepted, and nothing newer on its way.
        status = node.ctl("status")
        return (status["ready"] and status["dataplane"]["generation"] > 1
                and status["dataplane"]["generation"] == dataplane.stats()["generation"])

    wait_until(is_in_force, "the last state in force", PATIENCE_S)
    wait_until(lambda: dataplane.stats()["routers"] == [{"name": "front", "held": True}],
               "the addresses", PATIENCE_S)
