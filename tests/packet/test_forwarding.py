# SPDX-License-Identifier: BSD-3-Clause
"""Direct routing: what clients send to a service reaches a backend, and always the same one."""

import itertools
import os
import signal

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from conftest import BACKENDS4, SERVICES, populate, pools
from harness import (CLIENT4, CLIENT6, CLIENT_MAC, HOST6, NOISE, PORT_MAC, VIP4, VIP6, Dataplane,
                     backend, wait_until)

BACKEND_MACS = {mac: name for name, (_, mac) in BACKENDS4.items()}

# Every flow of this file has a client port of its own.
client_ports = itertools.count(10000)


def to_vip(family, protocol, sport, flags="S", load=b"payload"):
    ip = IP(src=CLIENT4, dst=VIP4, tos=0xb8, id=4711) if family == 4 else \
        IPv6(src=CLIENT6, dst=VIP6, tc=0xb8, fl=0x12345)
    l4 = TCP(sport=sport, dport=80, flags=flags, seq=1000) if protocol == "tcp" else \
        UDP(sport=sport, dport=53)
    return Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip / l4 / load


def one_hop_further(data):
    """The frame as it must look behind a hop: the time to live, and what depends on it."""
    frame = Ether(data)
    if IP in frame:
        frame[IP].ttl -= 1
        del frame[IP].chksum
    else:
        frame[IPv6].hlim -= 1
    return bytes(frame)


def is_flow(sport):
    def wanted(frame):
        l4 = frame.getlayer(TCP) or frame.getlayer(UDP)
        return l4 is not None and l4.sport == sport and frame.dst in BACKEND_MACS
    return wanted


def send_flow(wire, family, protocol, sport, **kwargs):
    """Sends a packet of a flow and returns the name of the backend that gets it."""
    frame = wire.ask(to_vip(family, protocol, sport, **kwargs), is_flow(sport),
                     f"packet of flow {sport} at a backend")
    return BACKEND_MACS[frame.dst]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", [4, 6])
def test_a_packet_reaches_a_backend_unchanged_but_for_one_hop(wire, family, protocol):
    sport = next(client_ports)
    sent = bytes(to_vip(family, protocol, sport))
    got = wire.ask(sent, is_flow(sport), "forwarded packet")
    assert got.src == PORT_MAC
    assert got.dst in BACKEND_MACS
    assert bytes(got)[12:] == one_hop_further(sent)[12:]


@pytest.mark.parametrize("family", [4, 6])
def test_a_packet_at_the_end_of_its_life_is_dropped(dataplane, wire, family):
    frame = to_vip(family, "tcp", next(client_ports))
    if family == 4:
        frame[IP].ttl = 1
    else:
        frame[IPv6].hlim = 1
    with dataplane.counts("drop_ttl"):
        wire.send(frame)


@pytest.mark.parametrize("size", [0, 1, 1400, 1472])
def test_sizes_up_to_the_mtu_pass(wire, size):
    sport = next(client_ports)
    sent = bytes(to_vip(4, "udp", sport, load=bytes(size)))
    got = bytes(wire.ask(sent, is_flow(sport), "forwarded packet"))
    assert got[12:len(sent)] == one_hop_further(sent)[12:]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", [4, 6])
def test_a_flow_stays_with_its_backend_and_flows_spread(wire, family, protocol):
    chosen = {}
    sports = [next(client_ports) for _ in range(24)]
    for flags in ("S", "A", "PA"):
        for sport in sports:
            name = send_flow(wire, family, protocol, sport, flags=flags)
            assert chosen.setdefault(sport, name) == name
    assert set(chosen.values()) == {"b1", "b2"}


def test_a_drained_backend_keeps_its_flows_and_gets_no_new_ones(dataplane, wire):
    sports = [next(client_ports) for _ in range(16)]
    before = {sport: send_flow(wire, 4, "tcp", sport) for sport in sports}
    assert "b1" in before.values()
    for sport in sports:
        send_flow(wire, 4, "tcp", sport, flags="A")
    dataplane.push(pools(b1={"weight": 0}), SERVICES)
    after = {sport: send_flow(wire, 4, "tcp", sport, flags="A") for sport in sports}
    assert after == before
    assert {send_flow(wire, 4, "tcp", next(client_ports)) for _ in range(16)} == {"b2"}


def test_flows_of_a_backend_that_is_down_move_and_the_others_stay(dataplane, wire):
    sports = [next(client_ports) for _ in range(16)]
    before = {sport: send_flow(wire, 6, "tcp", sport) for sport in sports}
    assert set(before.values()) == {"b1", "b2"}
    dataplane.push(pools(b1={"up": False}), SERVICES)
    assert {send_flow(wire, 6, "tcp", sport, flags="A") for sport in sports} == {"b2"}
    assert dataplane.stats()["flow_events"]["rescheduled"] >= 1


def test_flows_keep_their_backend_when_others_come_and_go(dataplane, wire):
    sports = [next(client_ports) for _ in range(16)]
    before = {sport: send_flow(wire, 4, "tcp", sport) for sport in sports}
    more = pools()
    more["web4"] = [backend("b0", "10.9.0.20")] + more["web4"]
    wire.hosts["10.9.0.20"] = "02:00:00:00:01:20"
    dataplane.push(more, SERVICES)
    dataplane.wait_ready()
    assert {sport: send_flow(wire, 4, "tcp", sport, flags="A") for sport in sports} == before


def test_without_a_usable_backend_packets_are_counted(dataplane, wire):
    dataplane.push(pools(b1={"up": False}, b2={"up": False}), SERVICES)
    sport = next(client_ports)
    with dataplane.counts("drop_no_backend"):
        wire.send(to_vip(4, "tcp", sport))
    assert not wire.seen(is_flow(sport))
    drops = {s["name"]: s["drops"] for s in dataplane.stats()["services"]}
    assert drops["http4"] >= 1


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_port_without_service_is_dropped_and_counted(dataplane, wire, protocol):
    with dataplane.counts("drop_no_service"):
        wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4)
                  / protocol(sport=5, dport=81))


def test_a_backend_that_never_answered_is_named_and_its_packets_counted(dataplane, wire):
    silent = {"web4": [backend("mute", "10.9.0.77")], "web6": pools()["web6"]}
    dataplane.push(silent, SERVICES)
    ready = dataplane.control.call("ready")
    assert ready["ready"] is False
    assert ready["waiting"] == ["next hop of mute (10.9.0.77): no answer from 10.9.0.77 yet"]
    with dataplane.counts("drop_no_neighbour"):
        wire.send(to_vip(4, "tcp", next(client_ports)))
    wire.hosts["10.9.0.77"] = next(iter(BACKEND_MACS))
    dataplane.wait_ready()
    send_flow(wire, 4, "tcp", next(client_ports))


def test_a_backend_with_a_new_link_layer_address_is_followed(dataplane, wire):
    sport = next(client_ports)
    name = send_flow(wire, 4, "tcp", sport)
    address, old = BACKENDS4[name]
    new = "02:00:00:00:02:99"
    wire.hosts[address] = new
    # The kernel itself resolves again when its entry is deleted, as it does when it has gone stale.
    dataplane.lb.ip("neigh", "del", address, "dev", "weir0")

    def arrives_at_the_new_one():
        wire.forget()
        wire.send(to_vip(4, "tcp", sport, flags="A"))
        frame = wire.expect(lambda f: TCP in f and f[TCP].sport == sport and f.dst in (old, new),
                            "forwarded packet")
        return frame.dst == new

    wait_until(arrives_at_the_new_one, "traffic to the new address")
    wire.hosts[address] = old
    dataplane.lb.ip("neigh", "del", address, "dev", "weir0")
    wait_until(lambda: old in dataplane.lb.ip("neigh", "show", address, "dev", "weir0"),
               "the old address")


def test_neighbours_of_backends_are_kept_fresh_by_the_kernel_while_they_are_needed(dataplane):
    def entry(address):
        return dataplane.lb.ip("neigh", "show", address, "dev", "weir0")

    for address, mac in BACKENDS4.values():
        assert mac in entry(address) and " managed " in entry(address)
    gone = pools()
    gone["web4"] = gone["web4"][:1]
    dataplane.push(gone, SERVICES)
    assert " managed " in entry(BACKENDS4["b1"][0])
    assert " managed " not in entry(BACKENDS4["b2"][0])


def test_a_static_neighbour_is_left_alone(dataplane, wire):
    address, mac = "10.9.0.44", "02:00:00:00:01:44"
    dataplane.lb.ip("neigh", "replace", address, "lladdr", mac, "nud", "permanent", "dev", "weir0")
    dataplane.push({"web4": [backend("static", address)], "web6": []},
                   [("http4", VIP4, 80, "tcp", "web4")])
    dataplane.wait_ready()
    sport = next(client_ports)
    got = wire.ask(to_vip(4, "tcp", sport), lambda f: TCP in f and f[TCP].sport == sport, "packet")
    assert got.dst == mac
    assert "PERMANENT" in dataplane.lb.ip("neigh", "show", address, "dev", "weir0")


def test_routes_that_go_and_come_back_are_followed(dataplane, wire):
    dataplane.lb.ip("link", "set", "weir0", "down")
    wait_until(lambda: not dataplane.control.call("ready")["ready"], "loss of the routes")
    dataplane.lb.ip("link", "set", "weir0", "up")
    dataplane.lb.ip("addr", "replace", f"{HOST6}/64", "dev", "weir0", "nodad")
    dataplane.wait_ready()
    for family in (4, 6):
        send_flow(wire, family, "tcp", next(client_ports))


def flood_of_kernel_messages(dataplane):
    """More changes of addresses than the kernel keeps for a process that does not listen."""
    dataplane.process.send_signal(signal.SIGSTOP)
    try:
        lines = [f"addr {verb} 10.200.{i // 250}.{i % 250 + 1}/32 dev lo"
                 for verb in ("add", "del") for i in range(2500)]
        batch = os.path.join(dataplane.folder, "batch")
        with open(batch, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        dataplane.lb.ip("-batch", batch)
    finally:
        dataplane.process.send_signal(signal.SIGCONT)


def test_changes_are_followed_after_more_of_them_than_can_be_heard(dataplane, wire):
    flood_of_kernel_messages(dataplane)
    dataplane.wait_ready()
    test_a_backend_with_a_new_link_layer_address_is_followed(dataplane, wire)
    test_routes_that_go_and_come_back_are_followed(dataplane, wire)


def test_floods_are_counted_and_leave_no_buffer_behind(dataplane, wire):
    """More frames of every kind than there are buffers, faster than the host takes them."""
    kinds = [bytes(to_vip(4, "udp", next(client_ports), load=NOISE)),
             bytes(Ether(dst=PORT_MAC, src=CLIENT_MAC, type=0x88b5) / bytes(60)),
             bytes(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4) / UDP(dport=9)),
             bytes(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4))[:30]]
    for _ in range(8000):
        for frame in kinds:
            wire.send(frame)

    def agree():
        stats = dataplane.stats()
        port = stats["ports"][0]
        delivered = port["host_tx_packets"] + port["host_drops"]
        return sum(stats["verdicts"].values()) == port["rx_packets"] and \
            delivered >= stats["verdicts"]["host"]

    wait_until(agree, "verdicts that add up", 20)
    for _ in range(3):
        send_flow(wire, 4, "tcp", next(client_ports))


def test_a_gateway_is_used_where_the_route_has_one(dataplane, wire):
    gateway, mac = "10.9.0.1", "02:00:00:00:01:01"
    wire.hosts[gateway] = mac
    dataplane.lb.ip("route", "add", "192.0.2.0/24", "via", gateway, "dev", "weir0")
    try:
        dataplane.push({"web4": [backend("far", "192.0.2.7")], "web6": []},
                       [("http4", VIP4, 80, "tcp", "web4")])
        dataplane.wait_ready()
        sport = next(client_ports)
        got = wire.ask(to_vip(4, "tcp", sport), lambda f: TCP in f and f[TCP].sport == sport,
                       "packet at the gateway")
        assert got.dst == mac
    finally:
        dataplane.lb.ip("route", "del", "192.0.2.0/24")


def test_a_backend_without_route_is_named(dataplane):
    dataplane.push({"web4": [backend("lost", "203.0.113.1")], "web6": []},
                   [("http4", VIP4, 80, "tcp", "web4")])
    ready = dataplane.control.call("ready")
    assert ready["waiting"] == [
        "next hop of lost (203.0.113.1): no route: Network is unreachable"]


def test_counters_of_service_and_backend_add_up(dataplane, wire):
    def count(kind):
        return {entry["name"] + entry.get("pool", ""): entry for entry in dataplane.stats()[kind]}

    services, backends = count("services"), count("backends")
    frames = [to_vip(4, "udp", next(client_ports)) for _ in range(20)]
    for frame in frames:
        wire.send(frame)
    wait_until(lambda: count("services")["dns4"]["packets"]
               == services["dns4"]["packets"] + 20, "20 packets")
    after = count("services")["dns4"]
    assert after["bytes"] - services["dns4"]["bytes"] == sum(len(frame) for frame in frames)
    assert after["new_flows"] - services["dns4"]["new_flows"] == 20
    grown = {name: entry["packets"] - backends[name]["packets"]
             for name, entry in count("backends").items()}
    assert grown["b1web4"] + grown["b2web4"] == 20
    assert grown["b1web6"] == grown["b2web6"] == 0


def test_every_packet_received_has_one_verdict(dataplane, wire):
    for _ in range(10):
        wire.send(to_vip(4, "tcp", next(client_ports)))
        wire.send(to_vip(6, "udp", next(client_ports)))
        wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4) / UDP(dport=9))
        wire.send(Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC, type=0x88b5) / b"unknown")

    def agree():
        stats = dataplane.stats()
        return sum(stats["verdicts"].values()) == stats["ports"][0]["rx_packets"]

    wait_until(agree, "verdicts that add up to the packets received")


def test_flows_are_listed_and_filtered(dataplane, wire):
    sport = next(client_ports)
    name = send_flow(wire, 4, "tcp", sport)
    by_client = dataplane.control.call("flows", {"limit": 10000, "client": CLIENT4})
    assert f"{CLIENT4}:{sport}" not in [f["client"] for f in by_client["flows"]]  # A SYN.
    assert send_flow(wire, 4, "tcp", sport, flags="A") == name
    other = next(client_ports)
    send_flow(wire, 6, "udp", other)
    listing = dataplane.control.call("flows", {"limit": 10000})
    assert listing["total"] == len(listing["flows"])
    mine = [f for f in listing["flows"] if f["client"] == f"{CLIENT4}:{sport}"]
    assert len(mine) == 1
    assert mine[0]["idle_ms"] >= 0
    del mine[0]["idle_ms"]
    assert mine[0] == {
        "service": "http4", "protocol": "tcp", "client": f"{CLIENT4}:{sport}",
        "virtual": f"{VIP4}:80", "pool": "web4", "backend": name,
        "address": BACKENDS4[name][0], "state": "established"}
    by_service = dataplane.control.call("flows", {"limit": 10000, "service": "dns6"})
    assert by_service["flows"] and {f["service"] for f in by_service["flows"]} == {"dns6"}
    by_client = dataplane.control.call("flows", {"limit": 10000, "client": CLIENT6})
    assert f"[{CLIENT6}]:{other}" in [f["client"] for f in by_client["flows"]]
    assert all(f["client"].startswith("[") for f in by_client["flows"])
    by_backend = dataplane.control.call("flows", {"limit": 10000, "backend": "b1"})
    assert {f["backend"] for f in by_backend["flows"]} == {"b1"}
    few = dataplane.control.call("flows", {"limit": 1})
    assert few["total"] == listing["total"] and len(few["flows"]) == 1


def test_a_backend_behind_another_port_is_reached_through_it(tmp_path):
    dataplane = Dataplane(tmp_path, ports=("front", "back"))
    try:
        dataplane.start()
        dataplane.add_host_addresses()
        wires = dataplane.wires
        wires["back"].hosts["10.10.0.31"] = "02:00:00:00:03:31"
        dataplane.push({"web4": [backend("deep", "10.10.0.31")]},
                       [("http4", VIP4, 80, "tcp", "web4")], [{
                           "name": "r4", "port": "front", "addresses": [VIP4]}])
        dataplane.wait_ready()
        sport = next(client_ports)
        wires["front"].send(to_vip(4, "tcp", sport))
        got = wires["back"].expect(lambda f: TCP in f and f[TCP].sport == sport, "packet behind")
        assert (got.src, got.dst) == ("02:00:00:00:00:03", "02:00:00:00:03:31")
    finally:
        dataplane.close()


def test_two_queues_are_served_by_two_workers(tmp_path):
    # AF_XDP has one queue on a veth.
    dataplane = Dataplane(tmp_path, queues=2, device="net_af_packet{n},iface={name},qpairs=2")
    try:
        dataplane.start()
        dataplane.add_host_addresses()
        populate(dataplane)
        chosen = {}
        sports = [next(client_ports) for _ in range(32)]
        for flags in ("S", "A"):
            for sport in sports:
                name = send_flow(dataplane.wire, 4, "tcp", sport, flags=flags)
                assert chosen.setdefault(sport, name) == name
        assert dataplane.stats()["flows"]["capacity"] == 2 * 4096
    finally:
        dataplane.close()
