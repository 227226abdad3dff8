# SPDX-License-Identifier: BSD-3-Clause
"""From a client's packet to the answer of a real kernel: through the dataplane's tunnel, out of it
by docs/examples/decapsulate.bpf.c in a backend's namespace, and back past the load balancer."""

import os
import socket

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from conftest import BACKENDS4, BACKENDS6
from harness import (BUILD, CLIENT4, CLIENT6, CLIENT_MAC, PORT_MAC, ROOT, TIMEOUT_S, VIP4, VIP6,
                     Namespace, Wire, backend, run)
from test_tunnel import (GUE_PORT, KINDS, SOURCE4, SOURCE6, at_backend, client_ports, state,
                         tunnel_services)

PROGRAM = os.path.join(ROOT, BUILD, "docs", "examples", "decapsulate.bpf.o")
ADDRESS4, MAC = BACKENDS4["b1"]
ADDRESS6 = BACKENDS6["b1"][0]


class Real:
    """A backend with a kernel of its own: its cable's far end is 'wire'."""

    def __init__(self):
        self.wire = None
        self.far = Namespace("far")
        self.namespace = Namespace("real")
        ip = self.namespace.ip
        run("ip", "link", "add", "eth0", "netns", self.namespace.name, "address", MAC, "type",
            "veth", "peer", "name", "far0", "netns", self.far.name)
        self.far.sysctl("net/ipv6/conf/far0/disable_ipv6", 1)
        self.far.ip("link", "set", "far0", "arp", "off", "up")
        self.namespace.sysctl("net/ipv4/conf/all/rp_filter", 0)
        self.namespace.sysctl("net/ipv4/conf/all/arp_ignore", 1)
        self.namespace.sysctl("net/ipv4/conf/all/arp_announce", 2)
        ip("link", "set", "eth0", "up")
        ip("addr", "add", ADDRESS4 + "/24", "dev", "eth0")
        ip("addr", "add", ADDRESS6 + "/64", "dev", "eth0", "nodad")
        ip("addr", "add", VIP4 + "/32", "dev", "lo")
        ip("addr", "add", VIP6 + "/128", "dev", "lo", "nodad")
        self.wire = Wire(self.far, "far0")
        self.wire.hosts.update({CLIENT4: CLIENT_MAC, CLIENT6: CLIENT_MAC})

    def attach(self):
        """Has tunnels unpacked, as long as the interface is there."""
        self.namespace.ip("link", "set", "dev", "eth0", "xdp", "object", PROGRAM, "section", "xdp")
        return self

    def close(self):
        if self.wire:
            self.wire.close()
        self.namespace.close()
        self.far.close()


@pytest.fixture(scope="module")
def real():
    made = Real()
    try:
        yield made.attach()
    finally:
        made.close()


def serve(namespace, vip, to_all=False):
    """A UDP socket on the virtual address, or on all."""
    sock = namespace.socket(socket.AF_INET if vip == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    sock.settimeout(TIMEOUT_S)
    sock.bind(("" if to_all else VIP4 if vip == 4 else VIP6, 53))
    return sock


def question(vip, sport):
    ip = IP(src=CLIENT4, dst=VIP4, flags="DF") if vip == 4 else IPv6(src=CLIENT6, dst=VIP6)
    return Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip / UDP(sport=sport, dport=53) / b"question"


def push(dataplane, kind, vip, outer):
    one = {"web4": [backend("b1", ADDRESS4)], "web6": [backend("b1", ADDRESS6)]}
    dataplane.control.call("state", state(dataplane, tunnel_services(kind, vip, outer), one))
    dataplane.wait_ready()


@pytest.mark.parametrize("kind,vip,outer", KINDS)
def test_a_real_kernel_answers_what_came_by_tunnel(dataplane, wire, real, kind, vip, outer):
    push(dataplane, kind, vip, outer)
    sport = next(client_ports)
    with serve(real.namespace, vip) as sock:
        frame = wire.ask(question(vip, sport), at_backend, "tunnelled packet")
        real.wire.send(bytes(frame))
        data, client = sock.recvfrom(2048)
        assert (data, client[1]) == (b"question", sport)
        real.wire.forget()
        sock.sendto(b"answer", client)
        got = real.wire.expect(lambda f: UDP in f and f[UDP].dport == sport, "answer")
    assert got[UDP].sport == 53 and bytes(got[Raw]) == b"answer"
    ip = got[IP] if vip == 4 else got[IPv6]
    assert (ip.src, ip.dst) == ((VIP4, CLIENT4) if vip == 4 else (VIP6, CLIENT6))


def wrapped(inner, outer, ecn=0):
    """A GUE packet as the dataplane would send it."""
    ip = IP(src=SOURCE4, dst=ADDRESS4, tos=ecn) if outer == 4 else \
        IPv6(src=SOURCE6, dst=ADDRESS6, tc=ecn)
    header = bytes([0, 4 if IP in inner else 41, 0, 0])
    return Ether(dst=MAC, src=PORT_MAC) / ip / UDP(sport=50000, dport=GUE_PORT) \
        / (header + bytes(inner))


def message(vip, text, ecn=0):
    ip = IP(src=CLIENT4, dst=VIP4, tos=ecn) if vip == 4 else \
        IPv6(src=CLIENT6, dst=VIP6, tc=ecn)
    return ip / UDP(sport=4711, dport=53) / text


def changed(frame, **fields):
    """The frame with fields of its GUE header changed."""
    frame = frame.copy()
    gue = bytearray(frame[UDP].payload.load)
    for name, value in fields.items():
        gue[{"variant": 0, "protocol": 1, "flags": 3}[name]] = value
    frame[UDP].payload = Raw(bytes(gue))
    return Ether(bytes(frame))


NOT_OURS = {
    "variant 1": lambda frame: changed(frame, variant=0x40),
    "control message": lambda frame: changed(frame, variant=0x20),
    "extension": lambda frame: changed(frame, variant=1),
    "flags": lambda frame: changed(frame, flags=1),
    "another protocol": lambda frame: changed(frame, protocol=6),
}


@pytest.mark.parametrize("case", NOT_OURS)
@pytest.mark.parametrize("outer", [4, 6])
def test_gue_of_another_kind_is_left_to_the_host(real, case, outer):
    """A socket of the host on the port gets it as it came."""
    frame = NOT_OURS[case](wrapped(message(4, b"other"), outer))
    family = socket.AF_INET if outer == 4 else socket.AF_INET6
    with real.namespace.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.bind((ADDRESS4 if outer == 4 else ADDRESS6, GUE_PORT))
        real.wire.send(frame)
        assert sock.recvfrom(2048)[0] == bytes(frame[UDP].payload)


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("vip", [4, 6])
def test_what_is_cut_or_of_the_wrong_version_goes_no_further(real, vip, outer):
    whole = wrapped(message(vip, b"whole"), outer)
    headers = len(whole) - len(whole[UDP].payload.load) + 4
    with serve(real.namespace, vip, to_all=True) as sock:
        for size in range(14, headers + (20 if vip == 4 else 40)):
            real.wire.send(bytes(whole)[:size])
        real.wire.send(changed(whole, protocol=41 if vip == 4 else 4))
        real.wire.send(whole)
        assert sock.recvfrom(2048)[0] == b"whole"
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recvfrom(2048)


@pytest.mark.parametrize("vip", [4, 6])
def test_a_packet_for_another_host_is_not_passed_on(real, vip):
    """What is unpacked is like anything that comes by the interface: this host does not route."""
    stray = message(vip, b"stray")
    stray.dst = "10.9.0.99" if vip == 4 else "fd09::99"
    with serve(real.namespace, vip) as sock:
        real.wire.forget()
        real.wire.send(wrapped(stray, 4))
        real.wire.send(wrapped(message(vip, b"good"), 4))
        data, client = sock.recvfrom(2048)
        assert data == b"good"
        sock.sendto(b"answer", client)
        real.wire.expect(lambda frame: b"answer" in bytes(frame), "answer")
    assert not real.wire.seen(lambda frame: b"stray" in bytes(frame))


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("vip", [4, 6])
def test_congestion_on_the_way_is_told_or_the_packet_dropped(real, vip, outer):
    level, wanted = (socket.IPPROTO_IP, 13) if vip == 4 else \
        (socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS)
    with serve(real.namespace, vip) as sock:
        sock.setsockopt(level, wanted, 1)
        real.wire.send(wrapped(message(vip, b"cannot be told", ecn=0), outer, ecn=3))
        real.wire.send(wrapped(message(vip, b"congested", ecn=2), outer, ecn=3))
        real.wire.send(wrapped(message(vip, b"marked inside", ecn=3), outer, ecn=2))
        real.wire.send(wrapped(message(vip, b"unmarked", ecn=2), outer, ecn=2))
        got = [sock.recvmsg(2048, 64)[:2] for _ in range(3)]
    assert [(data, messages[0][2][0] & 3) for data, messages in got] == [
        (b"congested", 3), (b"marked inside", 3), (b"unmarked", 2)]
