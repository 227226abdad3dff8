# SPDX-License-Identifier: BSD-3-Clause
"""How the web tier spares app nodes that fail or are busy."""

import threading
from contextlib import ExitStack

import pytest

from upstream import Upstream, answer
from web import PATIENCE_S, Client, WebTier, until


class Node:
    """Fails, waits or answers, as its attributes say; remembers what it was asked."""

    def __init__(self):
        self.fails = False
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.lock = threading.Lock()
        self.n_asked = self.n_now = self.most = 0

    def __call__(self, asked):
        with self.lock:
            self.n_asked += 1
            self.n_now += 1
            self.most = max(self.most, self.n_now)
        try:
            body = asked.body()
            assert self.may_answer.wait(2 * PATIENCE_S)
        finally:
            with self.lock:
                self.n_now -= 1
        if self.fails:
            return False
        asked.say(answer(b"%d" % len(body)))
        return True


@pytest.fixture
def make(folder, authority, site):
    with ExitStack() as stack:
        def start(n_nodes=1, **circuit):
            nodes = [Node() for _ in range(n_nodes)]
            upstreams = [stack.enter_context(Upstream(node)) for node in nodes]
            tier = WebTier(folder, authority, upstreams, circuit=circuit)
            stack.callback(tier.stop)
            for node in nodes:
                stack.callback(node.may_answer.set)
            return tier, *nodes
        yield start


def post(tier, body=b"x"):
    """Is not tried again."""
    with Client(tier) as client:
        client.send(b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) +
                    body)
        return client.answer()


def test_failures_in_a_row_open_the_circuit(make):
    tier, node = make(failures=3, open_ms=600000)
    node.fails = True
    assert post(tier).status == 502
    node.fails = False
    assert post(tier).status == 200  # Not in a row.
    node.fails = True
    assert [post(tier).status for _ in range(3)] == [502] * 3
    refused = post(tier)
    assert refused.status == 503 and 300 < int(refused["Retry-After"]) <= 600
    assert node.n_asked == 5
    assert tier.figure('weir_upstream_circuit_opened_total{upstream="app1"}') == 1
    assert "circuit is open" in tier.said()


def test_a_trial_closes_the_circuit_or_not(make):
    tier, node = make(failures=1, open_ms=300)
    node.fails = True
    assert post(tier).status == 502
    asked = node.n_asked
    until("a trial fails", lambda: post(tier).status == 502)
    assert node.n_asked == asked + 1
    assert tier.figure('weir_upstream_circuit_opened_total{upstream="app1"}') == 2
    assert tier.figure('weir_upstream_circuit_open{upstream="app1"}') == 1
    node.fails = False
    until("a trial succeeds", lambda: post(tier).status == 200)
    assert tier.figure('weir_upstream_circuit_open{upstream="app1"}') == 0
    assert [post(tier).status for _ in range(5)] == [200] * 5
    assert "closed again" in tier.said()


def test_while_one_circuit_is_open_the_other_node_serves(make):
    tier, bad, good = make(n_nodes=2, failures=2, open_ms=600000)
    bad.fails = True
    until("the circuit opens", lambda: post(tier).status == 502 and
          tier.figure('weir_upstream_circuit_open{upstream="app1"}') == 1)
    assert [post(tier).status for _ in range(20)] == [200] * 20
    assert bad.n_asked == 2


def test_half_open_only_one_request_tries(make):
    tier, node = make(failures=1, open_ms=500)
    node.fails = True
    assert post(tier).status == 502
    node.fails = False
    node.may_answer.clear()
    asked = node.n_asked
    with ExitStack() as stack:
        def ask():
            client = stack.enter_context(Client(tier))
            client.send(b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
            return client

        def is_tried():
            clients.append(ask())
            return node.n_asked > asked
        clients = []
        until("a request tries", is_tried)
        assert post(tier).status == 503  # The others need not wait for what comes of it.
        node.may_answer.set()
        assert sorted(client.answer().status for client in clients)[0] == 200
        assert node.n_asked == asked + 1


def test_a_node_has_so_many_requests_and_others_wait(make):
    tier, node = make(max_requests=2, max_waiting=3, wait_ms=600000)
    node.may_answer.clear()
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(tier)) for _ in range(5)]
        for i, client in enumerate(clients, 1):
            client.send(b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (i * 50000) +
                        bytes(i * 50000))
            if i <= 2:
                until("it is asked", lambda n=i: node.n_asked == n)
            else:
                until("it waits", lambda n=i: tier.figure("weir_upstream_waiting") == n - 2)
        refused = post(tier)
        assert refused.status == 503 and refused["Retry-After"] == "1"
        assert tier.figure("weir_upstream_overflows_total") == 1
        node.may_answer.set()
        assert [client.answer().body for client in clients] == [
            b"%d" % (i * 50000) for i in range(1, 6)]
    assert node.most == 2
    assert tier.figure("weir_upstream_waiting") == 0


def test_who_waits_too_long_is_sent_away(make):
    tier, node = make(max_requests=1, max_waiting=10, wait_ms=300)
    node.may_answer.clear()
    with Client(tier) as first, Client(tier) as left:
        get = b"GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n"
        first.send(get)
        until("it is asked", lambda: node.n_asked == 1)
        left.send(get)
        assert post(tier).status == 503
        assert left.answer().status == 503
        node.may_answer.set()
        assert first.answer().status == 200


def test_who_leaves_waits_no_more(make):
    tier, node = make(max_requests=1, max_waiting=1, wait_ms=600000)
    node.may_answer.clear()
    with Client(tier) as first:
        first.send(b"GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n")
        until("it is asked", lambda: node.n_asked == 1)
        with Client(tier) as left:
            left.send(b"GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n")
            until("it waits", lambda: tier.figure("weir_upstream_waiting") == 1)
        until("it has left", lambda: tier.figure("weir_upstream_waiting") == 0)
        node.may_answer.set()
        assert first.answer().status == 200
    assert post(tier).status == 200
    assert node.n_asked == 2
