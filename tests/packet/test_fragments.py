# SPDX-License-Identifier: BSD-3-Clause
"""Fragments: later ones go where their first one goes, wait for it when they are early, and are
refused when they do not fit together. Each refusal has its own name."""

import itertools

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (ICMPv6PacketTooBig, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                 fragment6)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from conftest import BACKENDS4
from harness import CLIENT4, CLIENT6, CLIENT_MAC, HOST4, PORT_MAC, VIP4, VIP6, wait_until

BACKEND_MACS = {mac: name for name, (_, mac) in BACKENDS4.items()}
TO_PORT = Ether(dst=PORT_MAC, src=CLIENT_MAC)

# Every datagram of this file has an identification and a client port of its own.
idents = itertools.count(20000)
client_ports = itertools.count(20000)

REFUSALS = ["drop_fragment", "drop_fragment_bad", "drop_fragment_tiny", "drop_fragment_overlap",
            "drop_fragment_duplicate", "drop_fragment_lost", "drop_fragment_full"]


def datagram(family, sport, size=3000, dport=53):
    """The fragments of a datagram, and what is inside."""
    ident = next(idents)
    load = bytes(i * 7 % 251 for i in range(size))
    l4 = UDP(sport=sport, dport=dport) / Raw(load)
    if family == 4:
        parts = fragment(IP(src=CLIENT4, dst=VIP4, id=ident) / l4, fragsize=1000)
        return [Ether(bytes(TO_PORT / part)) for part in parts], load
    packet = IPv6(src=CLIENT6, dst=VIP6) / IPv6ExtHdrFragment(id=ident) / l4
    return [Ether(bytes(TO_PORT / part)) for part in fragment6(packet, 1048)], load


def piece(family, ident, offset, load, more=True, protocol=17):
    """One fragment; 'offset' in bytes."""
    if family == 4:
        return TO_PORT / IP(src=CLIENT4, dst=VIP4, id=ident, frag=offset // 8,
                            flags="MF" if more else 0, proto=protocol) / Raw(load)
    return TO_PORT / IPv6(src=CLIENT6, dst=VIP6) / IPv6ExtHdrFragment(
        id=ident, offset=offset // 8, m=int(more), nh=protocol) / Raw(load)


def head(sport, size=64, protocol=17):
    """The begin of a datagram whose header says that it is longer."""
    header = UDP(sport=sport, dport=53, len=4000, chksum=0) if protocol == 17 else \
        TCP(sport=sport, dport=80, flags="A")
    return (bytes(header) + bytes(size))[:size]


def key_of(frame):
    """(identification, offset, bytes) of a fragment, or None."""
    if IP in frame and (frame[IP].flags.MF or frame[IP].frag):
        ip = frame[IP]
        return ip.id, ip.frag * 8, bytes(ip.payload)[:ip.len - ip.ihl * 4]
    if IPv6ExtHdrFragment in frame:
        header = frame[IPv6ExtHdrFragment]
        return header.id, header.offset * 8, bytes(header.payload)
    return None


def is_forwarded(ident):
    return lambda f: f.src == PORT_MAC and key_of(f) is not None and key_of(f)[0] == ident


def whole_goes_to(wire, family, sport):
    """The backend that gets whole packets of the flow."""
    ip = IP(src=CLIENT4, dst=VIP4) if family == 4 else IPv6(src=CLIENT6, dst=VIP6)
    frame = wire.ask(TO_PORT / ip / UDP(sport=sport, dport=53) / b"whole",
                     lambda f: UDP in f and f[UDP].sport == sport and f.dst in BACKEND_MACS,
                     "packet of the flow")
    return frame.dst


def reassembled(frames):
    data = {}
    for frame in frames:
        _, offset, load = key_of(frame)
        data[offset] = load
    return b"".join(data[offset] for offset in sorted(data))


ORDERS = {"in order": lambda parts: parts, "backwards": lambda parts: parts[::-1],
          "first one in the middle": lambda parts: parts[1:2] + parts[:1] + parts[2:]}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
@pytest.mark.parametrize("family", [4, 6])
def test_fragments_follow_their_first_one(dataplane, wire, family, order):
    backends = set()
    for _ in range(12):
        sport = next(client_ports)
        mac = whole_goes_to(wire, family, sport)
        backends.add(mac)
        parts, load = datagram(family, sport)
        assert len(parts) > 3
        ident = key_of(parts[0])[0]
        before = dataplane.stats()["path_events"]
        wire.forget()
        wire.send_all(order(parts))
        got = wire.expect(is_forwarded(ident), "fragments", n=len(parts))
        assert {frame.dst for frame in got} == {mac}
        assert reassembled(got)[8:] == load
        for frame in got:
            assert (frame[IP].ttl if family == 4 else frame[IPv6].hlim) == 63
        after = dataplane.stats()["path_events"]
        assert after["fragments_first"] == before["fragments_first"] + 1
        assert after["fragments_followed"] == before["fragments_followed"] + len(parts) - 1
    assert backends == set(BACKEND_MACS)


@pytest.mark.parametrize("family", [4, 6])
def test_checksums_of_fragments_are_right(wire, family):
    sport = next(client_ports)
    parts, _ = datagram(family, sport)
    wire.forget()
    wire.send_all(parts)
    for frame in wire.expect(is_forwarded(key_of(parts[0])[0]), "fragments", n=len(parts)):
        if family == 4:
            copy = frame.copy()
            del copy[IP].chksum
            assert Ether(bytes(copy))[IP].chksum == frame[IP].chksum


def test_options_between_fragment_header_and_ports_are_no_obstacle(wire):
    ident, sport = next(idents), next(client_ports)
    mac = whole_goes_to(wire, 6, sport)
    options = bytes(IPv6ExtHdrDestOpt(nh=17))
    wire.forget()
    # The later one says destination options as well (RFC 8200 4.5).
    wire.send_all([piece(6, ident, len(options) + 56, bytes(20), more=False, protocol=60),
                   piece(6, ident, 0, options + head(sport, 56), protocol=60)])
    got = wire.expect(is_forwarded(ident), "fragments", n=2)
    assert {frame.dst for frame in got} == {mac}


@pytest.mark.parametrize("family", [4, 6])
def test_a_fragment_does_not_wait_for_ever(dataplane, wire, family):
    ident = next(idents)
    held = dataplane.stats()["path_events"]["fragments_held"]
    with dataplane.counts("drop_fragment_lost"):
        wire.send(piece(family, ident, 64, bytes(64)))
    assert dataplane.stats()["path_events"]["fragments_held"] == held + 1
    assert not wire.seen(is_forwarded(ident))


def test_all_that_wait_are_counted_when_their_time_is_up(dataplane, wire):
    before = dataplane.stats()["verdicts"]
    for _ in range(100):  # More than may wait at once.
        wire.send(piece(4, next(idents), 64, bytes(64)))

    def counted():
        after = dataplane.stats()["verdicts"]
        return sum(after[name] - before[name] for name in REFUSALS) == 100

    wait_until(counted, "a verdict for each")
    after = dataplane.stats()["verdicts"]
    assert after["drop_fragment_lost"] > before["drop_fragment_lost"]
    assert all(after[name] == before[name] for name in REFUSALS
               if name not in ("drop_fragment_lost", "drop_fragment_full"))


OVERLAPS = {  # offset, size, more: what comes after [0, 64) and the end [128, 160).
    "the first one's tail": (32, 32, True), "over its end": (56, 16, True),
    "around it": (0, 72, True), "behind the end": (160, 8, True),
    "a second end": (152, 16, False), "an end too early": (64, 8, False)}


@pytest.mark.parametrize("offset, size, more", OVERLAPS.values(), ids=OVERLAPS.keys())
@pytest.mark.parametrize("family", [4, 6])
def test_overlapping_fragments_are_refused(dataplane, wire, family, offset, size, more):
    ident, sport = next(idents), next(client_ports)
    wire.forget()
    wire.send(piece(family, ident, 0, head(sport)))
    wire.send(piece(family, ident, 128, bytes(32), more=False))
    wire.expect(is_forwarded(ident), "fragments", n=2)
    with dataplane.counts("drop_fragment_overlap", n=2):
        wire.send(piece(family, ident, offset, (head(sport) + bytes(64))[:size] if offset == 0
                        else bytes(size), more=more))
        wire.send(piece(family, ident, 96, bytes(8)))  # It fits, but nothing is trusted now.
    assert len(wire.seen(is_forwarded(ident))) == 2


@pytest.mark.parametrize("family", [4, 6])
def test_a_fragment_that_came_twice_is_dropped_once(dataplane, wire, family):
    ident, sport = next(idents), next(client_ports)
    wire.forget()
    with dataplane.counts("drop_fragment_duplicate", n=2):
        for _ in range(2):
            wire.send(piece(family, ident, 0, head(sport)))
        for _ in range(2):
            wire.send(piece(family, ident, 64, bytes(64)))
    wire.send(piece(family, ident, 128, bytes(7), more=False))
    wire.expect(is_forwarded(ident), "fragments", n=3)


TINY = {"tcp header cut after the ports": (0, 8, 6), "tcp header cut before its end": (0, 16, 6),
        "inside the tcp header": (8, 64, 6), "at the tcp header's end": (16, 64, 6)}


@pytest.mark.parametrize("offset, size, protocol", TINY.values(), ids=TINY.keys())
@pytest.mark.parametrize("family", [4, 6])
def test_tiny_fragments_are_refused(dataplane, wire, family, offset, size, protocol):
    load = head(next(client_ports), size, protocol) if offset == 0 else bytes(size)
    with dataplane.counts("drop_fragment_tiny"):
        wire.send(piece(family, next(idents), offset, load, protocol=protocol))


def test_a_first_fragment_without_the_whole_chain_is_tiny(dataplane, wire):
    with dataplane.counts("drop_fragment_tiny"):  # RFC 7112
        wire.send(piece(6, next(idents), 0, b"\x11\x03" + bytes(6), protocol=60))


@pytest.mark.parametrize("protocol", [6, 17])
@pytest.mark.parametrize("family", [4, 6])
def test_the_smallest_headers_that_are_whole_pass(wire, family, protocol):
    ident, sport = next(idents), next(client_ports)
    size = 24 if protocol == 6 else 8
    wire.forget()
    wire.send(piece(family, ident, 0, head(sport, size, protocol), protocol=protocol))
    wire.send(piece(family, ident, size, bytes(9), more=False, protocol=protocol))
    wire.expect(is_forwarded(ident), "fragments", n=2)


BAD = {"size no multiple of 8": (0, 65, True), "without a byte": (64, 0, True),
       "end without a byte": (64, 0, False), "past 64 KB": (65528, 8, False)}


@pytest.mark.parametrize("offset, size, more", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("family", [4, 6])
def test_impossible_sizes_are_refused(dataplane, wire, family, offset, size, more):
    load = head(next(client_ports), size) if offset == 0 else bytes(size)
    with dataplane.counts("drop_fragment_bad"):
        wire.send(piece(family, next(idents), offset, load, more=more))


@pytest.mark.parametrize("family, protocol", [(4, 1), (4, 50), (6, 58), (6, 50)])
@pytest.mark.parametrize("offset", [0, 64])
def test_fragments_of_other_protocols_are_refused(dataplane, wire, family, protocol, offset):
    with dataplane.counts("drop_fragment"):
        wire.send(piece(family, next(idents), offset, b"\x08" + bytes(63), protocol=protocol))


def test_fragments_for_a_port_without_service_are_counted(dataplane, wire):
    parts, _ = datagram(4, next(client_ports), dport=54)
    with dataplane.counts("drop_no_service", n=len(parts)):
        wire.send_all(parts)


def test_fragments_for_the_host_are_the_hosts(dataplane, wire):
    """The host reassembles an echo request and answers, in fragments as well."""
    wire.forget()
    question = IP(src=CLIENT4, dst=HOST4, id=next(idents)) / ICMP(id=99) / Raw(bytes(2000))
    for part in fragment(question, fragsize=800):
        wire.send(TO_PORT / part)
    got = wire.expect(lambda f: IP in f and f[IP].src == HOST4 and f[IP].proto == 1, "answer", n=2)
    assert sum(frame[IP].len - 20 for frame in got) == 2008


@pytest.mark.parametrize("family", [4, 6])
def test_errors_about_first_fragments_reach_the_backend(dataplane, wire, family):
    """A router that has no way for a fragment of a backend's answer says so."""
    sport = next(client_ports)
    mac = whole_goes_to(wire, family, sport)
    answer = UDP(sport=53, dport=sport, len=3000)
    if family == 4:
        error = TO_PORT / IP(src="192.0.2.1", dst=VIP4) / ICMP(type=3, code=4, nexthopmtu=1400) \
            / IP(src=VIP4, dst=CLIENT4, flags="MF", len=1500) / answer
    else:
        error = TO_PORT / IPv6(src="2001:db8::1", dst=VIP6) / ICMPv6PacketTooBig(mtu=1400) \
            / IPv6(src=VIP6, dst=CLIENT6) / IPv6ExtHdrFragment(m=1, id=5) / answer
    before = dataplane.stats()["path_events"]["icmp_too_big"]
    frame = wire.ask(error, lambda f: f.src == PORT_MAC and (ICMP in f or ICMPv6PacketTooBig in f),
                     "error at the backend")
    assert frame.dst == mac
    assert dataplane.stats()["path_events"]["icmp_too_big"] == before + 1
