# SPDX-License-Identifier: BSD-3-Clause
"""Schedulers, persistence and services of any port, frame by frame."""

import collections
import itertools

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from conftest import populate
from harness import CLIENT_MAC, PORT_MAC, VIP4, VIP6, Dataplane, backend

MACS = {f"s{i}": f"02:00:00:00:02:{i:02d}" for i in range(1, 5)}
NAMES = {mac: name for name, mac in MACS.items()}

# The dataplane is shared by all cases of this file, so every case has pools and clients of its own.
serials = itertools.count(1)
ports = itertools.count(20000)


class Stand:
    """Services t4 and t6 and a pool of three backends for each."""

    def __init__(self, dataplane, port=80, protocol="tcp", families=(4, 6), **more):
        self.dataplane = dataplane
        self.wire = dataplane.wire
        self.serial = next(serials)
        self.port = port
        self.protocol = protocol
        self.families = families
        self.more = more
        self.extra = []
        self.changes = {}
        for i, mac in enumerate(MACS.values(), 1):
            self.wire.hosts.update({f"10.9.0.{30 + i}": mac, f"fd09::{30 + i}": mac})
        self.push(s4=None)

    def push(self, **changes):
        """'s1={"weight": 0}' changes a backend; None takes it away."""
        self.changes.update(changes)
        pools = {}
        for family, prefix in ((4, "10.9.0."), (6, "fd09::")):
            pools[self.pool(family)] = [
                backend(name, f"{prefix}{30 + i}", **self.changes.get(name, {}))
                for i, name in enumerate(MACS, 1) if self.changes.get(name, {}) is not None]
        services = [(f"t{family}", VIP4 if family == 4 else VIP6, self.port, self.protocol,
                     self.pool(family), self.more) for family in self.families]
        self.dataplane.push(pools, services + self.extra)
        self.dataplane.wait_ready()

    def pool(self, family):
        return f"p{self.serial}-v{family}"

    def send(self, family=4, client=None, sport=None, flags="S", dport=80):
        """Sends a packet and returns the name of the backend that gets it."""
        sport = sport or next(ports)
        ip = IP(src=client or "10.9.7.7", dst=VIP4) if family == 4 else \
            IPv6(src=client or "fd09:7::7", dst=VIP6)
        kind = TCP if self.protocol == "tcp" else UDP
        l4 = TCP(sport=sport, dport=dport, flags=flags) if kind is TCP else \
            UDP(sport=sport, dport=dport)
        frame = self.wire.ask(
            Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip / l4,
            lambda f: kind in f and f[kind].sport == sport and f.dst in NAMES,
            f"packet from {sport} to {dport} at a backend")
        return NAMES[frame.dst]

    def count(self, n, **kwargs):
        return collections.Counter(self.send(**kwargs) for _ in range(n))

    def active(self, family=4):
        return {b["name"]: b["active_flows"] for b in self.dataplane.stats()["backends"]
                if b["pool"] == self.pool(family)}

    def event(self, name):
        return self.dataplane.stats()["flow_events"][name]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", [4, 6])
def test_round_robin_gives_turns(dataplane, family, protocol):
    stand = Stand(dataplane, protocol=protocol, scheduler="round-robin")
    assert stand.count(12, family=family) == {"s1": 4, "s2": 4, "s3": 4}


def test_round_robin_gives_turns_by_weight_and_spreads_them(dataplane):
    stand = Stand(dataplane, scheduler="round-robin")
    stand.push(s1={"weight": 500}, s2={"weight": 100}, s3={"weight": 100})
    turns = [stand.send() for _ in range(21)]
    assert collections.Counter(turns) == {"s1": 15, "s2": 3, "s3": 3}
    runs = [len(list(run)) for name, run in itertools.groupby(turns) if name == "s1"]
    assert max(runs) <= 4


def test_round_robin_keeps_flows(dataplane):
    stand = Stand(dataplane, scheduler="round-robin")
    first = {sport: stand.send(sport=sport) for sport in [next(ports) for _ in range(9)]}
    stand.push(s1={"weight": 1}, s4={})
    assert {sport: stand.send(sport=sport, flags="A") for sport in first} == first


@pytest.mark.parametrize("scheduler",
                         ["maglev", "round-robin", "least-connections", "source-hash"])
def test_a_drained_backend_gets_nothing_new_and_keeps_what_it_has(dataplane, scheduler):
    stand = Stand(dataplane, scheduler=scheduler)
    flows = {(f"10.9.8.{i}", next(ports)) for i in range(1, 25)}
    first = {flow: stand.send(client=flow[0], sport=flow[1]) for flow in flows}
    assert "s2" in first.values()
    stand.push(s2={"weight": 0})
    assert {flow: stand.send(client=flow[0], sport=flow[1], flags="A")
            for flow in flows} == first
    assert "s2" not in {stand.send(client=f"10.9.8.{i}") for i in range(1, 13)}


@pytest.mark.parametrize("scheduler",
                         ["maglev", "round-robin", "least-connections", "source-hash"])
def test_flows_of_a_lost_backend_move_once(dataplane, scheduler):
    stand = Stand(dataplane, scheduler=scheduler)
    flows = {(f"10.9.8.{i}", next(ports)) for i in range(1, 25)}
    first = {flow: stand.send(client=flow[0], sport=flow[1]) for flow in flows}
    stand.push(s2={"up": False})
    moved = {flow: stand.send(client=flow[0], sport=flow[1], flags="A") for flow in flows}
    assert "s2" not in moved.values()
    assert all(moved[flow] == name for flow, name in first.items() if name != "s2")
    stand.push(s2={})
    assert {flow: stand.send(client=flow[0], sport=flow[1], flags="A")
            for flow in flows} == moved


def test_a_packet_in_midstream_goes_by_hash_whatever_the_scheduler(dataplane):
    clients = [f"10.9.9.{i}" for i in range(1, 13)]
    sports = {client: next(ports) for client in clients}
    chosen = []
    for scheduler in ("maglev", "round-robin", "least-connections"):
        stand = Stand(dataplane, scheduler=scheduler)
        stand.push(s3=None)
        # RST leaves no flow behind.
        chosen.append([stand.send(client=c, sport=sports[c], flags="R") for c in clients])
    assert chosen[0] == chosen[1] == chosen[2]
    assert set(chosen[0]) == {"s1", "s2"}


@pytest.mark.parametrize("family", [4, 6])
def test_least_connections_fills_who_has_fewest_for_its_weight(dataplane, family):
    stand = Stand(dataplane, scheduler="least-connections")
    stand.push(s1={"weight": 200}, s2={"weight": 100}, s3={"weight": 100})
    stand.count(16, family=family)
    assert stand.active(family) == {"s1": 8, "s2": 4, "s3": 4}
    stand.push(s4={})
    assert stand.count(4, family=family) == {"s4": 4}


def test_source_hash_keeps_a_client_over_ports_and_services(dataplane):
    stand = Stand(dataplane, scheduler="source-hash")
    stand.extra = [("other", VIP4, 443, "tcp", stand.pool(4), {"scheduler": "source-hash"})]
    stand.push()
    chosen = set()
    for i in range(1, 16):
        client = f"10.9.10.{i}"
        of_client = {stand.send(client=client) for _ in range(3)}
        of_client |= {stand.send(client=client, dport=443)}
        assert len(of_client) == 1
        chosen |= of_client
    assert chosen == {"s1", "s2", "s3"}


@pytest.mark.parametrize("family,prefix,clients", [
    (4, 24, ["10.9.{n}.1", "10.9.{n}.200", "10.9.{n}.77"]),
    (4, 32, ["10.9.{n}.1"]),
    (6, 64, ["fd09:{n}::1", "fd09:{n}::ffff:1", "fd09:{n}:0:0:8000::"]),
    (6, 48, ["fd09:{n}::1", "fd09:{n}:0:5::1"])])
@pytest.mark.parametrize("scheduler", ["maglev", "round-robin", "least-connections"])
def test_clients_of_a_prefix_stay_together(dataplane, scheduler, family, prefix, clients):
    stand = Stand(dataplane, families=(family,), scheduler=scheduler,
                  persistence={"timeout_s": 300, "prefix": prefix})
    chosen = set()
    for n in range(20, 32):
        backends = {stand.send(family=family, client=client.format(n=n))
                    for client in clients for _ in range(2)}
        assert len(backends) == 1
        chosen |= backends
    assert len(chosen) == 3
    assert stand.event("persisted") > 0


@pytest.mark.parametrize("scheduler", ["maglev", "round-robin"])
def test_a_client_stays_when_backends_come_and_leaves_one_that_is_gone(dataplane, scheduler):
    stand = Stand(dataplane, scheduler=scheduler, persistence={"timeout_s": 300, "prefix": 32})
    clients = [f"10.9.40.{i}" for i in range(1, 25)]
    first = {client: stand.send(client=client) for client in clients}
    stand.push(s4={})
    assert {client: stand.send(client=client) for client in clients} == first
    stand.push(s1={"up": False})
    second = {client: stand.send(client=client) for client in clients}
    assert "s1" not in second.values()
    assert all(second[c] == first[c] for c in clients if first[c] != "s1")
    stand.push(s1={})
    assert {client: stand.send(client=client) for client in clients} == second


@pytest.mark.parametrize("family", [4, 6])
def test_any_port_takes_what_no_other_service_takes(dataplane, family):
    vip = VIP4 if family == 4 else VIP6
    stand = Stand(dataplane, port=0, scheduler="source-hash")
    stand.extra = [("exact", vip, 443, "tcp", stand.pool(family))]
    stand.push()
    assert len({stand.send(family=family, dport=dport)
                for dport in (1, 80, 442, 444, 65535)}) == 1

    def packets():
        return {s["name"]: s["packets"] for s in dataplane.stats()["services"]}

    before = packets()
    stand.send(family=family, dport=443)
    assert packets()["exact"] == before["exact"] + 1
    assert packets()[f"t{family}"] == before[f"t{family}"]
    ip = IP(src="10.9.7.7", dst=VIP4) if family == 4 else IPv6(src="fd09:7::7", dst=VIP6)
    with dataplane.counts("drop_no_service"):
        stand.wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip / UDP(sport=1, dport=80))


def test_flows_of_an_any_port_service_are_listed_with_their_port(dataplane):
    stand = Stand(dataplane, port=0)
    sport = next(ports)
    name = stand.send(sport=sport, dport=2121, flags="A")
    listed = dataplane.control.call("flows", {"limit": 10000, "service": "t4"})["flows"]
    mine = [flow for flow in listed if flow["client"] == f"10.9.7.7:{sport}"]
    assert [(flow["virtual"], flow["backend"]) for flow in mine] == [(f"{VIP4}:2121", name)]


def test_a_ramp_of_weight_moves_no_flow(dataplane):
    stand = Stand(dataplane)
    flows = [next(ports) for _ in range(16)]
    stand.push(s1={"weight": 10})
    first = {sport: stand.send(sport=sport) for sport in flows}
    before = stand.event("rescheduled")
    for weight in range(20, 101, 20):
        stand.push(s1={"weight": weight})
        assert {sport: stand.send(sport=sport, flags="A") for sport in flows} == first
    assert stand.event("rescheduled") == before


def test_ten_thousand_services_are_all_found(dataplane):
    stand = Stand(dataplane, port=0, scheduler="round-robin")
    last = 9997
    stand.extra = [(f"n{port}", VIP4, port, "tcp", stand.pool(4)) for port in range(1, last + 1)]
    stand.push()
    for dport in (1, 80, 5000, last, last + 1, 65535):
        stand.send(dport=dport)
    packets = {s["name"]: s["packets"] for s in dataplane.stats()["services"]}
    assert sum(packets.values()) == 6 and packets["t4"] == 2
    assert [packets[f"n{port}"] for port in (1, 80, 5000, last)] == [1, 1, 1, 1]


@pytest.mark.parametrize("more,says", [
    ({"scheduler": "random"}, "'random' is not a scheduler"),
    ({"persistence": {"timeout_s": 0, "prefix": 24}}, "timeout_s: 0"),
    ({"persistence": {"timeout_s": 9, "prefix": 33}}, "prefix: 33 is not from 1 to 32"),
    ({"persistence": {"timeout_s": 9}}, "prefix: is missing")])
def test_bad_scheduling_is_refused_whole(dataplane, more, says):
    state = {"generation": 1 << 40, "routers": [], "pools": [{"name": "p", "backends": []}],
             "services": [{"name": "s", "address": VIP4, "port": 80, "protocol": "tcp",
                           "mode": "dr", "scheduler": "maglev", "pool": 0, **more}]}
    generation = dataplane.stats()["generation"]
    assert says in dataplane.control.error("state", state)
    assert dataplane.stats()["generation"] == generation


def test_two_workers_keep_a_client_together(tmp_path):
    # AF_XDP has one queue on a veth.
    dataplane = Dataplane(tmp_path, queues=2, device="net_af_packet{n},iface={name},qpairs=2")
    try:
        dataplane.start()
        dataplane.add_host_addresses()
        populate(dataplane)
        stand = Stand(dataplane, scheduler="round-robin",
                      persistence={"timeout_s": 300, "prefix": 24})
        chosen = {stand.send(client=f"10.9.50.{i}") for i in range(1, 40)}
        assert len(chosen) == 1
        assert stand.count(30, client="10.9.51.1").most_common(1)[0][1] == 30
    finally:
        dataplane.close()
