# SPDX-License-Identifier: BSD-3-Clause
"""Modes nat and fullnat with several workers: both directions of a flow meet in one of them."""

import itertools

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.l2 import Ether

from conftest import BACKENDS4, BACKENDS6, SERVICES
from harness import CLIENT4, CLIENT6, CLIENT_MAC, PORT_MAC, VIP4, VIP6, Dataplane, router
from test_nat import (BACKENDS, CLIENT, FAMILIES_AND_PROTOCOLS, MACS, SERVICE_PORT, VIP, answer_to,
                      at_client, checksums_are_right, client_ports, layer, nat_pools, network,
                      to_vip)

LOCALS = ["10.9.0.5", "fd09::5"]
MODES = ["nat", "fullnat"]
BACK_MAC = PORT_MAC[:-1] + "3"
FLOWS = 24

loads = itertools.count(1)


class Site:
    """A dataplane whose clients and backends are on the wires 'front' and 'back', which may be
    one."""

    def __init__(self, dataplane, back):
        self.dataplane = dataplane
        self.front, self.back = dataplane.wires["front"], dataplane.wires[back]
        self.back_mac = PORT_MAC if back == "front" else BACK_MAC
        for backends in (BACKENDS4, BACKENDS6):
            self.back.hosts.update(dict(backends.values()))
        self.front.hosts.update({CLIENT4: CLIENT_MAC, CLIENT6: CLIENT_MAC})
        if back != "front":
            for address in [a for b in BACKENDS.values() for a, _ in b.values()]:
                dataplane.lb.ip("route", "add", address, "dev", "weir1")

    def push(self, mode):
        self.dataplane.push(
            nat_pools(), [(*service, {"mode": mode}) for service in SERVICES],
            [router("r4", VIP4), router("r6", VIP6)], LOCALS if mode == "fullnat" else (),
            "front" if self.back is self.front else "back")
        self.dataplane.lease("r4", "r6")
        self.dataplane.wait_ready()
        return self

    def workers(self):
        return self.dataplane.stats()["workers"]

    def ask(self, family, protocol, sport, **keys):
        """Sends a packet of a client and returns it as the backend gets it."""
        load = b"question %d." % next(loads)
        self.back.forget()
        self.front.send(to_vip(family, protocol, sport, load=load, **keys))
        return self.back.expect(
            lambda f: layer(f) is not None and f.dst in MACS
            and bytes(layer(f).payload)[:len(load)] == load, "packet at backend")

    def answer(self, question, sport, **keys):
        """Answers it and returns the answer as the client gets it."""
        load = b"answer %d." % next(loads)
        frame = answer_to(question, load=load, **keys)
        frame.dst = self.back_mac
        self.front.forget()
        self.back.send(frame)
        return self.front.expect(
            lambda f: at_client(sport)(f) and bytes(layer(f).payload)[:len(load)] == load,
            "answer at the client")


def one_port_two_queues(folder):
    # AF_XDP has one queue on a veth.
    return Dataplane(folder, queues=2, device="net_af_packet{n},iface={name},qpairs=2"), "front"


def two_ports(folder):
    return Dataplane(folder, ports=("front", "back")), "back"


def one_queue_three_workers(folder):
    return Dataplane(folder, workers=3), "front"


@pytest.fixture(scope="module", params=[one_port_two_queues, two_ports, one_queue_three_workers],
                ids=["two_queues", "two_ports", "one_queue"])
def site(request, tmp_path_factory):
    dataplane, back = request.param(tmp_path_factory.mktemp("workers"))
    try:
        dataplane.start()
        dataplane.add_host_addresses()
        yield Site(dataplane, back)
    finally:
        dataplane.close()


def total(workers, key):
    return sum(worker[key] for worker in workers)


@pytest.mark.parametrize("family,protocol", FAMILIES_AND_PROTOCOLS)
@pytest.mark.parametrize("mode", MODES)
def test_both_directions_meet(site, mode, family, protocol):
    site.push(mode)
    before = site.workers()
    flows_before = site.dataplane.stats()["flows"]["active"]
    sports = [next(client_ports) for _ in range(FLOWS)]
    first = {}
    for flags, back_flags in (("S", "SA"), ("A", "A"), ("PA", "PA")):
        keys = {"flags": flags} if protocol == "tcp" else {}
        for sport in sports:
            got = site.ask(family, protocol, sport, **keys)
            assert checksums_are_right(got)
            ends = (network(got).src, network(got).dst, layer(got).sport, layer(got).dport)
            assert first.setdefault(sport, ends) == ends
            back = site.answer(got, sport, **({"flags": back_flags} if keys else {}))
            assert (network(back).src, network(back).dst) == (VIP[family], CLIENT[family])
            assert layer(back).sport == SERVICE_PORT[protocol]
            assert checksums_are_right(back)
    assert len(set(first.values())) == FLOWS
    stats = site.dataplane.stats()
    after = stats["workers"]
    assert stats["flows"]["active"] == flows_before + FLOWS
    steered = total(after, "steered_in") - total(before, "steered_in")
    assert steered == total(after, "steered_out") - total(before, "steered_out") > 0
    assert total(after, "steer_drops") == 0
    # Whoever has a flow, all packets of backends that nobody handed over were at home.
    assert total(after, "returns_home") - total(before, "returns_home") <= 3 * FLOWS


def test_every_worker_has_flows_in_mode_nat(site):
    site.push("nat")
    before = site.workers()
    for _ in range(FLOWS):
        sport = next(client_ports)
        site.answer(site.ask(4, "tcp", sport), sport)
    taken = [a["steered_in"] - b["steered_in"] for a, b in zip(site.workers(), before)]
    # Who receives everything alone is handed nothing.
    receivers = [worker for worker in site.workers() if worker["packets"]]
    assert len(taken) > 1 and sum(n > 0 for n in taken) >= len(taken) - (len(receivers) == 1)


@pytest.mark.parametrize("mode", MODES)
def test_an_error_about_a_flow_finds_it(site, mode):
    site.push(mode)
    for _ in range(8):
        sport = next(client_ports)
        got = site.ask(4, "tcp", sport)
        # A router behind says that the question was too big, one in front that the answer was.
        site.back.send(Ether(dst=site.back_mac, src=got.dst)
                       / IP(src="203.0.113.1", dst=got[IP].src) / ICMP(type=3, code=4, nexthopmtu=900)
                       / got[IP])
        told = site.front.expect(
            lambda f, s=sport: ICMP in f and f.dst == CLIENT_MAC and TCP in Ether(
                bytes(f)[:14] + bytes(f[ICMP].payload)) and Ether(
                    bytes(f)[:14] + bytes(f[ICMP].payload))[TCP].sport == s, "error at the client")
        assert told[IP].dst == CLIENT4
        back = site.answer(got, sport)
        with site.dataplane.counts("forward"):
            site.front.send(Ether(dst=PORT_MAC, src=CLIENT_MAC)
                            / IP(src="203.0.113.1", dst=VIP4) / ICMP(type=3, code=4, nexthopmtu=900)
                            / back[IP])


@pytest.mark.parametrize("mode", MODES)
def test_flows_and_traces_tell_of_the_worker(site, mode):
    site.push(mode)
    sport = next(client_ports)
    got = site.ask(4, "tcp", sport)
    site.answer(got, sport)
    site.ask(4, "tcp", sport, flags="A")
    flows = site.dataplane.control.call("flows", {"limit": 10000})["flows"]
    assert len([f for f in flows if f["client"] == f"{CLIENT4}:{sport}"]) == 1
    trace = site.dataplane.control.call("trace", {
        "protocol": "tcp", "from": f"{CLIENT4}:{sport}", "to": f"{VIP4}:80", "flags": "ack"})
    assert trace["flow"]["state"] == "established"
    assert trace["verdict"] == "forward"
    assert trace["sent"]["from"] == f"{got[IP].src}:{got[TCP].sport}"
    assert trace["sent"]["to"] == f"{got[IP].dst}:{got[TCP].dport}"


def test_what_is_the_hosts_still_gets_there(site):
    """Packets of backends that belong to no flow, whichever worker they come to."""
    site.push("nat")
    for sport in range(40000, 40016):
        with site.dataplane.counts("host"):
            site.back.send(Ether(dst=site.back_mac, src=BACKENDS4["b1"][1])
                           / IP(src=BACKENDS4["b1"][0], dst="10.9.0.99")
                           / TCP(sport=8080, dport=sport, flags="R"))
