# SPDX-License-Identifier: BSD-3-Clause
"""Connections that live long, through a pair whose holder is killed: three backends, in every mode
and with schedulers that the other node cannot recompute.

      lb1, lb2 (nodes.py)      client           web1, web2, web3
   10.77.1.11, .12          10.77.1.10        10.77.1.21, .22, .23
         +--------------------- switch ----------------+

What a backend answers to the client goes back through the holder where it came through a
translation: by a route of its own in mode nat, to the router's local address in mode fullnat."""

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from conftest import BUILD, STOP_S, Namespace, connect, until
from nodes import PATIENCE_S, REST, World, configuration

HERE = Path(__file__).parent
VIP, VIP6, LOCAL, LOCAL6 = "10.77.1.100", "fd77:1::100", "10.77.1.110", "fd77:1::110"
GATEWAY = "10.77.1.101"  # Of backends in mode nat: the VIP is on their own lo.
CLIENT = "10.77.1.10"
BACKENDS = {f"web{i}": (f"10.77.1.2{i}", f"fd77:1::2{i}") for i in (1, 2, 3)}
DECAPSULATE = BUILD / "docs" / "examples" / "decapsulate.bpf.o"
N = 12  # Connections of a group.

# Name: port, mode, scheduler, more keys, family.
SERVICES = {
    "dr-rr": (8001, "dr", "round-robin", "", 4),
    "dr-lc": (8002, "dr", "least-connections", "", 4),
    "dr-maglev": (8003, "dr", "maglev", "", 4),
    "dr6-rr": (8004, "dr", "round-robin", "", 6),
    "tunnel-rr": (8005, "tunnel", "round-robin", "tunnel: {type: ipip, source: 198.18.0.0/16}", 4),
    "tunnel-lc": (8006, "tunnel", "least-connections", "tunnel: {type: ipip, source: 198.18.0.0/16}", 4),
    "nat-rr": (8007, "nat", "round-robin", "", 4),
    "nat-lc": (8008, "nat", "least-connections", "", 4),
    "fullnat-rr": (8009, "fullnat", "round-robin", "", 4),
    "fullnat-lc": (8010, "fullnat", "least-connections", "client_address: proxy2", 4),
    "fullnat6-rr": (8011, "fullnat", "round-robin", "", 6),
}


def sections():
    lines = ["flow_sync:", "  keys: [ { id: 1, file: sync.key } ]", "pools:"]
    for family in (4, 6):
        lines += [f"  - name: web{family}", "    backends:"]
        lines += [f"      - {{ name: {name}, address: \"{addresses[family == 6]}\" }}"
                  for name, addresses in BACKENDS.items()]
    lines.append("services:")
    for name, (port, mode, scheduler, more, family) in SERVICES.items():
        lines.append(f"  - {{ name: {name}, address: \"{VIP if family == 4 else VIP6}\", "
                     f"port: {port}, mode: {mode}, scheduler: {scheduler}, pool: web{family}"
                     + (f", {more}" if more else "") + " }")
    return "\n".join(lines) + "\n"


def cluster_file():
    text = configuration().replace(REST, sections())
    for addresses, local in ((f"[{VIP}]", LOCAL), (f'["{VIP6}"]', LOCAL6)):
        text = text.replace(f"    addresses: {addresses}\n",
                            f"    addresses: {addresses}\n    local_addresses: [\"{local}\"]\n")
    return text.replace(f"addresses: [{VIP}]", f"addresses: [{VIP}, {GATEWAY}]")


class Pair(World):
    """Two nodes, their backends, and a client with connections."""

    def __init__(self, folder):
        super().__init__(folder, cluster_file())
        self.servers = []
        self.client = None
        key = folder / "sync.key"
        key.write_text("a secret that both nodes know\n")
        key.chmod(0o600)

    def build(self):
        super().build()
        for i, (name, addresses) in enumerate(BACKENDS.items()):
            namespace = Namespace(name)
            self.namespaces.append(namespace)
            connect(self.switch, namespace, i + 4)
            self._equip(namespace, addresses)
            self._serve(namespace, name)
        self.client = subprocess.Popen(
            ["ip", "netns", "exec", self.namespaces[3].name, "/usr/bin/python3",
             HERE / "connections.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @staticmethod
    def _equip(namespace, addresses):
        for word in ("arp_ignore=1", "arp_announce=2", "rp_filter=0"):
            for place in ("all", "front"):
                namespace.run(f"sysctl -qw net.ipv4.conf.{place}.{word}")
        namespace.run(f"ip addr add {addresses[0]}/24 dev front")
        namespace.run(f"ip addr add {addresses[1]}/64 dev front")
        namespace.run(f"ip addr add {VIP}/32 dev lo")
        namespace.run(f"ip addr add {VIP6}/128 dev lo")
        # Mode nat: what has the backend's own address goes to the client through the holder.
        namespace.run(f"ip route add {CLIENT} via {GATEWAY} dev front table 100")
        namespace.run(f"ip rule add from {addresses[0]} to {CLIENT} table 100")
        namespace.run(f"ip -force link set dev front xdp object {DECAPSULATE} section xdp")

    def _serve(self, namespace, name):
        ports = [str(service[0]) for service in SERVICES.values()]
        server = subprocess.Popen(
            ["ip", "netns", "exec", namespace.name, "/usr/bin/python3",
             HERE / "echo_server.py", name, *ports], stdout=subprocess.PIPE, text=True)
        self.servers.append(server)
        assert server.stdout.readline() == "ready\n"

    def order(self, **order):
        self.client.stdin.write(json.dumps(order) + "\n")
        self.client.stdin.flush()
        return json.loads(self.client.stdout.readline())

    def open_all(self, label):
        """Opens connections to every service; returns who serves them."""
        found = {}
        for name, (port, _, _, _, family) in SERVICES.items():
            found.update(self.order(open=f"{name}/{label}", port=port, n=N,
                                    address=VIP if family == 4 else VIP6))
        for group, servers in found.items():
            assert set(servers) <= set(BACKENDS), (group, servers)
        return found

    def kill(self, index):
        for program in ("dataplane", "control"):
            self.nodes[index].stop(program, signal.SIGKILL)

    def sync_of(self, index):
        return (self.nodes[index].ctl("sync") or {}).get("sync") or {}

    def peer_of(self, index):
        """The other node as this one sees it; {} when it cannot be asked just now."""
        return (self.sync_of(index).get("peers") or [{}])[0]

    def forged(self, index):
        return self.sync_of(index).get("counters", {}).get("forged", 0)

    def await_told(self, teller, hearer):
        """What the one has told by now the other has heard."""
        def count(index, name):
            return self.peer_of(index).get("counters", {}).get(name)

        def told():
            sent = count(teller, "records_sent")
            return sent and count(hearer, "records_received") == sent
        until("all is told", told, PATIENCE_S)

    def await_synced(self):
        for i in range(2):
            until("a session", lambda i=i: self.peer_of(i).get("state") == "up"
                  and self.sync_of(i).get("synced"), PATIENCE_S)

    def remove(self):
        if self.client:
            self.client.stdin.close()
            self.client.wait(STOP_S)
        for server in self.servers:
            server.kill()
            server.wait(STOP_S)
        super().remove()


@pytest.fixture
def pair(tmp_path):
    made = Pair(tmp_path)
    try:
        made.build()
        made.begin()
        made.await_synced()
        yield made
    finally:
        made.remove()


def assert_kept(pair, known):
    found = pair.order(ask=sorted(known))
    assert found == {group: known[group] for group in found}


def test_connections_survive_the_death_of_the_holder_and_its_return(pair):
    known = pair.open_all("first")
    silent = pair.open_all("silent")
    for servers in known.values():
        assert len(set(servers)) > 1  # Of all three, twelve connections may miss one.
    assert {server for servers in known.values() for server in servers} == set(BACKENDS)
    pair.await_told(0, 1)
    pair.kill(0)
    pair.await_holder_alone(1)
    assert_kept(pair, known)
    known.update(pair.open_all("second"))
    pair.nodes[0].begin()
    pair.await_holder(0)
    assert_kept(pair, known)
    # These have not said a word while lb2 held.
    assert_kept(pair, silent)


def change_backend(pair, word):
    """Drains web2 at the holder, or has it back, and waits for its dataplane to know."""
    lb1 = pair.nodes[0]

    def generation():
        return lb1.ctl("status")["dataplane"]["generation"]
    before = generation()
    assert lb1.ctl(word, "web2") is not None
    until("the dataplane knows", lambda: generation() > before, PATIENCE_S)


@pytest.mark.parametrize("words", [("undrain", "drain"), ("drain", "undrain")],
                         ids=["drained", "added"])
def test_connections_survive_where_a_backend_went_or_came_just_before(pair, words):
    change_backend(pair, "drain")
    if words[0] == "undrain":
        change_backend(pair, "undrain")
    known = pair.open_all("before")
    change_backend(pair, words[1])
    known.update(pair.open_all("after"))
    for group, servers in known.items():
        without = "before" if words[0] == "drain" else "after"
        assert ("web2" in servers) == (not group.endswith(without)), (group, servers)
    pair.await_told(0, 1)
    pair.kill(0)
    pair.await_holder_alone(1)
    assert_kept(pair, known)


KEYS = {1: "sync.key", 2: "next.key"}


def set_keys(pair, *ids):
    """Gives all nodes these keys, the first to sign with, one node after the other."""
    keys = ", ".join(f"{{ id: {i}, file: {KEYS[i]} }}" for i in ids)
    file = pair.folder / "weir.yaml"
    file.write_text(re.sub("  keys: .*", f"  keys: [ {keys} ]", file.read_text()))
    for node in reversed(pair.nodes):
        node.stop("control")
        node.start_control()
        until(f"{node.name} is fit", lambda node=node: node.states()
              and "init" not in node.states().values(), PATIENCE_S)


def test_the_key_is_changed_without_a_gap(pair):
    key = pair.folder / KEYS[2]
    key.write_text("another secret of both nodes\n")
    key.chmod(0o600)
    known = pair.open_all("before")
    for ids in ((1, 2), (2, 1), (2,)):
        set_keys(pair, *ids)
        pair.await_holder(0)
        known.update(pair.open_all(str(ids)))
        pair.await_told(0, 1)
    # Nothing was signed with a key that the other one did not have just then.
    assert [pair.forged(i) for i in range(2)] == [0, 0]
    pair.kill(0)
    pair.await_holder_alone(1)
    assert_kept(pair, known)


def test_a_node_without_the_key_is_not_believed(pair):
    pair.kill(1)
    key = pair.folder / "sync.key"
    key.write_text("another secret, as long as it\n")
    pair.nodes[1].begin()
    until("lb1 has refused it", lambda: pair.forged(0) > 0, PATIENCE_S)
    until("there is no session", lambda: pair.peer_of(0).get("state") == "down", PATIENCE_S)
    refused = pair.forged(0)
    until("lb2 goes on trying", lambda: pair.forged(0) > refused + 5, PATIENCE_S)
    assert pair.peer_of(0).get("state") == "down"
