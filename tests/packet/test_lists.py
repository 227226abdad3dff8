# SPDX-License-Identifier: BSD-3-Clause
"""Services that block or allow clients by lists of prefixes, given in the state or as files, and
timeouts of flows that come with the state."""

import ipaddress
import itertools
import os
import random
import subprocess

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from conftest import SERVICES, pools, populate
from harness import (BUILD, CLIENT4, CLIENT6, CLIENT_MAC, PORT_MAC, ROOT, VIP4, VIP6, Dataplane,
                     Namespace, wait_until)

CONTROLPLANE = os.path.join(ROOT, BUILD, "controlplane", "weir-controlplane")
WEIRCTL = os.path.join(ROOT, BUILD, "controlplane", "weirctl")
BATCH = 32  # Frames on their way at once, so that none is lost.

client_ports = itertools.count(30000)


def packet(client, protocol="tcp", sport=None, flags="S"):
    client = str(client)
    ip = IPv6(src=client, dst=VIP6) if ":" in client else IP(src=client, dst=VIP4)
    sport = sport or next(client_ports)
    l4 = TCP(sport=sport, dport=80, flags=flags) if protocol == "tcp" else \
        UDP(sport=sport, dport=53)
    return bytes(Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip / l4)


def inside(name, *prefixes):
    return {"name": name, "prefixes": list(prefixes)}


def listed(**services):
    """SERVICES with members of those named."""
    return [(*s, services[s[0]]) if s[0] in services else s for s in SERVICES]


def verdicts(dataplane, frames):
    """Sends frames and returns how many had each verdict."""
    counted = {}
    for first in range(0, len(frames), BATCH):
        part = frames[first:first + BATCH]
        before = dataplane.stats()["verdicts"]
        for frame in part:
            dataplane.wire.send(frame)

        def changes(n=len(part), before=before):
            now = dataplane.stats()["verdicts"]
            changed = {v: now[v] - before[v] for v in now if now[v] != before[v] and v != "host"}
            return changed if sum(changed.values()) >= n else None

        for verdict, n in wait_until(changes, "all frames counted").items():
            counted[verdict] = counted.get(verdict, 0) + n
    return counted


def trace(dataplane, client):
    vip = f"[{VIP6}]" if ":" in client else VIP4
    client = f"[{client}]" if ":" in client else client
    return dataplane.control.call("trace", {
        "protocol": "tcp", "from": f"{client}:40000", "to": f"{vip}:80"})["verdict"]


@pytest.mark.parametrize("family, client, other", [
    (4, CLIENT4, "10.9.0.11"), (6, CLIENT6, "fd09::11")])
def test_blocked_clients_get_nothing(dataplane, family, client, other):
    dataplane.push(pools(), listed(**{f"http{family}": {"block": [0, 1]}}),
                   lists=[inside("none", "198.51.100.0/24"), inside("bad", CLIENT4, CLIENT6)])
    assert verdicts(dataplane, [packet(client)]) == {"drop_source_blocked": 1}
    assert trace(dataplane, client) == "drop_source_blocked"
    assert verdicts(dataplane, [packet(other)]) == {"forward": 1}
    assert trace(dataplane, other) == "forward"
    assert verdicts(dataplane, [packet(client, "udp")]) == {"forward": 1}
    drops = {s["name"]: s["drops"] for s in dataplane.stats()["services"]}
    assert drops[f"http{family}"] >= 1


@pytest.mark.parametrize("family, client, other", [
    (4, CLIENT4, "10.9.1.10"), (6, CLIENT6, "fd09:0:0:1::10")])
def test_only_allowed_clients_are_served(dataplane, family, client, other):
    dataplane.push(pools(), listed(**{f"dns{family}": {"allow": [0]}}),
                   lists=[inside("good", "10.9.0.0/24", "fd09::/64")])
    assert verdicts(dataplane, [packet(client, "udp")]) == {"forward": 1}
    assert verdicts(dataplane, [packet(other, "udp")]) == {"drop_source_not_allowed": 1}
    assert verdicts(dataplane, [packet(other)]) == {"forward": 1}


def test_lists_hold_for_flows_that_there_are(dataplane):
    sport = next(client_ports)
    assert verdicts(dataplane, [packet(CLIENT4, sport=sport, flags=f) for f in "SA"]) == \
        {"forward": 2}
    dataplane.push(pools(), listed(http4={"block": [0]}), lists=[inside("bad", CLIENT4)])
    assert verdicts(dataplane, [packet(CLIENT4, sport=sport, flags="A")]) == \
        {"drop_source_blocked": 1}
    dataplane.push(pools(), SERVICES)
    assert verdicts(dataplane, [packet(CLIENT4, sport=sport, flags="A")]) == {"forward": 1}


def test_who_is_blocked_is_not_allowed(dataplane):
    dataplane.push(pools(), listed(http4={"block": [0], "allow": [1]}),
                   lists=[inside("bad", CLIENT4), inside("good", "10.9.0.0/24")])
    assert verdicts(dataplane, [packet(CLIENT4)]) == {"drop_source_blocked": 1}
    assert verdicts(dataplane, [packet("10.9.0.11")]) == {"forward": 1}
    assert verdicts(dataplane, [packet("10.10.0.1")]) == {"drop_source_not_allowed": 1}


def test_fragments_of_blocked_clients_are_dropped(dataplane):
    dataplane.push(pools(), listed(dns4={"block": [0]}), lists=[inside("bad", CLIENT4)])
    ether = Ether(dst=PORT_MAC, src=CLIENT_MAC)
    first = ether / IP(src=CLIENT4, dst=VIP4, id=77, flags="MF") / UDP(sport=5, dport=53, len=32) \
        / bytes(8)
    later = ether / IP(src=CLIENT4, dst=VIP4, id=77, frag=2, proto=17) / bytes(16)
    assert verdicts(dataplane, [bytes(first), bytes(later)]) == {"drop_source_blocked": 2}


# --- Files ---

def random_prefixes(rng, n):
    """'n' different networks of both families, as lists have them: many and small."""
    networks = set()
    while len(networks) < n:
        if rng.random() < 0.7:
            length = rng.choice((16, 20, 22, 24, 24, 24, 28, 32))
            start = rng.randrange(1 << 24, 224 << 24) >> (32 - length) << (32 - length)
            networks.add(ipaddress.IPv4Network((start, length)))
        else:
            length = rng.choice((32, 40, 48, 48, 56, 64, 128))
            start = (0x2001 << 112 | rng.getrandbits(108)) >> (128 - length) << (128 - length)
            networks.add(ipaddress.IPv6Network((start, length)))
    return list(networks)


def questions(rng, networks, n):
    """Addresses at and beside the ends of networks, and anywhere."""
    asked = []
    for network in rng.sample(networks, n):
        first, last = network[0], network[-1]
        asked += [rng.choice((first, last, first + rng.randrange(network.num_addresses)))]
        if first.version == 4 and int(first) > 1 << 24 and int(last) + 1 < 224 << 24:
            asked += [first - 1, last + 1]
        elif first.version == 6:
            asked += [first - 1, last + 1]
            asked += [ipaddress.IPv6Address(0x2001 << 112 | rng.getrandbits(112))]
        asked += [ipaddress.IPv4Address(rng.randrange(1 << 24, 224 << 24))]
    return asked


def is_in(networks, lengths, address):
    """Whether one of the set of networks, which have those lengths, has the address."""
    return any(ipaddress.ip_network((address, length), strict=False) in networks
               for length in lengths[address.version])


def write_list(path, networks):
    path.write_text("# generated\n" + "".join(f"{network}\n" for network in networks),
                    encoding="ascii")
    return {"name": "file", "file": str(path), "stamp": str(os.stat(path).st_mtime_ns)}


def test_300000_prefixes_agree_with_ipaddress(dataplane, tmp_path):
    rng = random.Random(4711)
    networks = random_prefixes(rng, 300000)
    entry = write_list(tmp_path / "list", networks)
    dataplane.push(pools(), listed(**{s[0]: {"block": [0]} for s in SERVICES}), lists=[entry])
    shown = dataplane.stats()["lists"]
    assert [(s["name"], s["file"]) for s in shown] == [("file", entry["file"])]
    n4 = sum(network.version == 4 for network in networks)
    # What docs/config.md promises.
    assert shown[0]["bytes"] <= 8 * n4 + 32 * (len(networks) - n4) + 2 * (256 << 10) + 1024
    known = set(networks)
    lengths = {v: {n.prefixlen for n in networks if n.version == v} for v in (4, 6)}
    answers = {a: is_in(known, lengths, a) for a in questions(rng, networks, 1000)}
    blocked = [a for a, is_blocked in answers.items() if is_blocked]
    free = [a for a, is_blocked in answers.items() if not is_blocked]
    assert len(blocked) > 1000 and len(free) > 1000
    assert verdicts(dataplane, [packet(a, "udp") for a in blocked]) == \
        {"drop_source_blocked": len(blocked)}
    assert verdicts(dataplane, [packet(a, "udp") for a in free]) == {"forward": len(free)}
    # The same file, allowed.
    dataplane.push(pools(), listed(**{s[0]: {"allow": [0]} for s in SERVICES}), lists=[entry])
    assert verdicts(dataplane, [packet(a) for a in blocked[:500]]) == {"forward": 500}
    assert verdicts(dataplane, [packet(a) for a in free[:500]]) == \
        {"drop_source_not_allowed": 500}


def test_a_file_is_read_when_its_stamp_changes(dataplane, tmp_path):
    path = tmp_path / "list"
    services = listed(http4={"block": [0]})
    dataplane.push(pools(), services, lists=[write_list(path, [CLIENT4]) | {"stamp": "one"}])
    assert trace(dataplane, CLIENT4) == "drop_source_blocked"
    path.unlink()
    dataplane.push(pools(), services, lists=[{"name": "a", "file": str(path), "stamp": "one"}])
    assert trace(dataplane, CLIENT4) == "drop_source_blocked"
    write_list(path, ["10.9.0.11"])
    dataplane.push(pools(), services, lists=[{"name": "a", "file": str(path), "stamp": "two"}])
    assert trace(dataplane, CLIENT4) == "forward"
    assert trace(dataplane, "10.9.0.11") == "drop_source_blocked"


@pytest.mark.parametrize("text, says", [
    (None, ": cannot be read: No such file or directory"),
    ("10.0.0.0/8\n\n10.0.0.0/33\n", r":3: '10.0.0.0/33': the prefix length must be from 0 to 32"),
    ("fd09::1/64\n", r":1: 'fd09::1/64' has bits set .* did you mean fd09::/64?"),
    ("example.org\n", ":1: 'example.org' is not an address or prefix")])
def test_a_bad_file_is_refused_and_the_old_state_stays(dataplane, tmp_path, text, says):
    path = tmp_path / "bad"
    if text is not None:
        path.write_text(text, encoding="ascii")
    dataplane.push(pools(), listed(http4={"block": [0]}), lists=[inside("old", CLIENT4)])
    with pytest.raises(AssertionError, match=f"source list bad: {path}{says}"):
        dataplane.push(pools(), listed(http4={"block": [0]}),
                       lists=[{"name": "bad", "file": str(path), "stamp": "x"}])
    assert verdicts(dataplane, [packet(CLIENT4)]) == {"drop_source_blocked": 1}


# --- With the control plane ---

CLUSTER = """
virtual_routers:
  - {{name: r4, vrid: 4, port: front, addresses: [{vip}], members: [{{node: lb1, priority: 9}}]}}
pools:
  - name: web4
    backends: [{{name: b1, address: 10.9.0.21}}]
source_lists:
  - {{name: bad, file: bad.txt}}
  - {{name: good, prefixes: [10.9.0.0/24]}}
services:
  - {{name: http4, address: {vip}, port: 80, pool: web4, block: [bad], allow: [good]}}
flow_timeouts: {{udp_ms: 5000}}
"""


@pytest.fixture
def pair(own_dataplane):
    """A dataplane whose configuration is that of a whole cluster."""
    with open(own_dataplane.config, "a", encoding="ascii") as file:
        file.write(CLUSTER.format(vip=VIP4))
    return own_dataplane


def weirctl(*args):
    return subprocess.run([WEIRCTL, *args], capture_output=True, text=True, check=False)


def run_controlplane(dataplane, log):
    return subprocess.Popen(
        dataplane.lb.command(CONTROLPLANE, "--config", dataplane.config, "--node", "lb1"),
        stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def stop(process):
    process.terminate()
    return process.wait(20)


def test_a_bad_file_stops_the_control_plane_from_starting(pair, tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text("10.9.0.10\n10.9.0.300\n", encoding="ascii")
    checked = weirctl("check", pair.config)
    says = f"{path}:2: '10.9.0.300' is not an address or prefix"
    assert checked.returncode == 1 and says in checked.stderr
    result = subprocess.run(
        pair.lb.command(CONTROLPLANE, "--config", pair.config, "--node", "lb1"),
        capture_output=True, text=True, check=False, timeout=20)
    assert result.returncode == 1 and says in result.stderr


def test_a_new_control_plane_brings_a_changed_file(pair, tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text(f"{CLIENT4}\n", encoding="ascii")
    assert weirctl("check", pair.config).returncode == 0
    pair.start().add_host_addresses()
    pair.wire.hosts.update({"10.9.0.21": "02:00:00:00:01:21", CLIENT4: CLIENT_MAC})
    with open(tmp_path / "controlplane.log", "wb") as log:
        process = run_controlplane(pair, log)
        try:
            wait_until(lambda: pair.control.call("ready")["ready"], "ready", 20)
            assert trace(pair, CLIENT4) == "drop_source_blocked"
            assert trace(pair, "10.9.0.11") == "forward"
            assert trace(pair, "10.10.0.11") == "drop_source_not_allowed"
            socket = pair.folder + "/admin.sock"
            said = weirctl("trace", "--socket", socket, "--protocol", "tcp", "--from",
                           f"{CLIENT4}:1000", "--to", f"{VIP4}:80").stdout
            assert "drop_source_blocked: client in a list the service blocks" in said
            assert '"block": [\n      "bad"' in weirctl(
                "services", "--socket", socket, "--json").stdout
            stats = wait_until(lambda: (s := weirctl("stats", "--socket", socket).stdout)
                               and "SOURCE LIST" in s and s, "the first statistics")
            assert "udp 5.00s" in stats and str(path) in stats
            assert stop(process) == 0
            # What is there stays in force meanwhile.
            path.write_text("10.9.0.11\n", encoding="ascii")
            assert trace(pair, CLIENT4) == "drop_source_blocked"
            process = run_controlplane(pair, log)
            wait_until(lambda: trace(pair, CLIENT4) == "forward", "the changed file", 20)
            assert trace(pair, "10.9.0.11") == "drop_source_blocked"
        finally:
            stop(process)


# --- Timeouts ---

def states(dataplane):
    flows = dataplane.control.call("flows", {"limit": 1000})["flows"]
    return sorted(flow["state"] for flow in flows)


def test_timeouts_come_with_the_state(own_dataplane):
    own_dataplane.start().add_host_addresses()
    populate(own_dataplane)
    own_dataplane.push(pools(), SERVICES, flow_timeouts={})
    defaults = own_dataplane.stats()["flow_timeouts"]
    assert defaults == {"embryonic_ms": 10000, "established_ms": 900000, "fin_ms": 30000,
                        "closed_ms": 2000, "udp_new_ms": 10000, "udp_ms": 60000,
                        "evict_idle_ms": 300000}
    streams = [packet(CLIENT4, "udp", 7)] * 2 + [packet(CLIENT4, "tcp", 8, f) for f in "SA"]
    assert verdicts(own_dataplane, streams) == {"forward": 4}
    assert states(own_dataplane) == ["established", "udp"]
    own_dataplane.push(pools(), SERVICES, flow_timeouts={"udp_ms": 500, "udp_new_ms": 500})
    assert own_dataplane.stats()["flow_timeouts"] == {**defaults, "udp_ms": 500, "udp_new_ms": 500}
    # Flows that there are, and new ones.
    wait_until(lambda: states(own_dataplane) == ["established"], "the old flow gone")
    assert verdicts(own_dataplane, [packet(CLIENT4, "udp", 9)]) == {"forward": 1}
    wait_until(lambda: states(own_dataplane) == ["established"], "the new flow gone")
    own_dataplane.push(pools(), SERVICES, flow_timeouts={
        "udp_ms": 500, "udp_new_ms": 500, "established_ms": 500})
    wait_until(lambda: not states(own_dataplane), "all gone")


@pytest.mark.parametrize("timeouts, error", [
    ({"udp_ms": 499}, "udp_ms: 499"), ({"fin_ms": 3600001}, "fin_ms: 3600001"),
    ({"syn_ms": 5000}, "syn_ms"), ({"udp_ms": "500"}, "udp_ms")])
def test_timeouts_out_of_range_are_refused(dataplane, timeouts, error):
    with pytest.raises(AssertionError, match=f"flow_timeouts.*{error}"):
        dataplane.push(pools(), SERVICES, flow_timeouts=timeouts)


# --- Lists of flows ---

def test_flows_are_filtered(own_dataplane):
    own_dataplane.start().add_host_addresses()
    populate(own_dataplane)
    frames = [packet(f"10.9.{net}.{host}", "tcp", 1000 + host, "A")
              for net in (0, 1) for host in range(50, 58)]
    frames += [packet(f"10.9.1.{host}", "tcp", 1000 + host, "A") for host in range(50, 53)]
    frames += [packet(f"fd09::{host}", "udp", 2000) for host in range(1, 6)]
    assert verdicts(own_dataplane, frames) == {"forward": len(frames)}

    def count(**filters):
        found = own_dataplane.control.call("flows", {"limit": 1000, **filters})
        assert found["total"] == len(found["flows"])
        return found["total"]

    assert count() == 21
    assert count(client="10.9.0.0/24") == 8 and count(client="10.9.0.0/16") == 16
    assert count(client="10.9.0.50") == 1 and count(client="10.9.0.56/30") == 2
    assert count(client="fd09::/64") == 5 and count(client="::/0") == 5
    assert count(protocol="tcp") == 16 and count(protocol="udp") == 5
    assert count(state="embryonic") == 13 and count(state="established") == 3
    assert count(state="udp_new") == 5 and count(state="fin") == 0
    assert count(state="embryonic", client="10.9.1.0/24", service="http4") == 5
    by_backend = [count(backend=name, protocol="tcp") for name in ("b1", "b2")]
    assert sum(by_backend) == 16
