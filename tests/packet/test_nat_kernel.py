# SPDX-License-Identifier: BSD-3-Clause
"""Modes in which packets come back through the balancer, with the kernel's own TCP at both ends."""

import contextlib
import os
import socket
import threading

import pytest

from harness import CLIENT4, CLIENT6, HOST4, HOST6, VIP4, VIP6, Dataplane, Namespace, backend, run

SERVER4, SERVER6 = "10.9.0.21", "fd09::21"
SIZE = 100_000
MODES = {"nat": {"mode": "nat"}, "fullnat": {"mode": "fullnat"}}
LOCALS = ["10.9.0.5", "fd09::5"]


def plug(stack, net, role):
    """A namespace with the interface eth0 on the bridge in 'net'."""
    namespace = Namespace(role)
    stack.callback(namespace.close)
    run("ip", "link", "add", f"to-{role}", "netns", net.name, "type", "veth", "peer", "name",
        "eth0", "netns", namespace.name)
    namespace.sysctl("net/ipv6/conf/eth0/accept_dad", 0)
    # A checksum that is left to a NIC never comes into being on this wire.
    run(*namespace.command("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off"))
    net.ip("link", "set", f"to-{role}", "master", "bridge", "up")
    namespace.ip("link", "set", "eth0", "up")
    return namespace


# AF_XDP has one queue on a veth.
WORKERS = {"one_worker": {},
           "two_workers": {"queues": 2, "device": "net_af_packet{n},iface={name},qpairs=2"}}


@pytest.fixture(scope="module", params=WORKERS.values(), ids=WORKERS)
def site(request, tmp_path_factory):
    """(dataplane, client's namespace, server's namespace) on one bridge."""
    with contextlib.ExitStack() as stack:
        dataplane = Dataplane(tmp_path_factory.mktemp("kernel"), **request.param)
        stack.callback(dataplane.close)
        dataplane.net.ip("link", "add", "bridge", "type", "bridge", "forward_delay", "0")
        dataplane.net.sysctl("net/ipv6/conf/bridge/disable_ipv6", 1)
        dataplane.net.ip("link", "set", "peer0", "master", "bridge")
        dataplane.net.ip("link", "set", "bridge", "up")
        client = plug(stack, dataplane.net, "client")
        client.ip("addr", "add", f"{CLIENT4}/24", "dev", "eth0")
        client.ip("addr", "add", f"{CLIENT6}/64", "dev", "eth0", "nodad")
        server = plug(stack, dataplane.net, "server")
        server.ip("addr", "add", f"{SERVER4}/32", "dev", "eth0")
        server.ip("addr", "add", f"{SERVER6}/128", "dev", "eth0", "nodad")
        for gateway in (HOST4, HOST6, *LOCALS):
            server.ip("route", "add", gateway, "dev", "eth0")
        dataplane.start()
        dataplane.add_host_addresses()
        yield dataplane, client, server


def listen(server, family, port=8080):
    def make():
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((SERVER4 if family == socket.AF_INET else SERVER6, port))
        sock.listen(8)
        sock.settimeout(10)
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
            sock.settimeout(10)
            result["peer"] = peer[0]
            result["got"] = receive(sock, size)
            sock.sendall(reply)
            sock.shutdown(socket.SHUT_WR)
            result["rest"] = sock.recv(1)
    except OSError as error:
        result["error"] = error


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_100_kb_pass_each_way(site, family, mode):
    dataplane, client, server = site
    four = family == socket.AF_INET
    vip, address = (VIP4, SERVER4) if four else (VIP6, SERVER6)
    dataplane.push({"web": [backend("b1", address, port=8080)]},
                   [("http", vip, 80, "tcp", "web", MODES[mode])], local_addresses=LOCALS)
    dataplane.lease("r4", "r6")
    dataplane.wait_ready()
    question, answer = os.urandom(SIZE), os.urandom(SIZE)
    # In nat the balancer is its gateway; in fullnat it knows the local address and nothing else.
    gateway = HOST4 if four else HOST6
    if mode == "nat":
        server.ip("route", "replace", "default", "via", gateway, "dev", "eth0")
    else:
        server.ip("-4" if four else "-6", "route", "flush", "default")
    result = {}
    with listen(server, family) as listener:
        thread = threading.Thread(target=serve, args=(listener, result, answer, SIZE))
        thread.start()
        try:
            with client.socket(family, socket.SOCK_STREAM) as sock:
                sock.settimeout(10)
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
