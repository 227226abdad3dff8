# SPDX-License-Identifier: BSD-3-Clause
"""weirctl against a node that runs: dataplane, control plane, and a wire that plays clients and
backends (tests/packet/harness.py)."""

import contextlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.layers.inet import IP, TCP, UDP  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "packet"))

from harness import (BUILD, CLIENT4, CLIENT_MAC, PORT_MAC, PROGRAM, ROOT, VIP4,  # noqa: E402
                     Dataplane, wait_until)

PATIENCE_S = 30
BUILD_FOLDER = os.path.join(ROOT, BUILD)
CONTROLPLANE = os.path.join(BUILD_FOLDER, "controlplane", "weir-controlplane")
WEIRCTL = os.path.join(BUILD_FOLDER, "controlplane", "weirctl")
LOCAL4 = "10.9.0.77"
BACKENDS = {"b1": ("10.9.0.21", "02:00:00:00:01:21"), "b2": ("10.9.0.22", "02:00:00:00:01:22")}

CLUSTER = f"""
virtual_routers:
  - {{name: front4, vrid: 4, port: front, addresses: [{VIP4}], local_addresses: [{LOCAL4}],
     advert_ms: 100, members: [{{node: lb1, priority: 9}}]}}
pools:
  - name: web4
    backends: [{{name: b1, address: {BACKENDS['b1'][0]}}}, {{name: b2, address: {BACKENDS['b2'][0]}}}]
  - name: one4
    backends: [{{name: b1, address: {BACKENDS['b1'][0]}}}]
services:
  - {{name: http4, address: {VIP4}, port: 80, pool: web4}}
  - {{name: dns4, address: {VIP4}, port: 53, protocol: udp, pool: web4}}
  - {{name: full4, address: {VIP4}, port: 8080, mode: fullnat, pool: one4}}
"""


def pytest_configure():
    if os.geteuid() != 0:
        pytest.exit("these tests make network namespaces: run them as root", 2)
    if not os.access(PROGRAM, os.X_OK):
        pytest.exit(f"{PROGRAM} is missing: build it, or set WEIR_BUILD to the build folder", 2)


class Node:
    """A load balancer that holds its address and reaches its backends."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.dataplane = Dataplane(folder)
        self.socket = self.dataplane.folder + "/admin.sock"
        self.log = self.folder / "controlplane.log"
        self.control = None
        self.wire = self.dataplane.wire
        with open(self.dataplane.config, "a", encoding="ascii") as file:
            file.write(CLUSTER)

    def start(self):
        self.wire.hosts.update(dict(BACKENDS.values()))
        self.wire.hosts[CLIENT4] = CLIENT_MAC
        self.dataplane.start().add_host_addresses()
        with open(self.log, "wb") as log:
            self.control = subprocess.Popen(self.dataplane.lb.command(
                CONTROLPLANE, "--config", self.dataplane.config, "--node", "lb1"),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self.is_master, f"a master; {self.log}", PATIENCE_S)
        wait_until(lambda: self.dataplane.control.call("ready")["ready"], "next hops", PATIENCE_S)

    def is_master(self):
        done = self.ctl("status")
        return done.returncode == 0 and " master " in done.stdout

    def command(self, *words):
        return [WEIRCTL, "--socket", self.socket, *map(str, words)]

    def ctl(self, *words):
        return subprocess.run(self.command(*words), capture_output=True, text=True, check=False,
                              timeout=PATIENCE_S)

    def send(self, *frames):
        for frame in frames:
            self.wire.send(frame)

    def close(self):
        try:
            if self.control:
                self.control.terminate()
                assert self.control.wait(PATIENCE_S) == 0, self.log.read_text()
        finally:
            self.dataplane.close()


@pytest.fixture(scope="session")
def shared_node(tmp_path_factory):
    node = Node(tmp_path_factory.mktemp("node"))
    with contextlib.closing(node):
        node.start()
        yield node


@pytest.fixture
def node(shared_node):
    shared_node.wire.forget()
    return shared_node


def packet(sport, dport=80, flags="S", load=b""):
    """A client's packet to the virtual address; with 'flags' None of UDP."""
    l4 = UDP(sport=sport, dport=dport) if flags is None else \
        TCP(sport=sport, dport=dport, flags=flags)
    return bytes(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4) / l4 / load)
