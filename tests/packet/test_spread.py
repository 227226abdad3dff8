# SPDX-License-Identifier: BSD-3-Clause
"""A port with one queue and several workers: the one that receives spreads flows over all, in every
mode, and what belongs together stays together and in order."""

import contextlib
import ctypes
import itertools
import os
import socket
import threading

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.l2 import ARP, Ether

from conftest import BACKENDS4, SERVICES, pools, populate
from harness import (CLIENT4, CLIENT_MAC, PORT_MAC, TIMEOUT_S, VIP4, Dataplane, backend, libc,
                     wait_until)
from test_nat import nat_pools
from test_nat_kernel import SERVER4, SIZE, make_bridge, plug, receive
from test_tunnel import tunnel

LOCALS = ["10.9.0.5", "fd09::5"]
MACS = {mac for _, mac in BACKENDS4.values()}
MODES = {"dr": {"mode": "dr"}, "tunnel": {"mode": "tunnel", "tunnel": tunnel("ipip")},
         "nat": {"mode": "nat"}, "fullnat": {"mode": "fullnat"}}
FLOWS, ROUNDS = 24, 20
RING = 1023  # What fits one of 1024 places.
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207  # linux/ptrace.h
WALL = 0x40000000  # __WALL of waitpid(2).

client_ports = itertools.count(20000)
loads = itertools.count(1)


@pytest.fixture(scope="module", params=[2, 3], ids=["two_workers", "three_workers"])
def spread(request, tmp_path_factory):
    dataplane = Dataplane(tmp_path_factory.mktemp("spread"), workers=request.param)
    try:
        dataplane.start()
        dataplane.add_host_addresses()
        populate(dataplane)
        yield dataplane, request.param
    finally:
        dataplane.close()


@pytest.fixture(params=MODES)
def mode(request, spread):
    dataplane, _ = spread
    translated = request.param in ("nat", "fullnat")
    dataplane.push(nat_pools() if translated else pools(),
                   [(*service, MODES[request.param]) for service in SERVICES],
                   local_addresses=LOCALS if request.param == "fullnat" else ())
    dataplane.wait_ready()
    dataplane.wire.forget()
    return request.param


def workers_of(dataplane):
    return dataplane.stats()["workers"]


def grown(after, before, key):
    return [a[key] - b[key] for a, b in zip(after, before)]


def load_of(number):
    return b"packet %06d." % number


def at_backend(load):
    return lambda frame: frame.dst in MACS and load in bytes(frame)


def question(sport, load, flags="A"):
    return Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4) / TCP(
        sport=sport, dport=80, flags=flags) / load


def test_workers_without_a_queue_are_shown(spread):
    dataplane, n_workers = spread
    workers = workers_of(dataplane)
    assert [worker["queue"] for worker in workers] == [0] + [None] * (n_workers - 1)
    assert {worker["port"] for worker in workers} == {"front"}
    assert dataplane.stats()["flows"]["capacity"] == n_workers * 4096


def test_flows_are_spread_and_each_is_at_one_worker(spread, mode):
    dataplane, n_workers = spread
    before, stats = workers_of(dataplane), dataplane.stats()
    chosen = {}
    sports = [next(client_ports) for _ in range(FLOWS)]
    for flags in ("S", "A", "PA"):
        for sport in sports:
            load = load_of(next(loads))
            got = dataplane.wire.ask(question(sport, load, flags), at_backend(load), "packet")
            assert chosen.setdefault(sport, got.dst) == got.dst
    after, now = workers_of(dataplane), dataplane.stats()
    assert now["flows"]["active"] - stats["flows"]["active"] == FLOWS
    # One worker receives all, and has its own share of it; the others have all that it hands over.
    taken, given = grown(after, before, "steered_in"), grown(after, before, "steered_out")
    assert taken[0] == 0 and all(n >= 3 for n in taken[1:]) and sum(taken) < 3 * FLOWS
    assert given == [sum(taken)] + [0] * (n_workers - 1)
    assert sum(grown(after, before, "steer_drops")) == 0
    assert sum(grown(after, before, "packets")) >= 3 * FLOWS


def test_the_order_of_each_flow_is_kept(spread, mode):
    """Many packets at once, those of all flows mixed."""
    dataplane, _ = spread
    sports = [next(client_ports) for _ in range(FLOWS)]
    order = {sport: [] for sport in sports}
    for sport in sports:
        load = load_of(next(loads))
        dataplane.wire.ask(question(sport, load, "S"), at_backend(load), "first packet")
    dataplane.wire.forget()
    sent = []
    for _ in range(ROUNDS):
        for sport in sports:
            load = load_of(next(loads))
            order[sport].append(load)
            sent.append(bytes(question(sport, load)))
    for data in sent:
        dataplane.wire.send(data)
    frames = dataplane.wire.expect(at_backend(b"packet "), "all packets", n=len(sent))
    arrived = [bytes(frame)[-len(load_of(0)):] for frame in frames]
    assert len(set(arrived)) == len(sent)
    for sport, wanted in order.items():
        assert [load for load in arrived if load in wanted] == wanted, sport


def test_fragments_go_where_whole_packets_go(spread, mode):
    dataplane, _ = spread
    before = dataplane.stats()["flows"]["active"]
    for _ in range(8):
        sport = next(client_ports)
        load = load_of(next(loads))
        whole = Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4) / UDP(
            sport=sport, dport=53)
        got = dataplane.wire.ask(whole / load, at_backend(load), "whole datagram")
        parts = fragment(IP(src=CLIENT4, dst=VIP4, id=sport) / UDP(sport=sport, dport=53)
                         / (load * 100), fragsize=600)
        dataplane.wire.forget()
        dataplane.wire.send_all(Ether(dst=PORT_MAC, src=CLIENT_MAC) / part for part in parts)
        frames = dataplane.wire.expect(at_backend(load[:8]), "fragments", n=len(parts))
        assert {frame.dst for frame in frames} == {got.dst}
    assert dataplane.stats()["flows"]["active"] - before == 8


def test_errors_go_to_the_flow_that_they_are_about(spread, mode):
    dataplane, _ = spread
    before = dataplane.stats()["flows"]["active"]
    for _ in range(8):
        sport = next(client_ports)
        load = load_of(next(loads))
        got = dataplane.wire.ask(question(sport, load, "S"), at_backend(load), "packet")
        about = IP(src=VIP4, dst=CLIENT4) / TCP(sport=80, dport=sport, flags="SA")
        mark = next(loads)
        error = dataplane.wire.ask(
            Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src="203.0.113.1", dst=VIP4, id=mark)
            / ICMP(type=3, code=4, nexthopmtu=900) / about,
            lambda f: f.dst in MACS and ICMP in f, "error at the backend")
        assert error.dst == got.dst
    assert dataplane.stats()["flows"]["active"] - before == 8


def test_what_is_no_flow_stays_at_the_worker_that_received_it(spread, mode):
    dataplane, _ = spread
    before = workers_of(dataplane)
    dataplane.wire.ask(Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC)
                       / ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT4, pdst=VIP4),
                       lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == VIP4, "ARP reply")
    dataplane.wire.ask(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4)
                       / ICMP(type=8, id=next(loads)), lambda f: ICMP in f and f[ICMP].type == 0,
                       "echo reply")
    with dataplane.counts("host", n=4):
        for sport in range(4):
            dataplane.wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC)
                                / IP(src=CLIENT4, dst="10.9.0.99") / UDP(sport=sport + 1, dport=9))
    assert sum(grown(workers_of(dataplane), before, "steered_out")) == 0


@contextlib.contextmanager
def held(dataplane, worker):
    """Holds one worker's thread, and no other."""
    def ptrace(request):
        if libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def name_of(task):
        with open(f"{folder}/{task}/comm", encoding="ascii") as file:
            return file.read().strip()

    folder = f"/proc/{dataplane.process.pid}/task"
    thread = next(int(task) for task in os.listdir(folder)
                  if name_of(task) == f"rte-worker-{worker + 1}")
    ptrace(PTRACE_SEIZE)
    try:
        ptrace(PTRACE_INTERRUPT)
        os.waitpid(thread, WALL)
        yield
    finally:
        ptrace(PTRACE_DETACH)


def test_what_a_full_ring_does_not_take_is_counted(spread):
    dataplane, _ = spread
    populate(dataplane)
    mine, others = {}, {}
    while not (mine and others):  # A flow of worker 1, and one of another.
        sport, load = next(client_ports), load_of(next(loads))
        before = workers_of(dataplane)[1]["steered_in"]
        dataplane.wire.ask(question(sport, load, "S"), at_backend(load), "packet")
        (mine if workers_of(dataplane)[1]["steered_in"] > before else others)[sport] = load
    data = bytes(question(next(iter(mine)), b"held"))
    before = dataplane.stats()
    with held(dataplane, 1):
        for n in range(1, 1501):
            dataplane.wire.send(data)
            if n % 50 == 0:  # No queue before the dataplane runs over.
                wait_until(lambda: dataplane.stats()["workers"][0]["packets"]
                           >= before["workers"][0]["packets"] + n, "packets received")
        load = load_of(next(loads))
        dataplane.wire.ask(question(next(iter(others)), load), at_backend(load), "another flow's")
        now = dataplane.stats()
        assert now["verdicts"]["drop_steer_full"] - before["verdicts"]["drop_steer_full"] \
            == now["workers"][0]["steer_drops"] - before["workers"][0]["steer_drops"] == 1500 - RING
        assert now["verdicts"]["forward"] == before["verdicts"]["forward"] + 1
    wait_until(lambda: dataplane.verdict("forward")
               == before["verdicts"]["forward"] + RING + 1, "the ring's packets")
    assert dataplane.stats()["workers"][1]["steered_in"] - before["workers"][1]["steered_in"] == RING


def echo(listener):
    """Of several workers nobody knows whose handshake ends first: a thread for each connection."""
    with listener.accept()[0] as sock:
        sock.settimeout(TIMEOUT_S)
        sock.sendall(receive(sock, SIZE))


def test_kernels_talk_in_mode_dr(tmp_path):
    """100 kB each way, in eight connections at once; answers go past the balancer."""
    with contextlib.ExitStack() as stack:
        dataplane = Dataplane(tmp_path, workers=3)
        stack.callback(dataplane.close)
        make_bridge(dataplane.net, "bridge0", "peer0")
        client = plug(stack, dataplane.net, "client", "bridge0")
        client.ip("addr", "add", f"{CLIENT4}/24", "dev", "eth0")
        server = plug(stack, dataplane.net, "server", "bridge0")
        server.sysctl("net/ipv4/conf/all/arp_ignore", 1)
        server.sysctl("net/ipv4/conf/all/arp_announce", 2)
        server.ip("addr", "add", f"{SERVER4}/24", "dev", "eth0")
        server.ip("addr", "add", f"{VIP4}/32", "dev", "lo")
        dataplane.start()
        dataplane.add_host_addresses()
        dataplane.push({"web": [backend("b1", SERVER4)]}, [("s", VIP4, 80, "tcp", "web")])
        dataplane.lease("r4", "r6")
        dataplane.wait_ready()
        listener = stack.enter_context(server.socket(socket.AF_INET, socket.SOCK_STREAM))
        listener.bind((VIP4, 80))
        listener.listen(8)
        listener.settimeout(TIMEOUT_S)
        for _ in range(8):
            thread = threading.Thread(target=echo, args=(listener,))
            thread.start()
            stack.callback(thread.join)
        socks = [stack.enter_context(client.socket(socket.AF_INET, socket.SOCK_STREAM))
                 for _ in range(8)]
        texts = [os.urandom(SIZE) for _ in socks]
        for sock in socks:
            sock.settimeout(TIMEOUT_S)
            sock.connect((VIP4, 80))
        for sock, text in zip(socks, texts):
            sock.sendall(text)
            assert receive(sock, SIZE) == text

        def all_have_arrived():  # Acknowledgments may still be on their way from worker to worker.
            workers = workers_of(dataplane)
            return workers[0]["steered_out"] == sum(worker["steered_in"] for worker in workers) > 0

        wait_until(all_have_arrived, "packets that were handed over")
        assert dataplane.stats()["flows"]["active"] == 8
