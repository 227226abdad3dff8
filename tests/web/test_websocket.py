# SPDX-License-Identifier: BSD-3-Clause
"""WebSockets through the web tier: agreed on, passed on both ways, closed."""

import base64
import contextlib
import io
import json
import os
import select
import socket
import ssl
import struct
import threading

import pytest

from http2 import END_HEADERS, HEADERS, PROTOCOL_ERROR, Http2, block, context_for, frame
from http2 import request_fields
from upstream import Upstream, accept_websocket, answer
from web import NAME, Client, WebTier, client_context, until

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LARGE = 8 << 20


def pack(kind, payload, mask=None):
    """A frame of RFC 6455, section 5.2; a client's has a mask."""
    size = len(payload)
    second = 0x80 if mask else 0
    if size < 126:
        head = struct.pack(">BB", 0x80 | kind, second | size)
    elif size < 65536:
        head = struct.pack(">BBH", 0x80 | kind, second | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | kind, second | 127, size)
    if not mask:
        return head + payload
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")


def unpack(reader):
    """The next frame; None at the end."""
    head = reader.read(2)
    if len(head) < 2:
        return None
    size = head[1] & 0x7f
    if size >= 126:
        size = int.from_bytes(reader.read(2 if size == 126 else 8), "big")
    mask = reader.read(4) if head[1] & 0x80 else None
    payload = reader.read(size)
    if mask:
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        payload = (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")
    return head[0] & 0xf, payload


def echo(asked):
    """Every message back, until one that closes."""
    while (found := unpack(asked.reader)):
        kind, payload = found
        asked.say(pack(PONG if kind == PING else kind, payload))
        if kind == CLOSE:
            break


class Node:
    """Agrees to WebSockets; what to do with them is said by the target."""

    def __init__(self):
        self.asked = []
        self.release = threading.Event()

    def __call__(self, asked):
        self.asked.append(asked)
        serve = getattr(self, asked.target.rpartition("/")[2].partition("?")[0])
        return serve(asked)

    @staticmethod
    def echo(asked):
        accept_websocket(asked, "Sec-WebSocket-Protocol: chat")
        echo(asked)
        return False

    @staticmethod
    def early(asked):
        """Speaks in the same breath as it agrees."""
        key = asked.fields["sec-websocket-key"]
        asked.say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  b"Connection: Upgrade\r\nX-Key: %s\r\n\r\n" % key.encode() + pack(TEXT, b"early"))
        echo(asked)
        return False

    def silent(self, asked):
        """Agrees and reads nothing until it is let."""
        accept_websocket(asked)
        assert self.release.wait(60)
        echo(asked)
        return False

    @staticmethod
    def flood(asked):
        """Speaks without being asked and does not listen."""
        accept_websocket(asked)
        for _ in range(64):
            asked.say(pack(BINARY, bytes(1 << 20)))
        asked.say(pack(CLOSE, b""))
        return False

    @staticmethod
    def drop(asked):
        accept_websocket(asked)
        asked.reader.read(1)
        asked.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    @staticmethod
    def refuse(asked):
        asked.say(answer(b"no", status="403 Forbidden"))

    @staticmethod
    def other(asked):
        asked.say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n"
                  b"Connection: Upgrade\r\n\r\n")

    @staticmethod
    def plain(asked):
        asked.say(answer(asked.head))


@pytest.fixture(scope="module")
def node():
    serve = Node()
    with Upstream(serve) as upstream:
        serve.port = upstream.port
        yield serve
    assert not upstream.failures


@pytest.fixture(scope="module")
def tier(folder, authority, site, node):
    made = WebTier(folder, authority, node, access_log="access.log", access_log_format="json",
                   proxy=[{"prefix": "/"}, {"prefix": "/ws/", "websocket": True}])
    yield made
    made.stop()


@pytest.fixture(scope="module", params=["plain", "tls"])
def tls(request, authority):
    return client_context(authority) if request.param == "tls" else None


def handshake(target, *lines, key=None):
    key = key or base64.b64encode(os.urandom(16)).decode()
    return "\r\n".join([f"GET {target} HTTP/1.1", f"Host: {NAME}", "Upgrade: websocket",
                        "Connection: keep-alive, Upgrade", f"Sec-WebSocket-Key: {key}",
                        "Sec-WebSocket-Version: 13", *lines, "", ""]).encode()


@contextlib.contextmanager
def opened(tier, tls, target):
    with Client(tier, tls) as client:
        client.send(handshake(target))
        found = client.answer(bodyless=True)
        assert found.status == 101
        assert found["Upgrade"] == "websocket" and found["Connection"].lower() == "upgrade"
        assert found["Content-Length"] is None
        yield client, found


def test_messages_pass_both_ways(tier, node, tls):
    with opened(tier, tls, "/ws/echo?a=b") as (client, found):
        assert found["Sec-WebSocket-Protocol"] == "chat" and found["Sec-WebSocket-Accept"]
        asked = node.asked[-1].fields
        assert asked["upgrade"] == "websocket" and asked["connection"] == "Upgrade"
        assert asked["x-forwarded-for"] == "127.0.0.1" and len(asked["x-request-id"]) == 32
        for kind, payload in [(TEXT, b"hello"), (PING, b"?"), (BINARY, os.urandom(70000))]:
            client.send(pack(kind, payload, os.urandom(4)))
            assert unpack(client.reader) == (PONG if kind == PING else kind, payload)
        client.send(pack(CLOSE, b"", b"abcd"))
        assert unpack(client.reader) == (CLOSE, b"")
        assert client.has_ended()


def test_what_the_node_says_at_once_is_not_lost(tier, tls):
    with opened(tier, tls, "/ws/early") as (client, found):
        assert found["X-Key"]
        assert unpack(client.reader) == (TEXT, b"early")
        client.send(pack(TEXT, b"x", b"abcd"))
        assert unpack(client.reader) == (TEXT, b"x")


def test_what_the_client_says_at_once_is_not_lost(tier, tls):
    with Client(tier, tls) as client:
        client.send(handshake("/ws/echo") + pack(TEXT, b"early", b"abcd"))
        assert client.answer(bodyless=True).status == 101
        assert unpack(client.reader) == (TEXT, b"early")


def exchange(sock, data, size):
    """Sends 'data' and reads 'size' bytes, as they come; in one thread, as sessions of TLS are."""
    heard = bytearray()
    sock.setblocking(False)
    data = memoryview(data)
    while data or len(heard) < size:
        select.select([sock], [sock] if data else [], [], 60)
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            data = data[sock.send(data[:65536]):]
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            while len(heard) < size and (found := sock.recv(65536)):
                heard += found
    sock.settimeout(60)
    return io.BytesIO(heard)


def test_large_messages_cross_each_other(tier, tls):
    payload = os.urandom(LARGE)
    with opened(tier, tls, "/ws/echo") as (client, _):
        asked = pack(BINARY, payload[:70000], b"abcd") * (LARGE // 70000)
        size = len(pack(BINARY, payload[:70000])) * (LARGE // 70000)
        heard = exchange(client.socket, asked, size)
        for _ in range(LARGE // 70000):
            assert unpack(heard) == (BINARY, payload[:70000])


def poured(client, limit):
    """Sends until nobody has taken any for a while; how much was taken."""
    taken, bytes_ = 0, bytes(65536)
    client.socket.settimeout(1)
    try:
        while taken < limit:
            taken += client.socket.send(bytes_)
    except TimeoutError:
        pass
    client.socket.settimeout(60)
    return taken


def test_a_node_that_does_not_read_stops_the_client(tier, node):
    node.release.clear()
    with opened(tier, None, "/ws/silent") as (client, _):
        head = pack(BINARY, b"", None)[:1] + struct.pack(">BQ", 0xff, 64 << 20) + bytes(4)
        client.send(head)
        taken = poured(client, 64 << 20)
        assert taken < 32 << 20
        node.release.set()

        def rest():
            client.socket.sendall(bytes((64 << 20) - taken))
        threading.Thread(target=rest, daemon=True).start()
        kind, payload = unpack(client.reader)
        assert kind == BINARY and len(payload) == 64 << 20


def test_a_client_that_does_not_read_stops_the_node(tier, tls):
    before = tier.figure('weir_websocket_bytes_total{from="upstream"}')
    with opened(tier, tls, "/ws/flood") as (client, _):
        def settled():
            seen = tier.figure('weir_websocket_bytes_total{from="upstream"}')
            settled.rounds = settled.rounds + 1 if seen == settled.seen else 0
            settled.seen = seen
            return seen > before and settled.rounds > 20
        settled.seen = settled.rounds = 0
        until("the flood stops", settled)
        assert settled.seen - before < 48 << 20
        for _ in range(64):
            kind, payload = unpack(client.reader)
            assert kind == BINARY and len(payload) == 1 << 20
        assert unpack(client.reader) == (CLOSE, b"")
        assert client.has_ended()


def test_the_end_of_a_client_is_passed_on(tier, node):
    with opened(tier, None, "/ws/echo") as (client, _):
        client.socket.shutdown(socket.SHUT_WR)
        assert client.has_ended()  # As the node has heard of it, and ended as well.


def test_a_node_that_is_lost_ends_the_client(tier, tls):
    with opened(tier, tls, "/ws/drop") as (client, _):
        client.send(b"x")
        try:
            assert client.has_ended()
        except OSError:
            pass  # Cut without a goodbye of TLS.


def test_a_websocket_is_logged_and_counted(tier, node):
    before = tier.figure("weir_websockets_opened_total")
    log = tier.folder / "access.log"
    with opened(tier, None, "/ws/echo?logged") as (client, _):
        assert tier.figure("weir_websockets") >= 1
        assert tier.figure("weir_websockets_opened_total") == before + 1
        client.send(pack(TEXT, b"abc", b"abcd"))
        assert unpack(client.reader) == (TEXT, b"abc")
    name = node.asked[-1].fields["x-request-id"]
    line = json.loads(until("the line", lambda: [
        line for line in log.read_text().splitlines() if "?logged" in line])[0])
    assert line["status"] == 101 and line["bytes"] == 5 and line["upstream"] == "app1"
    assert line["request_id"] == name
    until("none is open", lambda: tier.figure("weir_websockets") == 0)


def test_a_node_may_refuse(tier, tls):
    with Client(tier, tls) as client:
        client.send(handshake("/ws/refuse"))
        found = client.answer()
        assert found.status == 403 and found.body == b"no"
        client.send(handshake("/ws/plain"))  # The connection can still be used.
        assert client.answer().status == 200


def test_another_protocol_than_was_asked_for_is_none(tier):
    with Client(tier) as client:
        client.send(handshake("/ws/other"))
        found = client.answer()
        assert found.status == 502 and b"invalid" in found.body


@pytest.mark.parametrize("request_", [
    handshake("/plain"),
    handshake("/ws/plain").replace(b"Upgrade: websocket", b"Upgrade: h2c"),
    handshake("/ws/plain").replace(b"keep-alive, Upgrade", b"keep-alive"),
    handshake("/ws/plain").replace(b"GET ", b"POST ", 1),
    handshake("/ws/plain", "Content-Length: 1") + b"x",
    handshake("/ws/plain").replace(b"HTTP/1.1", b"HTTP/1.0"),
], ids=["not allowed here", "another protocol", "not of this connection", "POST", "a body",
        "HTTP/1.0"])
def test_what_asks_for_none_is_a_request_as_any(tier, request_):
    with Client(tier) as client:
        client.send(request_)
        found = client.answer()
        assert found.status == 200
        assert b"\r\nupgrade:" not in found.body.lower()
        assert b"\r\nconnection:" not in found.body.lower()


ENABLE_CONNECT_PROTOCOL = 8  # RFC 8441, section 3.


def test_http2_has_no_websockets_and_says_so(tier, authority):
    with Http2(tier, context_for(authority)) as client:
        client.ping()
        assert not client.settings.get(ENABLE_CONNECT_PROTOCOL)
        asked = request_fields("/ws/echo", "CONNECT", ("sec-websocket-version", "13"))
        asked.insert(1, (":protocol", "websocket"))
        client.send(frame(HEADERS, END_HEADERS, 1, block(asked)))
        client.next_id = 3
        assert client.answer(1).error == PROTOCOL_ERROR
        assert client.get("/ws/plain").status == 200


def test_the_end_of_the_tier_ends_websockets(folder, authority, site, node):
    made = WebTier(folder, authority, node, proxy=[{"prefix": "/", "websocket": True}])
    try:
        with opened(made, None, "/ws/echo") as (client, _):
            made.stop()
            assert client.has_ended()
    finally:
        made.stop()


def test_a_websocket_in_which_nothing_moves_is_closed(folder, authority, site, node):
    made = WebTier(folder, authority, node, proxy=[{"prefix": "/", "websocket": True}],
                   websocket_idle_ms=700)
    try:
        with opened(made, None, "/ws/echo") as (client, _):
            client.send(pack(TEXT, b"abc", b"abcd"))
            assert unpack(client.reader) == (TEXT, b"abc")
            assert client.has_ended()
        assert made.figure("weir_websockets_idle_total") == 1
    finally:
        made.stop()
