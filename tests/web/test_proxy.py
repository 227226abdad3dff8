# SPDX-License-Identifier: BSD-3-Clause
"""What becomes of requests on their way to an app node and of its answers on their way back."""

import json
import re
import threading
import time
from contextlib import ExitStack

import pytest

from http2 import END_HEADERS, END_STREAM, HEADERS, Http2, block, context_for, frame
from upstream import Upstream, answer
from web import NAME, PATIENCE_S, Client, WebTier, client_context, fields, read_head, until

MIB = 1 << 20
GIB = 1 << 30
ROOM = 32 * MIB  # What the process may grow by, whatever passes through.
BLOCK = bytes(range(256)) * 4096


class Node:
    """What it does is said by the last part of the target."""

    def __init__(self):
        self.asked = []
        self.received = 0
        self.sent = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, asked):
        self.asked.append(asked)
        return getattr(self, asked.target.split("?")[0].rpartition("/")[2])(asked)

    @staticmethod
    def echo(asked):
        body = asked.body()
        asked.say(answer(asked.head + body))

    def _pour(self, asked, size, chunked=False):
        self.sent = 0
        while self.sent < size:
            asked.say(b"100000\r\n" + BLOCK + b"\r\n" if chunked else BLOCK)
            self.sent += len(BLOCK)

    def large(self, asked):
        asked.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
        self._pour(asked, GIB)

    def chunks(self, asked):
        asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self._pour(asked, 4 * MIB, True)
        asked.say(b"0\r\n\r\n")

    def take(self, asked):
        """Counts what comes, but only while it may."""
        self.received = 0
        found, buffer = asked.fields, bytearray(MIB)
        left = int(found.get("content-length", 0))
        while "chunked" in found.get("transfer-encoding", "") or left > 0:
            if "content-length" not in found:
                left = int(asked.reader.readline(), 16)
            end = left == 0
            while left > 0:
                assert self.gate.wait(4 * PATIENCE_S)
                n = asked.reader.readinto(memoryview(buffer)[:min(left, MIB)])
                assert n
                left -= n
                self.received += n
            if "content-length" not in found:
                assert asked.reader.readline() == b"\r\n"
                if end:
                    break
        asked.say(answer(b"%d" % self.received))

    def silent(self, asked):
        assert self.gate.wait(4 * PATIENCE_S)
        return False

    def half(self, asked):
        asked.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        assert self.gate.wait(4 * PATIENCE_S)
        return False

    @staticmethod
    def rubbish(asked):
        asked.body()
        asked.say(b"rubbish\r\n\r\n")
        return False

    def once(self, asked):
        """Closes without a word, but for the second time it is asked."""
        asked.body()
        if sum(other.target == asked.target for other in self.asked) % 2:
            return False
        asked.say(answer(b"again"))
        return True

    @staticmethod
    def hops(asked):
        asked.body()
        asked.say(answer(b"", "Connection: X-Private, close", "X-Private: 1", "Keep-Alive: 5",
                         "Proxy-Authenticate: Basic", "Upgrade: h2c", "Server: app", "X-Own: a"))
        return False

    def behind(self, asked):
        """Fields behind the body: all at once, or once it may go on."""
        asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
        if "later" in asked.target:
            asked.say(b"3\r\nabc\r\n")
            assert self.gate.wait(4 * PATIENCE_S)
        asked.say(b"2\r\nde\r\n0\r\nX-Sum: 5 \r\nContent-Type: x\r\nX-More: y\r\n"
                  b"Set-Cookie: a=b\r\n\r\n")

    @staticmethod
    def uptrailers(asked):
        """Tells what came behind the body."""
        while (size := int(asked.reader.readline(), 16)):
            asked.reader.read(size + 2)
        asked.say(answer(read_head(asked.reader)))

    @staticmethod
    def hints(asked):
        asked.say(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(b"ok"))


@pytest.fixture(scope="module")
def node():
    serve = Node()
    with Upstream(serve) as upstream:
        serve.port = upstream.port
        yield serve
    assert not upstream.failures


@pytest.fixture(scope="module")
def tier(folder, authority, site, node):
    made = WebTier(folder, authority, node, limits={"max_body_bytes": 2 * GIB},
                   access_log="access.log", access_log_format="json")
    yield made
    made.stop()


def memory(tier):
    """Bytes of memory that the process has had at most."""
    with open(f"/proc/{tier.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) * 1024


def swallow(sock, size):
    buffer = memoryview(bytearray(MIB))
    while size > 0:
        n = sock.recv_into(buffer[:min(size, MIB)])
        assert n, f"{size} bytes are missing"
        size -= n


def head_of(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    return head


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_a_gigabyte_comes_down_in_constant_memory(tier, authority, is_tls):
    before = memory(tier)
    with Client(tier, client_context(authority) if is_tls else None) as client:
        client.send(b"GET /api/large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"Content-Length: %d\r\n" % GIB in head_of(client.socket)
        swallow(client.socket, GIB)
    assert memory(tier) - before < ROOM


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_gigabyte_goes_up_in_constant_memory(tier, node, framing):
    before = memory(tier)
    with Client(tier) as client:
        if framing == "length":
            client.send(b"PUT /api/take HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % GIB)
            for _ in range(GIB // MIB):
                client.socket.sendall(BLOCK)
        else:
            client.send(b"PUT /api/take HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            chunk = b"100000\r\n" + BLOCK + b"\r\n"
            for _ in range(GIB // MIB):
                client.socket.sendall(chunk)
            client.socket.sendall(b"0\r\n\r\n")
        assert client.answer().body == b"%d" % GIB
    assert ("content-length" in node.asked[-1].fields) == (framing == "length")
    assert memory(tier) - before < ROOM


def settled(what, value):
    """Waits until a number has not changed for a while, and returns it."""
    deadline = time.monotonic() + PATIENCE_S
    seen, since = value(), time.monotonic()
    while time.monotonic() - since < 1:
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
        if value() != seen:
            seen, since = value(), time.monotonic()
    return seen


def test_a_slow_client_holds_back_the_node(tier, node):
    before = memory(tier)
    with Client(tier) as client:
        client.send(b"GET /api/large HTTP/1.1\r\nHost: x\r\n\r\n")
        head_of(client.socket)
        assert settled("the node stops", lambda: node.sent) < 64 * MIB
    assert memory(tier) - before < ROOM
    until("others are served", lambda: tier.get("/api/echo").status == 200)


def test_a_slow_node_holds_back_the_client(tier, node):
    before = memory(tier)
    node.gate.clear()
    size = 256 * MIB
    with Client(tier) as client:
        client.send(b"PUT /api/take HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        sent = [0]

        def send():
            while sent[0] < size:
                client.socket.sendall(BLOCK)
                sent[0] += MIB
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        assert settled("the client stops", lambda: sent[0]) < 64 * MIB
        node.gate.set()
        assert client.answer().body == b"%d" % size
        sender.join()
    assert memory(tier) - before < ROOM


def test_chunks_come_down_and_go_up(tier, node):
    with Client(tier) as client:
        client.send(b"GET /api/chunks HTTP/1.1\r\nHost: x\r\n\r\n")
        found = client.answer()
        assert found["Transfer-Encoding"] == "chunked" and found.body == BLOCK * 4
        client.send(b"POST /api/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert client.answer().body.endswith(b"\r\n\r\nabcde")


def raw(tier, request):
    """What is answered up to its end, which is that of the fields behind the body."""
    with Client(tier) as client:
        client.send(request)
        heard = head_of(client.socket)
        while not heard.endswith(b"\r\n\r\n") or heard.count(b"\r\n\r\n") < 2:
            heard += client.socket.recv(1)
        return heard


@pytest.mark.parametrize("when", ["once", "later"])
def test_fields_behind_a_body_come_down(tier, node, when):
    wants = b"Connection: TE\r\nTE: trailers\r\n"
    ask = b"GET /api/behind?%s HTTP/1.1\r\nHost: x\r\n%s\r\n"
    heard = raw(tier, ask % (when.encode(), wants))
    body = heard.partition(b"\r\n\r\n")[2]
    assert body.endswith(b"\r\n0\r\nX-Sum: 5\r\nX-More: y\r\n\r\n")
    assert node.asked[-1].fields["te"] == "trailers"
    assert node.asked[-1].fields["connection"] == "TE"
    with Client(tier) as client:  # Who does not say that it takes them gets none.
        client.send(ask % (when.encode(), b""))
        assert client.answer().body.endswith(b"de")
        client.send(b"GET /api/echo HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.answer().status == 200
    assert "te" not in node.asked[-2].fields


def test_fields_behind_a_body_come_down_while_it_streams(tier, node):
    node.gate.clear()
    with Client(tier) as client:
        client.send(b"GET /api/behind?later HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n")
        head_of(client.socket)
        assert client.reader.read(8) == b"3\r\nabc\r\n"
        node.gate.set()
        assert client.reader.read(7) == b"2\r\nde\r\n"
        assert client.reader.read(3) == b"0\r\n"
        assert read_head(client.reader) == b"X-Sum: 5\r\nX-More: y\r\n\r\n"


def test_fields_behind_a_body_go_up(tier):
    with Client(tier) as client:
        client.send(b"POST /api/uptrailers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                    b"\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\nContent-Length: 7\r\nForwarded: x\r\n"
                    b"Transfer-Encoding: x\r\nX-More: y\r\n\r\n")
        assert client.answer().body == b"X-Sum: 3\r\nX-More: y\r\n\r\n"


def test_http2_has_fields_behind_bodies_too(tier, authority):
    with Http2(tier, context_for(authority)) as client:
        stream = client.ask("/api/behind?later", "GET", ("te", "trailers"))
        client.read_until(lambda: client.of(stream).status)
        found = client.of(stream)
        client.read_until(lambda: found.body == b"abcde")
        assert found.status == 200  # The next HEADERS are those behind the body.
        client.HANDLERS = {**client.HANDLERS, HEADERS: lambda self, flags, number, payload: (
            behind_fields.extend(self.decoder.decode(payload)),
            setattr(found, "has_ended", bool(flags & END_STREAM)))}
        behind_fields = []
        client.read_until(lambda: found.has_ended)
        assert behind_fields == [("x-sum", "5"), ("x-more", "y")]
    with Http2(tier, context_for(authority)) as client:
        stream = client.ask("/api/uptrailers", "POST", body=b"abc", ends=False)
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block([("x-sum", "3")])))
        assert client.answer(stream).body == b"x-sum: 3\r\n\r\n"


def test_a_client_that_asks_first_is_told_to_go_on(tier, node):
    with Client(tier) as client:
        client.send(b"POST /api/echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                    b"Content-Length: 4\r\n\r\n")
        assert head_of(client.socket).startswith(b"HTTP/1.1 100 ")
        client.send(b"body")
        found = client.answer()
        assert found.status == 200 and found.body.endswith(b"body")
        assert b"expect" not in found.body.lower()


def test_interim_answers_end_here(tier):
    assert tier.get("/api/hints").body == b"ok"


FORGED = ["Forwarded: for=6.6.6.6", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: gopher",
          "X-Forwarded-Host: evil.example", "X-Forwarded-Port: 666", "X-Real-IP: 6.6.6.6",
          "X-Request-Id: forged", "X-Client-Certificate: CN=admin", "x-forwarded-for: 6.6.6.7"]


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_who_the_client_is_cannot_be_forged(tier, authority, is_tls):
    found = tier.get("/api/echo", *FORGED, tls=client_context(authority) if is_tls else None)
    said = fields(found.body)
    scheme = "https" if is_tls else "http"
    seen = dict(said)
    assert len(seen) == len(said)  # Each of them once.
    assert seen["forwarded"] == f'for=127.0.0.1;host="{NAME}";proto={scheme}'
    assert seen["x-forwarded-for"] == "127.0.0.1" and seen["x-forwarded-proto"] == scheme
    assert seen["x-forwarded-host"] == NAME
    assert re.fullmatch("[0-9a-f]{32}", seen["x-request-id"])
    for forged in (b"6.6.6", b"gopher", b"evil", b"666", b"CN=admin"):
        assert forged not in found.body


def test_what_is_of_one_hop_ends_here(tier):
    said = dict(fields(tier.get("/api/echo", "Connection: X-Hop, keep-alive", "X-Hop: 1",
                                "Keep-Alive: 5", "TE: gzip", "Proxy-Authorization: x",
                                "Proxy-Connection: x", "Upgrade: h2c", "X-Own: a").body))
    assert said["x-own"] == "a"
    assert not {"x-hop", "keep-alive", "te", "proxy-authorization", "proxy-connection", "upgrade",
                "connection"} & set(said)
    found = tier.get("/api/hops")
    assert found["X-Own"] == "a"
    assert not {"x-private", "keep-alive", "proxy-authenticate", "upgrade", "server"} & {
        name for name, _ in found.fields}


def test_requests_have_names_that_the_log_knows(tier, node):
    names = []
    for i in range(20):
        tier.get(f"/api/echo?named={i}")
        names.append(node.asked[-1].fields["x-request-id"])
    assert len(set(names)) == 20

    def logged():
        lines = (tier.folder / "access.log").read_text().splitlines()
        return [json.loads(line) for line in lines if "?named=" in line]
    lines = until("all lines", lambda: len(logged()) == 20 and logged())
    assert [line["request_id"] for line in lines] == names


def test_only_what_is_safe_is_tried_again(tier):
    retries = tier.figure("weir_upstream_retries_total")
    assert tier.get("/api/once?get").body == b"again"
    assert tier.get("/api/once?delete", method="DELETE").body == b"again"
    assert tier.figure("weir_upstream_retries_total") == retries + 2
    assert tier.get("/api/once?post", "Content-Length: 0", method="POST").status == 502
    with Client(tier) as client:
        client.send(b"PUT /api/once?put HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
        assert client.answer().status == 502  # Its body is not kept for a second time.
    assert tier.figure("weir_upstream_retries_total") == retries + 2


def test_an_answer_that_is_none_is_502(tier):
    found = tier.get("/api/rubbish")
    assert found.status == 502 and found["Content-Type"] == "application/json"
    assert found["Cache-Control"] == "no-store" and len(found["X-Request-Id"]) == 32


@pytest.fixture(scope="module")
def hasty(folder, authority, site, node):
    made = WebTier(folder, authority, node, response_timeout_ms=400, connect_timeout_ms=400)
    yield made
    made.stop()


def test_no_answer_in_time_is_504(hasty, node):
    node.gate.clear()
    try:
        assert hasty.get("/api/silent").status == 504
    finally:
        node.gate.set()


def test_an_answer_that_falls_silent_is_cut_off(hasty, node):
    node.gate.clear()
    try:
        with Client(hasty) as client:
            client.send(b"GET /api/half HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"Content-Length: 10" in head_of(client.socket)
            assert client.reader.read() == b"half"
    finally:
        node.gate.set()


def test_no_connection_is_502_and_no_node_503(folder, authority, site):
    with ExitStack() as stack:
        node = Upstream(Node.echo)
        tier = WebTier(folder, authority, node, connect_timeout_ms=300)
        stack.callback(tier.stop)
        assert tier.get("/api/echo").status == 200
        node.close()
        seen = set()

        def is_down():
            found = tier.get("/api/echo")
            seen.add(found.status)
            return found if found.status == 503 else None
        found = until("the node is down", is_down)
        assert int(found["Retry-After"]) >= 1 and seen <= {502, 503}
