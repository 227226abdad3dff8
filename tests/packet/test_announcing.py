# SPDX-License-Identifier: BSD-3-Clause
"""Announcing many addresses, announcing again when others claim them, virtual MAC addresses, and the
link of a port as the host sees it."""

import json
import socket
import subprocess
import time

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr,
                                ICMPv6NDOptSrcLLAddr, IPv6)
from scapy.layers.l2 import ARP, Ether

from conftest import BACKENDS4, SERVICES, pools
from harness import (CLIENT4, CLIENT6, CLIENT_MAC, HOST4, PORT_MAC, VIP4, VIP6, router,
                     wait_until)

BROADCAST, OTHER_MAC = "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:99"
MAC4, MAC6 = "00:00:5e:00:01:33", "00:00:5e:00:02:33"


def is_arp_announcement(frame):
    return ARP in frame and frame[ARP].psrc == frame[ARP].pdst


def arp_request(address):
    return Ether(dst=BROADCAST, src=CLIENT_MAC) / ARP(
        op=1, hwsrc=CLIENT_MAC, psrc=CLIENT4, pdst=address)


def claim(family):
    if family == 4:
        return Ether(dst=BROADCAST, src=OTHER_MAC) / ARP(
            op=1, hwsrc=OTHER_MAC, psrc=VIP4, pdst=VIP4)
    return (Ether(dst="33:33:00:00:00:01", src=OTHER_MAC)
            / IPv6(src=VIP6, dst="ff02::1", hlim=255)
            / ICMPv6ND_NA(tgt=VIP6, S=0, O=1, R=0) / ICMPv6NDOptDstLLAddr(lladdr=OTHER_MAC))


def end_of_burst(wire):
    """Of the addresses of both families: the next rounds are a second and more apart."""
    wire.expect(lambda f: is_arp_announcement(f) and f[ARP].op == 1, "whole burst", 6)
    wire.expect(lambda f: ICMPv6ND_NA in f, "whole burst", 6)


def test_a_takeover_of_many_addresses_announces_each(own_dataplane):
    """A thousand frames in the first round alone: nothing on their way has room for all at once."""
    routers = {f"many{i}": [f"10.9.{100 + i}.{j}" for j in range(250)] for i in range(2)}
    own_dataplane.start()
    own_dataplane.wire.capture = []  # Nobody could dissect so many in time.
    own_dataplane.push(pools(), [], [router(name, *vips) for name, vips in routers.items()])
    own_dataplane.lease(*routers)
    wanted = {socket.inet_aton(vip) for vips in routers.values() for vip in vips}
    for operation in (b"\0\1", b"\0\2"):
        wait_until(lambda op=operation: {f[28:32] for f in own_dataplane.wire.capture.copy()
                                         if f[12:14] == b"\x08\6" and f[20:22] == op
                                         and f[28:32] == f[38:42]} >= wanted,
                   f"announcements of all, operation {operation}")
    assert "no room" not in own_dataplane.log()


@pytest.mark.parametrize("family", [4, 6])
def test_a_claim_of_another_station_is_answered_by_announcements(dataplane, wire, family):
    dataplane.lease()
    wire.forget()
    dataplane.lease("r4", "r6")
    end_of_burst(wire)
    wire.forget()

    def announced():
        return wire.seen(lambda f: f.src == PORT_MAC and (
            is_arp_announcement(f) if family == 4 else ICMPv6ND_NA in f))
    with dataplane.counts("drop_vip_claimed"):
        wire.send(claim(family))
    wait_until(announced, "announcement")
    assert "another station claims its addresses" in dataplane.log()


def test_the_control_plane_may_ask_for_it(dataplane, wire):
    dataplane.lease()
    wire.forget()
    dataplane.lease("r4", "r6")
    end_of_burst(wire)
    wire.forget()
    dataplane.control.call("lease", {
        "until_ns": time.monotonic_ns() + 60 * 10**9, "held": ["r4", "r6"], "announce": ["r6"]})
    wire.expect(lambda f: ICMPv6ND_NA in f, "announcement")


@pytest.fixture
def virtual(dataplane, wire):
    """Both routers have the virtual MAC of VRID 51."""
    routers = [{**router("r4", VIP4), "vrid": 51}, {**router("r6", VIP6), "vrid": 51}]
    dataplane.push(pools(), SERVICES, routers)
    dataplane.wait_ready()
    wire.forget()
    return dataplane


def test_a_virtual_mac_is_announced_and_answered(virtual, wire):
    virtual.lease()
    virtual.lease("r4", "r6")
    wire.expect(lambda f: is_arp_announcement(f) and f.src == MAC4, "announcement")
    reply = wire.ask(arp_request(VIP4), lambda f: ARP in f and f[ARP].op == 2
                     and f[ARP].pdst == CLIENT4, "ARP reply")
    assert (reply.src, reply[ARP].hwsrc) == (MAC4, MAC4)
    solicitation = (Ether(dst="33:33:ff:00:01:00", src=CLIENT_MAC)
                    / IPv6(src=CLIENT6, dst="ff02::1:ff00:100", hlim=255)
                    / ICMPv6ND_NS(tgt=VIP6) / ICMPv6NDOptSrcLLAddr(lladdr=CLIENT_MAC))
    reply = wire.ask(solicitation, lambda f: ICMPv6ND_NA in f and f.dst == CLIENT_MAC,
                     "advertisement")
    assert (reply.src, reply[ICMPv6NDOptDstLLAddr].lladdr) == (MAC6, MAC6)


def test_frames_to_a_virtual_mac_are_the_holders_alone(virtual, wire):
    syn = (Ether(dst=MAC4, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4)
           / TCP(sport=40700, dport=80, flags="S"))
    backends = {mac for _, mac in BACKENDS4.values()}
    wire.ask(syn, lambda f: TCP in f and f[TCP].sport == 40700 and f.dst in backends,
             "forwarded packet")
    virtual.lease("r6")
    with virtual.counts("drop_other_station"):
        wire.send(syn)


def test_adverts_leave_from_the_virtual_mac(virtual, wire):
    program = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112); "
               "s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, "
               "socket.inet_aton('" + HOST4 + "')); "
               "s.sendto(bytes([0x31, 51, 100, 1]) + bytes(8), ('224.0.0.18', 0))")
    subprocess.run(virtual.lb.command("/usr/bin/python3", "-c", program), check=True)
    wire.expect(lambda f: IP in f and f[IP].proto == 112 and f.src == MAC4, "advert")


def test_echo_is_not_answered_where_it_is_not_accepted(dataplane, wire):
    dataplane.push(pools(), SERVICES, [{**router("r4", VIP4), "accept": False},
                                       router("r6", VIP6)])
    with dataplane.counts("drop_not_accepted"):
        wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4) / ICMP())


def test_a_vrid_is_one_routers(dataplane):
    state = {"generation": 99, "pools": [], "services": [], "routers": [
        {**router("a", VIP4), "vrid": 51}, {**router("b", "10.9.0.101"), "vrid": 51}]}
    assert "vrid 51 is taken" in dataplane.control.error("state", state)


def test_the_host_sees_the_link_of_the_port(own_dataplane):
    own_dataplane.start()

    def carrier(expected):
        links = json.loads(own_dataplane.lb.ip("-j", "link", "show", "weir0"))
        return ("LOWER_UP" in links[0]["flags"]) == expected
    wait_until(lambda: carrier(True), "carrier")
    own_dataplane.lb.ip("link", "set", "front", "down")
    wait_until(lambda: carrier(False), "loss of carrier")
    own_dataplane.lb.ip("link", "set", "front", "up")
    wait_until(lambda: carrier(True), "carrier again")
