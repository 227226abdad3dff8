# SPDX-License-Identifier: BSD-3-Clause
"""Frames that are not what they claim to be are dropped, each under its own name, and nothing
comes of them. The dataplane goes on."""

import random
import struct

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (ICMPv6ND_NS, ICMPv6PacketTooBig, IPv6, IPv6ExtHdrFragment,
                                 IPv6ExtHdrRouting)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw
from scapy.utils import checksum

from harness import CLIENT4, CLIENT6, CLIENT_MAC, PORT_MAC, VIP4, VIP6, wait_until

TO_PORT = Ether(dst=PORT_MAC, src=CLIENT_MAC)
PACKET4 = bytes(TO_PORT / IP(src=CLIENT4, dst=VIP4) / TCP(sport=7, dport=80, flags="S") / b"data")
PACKET6 = bytes(TO_PORT / IPv6(src=CLIENT6, dst=VIP6) / UDP(sport=7, dport=53) / b"data")


def changed(frame, **fields):
    """A copy of the frame whose IPv4 header has other fields, with a right checksum."""
    copy = Ether(frame)
    for name, value in fields.items():
        setattr(copy[IP], name, value)
    del copy[IP].chksum
    return bytes(copy)


def with_options(options):
    """Options as they are, which scapy would mend."""
    tcp = bytes(TCP(sport=7, dport=80, flags="S"))
    header = bytes(IP(src=CLIENT4, dst=VIP4, ihl=5 + len(options) // 4, proto=6, chksum=0,
                      len=20 + len(options + tcp))) + options
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return bytes(Ether(dst=PORT_MAC, src=CLIENT_MAC, type=0x800)) + header + tcp


def ipv6(*headers, **fields):
    """A datagram behind extension headers."""
    packet = IPv6(src=CLIENT6, dst=VIP6, **fields)
    for header in headers:
        packet /= header
    return bytes(TO_PORT / packet / UDP(sport=7, dport=53) / b"data")


def ipv6_payload(next_header, payload, size=None):
    return bytes(TO_PORT / IPv6(src=CLIENT6, dst=VIP6, nh=next_header,
                                plen=len(payload) if size is None else size) / Raw(payload))


def padding(next_header):
    """An extension header of 8 bytes."""
    return bytes([next_header, 0, 1, 4, 0, 0, 0, 0])


def icmp4(inner):
    return bytes(TO_PORT / IP(src="192.0.2.1", dst=VIP4) / ICMP(type=3, code=4) / Raw(inner))


def icmp6(inner):
    return bytes(TO_PORT / IPv6(src="2001:db8::1", dst=VIP6) / ICMPv6PacketTooBig() / Raw(inner))


INNER4 = bytes(IP(src=VIP4, dst=CLIENT4) / TCP(sport=80, dport=7))
INNER6 = bytes(IPv6(src=VIP6, dst=CLIENT6) / TCP(sport=80, dport=7))
UDP_HEADER = bytes(UDP(sport=7, dport=53, len=8))

CASES = {
    "ipv4 header cut": (PACKET4[:30], "drop_truncated"),
    "ipv4 longer than the frame": (changed(PACKET4, len=200), "drop_truncated"),
    "ipv4 version 5": (changed(PACKET4, version=5), "drop_bad_header"),
    "ipv4 header length 4 words": (changed(PACKET4, ihl=4), "drop_bad_header"),
    "ipv4 header longer than the packet": (
        changed(PACKET4, ihl=15, len=44), "drop_bad_header"),
    "ipv4 total length below the header": (changed(PACKET4, len=10), "drop_bad_header"),
    "ipv4 total length zero": (changed(PACKET4, len=0), "drop_bad_header"),
    "ipv4 checksum": (PACKET4[:24] + bytes([PACKET4[24] ^ 1]) + PACKET4[25:], "drop_bad_checksum"),
    "ipv4 option of length zero": (with_options(b"\x07\x00\x04\x00"), "drop_bad_option"),
    "ipv4 option behind the header": (with_options(b"\x07\x05\x04\x00"), "drop_bad_option"),
    "ipv4 option without a length": (with_options(b"\x01\x01\x01\x07"), "drop_bad_option"),
    "ipv4 loose source route": (
        with_options(b"\x83\x07\x04\x0a\x09\x00\x01\x00"), "drop_source_route"),
    "ipv4 strict source route": (
        with_options(b"\x89\x07\x04\x0a\x09\x00\x01\x00"), "drop_source_route"),
    "ipv6 header cut": (PACKET6[:40], "drop_truncated"),
    "ipv6 longer than the frame": (PACKET6[:-2], "drop_truncated"),
    "ipv6 version 4": (PACKET6[:14] + b"\x40" + PACKET6[15:], "drop_bad_header"),
    "ipv6 payload of size zero": (ipv6_payload(17, b"", 0) + UDP_HEADER, "drop_truncated_l4"),
    "ipv6 jumbogram": (ipv6_payload(0, b"\x11\x00\xc2\x04\x00\x01\x00\x00" + UDP_HEADER, 0),
                       "drop_jumbo"),
    "ipv6 extension header cut": (ipv6_payload(60, b"\x11"), "drop_truncated"),
    "ipv6 extension header longer than the packet": (
        ipv6_payload(60, b"\x11\x09" + bytes(6) + UDP_HEADER), "drop_truncated"),
    "ipv6 hop-by-hop options twice": (
        ipv6_payload(0, padding(0) + padding(17) + UDP_HEADER), "drop_extensions"),
    "ipv6 hop-by-hop options behind others": (
        ipv6_payload(60, padding(0) + padding(17) + UDP_HEADER), "drop_extensions"),
    "ipv6 chain of nine headers": (
        ipv6_payload(60, padding(60) * 8 + padding(17) + UDP_HEADER), "drop_extensions"),
    "ipv6 fragment of a fragment": (
        ipv6(IPv6ExtHdrFragment(m=1), IPv6ExtHdrFragment(m=1)), "drop_extensions"),
    "ipv6 routing header with a route to go": (
        ipv6(IPv6ExtHdrRouting(addresses=["fd09::77"], segleft=1)), "drop_source_route"),
    "tcp header cut": (changed(PACKET4, len=30)[:44], "drop_truncated_l4"),
    "tcp without a byte": (changed(PACKET4, len=20)[:34], "drop_truncated_l4"),
    "tcp options cut": (
        bytes(TO_PORT / IP(src=CLIENT4, dst=VIP4) / TCP(sport=7, dport=80, dataofs=6)),
        "drop_truncated_l4"),
    "tcp data offset below the header": (
        bytes(TO_PORT / IP(src=CLIENT4, dst=VIP4) / TCP(sport=7, dport=80, dataofs=3)),
        "drop_bad_tcp"),
    "tcp data offset zero": (
        bytes(TO_PORT / IPv6(src=CLIENT6, dst=VIP6) / TCP(sport=7, dport=80, dataofs=0)),
        "drop_bad_tcp"),
    "udp header cut": (ipv6_payload(17, UDP_HEADER[:7]), "drop_truncated_l4"),
    "udp length zero": (ipv6_payload(17, bytes(UDP(sport=7, dport=53, len=0))), "drop_bad_udp"),
    "udp length below the header": (
        ipv6_payload(17, bytes(UDP(sport=7, dport=53, len=7))), "drop_bad_udp"),
    "udp longer than the packet": (
        ipv6_payload(17, bytes(UDP(sport=7, dport=53, len=9))), "drop_truncated_l4"),
    "icmp header cut": (
        bytes(TO_PORT / IP(src=CLIENT4, dst=VIP4, proto=1) / Raw(b"\x08\x00\x00\x00")),
        "drop_truncated_l4"),
    "icmpv6 header cut": (ipv6_payload(58, b"\x80\x00\x00"), "drop_truncated_l4"),
    "echo with a code": (
        bytes(TO_PORT / IP(src=CLIENT4, dst=VIP4) / ICMP(type=8, code=1)), "drop_bad_echo"),
    "echo with a wrong checksum": (
        bytes(TO_PORT / IP(src=CLIENT4, dst=VIP4) / ICMP(type=8, chksum=1)), "drop_bad_checksum"),
    "echo from a group": (
        bytes(TO_PORT / IP(src="224.0.0.1", dst=VIP4) / ICMP(type=8)), "drop_bad_echo"),
    "icmp of another kind": (
        bytes(TO_PORT / IP(src=CLIENT4, dst=VIP4) / ICMP(type=13)), "drop_icmp"),
    "icmp error without a packet": (icmp4(b""), "drop_icmp_inner"),
    "icmp error with half a header": (icmp4(INNER4[:19]), "drop_icmp_inner"),
    "icmp error with half of the ports' 8 bytes": (icmp4(INNER4[:24]), "drop_icmp_inner"),
    "icmp error with a header of 4 words": (icmp4(b"\x44" + INNER4[1:]), "drop_icmp_inner"),
    "icmp error about a later fragment": (
        icmp4(bytes(IP(src=VIP4, dst=CLIENT4, frag=185) / Raw(bytes(8)))), "drop_icmp_fragment"),
    "icmpv6 error with half a header": (icmp6(INNER6[:39]), "drop_icmp_inner"),
    "icmpv6 error about another version": (icmp6(b"\x40" + INNER6[1:]), "drop_icmp_inner"),
    "icmpv6 error whose extension header is cut": (
        icmp6(bytes(IPv6(src=VIP6, dst=CLIENT6, nh=60)) + b"\x06"), "drop_icmp_inner"),
    "icmpv6 error about a later fragment": (
        icmp6(bytes(IPv6(src=VIP6, dst=CLIENT6) / IPv6ExtHdrFragment(offset=181, nh=17)
                    / Raw(bytes(8)))), "drop_icmp_fragment"),
    "icmp error about somebody else's packet": (
        icmp4(bytes(IP(src="10.9.0.99", dst=CLIENT4) / TCP(sport=80, dport=7))), "drop_icmp"),
    "arp cut": (bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC, type=0x806)) + bytes(8),
                "drop_truncated"),
    "arp with a group's link-layer address": (
        bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC)
              / ARP(op=1, hwsrc="01:00:5e:00:00:01", psrc=CLIENT4, pdst=VIP4)),
        "drop_bad_neighbour"),
    "neighbour solicitation from afar": (
        bytes(TO_PORT / IPv6(src=CLIENT6, dst=VIP6, hlim=254) / ICMPv6ND_NS(tgt=VIP6)),
        "drop_bad_neighbour"),
}


@pytest.mark.parametrize("frame, verdict", CASES.values(), ids=CASES.keys())
def test_a_malformed_frame_is_dropped_under_its_name(dataplane, wire, frame, verdict):
    with dataplane.counts(verdict):
        wire.send(frame)
    assert not wire.seen(lambda f: f.src == PORT_MAC and (TCP in f or UDP in f))


def test_ip_options_are_no_obstacle(wire):
    frame = TO_PORT / IP(src=CLIENT4, dst=VIP4, options=[IPOption(b"\x94\x04\x00\x00")]) \
        / TCP(sport=8, dport=80, flags="S")
    wire.ask(frame, lambda f: TCP in f and f[TCP].sport == 8 and f.src == PORT_MAC,
             "forwarded packet")


def test_padding_behind_a_short_packet_is_no_obstacle(wire):
    frame = bytes(TO_PORT / IP(src=CLIENT4, dst=VIP4) / UDP(sport=9, dport=53)) + bytes(18)
    wire.ask(frame, lambda f: UDP in f and f[UDP].sport == 9 and f.src == PORT_MAC,
             "forwarded packet")


def test_noise_does_no_harm(dataplane, wire):
    """Random damage to valid frames; every frame still ends in one verdict."""
    rng = random.Random(1)
    valid = [PACKET4, PACKET6,
             bytes(TO_PORT / IP(src=CLIENT4, dst=VIP4) / ICMP() / b"echo"),
             bytes(TO_PORT / ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT4, pdst=VIP4))]
    before = dataplane.stats()
    for number in range(2000):
        frame = bytearray(rng.choice(valid))
        for _ in range(rng.randrange(1, 5)):
            frame[rng.randrange(12, len(frame))] = rng.randrange(256)
        wire.send(bytes(frame[:rng.randrange(14, len(frame) + 1)]))
        if number % 100 == 99:  # Below what the port's queue holds.
            wait_until(lambda n=number: dataplane.stats()["ports"][0]["rx_packets"]
                       - before["ports"][0]["rx_packets"] > n, "frames received")

    def agree():
        stats = dataplane.stats()
        return sum(stats["verdicts"].values()) == stats["ports"][0]["rx_packets"]

    wait_until(agree, "verdicts that add up")
    wire.ask(PACKET4, lambda f: TCP in f and f[TCP].sport == 7 and f.src == PORT_MAC,
             "forwarded packet")
