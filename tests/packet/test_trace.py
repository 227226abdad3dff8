# SPDX-License-Identifier: BSD-3-Clause
"""A trace says what would become of a packet; then the packet is sent, and just that is seen."""

import itertools
import random

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from conftest import SERVICES, pools
from harness import (CLIENT4, CLIENT6, CLIENT_MAC, PORT_MAC, VIP4, VIP6, backend)

CLIENTS, VIPS = {4: CLIENT4, 6: CLIENT6}, {4: VIP4, 6: VIP6}
PORTS = {"tcp": 80, "udp": 53}
FLAGS = {"syn": "S", "ack": "A", "rst": "R", "fin": "FA"}

client_ports = itertools.count(30000)
marks = itertools.count(1)


def end(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Question:
    """A packet, to be traced and to be sent."""

    def __init__(self, family, protocol, sport=None, dport=None, flags="syn", vip=None):
        self.family, self.protocol, self.flags = family, protocol, flags
        self.sport = sport or next(client_ports)
        self.dport = dport or PORTS[protocol]
        self.vip = vip or VIPS[family]

    def trace(self, dataplane):
        params = {"protocol": self.protocol, "from": end(CLIENTS[self.family], self.sport),
                  "to": end(self.vip, self.dport)}
        if self.protocol == "tcp":
            params["flags"] = self.flags
        return dataplane.control.call("trace", params)

    def frame(self, load):
        ip = IP(src=CLIENT4, dst=self.vip) if self.family == 4 else IPv6(src=CLIENT6, dst=self.vip)
        l4 = TCP(sport=self.sport, dport=self.dport, flags=FLAGS[self.flags]) \
            if self.protocol == "tcp" else UDP(sport=self.sport, dport=self.dport)
        return Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip / l4 / load

    def check(self, dataplane):
        """Traces, sends, and compares what was said with what is seen. Returns the trace."""
        wire = dataplane.wire
        said = self.trace(dataplane)
        again = self.trace(dataplane)
        assert (again["verdict"], again["choice"], again["backend"]) == \
            (said["verdict"], said["choice"], said["backend"]), "a trace has changed something"
        mark = b"packet %d." % next(marks)

        def mine(frame):
            return frame.src == PORT_MAC and mark in bytes(frame)

        before = {b["name"] + b["pool"]: b["packets"] for b in dataplane.stats()["backends"]}
        with dataplane.counts(said["verdict"]):
            wire.send(self.frame(mark))
        if said["verdict"] != "forward":
            assert said["next_hop"] is None
            assert not wire.seen(mine)
            return said
        frame = wire.expect(mine, "traced packet")
        assert said["next_hop"] == {"port": "front", "mac": frame.dst}
        assert said["sent"]["to"] == end(self.vip, self.dport)
        grown = [name for b in dataplane.stats()["backends"]
                 if b["packets"] > before[(name := b["name"] + b["pool"])]]
        assert grown == [said["backend"]["name"] + said["backend"]["pool"]]
        return said


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", [4, 6])
def test_a_new_flow_goes_where_its_trace_said(dataplane, family, protocol):
    chosen = set()
    for _ in range(12):
        question = Question(family, protocol)
        said = question.check(dataplane)
        assert (said["choice"], said["flow"]) == ("scheduler", None)
        assert said["vip"] == {"address": VIPS[family], "router": f"r{family}", "held": True}
        assert said["service"]["mode"] == "dr"
        chosen.add(said["backend"]["name"])
        known = question.check(dataplane)
        assert (known["choice"], known["backend"]) == ("flow", said["backend"])
        assert known["flow"]["worker"] == 0
    assert chosen == {"b1", "b2"}


def test_random_packets_fare_as_traced_while_backends_come_and_go(dataplane):
    rng = random.Random(4711)
    sports = [next(client_ports) for _ in range(6)]
    states = [{}, {"b1": {"weight": 0}}, {"b2": {"up": False}}, {"b1": {"up": False}},
              {"b1": {"up": False}, "b2": {"up": False}}, {}]
    seen = set()
    for state in states:
        dataplane.push(pools(**state), SERVICES)
        for _ in range(12):
            protocol = rng.choice(["tcp", "udp"])
            question = Question(rng.choice([4, 6]), protocol, rng.choice(sports),
                                PORTS[protocol] if rng.random() < 0.9 else 7,
                                rng.choice(["syn", "ack", "ack", "fin", "rst"]))
            said = question.check(dataplane)
            seen.add((said["verdict"], said["choice"]))
    assert seen >= {("forward", "flow"), ("forward", "scheduler"), ("forward", "moved"),
                    ("drop_no_backend", None), ("drop_no_service", None)}


@pytest.mark.parametrize("family", [4, 6])
def test_an_address_that_is_not_held_is_said_to_be_so(dataplane, family):
    question = Question(family, "tcp")
    dataplane.lease()
    said = question.check(dataplane)
    assert said["vip"]["held"] is False
    assert said["verdict"] == "forward"
    echo = {"protocol": "icmp", "from": CLIENTS[family], "to": VIPS[family]}
    assert dataplane.control.call("trace", echo)["verdict"] == "drop_not_held"


@pytest.mark.parametrize("family", [4, 6])
def test_echo_is_answered_as_traced(dataplane, wire, family):
    said = dataplane.control.call(
        "trace", {"protocol": "icmp", "from": CLIENTS[family], "to": VIPS[family]})
    assert said["verdict"] == "reply"
    assert (said["sent"]["from"], said["sent"]["to"]) == (VIPS[family], CLIENTS[family])
    ask, answer = (IP(src=CLIENT4, dst=VIP4) / ICMP(), lambda f: ICMP in f and f[ICMP].type == 0) \
        if family == 4 else (IPv6(src=CLIENT6, dst=VIP6) / ICMPv6EchoRequest(),
                             lambda f: ICMPv6EchoReply in f)
    with dataplane.counts("reply"):
        wire.ask(Ether(dst=PORT_MAC, src=CLIENT_MAC) / ask / Raw(b"echo"), answer, "echo reply")


@pytest.mark.parametrize("family", [4, 6])
def test_a_backend_without_neighbour_is_named_and_so_is_the_drop(dataplane, family):
    silent = {4: "10.9.0.29", 6: "fd09::29"}[family]
    changed = pools()
    changed[f"web{family}"] = [backend("silent", silent)]
    dataplane.push(changed, SERVICES)
    said = Question(family, "tcp").check(dataplane)
    assert said["verdict"] == "drop_no_neighbour"
    assert said["backend"] == {"pool": f"web{family}", "name": "silent", "address": silent}


def test_what_is_for_no_vip_is_the_hosts(dataplane):
    said = Question(4, "tcp", vip="10.9.0.77").trace(dataplane)
    assert (said["verdict"], said["vip"], said["service"]) == ("host", None, None)


def test_the_flows_state_is_told_and_left_alone(dataplane):
    question = Question(4, "tcp")
    question.check(dataplane)
    question.flags = "ack"
    assert question.trace(dataplane)["flow"]["state"] == "embryonic"
    assert question.trace(dataplane)["flow"]["state"] == "embryonic"
    question.check(dataplane)
    assert question.trace(dataplane)["flow"]["state"] == "established"
    question.flags = "rst"
    question.check(dataplane)
    assert question.trace(dataplane)["flow"]["state"] == "closed"


@pytest.mark.parametrize("params, error", [
    ({}, "protocol"),
    ({"protocol": "sctp", "from": "10.9.0.10:1", "to": "10.9.0.100:80"}, "not tcp, udp or icmp"),
    ({"protocol": "tcp", "from": "10.9.0.10", "to": "10.9.0.100:80"}, "from"),
    ({"protocol": "tcp", "from": "10.9.0.10:1", "to": "[fd09::100]:80"}, "family"),
    ({"protocol": "tcp", "from": "10.9.0.10:1", "to": "10.9.0.100:80", "flags": "urg"}, "flags"),
    ({"protocol": "udp", "from": "10.9.0.10:1", "to": "10.9.0.100:53", "flags": "syn"}, "flags"),
    ({"protocol": "icmp", "from": "10.9.0.10:1", "to": "10.9.0.100"}, "from"),
    ({"protocol": "udp", "from": "10.9.0.10:1", "to": "10.9.0.100:53", "size": 9001}, "size"),
    ({"protocol": "udp", "from": "10.9.0.10:1", "to": "10.9.0.100:53", "ttl": 1}, "ttl"),
])
def test_a_question_that_makes_no_sense_is_refused(dataplane, params, error):
    assert error in dataplane.control.error("trace", params)


def test_before_the_first_state_there_is_nothing_to_trace(own_dataplane):
    own_dataplane.start()
    assert "no configuration" in own_dataplane.control.error(
        "trace", {"protocol": "tcp", "from": "10.9.0.10:1", "to": "10.9.0.100:80"})
