# SPDX-License-Identifier: BSD-3-Clause
"""The exception path: what is not the dataplane's crosses to the host's kernel and back."""

import socket

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6NDOptSrcLLAddr, IPv6)
from scapy.layers.l2 import ARP, Ether

from harness import (CLIENT4, CLIENT6, CLIENT_MAC, HOST4, HOST6, PORT_MAC, TIMEOUT_S, VIP4,
                     wait_until)

VRRP_GROUP, VRRP_GROUP_MAC, VRRP = "224.0.0.18", "01:00:5e:00:00:12", 112


@pytest.fixture
def udp(dataplane):
    sock = dataplane.lb.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(TIMEOUT_S)
    sock.bind((HOST4, 0))
    yield sock
    sock.close()


def test_arp_for_the_host_is_answered_by_its_kernel(wire):
    reply = wire.ask(
        Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC)
        / ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT4, pdst=HOST4),
        lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == HOST4, "ARP reply")
    assert (reply.src, reply[ARP].hwsrc) == (PORT_MAC, PORT_MAC)


def test_a_solicitation_for_the_host_is_answered_by_its_kernel(wire):
    reply = wire.ask(
        Ether(dst="33:33:ff:00:00:02", src=CLIENT_MAC)
        / IPv6(src=CLIENT6, dst="ff02::1:ff00:2", hlim=255)
        / ICMPv6ND_NS(tgt=HOST6) / ICMPv6NDOptSrcLLAddr(lladdr=CLIENT_MAC),
        lambda f: ICMPv6ND_NA in f and f[ICMPv6ND_NA].tgt == HOST6, "neighbour advertisement")
    assert reply.src == PORT_MAC


def test_the_host_answers_ping4(wire):
    reply = wire.ask(
        Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=HOST4) / ICMP(id=5) / b"ping",
        lambda f: ICMP in f and f[ICMP].type == 0 and f[IP].src == HOST4, "echo reply")
    assert (reply.src, reply.dst) == (PORT_MAC, CLIENT_MAC)


def test_the_host_answers_ping6(wire):
    reply = wire.ask(
        Ether(dst=PORT_MAC, src=CLIENT_MAC) / IPv6(src=CLIENT6, dst=HOST6)
        / ICMPv6EchoRequest(id=5, data=b"ping"),
        lambda f: ICMPv6EchoReply in f and f[IPv6].src == HOST6, "echo reply")
    assert (reply.src, reply.dst) == (PORT_MAC, CLIENT_MAC)


@pytest.mark.parametrize("size", [1, 1472])
def test_what_the_host_sends_leaves_by_the_port(wire, udp, size):
    udp.sendto(bytes(size), (CLIENT4, 4000))
    got = wire.expect(lambda f: UDP in f and f[UDP].dport == 4000 and f[IP].src == HOST4
                      and f[UDP].len == size + 8, "datagram from the host")
    assert (got.src, got.dst) == (PORT_MAC, CLIENT_MAC)
    checked = IP(bytes(got[IP])[:got[IP].len])
    del checked[UDP].chksum
    assert IP(bytes(checked))[UDP].chksum == got[UDP].chksum


def test_what_is_sent_to_the_host_arrives(wire, udp):
    port = udp.getsockname()[1]
    wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=HOST4)
              / UDP(sport=4000, dport=port) / b"hello")
    assert udp.recvfrom(100) == (b"hello", (CLIENT4, 4000))


def test_many_frames_cross_both_ways(wire, udp):
    wire.forget()
    for number in range(200):
        udp.sendto(number.to_bytes(2, "big"), (CLIENT4, 4001))
        wire.expect(lambda f, n=number: UDP in f and f[UDP].dport == 4001
                    and bytes(f[UDP].payload)[:2] == n.to_bytes(2, "big"), "datagram")
        wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=HOST4)
                  / UDP(sport=4001, dport=udp.getsockname()[1]) / number.to_bytes(2, "big"))
        assert udp.recv(100) == number.to_bytes(2, "big")


def test_vrrp_adverts_cross_both_ways(dataplane, wire):
    sock = dataplane.lb.socket(socket.AF_INET, socket.SOCK_RAW, VRRP)
    with sock:
        sock.settimeout(TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                        socket.inet_aton(VRRP_GROUP) + socket.inet_aton(HOST4))
        wire.send(Ether(dst=VRRP_GROUP_MAC, src=CLIENT_MAC)
                  / IP(src=CLIENT4, dst=VRRP_GROUP, proto=VRRP, ttl=255) / b"advert from outside")
        assert sock.recv(200)[20:] == b"advert from outside"
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HOST4))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        sock.sendto(b"advert from the host", (VRRP_GROUP, 0))
        got = wire.expect(lambda f: IP in f and f[IP].proto == VRRP and f[IP].src == HOST4,
                          "advert from the host")
        assert (got.src, got.dst, got[IP].ttl) == (PORT_MAC, VRRP_GROUP_MAC, 255)


def test_frames_for_the_host_are_counted(dataplane, wire):
    before = dataplane.stats()["ports"][0]["host_tx_packets"]
    with dataplane.counts("host"):
        wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC, type=0x88b5) / b"for the kernel to ignore")
    wait_until(lambda: dataplane.stats()["ports"][0]["host_tx_packets"] > before, "delivery")


def listen(namespace, interface):
    """A socket that sees all frames of an interface."""
    sock = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sock.settimeout(TIMEOUT_S)
    sock.bind((interface, 0))
    return sock


def seen_before(sock, last):
    """The frames that come until one that contains 'last'."""
    frames = []
    while not frames or last not in frames[-1]:
        frames.append(sock.recv(2000))
    return frames[:-1]


def test_the_kernel_never_sees_traffic_of_services(dataplane, wire):
    """The host would answer with a port unreachable or a reset if it did."""
    wire.forget()
    with listen(dataplane.lb, "weir0") as seen:
        for sport in range(20):
            wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4)
                      / UDP(sport=20000 + sport, dport=53) / b"query")
        wire.expect(lambda f: UDP in f and f[UDP].dport == 53, "forwarded datagrams", 20)
        wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC, type=0x88b5) / b"fence")
        assert not [frame for frame in seen_before(seen, b"fence") if b"query" in frame]


def test_the_port_itself_is_silent_while_no_dataplane_runs(own_dataplane):
    """Else a node without its dataplane would answer for its host, and drop what comes."""
    own_dataplane.start()
    own_dataplane.add_host_addresses()
    wire = own_dataplane.wire
    own_dataplane.kill()
    wire.forget()
    with listen(own_dataplane.lb, "front") as seen:
        wire.send(Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC)
                  / ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT4, pdst=HOST4))
        # When the next frame has gone through the kernel the first one has as well.
        wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC, type=0x88b5) / b"fence")
        seen_before(seen, b"fence")
    assert not wire.seen(lambda f: ARP in f)
