# SPDX-License-Identifier: BSD-3-Clause
"""Modes in which packets come back through the balancer, with the kernel's own TCP at both ends."""

import contextlib
import os
import socket
import threading

import pytest

from harness import (CLIENT4, CLIENT6, HOST4, HOST6, TIMEOUT_S, VIP4, VIP6, Dataplane, Namespace,
                     backend, run)

SERVER4, SERVER6 = "10.9.0.21", "fd09::21"
SIZE = 100_000
MODES = {"nat": {"mode": "nat"}, "fullnat": {"mode": "fullnat"}}
LOCALS = ["10.9.0.5", "fd09::5"]
GATEWAYS = [(HOST4, HOST6), ("10.10.0.2", "fd0a::2")]  # By port.
DATAGRAM = 4000  # Three fragments.


def make_bridge(net, name, port):
    net.ip("link", "add", name, "type", "bridge", "forward_delay", "0")
    net.sysctl(f"net/ipv6/conf/{name}/disable_ipv6", 1)
    net.ip("link", "set", port, "master", name)
    net.ip("link", "set", name, "up")


def plug(stack, net, role, bridge):
    """A namespace with the interface eth0 on a bridge in 'net'."""
    namespace = Namespace(role)
    stack.callback(namespace.close)
    run("ip", "link", "add", f"to-{role}", "netns", net.name, "type", "veth", "peer", "name",
        "eth0", "netns", namespace.name)
    namespace.sysctl("net/ipv6/conf/eth0/accept_dad", 0)
    # A checksum that is left to a NIC never comes into being on this wire.
    run(*namespace.command("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off"))
    net.ip("link", "set", f"to-{role}", "master", bridge, "up")
    namespace.ip("link", "set", "eth0", "up")
    return namespace


# AF_XDP has one queue on a veth.
WORKERS = {"one_worker": {},
           "two_queues": {"queues": 2, "device": "net_af_packet{n},iface={name},qpairs=2"},
           "two_ports": {"ports": ("front", "back")},
           "one_queue_three_workers": {"workers": 3}}


FAMILIES = [socket.AF_INET, socket.AF_INET6]
# Of a packet socket with several queues the kernel puts IPv4 fragments together, and what comes out
# does not fit the socket's frames.
FRAGMENTED = [(workers, family) for workers in WORKERS for family in FAMILIES
              if (workers, family) != ("two_queues", socket.AF_INET)]


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    """(dataplane, client's namespace, server's namespace), each port of the dataplane with its
    bridge: the client is on that of the first, the server on that of the last."""
    workers = WORKERS[getattr(request, "param", "one_worker")]
    with contextlib.ExitStack() as stack:
        dataplane = Dataplane(tmp_path_factory.mktemp("kernel"), **workers)
        stack.callback(dataplane.close)
        last = len(dataplane.ports) - 1
        for index in range(last + 1):
            make_bridge(dataplane.net, f"bridge{index}", f"peer{index}")
        client = plug(stack, dataplane.net, "client", "bridge0")
        client.ip("addr", "add", f"{CLIENT4}/24", "dev", "eth0")
        client.ip("addr", "add", f"{CLIENT6}/64", "dev", "eth0", "nodad")
        server = plug(stack, dataplane.net, "server", f"bridge{last}")
        server.ip("addr", "add", f"{SERVER4}/32", "dev", "eth0")
        server.ip("addr", "add", f"{SERVER6}/128", "dev", "eth0", "nodad")
        for gateway in (*GATEWAYS[last], *LOCALS):
            server.ip("route", "add", gateway, "dev", "eth0")
        dataplane.start()
        dataplane.add_host_addresses()
        if last > 0:
            for address in (SERVER4, SERVER6):
                dataplane.lb.ip("route", "add", address, "dev", f"weir{last}")
        yield dataplane, client, server


def listen(server, family, port=8080):
    def make():
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((SERVER4 if family == socket.AF_INET else SERVER6, port))
        sock.listen(8)
        sock.settimeout(TIMEOUT_S)
        return sock
    return server.call(make)


def receive(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(65536)
        if not more:
            break
        data += more
    return data


def serve(listener, result, reply, size):
    try:
        sock, peer = listener.accept()
        with sock:
            sock.settimeout(TIMEOUT_S)
            result["peer"] = peer[0]
            result["got"] = receive(sock, size)
            sock.sendall(reply)
            sock.shutdown(socket.SHUT_WR)
            result["rest"] = sock.recv(1)
    except OSError as error:
        result["error"] = error


def configure(site, family, mode, protocol):
    """Returns the service's address."""
    dataplane, _, server = site
    four = family == socket.AF_INET
    vip, address = (VIP4, SERVER4) if four else (VIP6, SERVER6)
    dataplane.push({"web": [backend("b1", address, port=8080)]},
                   [("s", vip, 80, protocol, "web", MODES[mode])], local_addresses=LOCALS,
                   local_port=dataplane.ports[-1])
    dataplane.lease("r4", "r6")
    dataplane.wait_ready()
    # In nat the balancer is its gateway; in fullnat it knows the local address and nothing else.
    gateway = GATEWAYS[len(dataplane.ports) - 1][0 if four else 1]
    if mode == "nat":
        server.ip("route", "replace", "default", "via", gateway, "dev", "eth0")
    else:
        server.ip("-4" if four else "-6", "route", "flush", "default")
    return vip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("site", WORKERS, indirect=True, scope="module")
def test_100_kb_pass_each_way(site, family, mode):
    _, client, server = site
    four = family == socket.AF_INET
    vip = configure(site, family, mode, "tcp")
    question, answer = os.urandom(SIZE), os.urandom(SIZE)
    result = {}
    with listen(server, family) as listener:
        thread = threading.Thread(target=serve, args=(listener, result, answer, SIZE))
        thread.start()
        try:
            with client.socket(family, socket.SOCK_STREAM) as sock:
                sock.settimeout(TIMEOUT_S)
                sock.connect((vip, 80))
                sock.sendall(question)
                assert receive(sock, SIZE) == answer
        finally:
            thread.join()
    assert "error" not in result, result["error"]
    assert result["got"] == question
    assert result["rest"] == b""
    if mode == "nat":
        assert result["peer"] == (CLIENT4 if four else CLIENT6)
    else:
        assert result["peer"] == LOCALS[0 if four else 1]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("site,family", FRAGMENTED, indirect=["site"], scope="module")
def test_fragmented_datagrams_pass_each_way(site, family, mode):
    dataplane, client, server = site
    vip = configure(site, family, mode, "udp")
    before = dataplane.stats()["path_events"]
    with server.socket(family, socket.SOCK_DGRAM) as echo, \
            client.socket(family, socket.SOCK_DGRAM) as sock:
        echo.bind((SERVER4 if family == socket.AF_INET else SERVER6, 8080))
        echo.settimeout(TIMEOUT_S)
        sock.settimeout(TIMEOUT_S)
        sock.connect((vip, 80))
        peers = set()
        for size in (DATAGRAM, 100, DATAGRAM, 100):
            question, answer = os.urandom(size), os.urandom(size)
            sock.send(question)
            got, peer = echo.recvfrom(65536)
            assert got == question
            peers.add(peer[:2])
            echo.sendto(answer, peer)
            assert sock.recv(65536) == answer
    # Whole datagrams and those in fragments are one flow.
    assert len(peers) == 1
    after = dataplane.stats()["path_events"]
    assert after["fragments_first"] == before["fragments_first"] + 4
    assert after["fragments_followed"] == before["fragments_followed"] + 8
