# SPDX-License-Identifier: BSD-3-Clause
"""The cache of responses: what is kept, for whom, for how long, and who fetches it."""

import re
import threading
from contextlib import ExitStack

import pytest

from upstream import Upstream, answer
from web import NAME, PATIENCE_S, Client, WebTier, client_context, until


class Node:
    """Answers with the lines and status that a test has set for a target, and the number of the
    request at that target as body; holds back while it must."""

    def __init__(self):
        self.lines = {}
        self.status = {}
        self.size = {}
        self.asked = {}
        self.gate = threading.Event()
        self.gate.set()
        self.lock = threading.Lock()

    def __call__(self, asked):
        asked.body()
        with self.lock:
            seen = self.asked.setdefault(asked.target, [])
            seen.append(asked)
            body = b"%d" % len(seen)
        assert self.gate.wait(2 * PATIENCE_S)
        status = self.status.get(asked.target, "200 OK")
        if status is None:
            return False
        body = body.ljust(self.size.get(asked.target, 0), b".")
        asked.say(answer(body, *self.lines.get(asked.target, []), status=status))
        return True

    def n(self, target):
        return len(self.asked.get(target, []))


@pytest.fixture(scope="module")
def node():
    serve = Node()
    with Upstream(serve) as upstream:
        serve.port = upstream.port
        yield serve
    assert not upstream.failures


@pytest.fixture(scope="module")
def cached(folder, authority, site, node):
    made = WebTier(folder, authority, node, cache={"max_bytes": 1 << 20,
                                                   "max_object_bytes": 100000},
                   limits={"threads": 2}, response_timeout_ms=60000)
    yield made
    made.stop()


@pytest.fixture
def one(folder, authority, site, node):
    """With one worker, so that what a request leaves is there for the next."""
    made = WebTier(folder, authority, node, cache={}, response_timeout_ms=60000)
    yield made
    node.gate.set()
    made.stop()


class Keeper:
    """Asks on one connection, so that one worker answers."""

    def __init__(self, tier, node, target, *lines, **attributes):
        self.client = Client(tier)
        self.node, self.target = node, target
        node.lines[target] = list(lines)
        for name, value in attributes.items():
            getattr(node, name)[target] = value

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.__exit__()

    def get(self, *lines, method="GET", body=b""):
        framing = [f"Content-Length: {len(body)}"] if body else []
        self.client.send("\r\n".join([f"{method} {self.target} HTTP/1.1", f"Host: {NAME}", *lines,
                                      *framing, "", ""]).encode() + body)
        return self.client.answer(method == "HEAD")

    @property
    def n(self):
        return self.node.n(self.target)


def test_a_fresh_response_is_used_again(cached, node):
    with Keeper(cached, node, "/api/fresh?a=1", "Cache-Control: max-age=3600", 'ETag: "x"',
                "X-Own: y", "Age: 60") as keeper:
        first = keeper.get()
        assert first.body == b"1" and first["Cache-Status"] == "weir; fwd=uri-miss; stored"
        again = keeper.get()
        assert again.body == b"1" and again["X-Own"] == "y" and again["ETag"] == '"x"'
        assert 60 <= int(again["Age"]) < 3600
        status, ttl = again["Cache-Status"].rsplit("=", 1)
        assert status == "weir; hit; ttl" and 0 < int(ttl) <= 3540
        head = keeper.get(method="HEAD")
        assert head.status == 200 and head["Content-Length"] == "1" and head.body == b""
        assert keeper.n == 1


@pytest.mark.parametrize("lines", [
    [], ["Cache-Control: no-store, max-age=60"], ["Cache-Control: private, max-age=60"],
    ["Cache-Control: no-cache, max-age=60"], ['Cache-Control: max-age=60, private="X-A, X-B"'],
    ["Cache-Control: max-age=0"], ["Cache-Control: max-age=60, s-maxage=0"],
    ["Cache-Control: max-age=x"], ["Cache-Control: max-age=60", "Set-Cookie: a=b"],
    ["Cache-Control: max-age=60", "Vary: *"], ["Cache-Control: max-age=60", "Age: 60"],
    ["Cache-Control: max-age=60", "Vary: X-Forwarded-For"],
    ["Cache-Control: max-age=60", "Date: Sun, 06 Nov 1994 08:49:37 GMT"],
    ["Expires: 0"], ["Expires: Sun, 06 Nov 1994 08:49:37 GMT"]], ids=str)
def test_what_may_not_be_kept_is_not(cached, node, lines, request):
    target = f"/api/not-{abs(hash(request.node.name))}"
    with Keeper(cached, node, target, *lines) as keeper:
        for n in range(1, 4):
            found = keeper.get()
            assert found.body == b"%d" % n and "stored" not in found["Cache-Status"]
        assert keeper.n == 3


@pytest.mark.parametrize("lines", [
    ["Cache-Control: s-maxage=60, max-age=0"], ["cache-control: MAX-AGE=\"60\""],
    ["Cache-Control: public", "Cache-Control: max-age=60"],
    ["Expires: Sun, 06 Nov 2094 08:49:37 GMT"]], ids=str)
def test_what_may_be_kept_is(cached, node, lines, request):
    target = f"/api/kept-{abs(hash(request.node.name))}"
    with Keeper(cached, node, target, *lines) as keeper:
        assert [keeper.get().body for _ in range(3)] == [b"1"] * 3


@pytest.mark.parametrize("status, kept", [
    ("404 Not Found", True), ("301 Moved", True), ("204 No Content", True), ("500 Oops", False),
    ("403 Forbidden", False), ("206 Partial", False)])
def test_some_statuses_are_kept(cached, node, status, kept):
    with Keeper(cached, node, f"/api/status-{status[:3]}", "Cache-Control: max-age=60",
                status={f"/api/status-{status[:3]}": status}.get(
                    f"/api/status-{status[:3]}")) as keeper:
        for _ in range(3):
            assert keeper.get().status == int(status[:3])
        assert keeper.n == (1 if kept else 3)


def test_variants_are_told_apart(cached, node):
    with Keeper(cached, node, "/api/vary", "Cache-Control: max-age=60",
                "Vary: Accept-Language, X-Kind") as keeper:
        assert keeper.get("Accept-Language: de").body == b"1"
        other = keeper.get("Accept-Language: en")
        assert other.body == b"2" and other["Cache-Status"].startswith("weir; fwd=vary-miss")
        assert keeper.get("Accept-Language: en", "X-Kind: a").body == b"3"
        assert keeper.get("accept-language: de").body == b"1"
        assert keeper.get("Accept-Language: en").body == b"2"
        assert keeper.get("Accept-Language: en", "X-Kind: a").body == b"3"
        # One that the node does not hear of is none.
        assert keeper.get("Accept-Language: en", "X-Kind: a", "Connection: X-Kind").body == b"2"


def test_schemes_and_hosts_are_told_apart(cached, node, authority):
    with Keeper(cached, node, "/api/host", "Cache-Control: max-age=60") as keeper:
        assert keeper.get().body == b"1"
    assert cached.get("/api/host", tls=client_context(authority)).body == b"2"
    found = {cached.get("/api/host", name="other.example").body for _ in range(8)}
    assert not found & {b"1", b"2"}


@pytest.mark.parametrize("line, shared", [
    ("max-age=60", False), ("max-age=60, public", True), ("s-maxage=60", True),
    ("max-age=60, must-revalidate", True)])
def test_who_is_known_shares_only_what_is_public(cached, node, line, shared):
    with Keeper(cached, node, "/api/known-" + re.sub("[^a-z]", "", line), f"Cache-Control: {line}") as keeper:
        known = "Authorization: Basic eA=="
        assert keeper.get(known).body == b"1"
        assert keeper.get(known).body == (b"1" if shared else b"2")
        keeper.get()
        asked = keeper.n
        keeper.get(known)
        assert keeper.n == asked + (0 if shared else 1)


def test_what_a_client_asks_of_the_cache_is_done(cached, node):
    with Keeper(cached, node, "/api/asked", "Cache-Control: max-age=60", "Age: 5") as keeper:
        refused = keeper.get("Cache-Control: only-if-cached")
        assert refused.status == 504 and keeper.n == 0
        assert keeper.get("Cache-Control: no-store").body == b"1"
        assert keeper.get().body == b"2"
        assert keeper.get("Cache-Control: only-if-cached").body == b"2"
        assert keeper.get("Cache-Control: no-cache").body == b"3"
        assert keeper.get("Pragma: no-cache").body == b"4"
        assert keeper.get("Cache-Control: max-age=59").body == b"4"
        assert keeper.get("Cache-Control: max-age=4").body == b"5"
        assert keeper.get("Range: bytes=0-0").body == b"6"  # The node's own affair.
        assert keeper.get().body == b"5"


def test_conditions_are_looked_at_here(cached, node):
    with Keeper(cached, node, "/api/if", "Cache-Control: max-age=60", 'ETag: W/"a"',
                "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT") as keeper:
        assert keeper.get('If-None-Match: W/"a"').status == 200  # All of it is fetched.
        assert "if-none-match" not in node.asked["/api/if"][0].fields
        same = keeper.get('If-None-Match: "b", "a"')
        assert same.status == 304 and same["ETag"] == 'W/"a"' and same["Content-Length"] is None
        assert keeper.get('If-None-Match: "b"').status == 200
        assert keeper.get("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT").status == 304
        assert keeper.get("If-Modified-Since: Sat, 05 Nov 1994 08:49:37 GMT").status == 200
        assert keeper.n == 1


@pytest.mark.parametrize("status, forgotten", [("204 Done", True), ("403 No", False)])
def test_a_change_is_the_end_of_what_is_stored(cached, node, status, forgotten):
    target = f"/api/change-{forgotten}"
    with ExitStack() as stack:  # In all workers.
        keepers = [stack.enter_context(Keeper(cached, node, target, "Cache-Control: max-age=60"))
                   for _ in range(6)]
        before = {keeper.get().body for keeper in keepers}
        node.status[target] = status
        keepers[0].get(method="POST", body=b"x")
        node.status[target] = "200 OK"
        after = {keeper.get().body for keeper in keepers}
        assert bool(before & after) != forgotten


def test_large_responses_pass_and_are_not_kept(cached, node):
    with Keeper(cached, node, "/api/large", "Cache-Control: max-age=60", size=100001) as keeper:
        assert [len(keeper.get().body) for _ in range(2)] == [100001] * 2
        assert keeper.n == 2
    with Keeper(cached, node, "/api/nearly", "Cache-Control: max-age=60", size=100000) as keeper:
        assert [len(keeper.get().body) for _ in range(3)] == [100000] * 3
        assert keeper.n == 1


def test_the_cache_is_bounded(cached, node):
    evicted = cached.figure("weir_cache_evicted_total")
    for i in range(30):
        with Keeper(cached, node, f"/api/many-{i}", "Cache-Control: max-age=60",
                    size=90000) as keeper:
            keeper.get()
    assert cached.figure("weir_cache_bytes") <= 1 << 20
    assert cached.figure("weir_cache_evicted_total") > evicted


def ask_many(stack, tier, target, n):
    clients = [stack.enter_context(Client(tier)) for _ in range(n)]
    for client in clients:
        client.send(f"GET {target} HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
    return clients


def waiting(tier):
    return tier.figure('weir_cache_requests_total{result="collapsed"}')


def test_one_fetches_for_all_that_wait(one, node):
    node.lines["/api/crowd"] = ["Cache-Control: max-age=60"]
    node.gate.clear()
    with ExitStack() as stack:
        clients = ask_many(stack, one, "/api/crowd", 20)
        until("all others wait", lambda: waiting(one) == 19)
        node.gate.set()
        answers = [client.answer() for client in clients]
    assert {found.body for found in answers} == {b"1"} and node.n("/api/crowd") == 1
    said = [found["Cache-Status"].partition("; ttl")[0] for found in answers]
    assert sorted(said) == ["weir; fwd=uri-miss; collapsed"] * 19 + ["weir; fwd=uri-miss; stored"]


def test_nobody_waits_twice_for_what_is_not_kept(one, node):
    node.gate.clear()
    with ExitStack() as stack:
        clients = ask_many(stack, one, "/api/loners", 5)
        until("all others wait", lambda: waiting(one) == 4)
        node.gate.set()
        assert len({client.answer().body for client in clients}) == 5
        node.gate.clear()
        clients = ask_many(stack, one, "/api/loners", 5)
        until("all ask at once", lambda: node.n("/api/loners") == 10)
        node.gate.set()
        assert len({client.answer().body for client in clients}) == 5
    assert waiting(one) == 4


def test_who_fetches_may_leave(one, node):
    node.lines["/api/left"] = ["Cache-Control: max-age=60"]
    node.gate.clear()
    with ExitStack() as stack:
        with ExitStack() as first:
            ask_many(first, one, "/api/left", 1)
            until("it is asked", lambda: node.n("/api/left") == 1)
            clients = ask_many(stack, one, "/api/left", 4)
            until("all others wait", lambda: waiting(one) == 4)
            gone = ask_many(first, one, "/api/left", 1)
            until("one more waits", lambda: waiting(one) == 5)
            assert gone
        until("the next one asks", lambda: node.n("/api/left") == 2)
        node.gate.set()
        assert {client.answer().body for client in clients} == {b"2"}
    assert node.n("/api/left") == 2


def test_what_is_stale_is_used_while_it_is_fetched_anew(one, node):
    with Keeper(one, node, "/api/while",
                "Cache-Control: max-age=60, stale-while-revalidate=600") as keeper:
        node.lines["/api/while"].append("Age: 59")
        assert keeper.get().body == b"1"
        until("it is fetched anew", lambda: keeper.get().body != b"1")
        assert one.figure('weir_cache_requests_total{result="stale"}') >= 1


def test_only_one_fetches_anew(one, node):
    node.lines["/api/anew"] = ["Cache-Control: max-age=2, stale-while-revalidate=600", "Age: 1"]
    with Keeper(one, node, "/api/anew", *node.lines["/api/anew"]) as keeper:
        assert keeper.get().body == b"1"
        node.gate.clear()
        until("it is asked again", lambda: keeper.get() and keeper.n == 2)
        with ExitStack() as stack:
            clients = ask_many(stack, one, "/api/anew", 8)
            assert {client.answer().body for client in clients} == {b"1"}
        assert keeper.n == 2
        node.gate.set()
        until("it is there", lambda: keeper.get().body != b"1")


def test_what_comes_anew_may_not_be_kept(folder, authority, site):
    target = "/api/turned"
    node = Node()
    with ExitStack() as stack:
        upstream = stack.enter_context(Upstream(node))
        tier = WebTier(folder, authority, upstream, cache={})
        stack.callback(tier.stop)
        keeper = stack.enter_context(Keeper(
            tier, node, target, "Cache-Control: max-age=2, stale-while-revalidate=600", "Age: 1"))
        assert keeper.get().body == b"1"
        node.lines[target] = ["Cache-Control: private"]
        node.size[target] = 16 << 20
        until("it is asked again", lambda: keeper.get() and keeper.n > 1)
        until("it is known", lambda: len(keeper.get().body) == 16 << 20)
        # Nor is a connection left behind whose answer nobody reads.
        idle = "weir_upstream_idle_connections"
        until("those in use are gone", lambda: len(upstream.open) <= tier.figure(idle))


@pytest.mark.parametrize("trouble", ["503 Busy", None], ids=["503", "no answer"])
def test_what_is_stale_is_used_where_the_node_fails(one, node, trouble):
    target = f"/api/error-{trouble is None}"
    with Keeper(one, node, target, "Cache-Control: max-age=1, stale-if-error=600") as keeper:
        assert keeper.get().body == b"1"
        node.status[target] = trouble
        found = until("it is stale", lambda: keeper.n > 1 and keeper.get() or
                      (keeper.get() and None))
        assert found.status == 200 and found.body == b"1" and keeper.n >= 2
        assert found["Cache-Status"].startswith("weir; fwd=stale; ttl=")
        node.status[target] = "200 OK"
        assert int(keeper.get().body) > 1


def test_must_revalidate_forbids_what_is_stale(one, node):
    target = "/api/must"
    with Keeper(one, node, target,
                "Cache-Control: max-age=1, stale-if-error=600, must-revalidate") as keeper:
        assert keeper.get().body == b"1"
        node.status[target] = "503 Busy"
        until("it is asked", lambda: keeper.get().status == 503)
        assert keeper.n >= 2


def test_the_tier_ends_while_it_fetches_anew(folder, authority, site, node):
    made = WebTier(folder, authority, node, cache={})
    try:
        with Keeper(made, node, "/api/end", "Cache-Control: max-age=2, stale-while-revalidate=600",
                    "Age: 1") as keeper:
            assert keeper.get().body == b"1"
            node.gate.clear()
            until("it is asked again", lambda: keeper.get() and keeper.n == 2)
            made.stop()
    finally:
        node.gate.set()
        made.stop()
