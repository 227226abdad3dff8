# SPDX-License-Identifier: BSD-3-Clause
"""HTTP/2 under load and attack: floods, windows, slow clients, the drain; and the clients that
people have."""

import json
import re
import shutil
import signal
import subprocess
import threading

import http2
import pytest
from http2 import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS,
                   INITIAL_WINDOW_SIZE, NO_ERROR, PADDED, PING, PREFACE, PRIORITY, Http2, block,
                   frame, request_fields, reset, settings, window_update)
from web import NAME, PATIENCE_S, AppNode, WebTier, read_head, until

POST = block(request_fields("/api/x", "POST"))
MIB = 1 << 20


class Streams(AppNode):
    """Reads and writes as slowly as a test wants."""

    def __init__(self):
        self.may_go_on = threading.Event()
        self.written = 0
        self.taken = 0
        super().__init__()

    def _serve(self, client):
        reader = client.makefile("rb")
        try:
            with client, reader:
                while (head := read_head(reader)):
                    self._answer(client, reader, head.split(b" ")[1])
        except (OSError, ValueError):
            pass

    def _answer(self, client, reader, target):
        size = int(target.rpartition(b"=")[2]) if b"=" in target else 0
        if target.startswith(b"/api/upload"):
            self.may_go_on.wait(PATIENCE_S)
            while self.taken < size:
                self.taken += len(reader.read1(65536))
        elif target.startswith(b"/api/wait"):
            self.may_go_on.wait(PATIENCE_S)
        body = size if target.startswith(b"/api/download") else 0
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % body)
        while body:
            part = min(body, 65536)
            client.sendall(b"d" * part)
            body -= part
            self.written += part


@pytest.fixture(scope="module")
def context(authority):
    return http2.context_for(authority)


@pytest.fixture(scope="module")
def make(folder, authority, site):
    """Starts a web tier before app nodes of its own."""
    running = []

    def begin(**options):
        app = Streams()
        running.append((WebTier(folder, authority, app, **options), app))
        return running[-1]
    yield begin
    for tier, app in running:
        app.may_go_on.set()
        tier.stop()
        with app:
            pass


# --- Floods ---

def requests(count, flags=END_STREAM | END_HEADERS, after=None):
    sent = block(request_fields("/api/x"))
    return b"".join(frame(HEADERS, flags, 2 * i + 1, sent) + (after(2 * i + 1) if after else b"")
                    for i in range(count))


FLOODS = [
    ("rapid resets", requests(400, after=reset)),
    ("resets that the server is made to send", requests(
        400, END_HEADERS, lambda number: window_update(number, 0x7fffffff))),
    ("malformed requests", b"".join(frame(
        HEADERS, END_STREAM | END_HEADERS, 2 * i + 1, block([(":path", "/")]))
        for i in range(400))),
    ("PING", frame(PING, 0, 0, b"12345678") * 3000),
    ("PING that acknowledges", frame(PING, 1, 0, b"12345678") * 3000),
    ("SETTINGS", settings() * 3000),
    ("PRIORITY", frame(PRIORITY, 0, 5, b"\0\0\0\0\x10") * 3000),
    ("empty DATA", frame(HEADERS, END_HEADERS, 1, POST) + frame(DATA, 0, 1) * 3000),
    ("DATA of padding", frame(HEADERS, END_HEADERS, 1, POST)
     + frame(DATA, PADDED, 1, b"\x03\0\0\0") * 3000),
    ("WINDOW_UPDATE", window_update(0, 1) * 5000),
    ("CONTINUATION", frame(HEADERS, END_STREAM, 1, POST[:2]) + frame(CONTINUATION, 0, 1) * 3000),
    ("a header without end", frame(HEADERS, END_STREAM, 1, POST) + b"".join(
        frame(CONTINUATION, 0, 1, block([(f"x-{i}", "y" * 10000)])) for i in range(40))),
    ("a header that unpacks to much", frame(
        HEADERS, END_STREAM | END_HEADERS, 1, POST + b"\x40\x01a\x7f\x91\x1e" + b"b" * 4000
        + b"\xbe" * 12000)),
]


@pytest.mark.parametrize("sent", [case[1] for case in FLOODS], ids=[case[0] for case in FLOODS])
def test_a_flood_ends_the_connection(tier, context, sent):
    before = tier.figure("weir_http2_floods_total")
    with Http2(tier, context) as client:
        client.send(sent)
        assert client.end() in (ENHANCE_YOUR_CALM, None)  # None: it was still sending.
    until("it is counted", lambda: tier.figure("weir_http2_floods_total") == before + 1)
    with Http2(tier, context) as other:
        assert other.get("/digits").status == 200


def test_some_resets_are_nothing_to_worry_about(make, context):
    tier, _ = make()
    with Http2(tier, context) as client:
        client.send(requests(100, after=reset))
        client.next_id = 201
        assert client.get("/digits").status == 200
    assert tier.figure("weir_http2_floods_total") == 0
    assert tier.figure("weir_http2_resets_total") <= 100


def test_how_many_resets_are_too_many_is_configured(make, context):
    tier, _ = make(http2={"resets_per_s": 1, "reset_burst": 3})
    with Http2(tier, context) as client:
        client.send(requests(50, END_HEADERS, reset))
        assert client.end() == ENHANCE_YOUR_CALM
    assert tier.figure("weir_http2_floods_total") == 1
    assert 3 < tier.figure("weir_http2_resets_total") < 50


def test_a_client_that_sends_too_many_requests_is_told_so(start, context):
    tier = start(shield={"client_requests_per_s": 1, "client_burst": 5})
    with Http2(tier, context) as client:
        numbers = [client.ask("/digits") for _ in range(20)]
        statuses = [client.answer(number).status for number in numbers]
    assert statuses[:5] == [200] * 5 and 429 in statuses


# --- Windows: what one side does not take, the other does not send ---

def room_of(client, number):
    """How many bytes of a body may go in all: of the first that the connection sends."""
    return min(client.windows.get(0, 0) + http2.WINDOW,
               client.windows.get(number, 0) + client.settings[INITIAL_WINDOW_SIZE])


def fill(client, number, size):
    """Sends a body as the windows allow, until 'size' bytes have gone; returns how many did when
    the windows stayed shut while the server answered a PING."""
    sent = 0
    while sent < size:
        part = min(room_of(client, number) - sent, 16384, size - sent)
        if part > 0:
            client.send(frame(DATA, 0, number, b"u" * part))
            sent += part
            continue
        before = dict(client.windows)
        client.ping()
        if client.windows == before:
            break
    return sent


def test_an_upload_waits_for_the_app_tier(make, context):
    tier, app = make(limits={"max_body_bytes": 64 * MIB})
    size = 32 * MIB
    with Http2(tier, context) as client:
        client.ping()
        number = client.ask(f"/api/upload?size={size}", "POST", ("content-length", str(size)),
                            ends=False)
        sent = fill(client, number, size)
        assert 0 < sent < size / 2  # Sockets between them have buffers, too.
        assert client.get("/digits").status == 200  # Others go on.
        app.may_go_on.set()
        while sent < size:
            client.read_until(lambda: room_of(client, number) > sent)
            part = min(room_of(client, number) - sent, 16384, size - sent)
            client.send(frame(DATA, 0, number, b"u" * part))
            sent += part
        client.send(frame(DATA, END_STREAM, number))
        assert client.answer(number).status == 200


def rss_kb(tier):
    with open(f"/proc/{tier.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])


def test_a_download_waits_for_the_client(make, context):
    tier, app = make()
    size = 64 * MIB
    with Http2(tier, context, opens=False) as client:
        assert client.get("/digits").status == 200
        before = rss_kb(tier)
        number = client.ask(f"/api/download?size={size}")
        stream = client.of(number)
        client.read_until(lambda: len(stream.body) == http2.WINDOW - 10)
        written = 0

        def stands_still():
            nonlocal written
            last, written = written, app.written
            client.ping()
            return written == last
        until("the app node is not read any more", stands_still)
        assert written < size / 2
        assert rss_kb(tier) - before < 16384
        client.opens = True
        client.send(window_update(0, size) + window_update(number, size))
        assert client.answer(number).status == 200
    assert len(stream.body) == size


def test_a_client_may_read_as_slowly_as_it_opens_its_windows(client_of):
    client = client_of(settings=(INITIAL_WINDOW_SIZE, 0))
    number = client.ask("/digits")
    stream = client.of(number)
    for n in range(1, 11):
        client.send(window_update(number, 1))
        client.read_until(lambda: len(stream.body) == n)
    assert client.answer(number).body == b"0123456789"


@pytest.fixture
def client_of(tier, context):
    made = []

    def begin(settings=None):
        made.append(Http2(tier, context, *([settings] if settings else []), opens=False))
        return made[-1]
    yield begin
    for client in made:
        client.__exit__()


# --- Slow clients ---

@pytest.fixture(scope="module")
def hasty(make):
    return make(limits={"header_timeout_ms": 500, "idle_timeout_ms": 500})


@pytest.mark.parametrize("sent", [
    b"", PREFACE[:10], PREFACE, PREFACE + settings(),
    PREFACE + settings() + frame(HEADERS, END_STREAM, 1, POST[:3]),
    PREFACE + settings() + frame(HEADERS, END_STREAM | END_HEADERS, 1, POST)[:12]],
    ids=["nothing", "a part of the preface", "the preface", "settings", "a part of a header block",
         "a part of a frame"])
def test_a_client_that_falls_silent_is_cut_off(hasty, context, sent):
    tier, _ = hasty
    before = tier.figure("weir_http_overdue_total")
    with Http2(tier, context, preface=False, acks=False) as client:
        client.send(sent)
        client.end()
    assert tier.figure("weir_http_overdue_total") > before


def test_a_body_that_does_not_come_is_given_up(hasty, context):
    tier, _ = hasty
    before = tier.figure("weir_http_overdue_total")
    with Http2(tier, context) as client:
        client.ask("/api/upload?size=1000", "POST", body=b"a", ends=False)
        client.end()
        assert client.of(1).status == 0
    assert tier.figure("weir_http_overdue_total") > before


def test_an_answer_that_is_not_taken_is_given_up(hasty, context):
    tier, _ = hasty
    before = tier.figure("weir_http_overdue_total")
    with Http2(tier, context, opens=False) as client:
        number = client.ask("/large")
        client.end()
        assert not client.of(number).has_ended
    assert tier.figure("weir_http_overdue_total") > before


def test_a_stream_that_stands_still_is_reset_alone(make, context):
    """While the rest of the connection moves."""
    tier, _ = make(limits={"header_timeout_ms": 20000, "idle_timeout_ms": 500})
    with Http2(tier, context, opens=False) as client:
        number = client.ask("/large")
        client.send(window_update(0, 100 * MIB))
        while client.of(number).error is None:
            assert client.get("/digits").status == 200
        assert client.of(number).error == CANCEL
        assert client.get("/digits").status == 200
        assert not client.goaways
    assert tier.figure("weir_http_overdue_total") == 1


def test_a_client_that_only_waits_is_let_go_without_blame(make, context):
    tier, _ = make(limits={"header_timeout_ms": 20000, "idle_timeout_ms": 500})
    with Http2(tier, context) as client:
        assert client.get("/digits").status == 200
        assert client.end() == NO_ERROR
    assert tier.figure("weir_http_overdue_total") == 0


def test_who_waits_for_the_app_tier_is_not_slow(hasty, context):
    tier, app = hasty
    with Http2(tier, context) as client:
        number = client.ask("/api/wait")
        threading.Timer(2, app.may_go_on.set).start()
        assert client.answer(number).status == 200


# --- The end ---

def test_a_drain_finishes_what_was_asked_for(make, context):
    tier, app = make(limits={"drain_timeout_ms": 60000}, access_log="%n.log")
    with Http2(tier, context) as client, Http2(tier, context) as idle:
        assert idle.get("/digits").status == 200
        first = client.ask("/api/wait")
        client.ping()
        tier.process.send_signal(signal.SIGTERM)
        client.read_until(lambda: client.goaways)
        assert client.goaways == [(0x7fffffff, NO_ERROR)]
        client.read_until(lambda: len(client.goaways) == 2)
        assert client.goaways[1] == (first, NO_ERROR)
        late = client.ask("/digits")  # Behind the last: for another connection.
        app.may_go_on.set()
        assert client.answer(first).status == 200
        assert client.end() == NO_ERROR
        assert not client.of(late).status
        assert idle.end() == NO_ERROR
    assert tier.process.wait(PATIENCE_S) == 0, tier.said()


def test_a_client_that_leaves_ends_what_it_asked_for(make, context):
    tier, app = make()
    with Http2(tier, context) as client:
        for _ in range(10):
            client.ask("/api/wait")
        client.ping()
    until("its requests are over",
          lambda: tier.figure('weir_http_requests_total{code="none"}') == 10)
    until("its connection is closed", lambda: tier.figure("weir_http_connections") == 0)
    app.may_go_on.set()


def test_requests_are_logged(make, context):
    tier, _ = make(access_log="%n.log", access_log_format="json")
    with Http2(tier, context) as client:
        assert client.get("/digits", "GET", ("user-agent", "me"), ("referer", "x")).status == 200
        assert client.get("/none", "HEAD").status == 404
        assert client.get("/api/download?size=70000").status == 200
        client.send(frame(HEADERS, END_HEADERS, client.next_id, POST) + reset(client.next_id))

    def lines():
        tier.process.send_signal(signal.SIGUSR1)  # Which writes what is buffered.
        found = (tier.folder / "web1.log").read_text().splitlines()
        return len(found) >= 4 and [json.loads(line) for line in found]
    found = until("all is logged", lines)
    assert [(line["method"], line["target"], line["status"], line["bytes"]) for line in found] == [
        ("GET", "/digits", 200, 10), ("HEAD", "/none", 404, 0),
        ("GET", "/api/download?size=70000", 200, 70000), ("POST", "/api/x", 499, 0)]
    assert all(line["version"] == "HTTP/2.0" and line["tls"] and line["host"] == NAME
               for line in found)
    assert found[0]["user_agent"] == "me" and found[0]["referer"] == "x"
    assert found[2]["upstream"] == "app1"


# --- Clients that people have ---

def run(*words, **options):
    return subprocess.run([*map(str, words)], check=True, capture_output=True, timeout=120,
                          **options)


def curl(tier, authority, path, *words):
    return run("curl", "--http2", "--silent", "--show-error", "--cacert", authority.ca,
               "--resolve", f"{NAME}:{tier.https}:127.0.0.1", *words,
               f"https://{NAME}:{tier.https}{path}").stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_is_served(make, authority, folder):
    tier, app = make(limits={"max_body_bytes": 64 * MIB})
    app.may_go_on.set()
    assert curl(tier, authority, "/digits", "-w", "%{http_version}") == b"01234567892"
    assert curl(tier, authority, "/large") == bytes(range(256)) * 4096
    size = 40 * MIB
    assert len(curl(tier, authority, f"/api/download?size={size}")) == size
    upload = folder / "upload"
    upload.write_bytes(b"u" * size)
    said = curl(tier, authority, f"/api/upload?size={size}", "--data-binary", f"@{upload}",
                "-w", "%{http_code} %{http_version}")
    assert said == b"200 2"
    assert app.taken == size
    many = [f"https://{NAME}:{tier.https}/digits"] * 30
    said = curl(tier, authority, "/digits", "--parallel", "-w", "%{http_version}", *many)
    assert said.count(b"0123456789") == 31
    assert tier.figure("weir_http2_floods_total") == 0


@pytest.mark.skipif(not shutil.which("h2load"), reason="nghttp2-client is not installed")
@pytest.mark.parametrize("path, count", [("/digits", 20000), ("/large", 100),
                                         ("/api/download?size=20000", 2000)])
def test_h2load_is_served(make, path, count):
    tier, _ = make()
    said = run("h2load", "-n", count, "-c", "8", "-m", "32",
               f"https://127.0.0.1:{tier.https}{path}", text=True).stdout
    assert f"{count} succeeded, 0 failed, 0 errored, 0 timeout" in said
    assert tier.figure("weir_http2_floods_total") == 0


@pytest.mark.skipif(not shutil.which("nghttp"), reason="nghttp2-client is not installed")
def test_nghttp_is_served(make):
    tier, app = make()
    app.may_go_on.set()
    base = f"https://127.0.0.1:{tier.https}"
    said = run("nghttp", "--no-verify-peer", "-v", "-w", "10", f"{base}/digits",
               f"{base}/api/download?size=300000", f"{base}/index.html", text=True).stdout
    assert len(re.findall(r":status: .*200", said)) == 3
    assert "error_code=NO_ERROR" in said and tier.figure("weir_http2_floods_total") == 0
