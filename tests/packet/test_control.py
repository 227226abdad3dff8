# SPDX-License-Identifier: BSD-3-Clause
"""The control socket: what is asked, what is refused and why, and that a refusal changes nothing."""

import json
import time

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import ARP, Ether

from conftest import SERVICES, pools
from harness import (CLIENT4, CLIENT_MAC, PORT_MAC, VIP4, VIP6, Control, backend, router, service,
                     wait_until)


@pytest.fixture
def control(dataplane):
    connection = Control(dataplane.socket)
    yield connection
    connection.close()


def valid_state(generation=1000):
    return {"generation": generation, "routers": [router("r4", VIP4)],
            "pools": [{"name": "web", "backends": [backend("b1", "10.9.0.21")]}],
            "services": [service("http", VIP4, 80, "tcp", 0)]}


def test_hello_names_the_node_and_its_ports(control):
    assert control.call("hello", {"version": 1}) == {
        "version": 1, "node": "lb1",
        "ports": [{"name": "front", "mac": PORT_MAC, "host_interface": "weir0", "up": True}]}


def test_another_version_is_refused(control):
    error = control.error("hello", {"version": 2})
    assert "speaks 2" in error and "same release" in error


def test_an_unknown_method_is_refused_with_those_there_are(control):
    start, _, methods = control.error("reboot").partition(": choose one of ")
    assert start == "there is no method 'reboot'"
    assert {"hello", "state", "lease", "ready", "stats"} <= set(methods.split())


def alter(path, value):
    """A valid state with one member changed."""
    state = valid_state()
    at = state
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return state


REJECTED = {
    "port that is not there": (alter(["routers", 0, "port"], "nosuch"), "nosuch"),
    "weight out of range": (alter(["pools", 0, "backends", 0, "weight"], 1001), "1001"),
    "unknown protocol": (alter(["services", 0, "protocol"], "sctp"), "sctp"),
    "unknown scheduler": (alter(["services", 0, "scheduler"], "luck"), "luck"),
    "pool that is not there": (alter(["services", 0, "pool"], 1), "pool"),
    "backend of another family": (
        alter(["pools", 0, "backends", 0, "address"], "fd09::21"), "address family"),
    "address that is none": (alter(["services", 0, "address"], "10.9.0.400"), "10.9.0.400"),
    "service twice": (alter(["services"], [service("a", VIP4, 80, "tcp", 0),
                                           service("b", VIP4, 80, "tcp", 0)]), "service b"),
    "address of two routers": (alter(["routers"], [router("r4", VIP4), router("s4", VIP4)]), VIP4),
    "no services": ({"generation": 1}, "routers"),
}


@pytest.mark.parametrize("state, word", REJECTED.values(), ids=REJECTED.keys())
def test_a_bad_state_is_refused_by_name_and_the_old_one_stays(
        dataplane, wire, control, state, word):
    before = dataplane.stats()["generation"]
    error = control.error("state", state)
    assert word in error
    assert dataplane.stats()["generation"] == before
    wire.ask(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4)
             / TCP(sport=30000, dport=80, flags="S"),
             lambda f: TCP in f and f[TCP].sport == 30000 and f.src == PORT_MAC,
             "packet forwarded by the old state")


def test_a_state_says_its_generation(dataplane, control):
    assert control.call("state", valid_state(4711)) == {"generation": 4711}
    assert dataplane.stats()["generation"] == 4711


def test_a_lease_for_an_unknown_router_is_refused_and_changes_nothing(dataplane, control):
    error = control.error("lease", {"until_ns": time.monotonic_ns(), "held": ["r4", "r9"]})
    assert "'r9'" in error
    assert all(r["held"] for r in dataplane.stats()["routers"])


@pytest.mark.parametrize("params, word", [
    ({"limit": 0}, "limit"), ({"limit": 10001}, "limit"), ({}, "limit"),
    ({"limit": 5, "protocol": "icmp"}, "tcp, udp"), ({"limit": 5, "state": "open"}, "udp_new"),
    ({"limit": 5, "client": "10.9.0.1/24"}, "10.9.0.0/24"), ({"limit": 5, "state": 1}, "state"),
    ({"limit": 5, "client": "nobody"}, "nobody"), ({"limit": 5, "colour": "red"}, "colour")])
def test_a_bad_question_about_flows_is_refused(control, params, word):
    assert word in control.error("flows", params)


def test_a_connection_that_breaks_the_format_is_told_and_closed(dataplane):
    connection = Control(dataplane.socket)
    reply = connection.line(b"this is not JSON\n")
    assert "error" in reply
    assert connection.file.readline() == b""
    connection.close()
    assert dataplane.stats()["generation"] >= 1


def test_requests_of_one_connection_are_answered_in_order(control):
    lines = b"".join(json.dumps({"id": n, "method": "ready"}).encode() + b"\n" for n in range(50))
    assert control.line(lines)["id"] == 0
    assert [json.loads(control.file.readline())["id"] for _ in range(49)] == list(range(1, 50))


def test_states_in_quick_succession_lose_no_packet(dataplane, wire):
    """The old snapshot is freed only when no worker uses it."""
    for number in range(100):
        dataplane.push(pools(b1={"weight": 1 + number}), SERVICES)
        sport = 31000 + number
        wire.ask(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4)
                 / TCP(sport=sport, dport=80, flags="S"),
                 lambda f, s=sport: TCP in f and f[TCP].sport == s and f.src == PORT_MAC,
                 "forwarded packet")
    wire.ask(Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC)
             / ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT4, pdst=VIP4),
             lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == VIP4, "ARP reply")


def test_a_large_state_is_taken(dataplane, control):
    backends = [backend(f"b{n}", f"10.9.{n // 200 + 10}.{n % 200 + 1}", up=False)
                for n in range(1000)]
    state = valid_state(5000)
    state["pools"] = [{"name": "big", "backends": backends}]
    state["services"] = [service(f"s{n}", VIP4, 1000 + n, "tcp", 0) for n in range(500)]
    assert control.call("state", state) == {"generation": 5000}
    assert len(dataplane.stats()["services"]) == 500
    assert len(dataplane.stats()["backends"]) == 1000
    assert VIP6 not in json.dumps(dataplane.stats()["routers"])


def large_state(generation):
    """As many services as there may be, with a thousand backends."""
    return {"generation": generation, "routers": [router("r4", VIP4)],
            "pools": [{"name": "web", "backends": [
                backend(f"b{i}", f"10.8.{i // 250}.{i % 250 + 1}") for i in range(1000)]}],
            "services": [service(f"s{i}", VIP4, 1 + i, "tcp", 0) for i in range(10000)]}


def pipelined(control, *requests):
    """Sends requests in one go; returns their numbers in the order of the answers, and those."""
    lines = [json.dumps({"id": i, "method": method, "params": params}).encode() + b"\n"
             for i, (method, params) in enumerate(requests)]
    control.sock.sendall(b"".join(lines))
    answers = [json.loads(control.file.readline()) for _ in requests]
    return [answer["id"] for answer in answers], {answer["id"]: answer for answer in answers}


def test_others_are_answered_while_a_large_state_is_made_ready(control, dataplane):
    until_ns = time.monotonic_ns() + 60 * 10**9
    order, answers = pipelined(
        control, ("state", large_state(3000)), ("lease", {"until_ns": until_ns, "held": ["r4"]}),
        ("hello", {"version": 1}))
    assert order == [1, 2, 0]
    assert answers[0]["result"] == {"generation": 3000} and answers[1]["result"] == {}
    stats = control.call("stats")
    assert len(stats["services"]) == 10000 and len(stats["backends"]) == 1000
    assert {"name": "r4", "held": True} in stats["routers"]
    assert "ran out" not in dataplane.log()


def test_a_state_that_waits_gives_way_to_a_newer_one(control):
    order, answers = pipelined(control, *(("state", valid_state(4000 + i)) for i in range(4)))
    assert sorted(order[:2]) == [1, 2] and order[2:] == [0, 3]
    for i in (1, 2):
        assert "a newer state came" in answers[i]["error"]
    assert answers[0]["result"] == {"generation": 4000}
    assert answers[3]["result"] == {"generation": 4003}
    assert control.call("stats")["generation"] == 4003


def test_a_refused_state_is_answered_itself_and_the_next_one_comes_into_force(control):
    bad = alter(["services", 0, "pool"], 1)
    order, answers = pipelined(control, ("state", bad), ("state", valid_state(5000)))
    assert order == [0, 1]
    assert "pool" in answers[0]["error"] and answers[1]["result"] == {"generation": 5000}


def test_an_asker_that_leaves_does_not_take_its_state_along(control, dataplane):
    other = Control(dataplane.socket)
    other.sock.sendall(json.dumps(
        {"id": 1, "method": "state", "params": large_state(6000)}).encode() + b"\n")
    other.close()
    wait_until(lambda: control.call("stats")["generation"] == 6000, "the state in force")
