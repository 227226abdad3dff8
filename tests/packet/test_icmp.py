# SPDX-License-Identifier: BSD-3-Clause
"""ICMP errors about what a backend has sent in a VIP's name reach that backend, however little of
the packet inside them a router has left."""

import itertools

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_RR
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem,
                                 ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                 IPv6ExtHdrHopByHop)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from conftest import BACKENDS4
from harness import CLIENT4, CLIENT6, CLIENT_MAC, PORT_MAC, VIP4, VIP6

BACKEND_MACS = {mac: name for name, (_, mac) in BACKENDS4.items()}
TO_PORT = Ether(dst=PORT_MAC, src=CLIENT_MAC)
ROUTER4, ROUTER6 = "192.0.2.1", "2001:db8::1"

# Every flow of this file has a client port of its own.
client_ports = itertools.count(30000)

KINDS = {
    "net unreachable": (4, ICMP(type=3, code=0), "icmp_unreachable"),
    "host unreachable": (4, ICMP(type=3, code=1), "icmp_unreachable"),
    "port unreachable": (4, ICMP(type=3, code=3), "icmp_unreachable"),
    "fragmentation needed": (4, ICMP(type=3, code=4, nexthopmtu=1400), "icmp_too_big"),
    "administratively prohibited": (4, ICMP(type=3, code=13), "icmp_unreachable"),
    "time exceeded": (4, ICMP(type=11, code=0), "icmp_time_exceeded"),
    "reassembly time exceeded": (4, ICMP(type=11, code=1), "icmp_time_exceeded"),
    "parameter problem": (4, ICMP(type=12), "icmp_parameter"),
    "ipv6 unreachable": (6, ICMPv6DestUnreach(code=3), "icmp_unreachable"),
    "ipv6 port unreachable": (6, ICMPv6DestUnreach(code=4), "icmp_unreachable"),
    "ipv6 packet too big": (6, ICMPv6PacketTooBig(mtu=1280), "icmp_too_big"),
    "ipv6 time exceeded": (6, ICMPv6TimeExceeded(code=0), "icmp_time_exceeded"),
    "ipv6 parameter problem": (6, ICMPv6ParamProblem(code=1), "icmp_parameter"),
}

INNER = {
    "with all of the header": (lambda ip: ip, None),
    "with 8 bytes of the header": (lambda ip: ip, 8),
    "with options": (lambda ip: IP(src=VIP4, dst=CLIENT4, options=[IPOption_RR()])
                     if IP in ip else ip / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(), 8),
    "of a first fragment": (lambda ip: IP(src=VIP4, dst=CLIENT4, flags="MF", id=9) if IP in ip
                            else ip / IPv6ExtHdrFragment(m=1, id=9), 8),
}


def flow(family, protocol, sport, flags="S"):
    ip = IP(src=CLIENT4, dst=VIP4) if family == 4 else IPv6(src=CLIENT6, dst=VIP6)
    l4 = TCP(sport=sport, dport=80, flags=flags) if protocol == "tcp" else \
        UDP(sport=sport, dport=53) / b"data"
    return TO_PORT / ip / l4


def error(family, message, protocol, sport, inner="with 8 bytes of the header", dport=None):
    shape, size = INNER[inner]
    ip = shape(IP(src=VIP4, dst=CLIENT4) if family == 4 else IPv6(src=VIP6, dst=CLIENT6))
    l4 = TCP(sport=dport or 80, dport=sport, flags="A") if protocol == "tcp" else \
        UDP(sport=dport or 53, dport=sport)
    quoted = bytes(ip / l4)
    quoted = quoted[:len(quoted) - len(l4) + size] if size else quoted
    outer = IP(src=ROUTER4, dst=VIP4) if family == 4 else IPv6(src=ROUTER6, dst=VIP6)
    return TO_PORT / outer / message / Raw(quoted)


def backend_of(wire, family, protocol, sport):
    frame = wire.ask(flow(family, protocol, sport), lambda f: f.dst in BACKEND_MACS and (
        (TCP in f and f[TCP].sport == sport) or (UDP in f and f[UDP].sport == sport)),
        "packet of the flow")
    return frame.dst


def is_error(frame):
    return frame.src == PORT_MAC and frame.dst in BACKEND_MACS and (
        (IP in frame and frame[IP].src == ROUTER4) or
        (IPv6 in frame and frame[IPv6].src == ROUTER6))


@pytest.mark.parametrize("family, message, event", KINDS.values(), ids=KINDS.keys())
def test_errors_reach_the_backend_of_their_flow(dataplane, wire, family, message, event):
    seen = set()
    for protocol in ("tcp", "udp") * 4:
        sport = next(client_ports)
        mac = backend_of(wire, family, protocol, sport)
        before = dataplane.stats()["path_events"][event]
        sent = bytes(error(family, message, protocol, sport))
        got = wire.ask(sent, is_error, "error at the backend")
        assert got.dst == mac
        # As it came, but for one hop.
        l4 = 34 if family == 4 else 54
        assert bytes(got)[l4:len(sent)] == sent[l4:]
        assert (got[IP].ttl if family == 4 else got[IPv6].hlim) == 63
        assert dataplane.stats()["path_events"][event] == before + 1
        seen.add(mac)
    assert seen <= set(BACKEND_MACS)


@pytest.mark.parametrize("inner", INNER.keys())
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("family", [4, 6])
def test_the_packet_inside_is_read_in_every_shape(wire, family, protocol, inner):
    message = ICMP(type=3, code=4) if family == 4 else ICMPv6PacketTooBig()
    for _ in range(4):
        sport = next(client_ports)
        mac = backend_of(wire, family, protocol, sport)
        got = wire.ask(error(family, message, protocol, sport, inner), is_error,
                       "error at the backend")
        assert got.dst == mac


@pytest.mark.parametrize("family", [4, 6])
def test_errors_are_passed_on_by_a_node_that_does_not_hold_the_address(dataplane, wire, family):
    sport = next(client_ports)
    mac = backend_of(wire, family, "tcp", sport)
    dataplane.lease()
    message = ICMP(type=3, code=4) if family == 4 else ICMPv6PacketTooBig()
    assert wire.ask(error(family, message, "tcp", sport), is_error, "error").dst == mac


@pytest.mark.parametrize("family", [4, 6])
def test_errors_make_no_flow(dataplane, wire, family):
    created = dataplane.stats()["flow_events"]["created"]
    message = ICMP(type=11) if family == 4 else ICMPv6TimeExceeded()
    wire.ask(error(family, message, "tcp", next(client_ports)), is_error, "error")
    assert dataplane.stats()["flow_events"]["created"] == created


@pytest.mark.parametrize("family", [4, 6])
def test_errors_about_no_service_are_dropped_and_counted(dataplane, wire, family):
    message = ICMP(type=3, code=1) if family == 4 else ICMPv6DestUnreach()
    with dataplane.counts("drop_icmp"):
        wire.send(error(family, message, "tcp", next(client_ports), dport=81))


@pytest.mark.parametrize("kind", [0, 4, 5, 9, 13, 15, 17])
def test_other_kinds_are_dropped_and_counted(dataplane, wire, kind):
    """Echo replies, source quench, redirects and questions that nobody should ask."""
    with dataplane.counts("drop_icmp"):
        wire.send(TO_PORT / IP(src=CLIENT4, dst=VIP4) / ICMP(type=kind) / Raw(bytes(28)))
