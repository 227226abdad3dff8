# SPDX-License-Identifier: BSD-3-Clause
"""Virtual addresses are answered for by the node that holds them, as long as its lease lasts, and
announced when it begins to hold them."""

import json
import signal
import time

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6, in6_chksum)
from scapy.layers.l2 import ARP, Ether
from scapy.utils import checksum

from conftest import BACKENDS4, SERVICES, pools
from harness import (CLIENT4, CLIENT6, CLIENT_MAC, PORT_MAC, VIP4, VIP6, router, wait_until)

BROADCAST, ALL_NODES_MAC = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"
GROUP, GROUP_MAC = "ff02::1:ff00:100", "33:33:ff:00:01:00"  # Solicited-node group of VIP6.


def arp_request(address=VIP4, source=CLIENT4):
    return Ether(dst=BROADCAST, src=CLIENT_MAC) / ARP(
        op=1, hwsrc=CLIENT_MAC, psrc=source, pdst=address)


def solicitation(address=VIP6):
    return (Ether(dst=GROUP_MAC, src=CLIENT_MAC) / IPv6(src=CLIENT6, dst=GROUP, hlim=255)
            / ICMPv6ND_NS(tgt=address) / ICMPv6NDOptSrcLLAddr(lladdr=CLIENT_MAC))


def is_arp_reply(frame):
    return ARP in frame and frame[ARP].op == 2 and frame[ARP].psrc == VIP4 and \
        frame[ARP].pdst == CLIENT4


def is_advertisement(frame):
    return ICMPv6ND_NA in frame and frame[ICMPv6ND_NA].tgt == VIP6


def echo(family, load=b"x" * 56):
    if family == 4:
        return (Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4)
                / ICMP(id=77, seq=3) / load)
    return (Ether(dst=PORT_MAC, src=CLIENT_MAC) / IPv6(src=CLIENT6, dst=VIP6)
            / ICMPv6EchoRequest(id=77, seq=3, data=load))


def is_announcement(frame):
    if ARP in frame:
        return frame[ARP].psrc == frame[ARP].pdst == VIP4
    return is_advertisement(frame) and frame[IPv6].dst == "ff02::1"


def let_go(dataplane, wire):
    """Lets all addresses go, and waits until announcements are out that were on their way: a worker
    sends what the main thread has given it no later than the second frame that comes then."""
    dataplane.lease()
    for _ in range(2):
        wire.ask(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4)
                 / TCP(sport=40001, dport=80, flags="S"), lambda f: TCP in f, "forwarded packet")
    wire.forget()


def test_arp_for_a_held_address_is_answered(wire):
    reply = wire.ask(arp_request(), is_arp_reply, "ARP reply")
    assert (reply.src, reply.dst) == (PORT_MAC, CLIENT_MAC)
    assert (reply[ARP].hwsrc, reply[ARP].hwdst) == (PORT_MAC, CLIENT_MAC)


def test_a_solicitation_for_a_held_address_is_answered(wire):
    reply = wire.ask(solicitation(), lambda f: is_advertisement(f) and not is_announcement(f),
                     "neighbour advertisement")
    assert (reply.src, reply.dst) == (PORT_MAC, CLIENT_MAC)
    assert (reply[IPv6].src, reply[IPv6].dst, reply[IPv6].hlim) == (VIP6, CLIENT6, 255)
    advertisement = reply[ICMPv6ND_NA]
    assert (advertisement.S, advertisement.O, advertisement.R) == (1, 1, 0)
    assert advertisement[ICMPv6NDOptDstLLAddr].lladdr == PORT_MAC
    assert in6_chksum(58, reply[IPv6], bytes(advertisement)) == 0


def test_duplicate_address_detection_of_a_held_address_is_answered_to_all(wire):
    probe = (Ether(dst=GROUP_MAC, src=CLIENT_MAC) / IPv6(src="::", dst=GROUP, hlim=255)
             / ICMPv6ND_NS(tgt=VIP6))
    reply = wire.ask(probe, is_advertisement, "neighbour advertisement")
    assert (reply.dst, reply[IPv6].dst) == (ALL_NODES_MAC, "ff02::1")
    assert (reply[ICMPv6ND_NA].S, reply[ICMPv6ND_NA].O) == (0, 1)


@pytest.mark.parametrize("size", [0, 56, 1472])
def test_echo_to_a_held_ipv4_address_is_answered(wire, size):
    load = bytes(i % 251 for i in range(size))
    reply = wire.ask(echo(4, load), lambda f: ICMP in f and f[ICMP].type == 0, "echo reply")
    assert (reply.src, reply.dst) == (PORT_MAC, CLIENT_MAC)
    assert (reply[IP].src, reply[IP].dst) == (VIP4, CLIENT4)
    assert (reply[ICMP].id, reply[ICMP].seq) == (77, 3)
    assert bytes(reply[ICMP].payload)[:size] == load
    assert checksum(bytes(reply[IP])[:20]) == 0
    assert checksum(bytes(reply[ICMP])[:size + 8]) == 0


def test_echo_to_a_held_ipv6_address_is_answered(wire):
    reply = wire.ask(echo(6), lambda f: ICMPv6EchoReply in f, "echo reply")
    assert (reply.src, reply.dst) == (PORT_MAC, CLIENT_MAC)
    assert (reply[IPv6].src, reply[IPv6].dst) == (VIP6, CLIENT6)
    assert (reply[ICMPv6EchoReply].id, reply[ICMPv6EchoReply].seq) == (77, 3)
    assert reply[ICMPv6EchoReply].data == b"x" * 56
    assert in6_chksum(58, reply[IPv6], bytes(reply[ICMPv6EchoReply])) == 0


@pytest.mark.parametrize("frame", [arp_request(), solicitation(), echo(4), echo(6)],
                         ids=["arp", "nd", "echo4", "echo6"])
def test_nothing_is_answered_for_addresses_let_go(dataplane, wire, frame):
    let_go(dataplane, wire)
    with dataplane.counts("drop_not_held"):
        wire.send(frame)
    # The last announcement of what was held may still be under way: it is for all.
    assert not wire.seen(lambda f: f.dst == CLIENT_MAC and (
        is_arp_reply(f) or is_advertisement(f) or ICMPv6EchoReply in f
        or (ICMP in f and f[ICMP].type == 0)))


def test_routers_are_held_apart(dataplane, wire):
    dataplane.lease("r6")
    wire.ask(solicitation(), is_advertisement, "neighbour advertisement")
    with dataplane.counts("drop_not_held"):
        wire.send(arp_request())
    held = {r["name"]: r["held"] for r in dataplane.stats()["routers"]}
    assert held == {"r4": False, "r6": True}


def test_a_lease_that_runs_out_silences_arp_and_forwarding_goes_on(dataplane, wire):
    dataplane.lease("r4", ttl_ms=150)
    wait_until(lambda: not dataplane.stats()["routers"][0]["held"], "end of the lease")
    with dataplane.counts("drop_not_held"):
        wire.send(arp_request())
    assert not wire.seen(is_arp_reply)
    syn = (Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4)
           / TCP(sport=40000, dport=80, flags="S"))
    backends = {mac for _, mac in BACKENDS4.values()}
    wire.ask(syn, lambda f: TCP in f and f[TCP].sport == 40000 and f.dst in backends,
             "forwarded packet")
    assert "r4: held -> not held: the lease ran out" in dataplane.log()


def test_leases_outlive_the_connection_and_end_by_themselves(dataplane, wire):
    dataplane.control.close()
    wire.ask(arp_request(), is_arp_reply, "ARP reply")
    dataplane.connect()
    dataplane.lease("r4", ttl_ms=400)
    dataplane.control.close()
    dataplane.connect()
    wait_until(lambda: not dataplane.stats()["routers"][0]["held"], "end of the lease")


def test_a_lease_that_is_found_late_is_over(dataplane, wire):
    """As by a dataplane that was stopped while its peer took over."""
    let_go(dataplane, wire)
    dataplane.lease("r4", "r6", ttl_ms=-1)
    assert not any(r["held"] for r in dataplane.stats()["routers"])
    with dataplane.counts("drop_not_held"):
        wire.send(arp_request())
    assert not wire.seen(lambda f: is_announcement(f) or is_arp_reply(f))


def test_a_stopped_dataplane_does_not_take_an_old_lease_for_a_new_one(dataplane, wire):
    let_go(dataplane, wire)
    dataplane.process.send_signal(signal.SIGSTOP)
    try:
        end_ns = time.monotonic_ns() + 100000000
        line = {"id": 0, "method": "lease", "params": {"until_ns": end_ns, "held": ["r4"]}}
        dataplane.control.sock.sendall(json.dumps(line).encode() + b"\n")
        wait_until(lambda: time.monotonic_ns() > end_ns, "end of the lease")
    finally:
        dataplane.process.send_signal(signal.SIGCONT)
    assert json.loads(dataplane.control.file.readline()) == {"id": 0, "result": {}}
    with dataplane.counts("drop_not_held"):
        wire.send(arp_request())
    assert not wire.seen(lambda f: is_announcement(f) or is_arp_reply(f))


def test_a_lease_by_another_clock_is_refused(dataplane):
    until_ns = time.monotonic_ns() + 3600 * 10**9
    assert "one clock" in dataplane.control.error("lease", {"until_ns": until_ns, "held": []})


def test_a_takeover_is_announced_at_once_and_again(dataplane, wire):
    dataplane.lease()
    wire.forget()
    dataplane.lease("r4", "r6")
    wire.expect(lambda f: is_announcement(f) and ARP in f and f[ARP].op == 1, "requests", 4)
    wire.expect(lambda f: is_announcement(f) and ARP in f and f[ARP].op == 2, "replies", 4)
    wire.expect(lambda f: is_announcement(f) and IPv6 in f, "advertisements", 4)
    for frame in wire.seen(is_announcement):
        if ARP in frame:
            assert (frame.src, frame.dst) == (PORT_MAC, BROADCAST)
            assert frame[ARP].hwsrc == PORT_MAC
        else:
            assert (frame.src, frame.dst) == (PORT_MAC, ALL_NODES_MAC)
            assert (frame[IPv6].src, frame[IPv6].hlim) == (VIP6, 255)
            assert (frame[ICMPv6ND_NA].S, frame[ICMPv6ND_NA].O) == (0, 1)
            assert frame[ICMPv6NDOptDstLLAddr].lladdr == PORT_MAC
            assert in6_chksum(58, frame[IPv6], bytes(frame[ICMPv6ND_NA])) == 0


def test_a_renewal_is_not_announced(dataplane, wire):
    dataplane.lease()
    wire.forget()
    dataplane.lease("r4", "r6")
    wire.expect(lambda f: is_announcement(f) and ARP in f and f[ARP].op == 1, "whole burst", 6)
    wire.forget()
    for n in range(1, 21):
        dataplane.lease("r4", "r6")
        wire.send(arp_request())
        wire.expect(is_arp_reply, "ARP reply", n)
    # But what was announced before is repeated after 1, 2, 4, ... seconds.
    assert len(wire.seen(lambda f: is_announcement(f) and ARP in f and f[ARP].op == 1)) < 8


def test_a_new_address_of_a_held_router_is_announced(dataplane, wire):
    new = "10.9.0.101"
    wire.forget()
    dataplane.push(pools(), SERVICES, [router("r4", VIP4, new), router("r6", VIP6)])
    wire.expect(lambda f: ARP in f and f[ARP].psrc == f[ARP].pdst == new, "announcement")
    reply = wire.ask(arp_request(new), lambda f: ARP in f and f[ARP].op == 2
                     and f[ARP].psrc == new and f[ARP].pdst == CLIENT4, "ARP reply")
    assert reply[ARP].hwsrc == PORT_MAC


def test_an_address_that_left_the_state_is_not_answered(dataplane, wire):
    dataplane.push(pools(), [s for s in SERVICES if s[1] == VIP6], [router("r6", VIP6)])
    with dataplane.counts("host"):  # It is the host's to answer now, and the host does not.
        wire.send(arp_request())
    assert not wire.seen(is_arp_reply)
