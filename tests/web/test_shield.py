# SPDX-License-Identifier: BSD-3-Clause
"""What one client may do, and how slow it may be."""

import re
import shutil
import socket
import subprocess
from contextlib import ExitStack

import http2
import pytest
from web import Client, until

GET = b"GET /digits HTTP/1.1\r\nHost: x\r\n\r\n"


def open_from(tier, address):
    client = socket.create_connection(("127.0.0.1", tier.http), timeout=30,
                                      source_address=(address, 0))
    client.sendall(GET)
    return client


def is_served(client):
    try:
        return client.recv(15) == b"HTTP/1.1 200 OK"
    except ConnectionResetError:
        return False


def test_a_client_has_only_so_many_connections(start):
    tier = start(shield={"client_connections": 3, "exempt": ["127.0.0.7", "127.0.1.0/24"]})
    with ExitStack() as stack:
        def serves(address):
            return is_served(stack.enter_context(open_from(tier, address)))
        assert [serves("127.0.0.2") for _ in range(5)] == [True] * 3 + [False] * 2
        assert serves("127.0.0.3")  # Another client is not meant.
        assert all(serves(address) for address in ["127.0.0.7", "127.0.1.9"] * 4)
        assert tier.figure("weir_http_connections_shed_client_total") == 2

    def serves_again():
        with open_from(tier, "127.0.0.2") as client:
            return is_served(client)
    until("a connection that has gone makes room", serves_again)


def test_a_client_may_send_only_so_many_requests(start):
    tier = start(shield={"client_requests_per_s": 1, "client_burst": 5})
    with Client(tier) as client:
        client.send(GET * 50)
        answers = [client.answer() for _ in range(50)]
    statuses = [answer.status for answer in answers]
    assert statuses[:5] == [200] * 5
    refused = [answer for answer in answers if answer.status == 429]
    assert refused and all(answer["Retry-After"] == "1" for answer in refused)
    assert tier.figure("weir_http_throttled_total") == len(refused)
    with open_from(tier, "127.0.0.2") as other:
        assert is_served(other)
    until("the client may go on", lambda: tier.get("/digits").status == 200)


@pytest.fixture(scope="module")
def hasty(start):
    """A tier that waits for nobody."""
    return start(limits={"header_timeout_ms": 500, "idle_timeout_ms": 500})


@pytest.mark.parametrize("sent", [
    b"", b"GET /digits HT", GET[:-2], b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na",
    b"POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"],
    ids=["nothing", "a part of a line", "a header without end", "a body", "a chunk"])
def test_a_client_that_falls_silent_is_cut_off(hasty, sent):
    before = hasty.figure("weir_http_overdue_total")
    with Client(hasty) as client:
        client.send(sent)
        while client.answer():
            pass
        assert client.has_ended()
    until("it is counted", lambda: hasty.figure("weir_http_overdue_total") > before)


def test_a_client_that_only_waits_is_let_go_without_blame(start):
    tier = start(limits={"header_timeout_ms": 20000, "idle_timeout_ms": 500})
    with Client(tier) as client:
        client.send(GET)
        assert client.answer().status == 200
        assert client.has_ended()
    assert tier.figure("weir_http_overdue_total") == 0


# All modes of slowhttptest: slow headers, slow bodies, ranges that overlap, slow reading.
MODES = (("/", ["-H", "-i", "1", "-x", "8"]),
         ("/api/x", ["-B", "-i", "1", "-x", "8", "-s", "60000"]),
         ("/large", ["-R", "-a", "1", "-b", "3000"]),
         ("/large", ["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "5", "-k", "3"]))
CONNECTIONS = 75


class SlowStreams:
    """Clients of HTTP/2 that do the same: each has begun something, and goes on byte by byte."""

    HEADER = http2.block(http2.request_fields("/api/x", "POST"))
    BEGUN = {  # What is sent at first, and then again and again.
        "silent": (b"", b""),
        "header": (http2.frame(http2.HEADERS, http2.END_STREAM, 1, HEADER[:2]),
                   http2.frame(http2.CONTINUATION, 0, 1, HEADER[2:3])),
        "body": (http2.frame(http2.HEADERS, http2.END_HEADERS, 1, HEADER),
                 http2.frame(http2.DATA, 0, 1, b"b")),
        "window": (http2.frame(http2.HEADERS, http2.END_STREAM | http2.END_HEADERS, 1,
                               http2.block(http2.request_fields("/large"))), b""),
    }

    def __init__(self, tier, context, stack, n_each=10):
        self.clients = []
        for begun, more in self.BEGUN.values():
            for _ in range(n_each):
                client = stack.enter_context(http2.Http2(
                    tier, context, (http2.INITIAL_WINDOW_SIZE, 1), opens=False))
                if begun:
                    client.send(begun)
                self.clients.append((client, more))

    def go_on(self):
        """Those who cannot write any more have been cut off."""
        for one in list(self.clients):
            client, more = one
            try:
                if more:
                    client.socket.sendall(more)
            except OSError:
                self.clients.remove(one)


@pytest.mark.skipif(not shutil.which("slowhttptest"), reason="slowhttptest is not installed")
def test_others_are_served_while_slow_clients_do_their_worst(start, authority):
    tier = start(limits={"header_timeout_ms": 3000, "idle_timeout_ms": 3000,
                         "max_body_bytes": 100000})
    context = http2.context_for(authority)
    running = []
    with ExitStack() as stack:
        try:
            for scheme, port in (("http", tier.http), ("https", tier.https)):
                for path, words in MODES:
                    running.append(subprocess.Popen(
                        ["slowhttptest", *words, "-u", f"{scheme}://127.0.0.1:{port}{path}", "-c",
                         str(CONNECTIONS), "-r", str(CONNECTIONS), "-l", "8", "-p", "5"],
                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT, text=True))
            streams = SlowStreams(tier, context, stack)
            until("all have opened connections", lambda: tier.figure(
                "weir_http_connections_accepted_total") > 3 * CONNECTIONS)
            while any(process.poll() is None for process in running):
                streams.go_on()
                assert tier.get("/digits").status == 200
                assert tier.get("/api/x").status == 200
                with http2.Http2(tier, context) as other:
                    assert other.get("/api/x").status == 200
            said = [process.communicate()[0] for process in running]
        finally:
            for process in running:
                process.kill()
                process.wait()
        for text in said:
            # It asks by itself now and then whether anybody else is served.
            plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
            assert re.search(r"service available:\s*YES", plain), plain[-2000:]
        assert tier.figure("weir_http_overdue_total") > 20
        for client, _ in streams.clients:
            client.end()  # Nobody is waited for without end.
        until("all is closed", lambda: tier.figure("weir_http_connections") == 0)
