# SPDX-License-Identifier: BSD-3-Clause
"""Frames that are not what they claim to be are dropped, each under its own name, and nothing
comes of them. The dataplane goes on."""

import random

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Ether

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


CASES = {
    "ipv4 header cut": (PACKET4[:30], "drop_truncated"),
    "ipv4 longer than the frame": (changed(PACKET4, len=200), "drop_truncated"),
    "ipv4 tcp header cut": (changed(PACKET4, len=30)[:44], "drop_truncated"),
    "ipv4 version 5": (changed(PACKET4, version=5), "drop_bad_header"),
    "ipv4 header length 4 words": (changed(PACKET4, ihl=4), "drop_bad_header"),
    "ipv4 total length below the header": (changed(PACKET4, len=10), "drop_bad_header"),
    "ipv4 checksum": (PACKET4[:24] + bytes([PACKET4[24] ^ 1]) + PACKET4[25:], "drop_bad_checksum"),
    "ipv4 first fragment": (changed(PACKET4, flags="MF"), "drop_fragment"),
    "ipv4 later fragment": (changed(PACKET4, frag=100), "drop_fragment"),
    "ipv6 header cut": (PACKET6[:40], "drop_truncated"),
    "ipv6 longer than the frame": (PACKET6[:-2], "drop_truncated"),
    "ipv6 version 4": (PACKET6[:14] + b"\x40" + PACKET6[15:], "drop_bad_header"),
    "ipv6 fragment": (bytes(TO_PORT / IPv6(src=CLIENT6, dst=VIP6) / IPv6ExtHdrFragment(m=1)
                            / UDP(sport=7, dport=53) / b"datadata"), "drop_fragment"),
    "tcp data offset below the header": (
        bytes(TO_PORT / IP(src=CLIENT4, dst=VIP4) / TCP(sport=7, dport=80, dataofs=3)),
        "drop_bad_header"),
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
