# SPDX-License-Identifier: BSD-3-Clause
"""Limits of services and backends: what is too much is dropped and counted by name, and flows that
there are go on."""

import itertools
import time

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from conftest import SERVICES, pools, populate
from harness import CLIENT4, CLIENT6, CLIENT_MAC, PORT_MAC, VIP4, VIP6, wait_until

client_ports = itertools.count(50000)


def packet(family, protocol, sport, flags="S"):
    ip = IP(src=CLIENT4, dst=VIP4) if family == 4 else IPv6(src=CLIENT6, dst=VIP6)
    l4 = TCP(sport=sport, dport=80, flags=flags) if protocol == "tcp" else \
        UDP(sport=sport, dport=53)
    return bytes(Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip / l4)


def limited(name, **limits):
    """SERVICES with limits of one of them."""
    return [s if s[0] != name else (*s, {"limits": limits}) for s in SERVICES]


def full_at(n):
    """The pools, all of whose backends have at most 'n' flows."""
    return {name: [{**b, "max_flows": n} for b in backends] for name, backends in pools().items()}


def send_all(dataplane, frames):
    """Sends frames and waits until all are counted. Returns how many had each verdict, and the
    time that it took."""
    before = dataplane.stats()["verdicts"]
    begin = time.monotonic()
    for frame in frames:
        dataplane.wire.send(frame)

    def changes():
        now = dataplane.stats()["verdicts"]
        changed = {v: now[v] - before[v] for v in now if now[v] != before[v] and v != "host"}
        return changed if sum(changed.values()) >= len(frames) else None

    return wait_until(changes, "all frames counted"), time.monotonic() - begin


@pytest.mark.parametrize("family, protocol, name", [
    (4, "tcp", "http4"), (6, "tcp", "http6"), (4, "udp", "dns4"), (6, "udp", "dns6")])
def test_new_flows_are_limited(dataplane, family, protocol, name):
    old = next(client_ports)
    send_all(dataplane, [packet(family, protocol, old, f) for f in ("S", "A")])
    dataplane.push(pools(), limited(name, new_flows_per_s=4))
    verdicts, took_s = send_all(
        dataplane, [packet(family, protocol, next(client_ports)) for _ in range(60)])
    assert sum(verdicts.values()) == 60
    assert 4 <= verdicts["forward"] <= 4 + 4 * took_s + 1
    assert set(verdicts) == {"forward", "drop_new_flow_limit"}
    # The flow that there was, and another service, have no part in it.
    verdicts, _ = send_all(dataplane, [packet(family, protocol, old, "A")] * 20)
    assert verdicts == {"forward": 20}
    verdicts, _ = send_all(
        dataplane, [packet(10 - family, protocol, next(client_ports)) for _ in range(20)])
    assert verdicts == {"forward": 20}


def test_flows_in_midstream_are_not_new(dataplane):
    dataplane.push(pools(), limited("http4", new_flows_per_s=1))
    verdicts, _ = send_all(dataplane, [packet(4, "tcp", next(client_ports), "A")
                                       for _ in range(20)])
    assert verdicts == {"forward": 20}


@pytest.mark.parametrize("family", [4, 6])
def test_packets_are_limited(dataplane, family):
    dataplane.push(pools(), limited(f"dns{family}", packets_per_s=5))
    verdicts, took_s = send_all(dataplane, [packet(family, "udp", next(client_ports))] * 80)
    assert sum(verdicts.values()) == 80
    assert 5 <= verdicts["forward"] <= 5 + 5 * took_s + 1
    assert set(verdicts) == {"forward", "drop_packet_limit"}
    drops = {s["name"]: s["drops"] for s in dataplane.stats()["services"]}
    assert drops[f"dns{family}"] >= verdicts["drop_packet_limit"]
    verdicts, _ = send_all(dataplane, [packet(family, "tcp", next(client_ports))] * 20)
    assert verdicts == {"forward": 20}


@pytest.mark.parametrize("family", [4, 6])
def test_full_backends_take_no_new_flows_and_keep_their_old_ones(own_dataplane, family):
    own_dataplane.start().add_host_addresses()
    populate(own_dataplane)
    own_dataplane.push(full_at(3), SERVICES)
    sports = [next(client_ports) for _ in range(6)]
    verdicts, _ = send_all(own_dataplane, [packet(family, "tcp", sport) for sport in sports])
    assert verdicts == {"forward": 6}
    flows = own_dataplane.control.call("flows", {"limit": 100})["flows"]
    assert sorted(flow["backend"] for flow in flows) == ["b1"] * 3 + ["b2"] * 3
    client, vip = (CLIENT4, VIP4) if family == 4 else (f"[{CLIENT6}]", f"[{VIP6}]")
    said = own_dataplane.control.call("trace", {
        "protocol": "tcp", "from": f"{client}:{next(client_ports)}", "to": f"{vip}:80"})
    assert (said["verdict"], said["backend"]) == ("drop_backends_full", None)
    verdicts, _ = send_all(
        own_dataplane, [packet(family, "tcp", next(client_ports)) for _ in range(10)])
    assert verdicts == {"drop_backends_full": 10}
    verdicts, _ = send_all(own_dataplane, [packet(family, "tcp", s, "A") for s in sports])
    assert verdicts == {"forward": 6}
    own_dataplane.push(full_at(4), SERVICES)
    verdicts, _ = send_all(
        own_dataplane, [packet(family, "tcp", next(client_ports)) for _ in range(10)])
    assert verdicts == {"forward": 2, "drop_backends_full": 8}


@pytest.mark.parametrize("limits, error", [
    ({"new_flows_per_s": -1}, "new_flows_per_s"), ({"packets_per_s": 10000001}, "packets_per_s"),
    ({"bytes_per_s": 1}, "bytes_per_s"), ({"packets_per_s": "5"}, "packets_per_s")])
def test_a_limit_that_makes_no_sense_is_refused_with_the_whole_state(dataplane, limits, error):
    with pytest.raises(AssertionError, match=f"services\\[0\\].*{error}"):
        dataplane.push(pools(), limited("http4", **limits))
    verdicts, _ = send_all(dataplane, [packet(4, "tcp", next(client_ports)) for _ in range(5)])
    assert verdicts == {"forward": 5}
