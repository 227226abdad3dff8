# SPDX-License-Identifier: BSD-3-Clause
"""A port of a VLAN: its frames have the tag on the wire and nowhere else."""

import struct

import pytest
from scapy.layers.inet import ICMP, IP, UDP, fragment
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from conftest import BACKENDS4, SERVICES, populate, pools
from harness import (CLIENT4, CLIENT6, CLIENT_MAC, HOST4, HOST6, PORT_MAC, VIP4, VIP6, Dataplane,
                     wait_until)

VLAN = 100
BACKEND_MACS = {mac for _, mac in BACKENDS4.values()}
TO_PORT = Ether(dst=PORT_MAC, src=CLIENT_MAC)


@pytest.fixture(scope="module")
def tagged(tmp_path_factory):
    dataplane = Dataplane(tmp_path_factory.mktemp("vlan"), vlans={"front": VLAN})
    try:
        dataplane.start()
        dataplane.add_host_addresses()
        populate(dataplane)  # Backends are found: the host's ARP and ND went there and back.
        yield dataplane
        assert not dataplane.wire.strays
    finally:
        dataplane.close()


def datagram(family, sport):
    ip = IP(src=CLIENT4, dst=VIP4) if family == 4 else IPv6(src=CLIENT6, dst=VIP6)
    return TO_PORT / ip / UDP(sport=sport, dport=53) / b"payload"


def with_tag(frame, vlan, kind=0x8100):
    data = bytes(frame)
    return data[:12] + struct.pack("!HH", kind, vlan) + data[12:]


@pytest.mark.parametrize("family", [4, 6])
def test_packets_are_forwarded_with_the_tag(tagged, family):
    sent = datagram(family, 4711)
    got = tagged.wire.ask(sent, lambda f: UDP in f and f[UDP].sport == 4711 and f.src == PORT_MAC,
                          "forwarded packet")
    assert got.dst in BACKEND_MACS
    assert bytes(got[UDP])[:len(sent[UDP])] == bytes(sent[UDP])


def test_the_largest_packet_passes(tagged):
    sent = TO_PORT / IP(src=CLIENT4, dst=VIP4) / UDP(sport=4712, dport=53) / bytes(1472)
    got = tagged.wire.ask(sent, lambda f: UDP in f and f[UDP].sport == 4712 and f.src == PORT_MAC,
                          "forwarded packet")
    assert got[IP].len == 1500


OTHERS = {"no tag": lambda f: bytes(f), "another": lambda f: with_tag(f, VLAN + 1),
          "priority alone": lambda f: with_tag(f, 0x6000),
          "a tag of providers": lambda f: with_tag(f, VLAN, 0x88a8),
          "a tag cut": lambda f: bytes(f)[:12] + b"\x81\x00"}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS.keys())
def test_frames_of_others_are_dropped_and_counted(tagged, change):
    tagged.wire.forget()
    with tagged.counts("drop_vlan"):
        tagged.wire.send_as_it_is(change(datagram(4, 4713)))
    assert not tagged.wire.seen(lambda f: UDP in f and f[UDP].sport == 4713)


def test_a_tag_with_priority_is_of_the_vlan(tagged):
    tagged.wire.forget()
    tagged.wire.send_as_it_is(with_tag(datagram(4, 4714), VLAN | 0xe000))
    tagged.wire.expect(lambda f: UDP in f and f[UDP].sport == 4714, "forwarded packet")


def test_arp_nd_and_echo_are_answered_with_the_tag(tagged):
    broadcast = Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC)
    tagged.wire.ask(broadcast / ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT4, pdst=VIP4),
                    lambda f: ARP in f and f[ARP].op == 2 and f[ARP].hwsrc == PORT_MAC, "ARP reply")
    tagged.wire.ask(TO_PORT / IPv6(src=CLIENT6, dst=VIP6, hlim=255) / ICMPv6ND_NS(tgt=VIP6),
                    lambda f: ICMPv6ND_NA in f and f[ICMPv6ND_NA].tgt == VIP6, "advertisement")
    tagged.wire.ask(TO_PORT / IP(src=CLIENT4, dst=VIP4) / ICMP(id=5),
                    lambda f: ICMP in f and f[ICMP].type == 0 and f[IP].src == VIP4, "echo reply")


def test_the_host_speaks_without_a_tag(tagged):
    """Its interface has no VLAN, so its answers show that both ways work."""
    tagged.wire.ask(TO_PORT / IP(src=CLIENT4, dst=HOST4) / ICMP(id=6),
                    lambda f: ICMP in f and f[ICMP].type == 0 and f[IP].src == HOST4, "echo reply")
    tagged.wire.ask(TO_PORT / IPv6(src=CLIENT6, dst=HOST6) / ICMPv6EchoRequest(id=6),
                    lambda f: ICMPv6EchoReply in f and f[IPv6].src == HOST6, "echo reply")


def test_addresses_are_announced_with_the_tag(tagged):
    tagged.lease()
    tagged.wire.forget()
    tagged.lease("r4", "r6")
    tagged.wire.expect(lambda f: ARP in f and f[ARP].psrc == VIP4 == f[ARP].pdst, "announcement")
    tagged.wire.expect(lambda f: ICMPv6ND_NA in f and f[ICMPv6ND_NA].tgt == VIP6, "announcement")


def test_fragments_that_waited_leave_with_the_tag(tagged):
    whole = IP(src=CLIENT4, dst=VIP4, id=77) / UDP(sport=4715, dport=53) / Raw(bytes(1500))
    parts = fragment(whole, fragsize=800)
    tagged.wire.forget()
    for part in reversed(parts):
        tagged.wire.send(TO_PORT / part)
    tagged.wire.expect(lambda f: IP in f and f[IP].id == 77 and f.src == PORT_MAC, "fragments",
                       n=len(parts))


def test_verdicts_add_up_to_the_frames_received(tagged):
    def agree():
        stats = tagged.stats()
        return sum(stats["verdicts"].values()) == stats["ports"][0]["rx_packets"]

    wait_until(agree, "verdicts that add up")


def test_a_port_without_vlan_leaves_tagged_frames_to_the_host(dataplane, wire):
    with dataplane.counts("host"):
        wire.send(with_tag(datagram(4, 4716), VLAN))


@pytest.mark.parametrize("tagged_port", ["front", "back"])
def test_a_packet_changes_between_ports_with_and_without_vlan(tmp_path, tagged_port):
    dataplane = Dataplane(tmp_path, ports=("front", "back"), vlans={tagged_port: VLAN})
    try:
        dataplane.start()
        dataplane.add_host_addresses()
        back = dataplane.wires["back"]
        back.hosts["10.10.0.21"] = "02:00:00:00:02:21"
        state = pools()
        state["web4"] = [{"name": "b1", "address": "10.10.0.21", "weight": 100, "up": True}]
        dataplane.push(state, SERVICES[:2])
        wait_until(lambda: not any("10.10.0.21" in text for text
                                   in dataplane.control.call("ready")["waiting"]), "next hop")
        dataplane.wire.send(datagram(4, 4717))
        got = back.expect(lambda f: UDP in f and f[UDP].sport == 4717, "forwarded packet")
        assert got.dst == "02:00:00:00:02:21"
        assert not dataplane.wire.strays and not back.strays
    finally:
        dataplane.close()
