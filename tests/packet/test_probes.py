# SPDX-License-Identifier: BSD-3-Clause
"""Health checks by the virtual address: what the host sends to it from a probe port reaches the
backend that the port stands for, as a client's packet would, whoever holds the address."""

import errno
import socket

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from conftest import BACKENDS4, BACKENDS6, pools
from harness import CLIENT_MAC, HOST4, HOST6, PORT_MAC, VIP4, VIP6, service, wait_until
from test_tunnel import BACKEND_MACS, KINDS, state, tunnel_services, unwrap

FIRST_PORT = 61000
IP_MTU = 14  # linux/in.h
PATIENCE_S = 20


def push(dataplane, services):
    for each in services:
        each["probe_port"] = FIRST_PORT
    dataplane.control.call("state", state(dataplane, services))
    dataplane.lease()
    dataplane.wait_ready()


def probe(dataplane, vip, port):
    """A socket of the host that speaks to the virtual address from a port of its own."""
    family, address = (socket.AF_INET, VIP4) if vip == 4 else (socket.AF_INET6, VIP6)
    sock = dataplane.lb.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(PATIENCE_S)
    sock.bind(("", port))
    sock.connect((address, 53))
    return sock


def arrived(frame):
    return frame.dst in BACKEND_MACS and b"probe" in bytes(frame)


def answer(dataplane, vip, port):
    """What the backend's kernel would send: by its own routes, to the host's own address."""
    ip = IP(src=VIP4, dst=HOST4) if vip == 4 else IPv6(src=VIP6, dst=HOST6)
    dataplane.wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC) / ip
                        / UDP(sport=53, dport=port) / b"answer")


def check_inner(packet, vip, port):
    assert (packet.src, packet.dst) == ((HOST4, VIP4) if vip == 4 else (HOST6, VIP6))
    assert (packet[UDP].sport, packet[UDP].dport) == (port, 53)
    assert bytes(packet[Raw]) == b"probe"


@pytest.mark.parametrize("vip", [4, 6])
def test_each_port_leads_to_its_backend_by_dr(dataplane, vip):
    services = [service("dns", VIP4 if vip == 4 else VIP6, 53, "udp", 0 if vip == 4 else 1)]
    push(dataplane, services)
    for i, name in enumerate(BACKENDS4):
        port = FIRST_PORT + i
        with probe(dataplane, vip, port) as sock:
            dataplane.wire.forget()
            sock.send(b"probe")
            frame = dataplane.wire.expect(arrived, "probe at the backend", timeout_s=PATIENCE_S)
            assert BACKEND_MACS[frame.dst] == name and frame.src == PORT_MAC
            check_inner(frame[IP] if vip == 4 else frame[IPv6], vip, port)
            answer(dataplane, vip, port)
            assert sock.recv(100) == b"answer"


@pytest.mark.parametrize("kind,vip,outer", KINDS)
def test_each_port_leads_to_its_backend_by_tunnel(dataplane, kind, vip, outer):
    push(dataplane, tunnel_services(kind, vip, outer)[1:])
    for i, name in enumerate(BACKENDS4):
        port = FIRST_PORT + i
        with probe(dataplane, vip, port) as sock:
            dataplane.wire.forget()
            sock.send(b"probe")
            frame = dataplane.wire.expect(arrived, "probe at the backend", timeout_s=PATIENCE_S)
            assert BACKEND_MACS[frame.dst] == name
            out, inner = unwrap(frame, kind, vip, outer)
            assert out.dst == (BACKENDS4 if outer == 4 else BACKENDS6)[name][0]
            check_inner(IP(inner) if vip == 4 else IPv6(inner), vip, port)
            answer(dataplane, vip, port)
            assert sock.recv(100) == b"answer"


def test_a_backend_that_is_down_is_probed_and_sent_is_counted(dataplane):
    services = [service("dns", VIP4, 53, "udp", 0)]
    services[0]["probe_port"] = FIRST_PORT
    down = pools(b1={"up": False}, b2={"weight": 0})
    dataplane.control.call("state", state(dataplane, services, down))
    dataplane.wait_ready()
    before = dataplane.stats()
    with probe(dataplane, 4, FIRST_PORT) as sock:
        dataplane.wire.forget()
        sock.send(b"probe")
        dataplane.wire.expect(arrived, "probe at the backend", timeout_s=PATIENCE_S)
    wait_until(lambda: dataplane.stats()["probes"]["sent"] == before["probes"]["sent"] + 1,
               "count", PATIENCE_S)
    assert dataplane.stats()["flows"]["active"] == before["flows"]["active"]


def test_from_other_ports_the_hosts_packets_are_its_own(dataplane):
    push(dataplane, [service("dns", VIP4, 53, "udp", 0)])
    with probe(dataplane, 4, FIRST_PORT + len(BACKENDS4)) as sock:
        dataplane.wire.forget()
        sock.send(b"probe")
        frame = dataplane.wire.expect(lambda f: b"probe" in bytes(f), "packet",
                                      timeout_s=PATIENCE_S)
    assert frame.dst == PORT_MAC and frame[IP].dst == VIP4


def test_a_probe_too_big_for_its_tunnel_is_told_so(dataplane):
    push(dataplane, tunnel_services("ipip", 4, 4)[1:])
    with probe(dataplane, 4, FIRST_PORT) as sock:
        sock.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
        mtu = sock.getsockopt(socket.IPPROTO_IP, IP_MTU)

        def told():
            try:
                sock.send(bytes(mtu - 28))
            except OSError as error:
                assert error.errno == errno.EMSGSIZE
            return sock.getsockopt(socket.IPPROTO_IP, IP_MTU) == mtu - 20

        wait_until(told, "MTU of the path", PATIENCE_S)


@pytest.mark.parametrize("changes,says", [
    ({"probe_port": 65535}, "from port 65535 on there are not enough for 2 backends"),
    ({"probe_port": 0}, "probe_port"),
    ({"mode": "nat"}, "in modes dr and tunnel only"),
])
def test_what_cannot_be_is_refused(dataplane, changes, says):
    services = [service("dns", VIP4, 53, "udp", 0, probe_port=FIRST_PORT)]
    services[0].update(changes)
    assert says in dataplane.control.error("state", state(dataplane, services))
