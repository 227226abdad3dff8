# SPDX-License-Identifier: BSD-3-Clause
"""HTTP/2 frame by frame (RFC 9113): what is answered, what ends a stream, what ends the connection.

Where a case leaves the connection open, a last request on it must be answered: header compression
and windows are then still in step."""

import struct

import http2
import pytest
from http2 import (ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM,
                   FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE,
                   MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, NO_ERROR, PADDED,
                   PING, PREFACE, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE, REFUSED_STREAM,
                   RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, WITH_PRIORITY, Http2, block,
                   frame, request_fields, reset, settings, window_update)
from web import NAME, Client, client_context

DIGITS = block(request_fields("/digits"))
POST = request_fields("/api/x", "POST")
WHOLE = END_STREAM | END_HEADERS


@pytest.fixture(scope="module")
def context(authority):
    return http2.context_for(authority)


@pytest.fixture
def client(tier, context):
    with Http2(tier, context) as made:
        yield made


def is_served(client):
    answer = client.get("/digits")
    return answer.status == 200 and answer.body == b"0123456789"


# --- What is right ---

def get(fields=(), flags=WHOLE, before=b"", after=b""):
    return frame(HEADERS, flags, 1, before + block(request_fields("/digits", "GET", *fields)) +
                 after)


def in_pieces(data, *sizes, flags=END_STREAM):
    """A header block in a HEADERS frame and CONTINUATION frames."""
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    pieces.append(data)
    sent = frame(HEADERS, flags, 1, pieces[0])
    for i, piece in enumerate(pieces[1:], 2):
        sent += frame(CONTINUATION, END_HEADERS if i == len(pieces) else 0, 1, piece)
    return sent


def post(*frames, fields=()):
    return frame(HEADERS, END_HEADERS, 1, block(POST + list(fields))) + b"".join(frames)


def data(payload=b"", flags=0, stream=1):
    return frame(DATA, flags, stream, payload)


GOOD = [
    ("plain", get(), 200),
    ("padded", get(flags=WHOLE | PADDED, before=b"\x05", after=b"\0" * 5), 200),
    ("with a priority", get(flags=WHOLE | WITH_PRIORITY, before=b"\0\0\0\0\x0f"), 200),
    ("padded and with a priority", get(flags=WHOLE | PADDED | WITH_PRIORITY,
                                       before=b"\x01\0\0\0\0\x0f", after=b"\0"), 200),
    ("PRIORITY before", frame(PRIORITY, 0, 1, b"\0\0\0\0\x10") + get(), 200),
    ("PRIORITY of a stream that is idle", frame(PRIORITY, 0, 77, b"\0\0\0\0\x10") + get(), 200),
    ("CONTINUATION", in_pieces(DIGITS, 3), 200),
    ("CONTINUATION twice", in_pieces(DIGITS, 3, 4), 200),
    ("CONTINUATION of nothing", in_pieces(DIGITS, len(DIGITS)), 200),
    ("HEADERS of nothing", in_pieces(DIGITS, 0), 200),
    ("a frame of an unknown kind", frame(0x77, 0xff, 0, b"what") + get(), 200),
    ("a frame of an unknown kind on a stream", frame(0x77, 0, 5, b"what") + get(), 200),
    ("unknown flags", frame(HEADERS, WHOLE | 0x40, 1, DIGITS), 200),
    ("a reserved bit", frame(HEADERS, WHOLE, 0x80000001, DIGITS), 200),
    ("an unknown setting", settings((0x77, 1)) + get(), 200),
    ("the least of settings", settings((MAX_FRAME_SIZE, 16384), (INITIAL_WINDOW_SIZE, 100)) + get(),
     200),
    ("a window of nothing that opens", settings((INITIAL_WINDOW_SIZE, 0)) + get()
     + window_update(1, 3) + window_update(1, 100) + settings((INITIAL_WINDOW_SIZE, 50)), 200),
    ("a setting that opens all windows", settings((INITIAL_WINDOW_SIZE, 0)) + get()
     + settings((INITIAL_WINDOW_SIZE, 1)) + settings((INITIAL_WINDOW_SIZE, 100)), 200),
    ("a window below zero", settings((INITIAL_WINDOW_SIZE, 4)) + get()
     + settings((INITIAL_WINDOW_SIZE, 0)) + window_update(1, 100)
     + settings((INITIAL_WINDOW_SIZE, 50)), 200),
    ("no header compression", settings((1, 0)) + get(), 200),
    ("a host instead of an authority", frame(HEADERS, WHOLE, 1, block(request_fields(
        "/digits", "GET", ("host", NAME), authority=None))), 200),
    ("host and authority alike", get([("host", NAME)]), 200),
    ("host and authority in other letters", get([("host", NAME.upper())]), 200),
    ("te: trailers", get([("te", "trailers")]), 200),
    ("an empty value", get([("x-empty", "")]), 200),
    ("odd names of fields", get([("!#$%&'*+-.^_`|~9", "x")]), 200),
    ("a tab in a value", get([("x-a", "b\tc")]), 200),
    ("bytes above 127 in a value", get([("x-a", b"\xe4\xff")]), 200),
    ("many fields", get([(f"x-{i}", "y") for i in range(100)]), 200),
    ("an escaped path", frame(HEADERS, WHOLE, 1, block(request_fields("/%64igits"))), 200),
    ("a query", frame(HEADERS, WHOLE, 1, block(request_fields("/digits?a=b&c=%20"))), 200),
    ("not found", frame(HEADERS, WHOLE, 1, block(request_fields("/none"))), 404),
    ("a method that files do not have",
     frame(HEADERS, WHOLE, 1, block(request_fields("/digits", "DELETE"))), 405),
    ("a method that nobody has",
     frame(HEADERS, WHOLE, 1, block(request_fields("/api/x", "PURGE"))), 501),
    ("a hidden file", frame(HEADERS, WHOLE, 1, block(request_fields("/.hidden"))), 404),
    ("out of the root", frame(HEADERS, WHOLE, 1, block(request_fields("/../secret"))), 404),
    ("a body", post(data(b"hello", END_STREAM)), 200),
    ("a body in pieces", post(data(b"he"), data(b"llo"), data(b"", END_STREAM)), 200),
    ("a padded body", post(data(b"\x03hello\0\0\0", END_STREAM | PADDED)), 200),
    ("a body of padding", post(data(b"\x03\0\0\0", END_STREAM | PADDED)), 200),
    ("a body of nothing", post(data(b"", END_STREAM)), 200),
    ("a body of its length", post(data(b"hello", END_STREAM), fields=[("content-length", "5")]),
     200),
    ("trailers", post(data(b"hello"), frame(HEADERS, WHOLE, 1, block([("x-after", "yes")]))), 200),
    ("the largest frame", post(data(b"x" * 16384, END_STREAM)), 200),
    ("a body that is too large, said before", post(fields=[("content-length", "65537")]), 413),
    ("a body for nobody", frame(HEADERS, END_HEADERS, 1, block(request_fields("/none", "POST")))
     + data(b"x" * 1000) + data(b"x" * 1000, END_STREAM), 405),
    ("a body that is not allowed", frame(HEADERS, END_HEADERS, 1, block(
        request_fields("/digits", "POST"))) + data(b"x" * 1000) + data(b"x", END_STREAM), 405),
    ("a body of what is malformed", frame(HEADERS, END_HEADERS, 1, block(
        request_fields("/api/%4", "POST"))) + data(b"x" * 1000) + data(b"x", END_STREAM), 400),
    ("a body that files do not take", frame(HEADERS, END_HEADERS, 1, DIGITS), 413),
]


@pytest.mark.parametrize("sent, status", [case[1:] for case in GOOD],
                         ids=[case[0] for case in GOOD])
def test_what_is_right_is_answered(client, sent, status):
    client.next_id = 3
    client.send(sent)
    answer = client.answer(1)
    assert answer.status == status
    if status == 200 and sent.endswith(DIGITS):
        assert answer.body == b"0123456789"
    assert is_served(client)
    assert not client.goaways


# --- What may not be asked: answered, and the connection goes on ---

REFUSED = [
    ("no host", request_fields("/digits", authority=None), None),
    ("a host that is not the authority", request_fields("/digits", "GET", ("host", "other")), 400),
    ("two hosts", request_fields("/digits", "GET", ("host", NAME), ("host", NAME)), None),
    ("an authority with a user", request_fields("/digits", authority="me@" + NAME), None),
    ("an authority with a slash", request_fields("/digits", authority=NAME + "/x"), None),
    ("an authority with a quote", request_fields("/digits", authority='a"b'), None),
    ("a fragment", request_fields("/digits#a"), 400),
    ("a broken escape", request_fields("/%4"), 400),
    ("an escaped NUL", request_fields("/digits%00"), 400),
    ("a header that is too large", request_fields("/digits", "GET", ("x-a", "b" * 8200)), 431),
    ("fields that are too many", request_fields(
        "/digits", "GET", *[(f"x-{i}", "") for i in range(300)]), 431),
]


@pytest.mark.parametrize("fields, status", [case[1:] for case in REFUSED],
                         ids=[case[0] for case in REFUSED])
def test_what_may_not_be_asked_is_refused(tier, client, fields, status):
    before = tier.figure("weir_http_refused_total")
    client.next_id = 3
    client.send(frame(HEADERS, WHOLE, 1, block(fields)))
    answer = client.answer(1)
    assert answer.status == status if status else \
        answer.status == 400 or answer.error == PROTOCOL_ERROR
    assert tier.figure("weir_http_refused_total") == before + 1
    assert is_served(client)


# --- What ends a stream ---

def raw_get(*fields):
    return frame(HEADERS, WHOLE, 1, block(fields))


def line(method=":method", path=":path", scheme=":scheme"):
    return [(method, "GET"), (scheme, "https"), (":authority", NAME), (path, "/digits")]


STREAM_ERRORS = [
    ("a name in capitals", get([("X-A", "b")]), PROTOCOL_ERROR),
    ("a blank in a name", get([("x a", "b")]), PROTOCOL_ERROR),
    ("a colon in a name", get([("x:a", "b")]), PROTOCOL_ERROR),
    ("a name of nothing", get([("", "b")]), PROTOCOL_ERROR),
    ("a NUL in a value", get([("x-a", "b\0c")]), PROTOCOL_ERROR),
    ("a line feed in a value", get([("x-a", "b\nc: d")]), PROTOCOL_ERROR),
    ("a carriage return in a value", get([("x-a", "b\rc")]), PROTOCOL_ERROR),
    ("a blank before a value", get([("x-a", " b")]), PROTOCOL_ERROR),
    ("a blank after a value", get([("x-a", "b ")]), PROTOCOL_ERROR),
    ("connection", get([("connection", "close")]), PROTOCOL_ERROR),
    ("keep-alive", get([("keep-alive", "1")]), PROTOCOL_ERROR),
    ("proxy-connection", get([("proxy-connection", "close")]), PROTOCOL_ERROR),
    ("transfer-encoding", get([("transfer-encoding", "chunked")]), PROTOCOL_ERROR),
    ("upgrade", get([("upgrade", "h2c")]), PROTOCOL_ERROR),
    ("te that is no trailers", get([("te", "gzip")]), PROTOCOL_ERROR),
    ("no method", raw_get(*line()[1:]), PROTOCOL_ERROR),
    ("no scheme", raw_get(line()[0], *line()[2:]), PROTOCOL_ERROR),
    ("no path", raw_get(*line()[:3]), PROTOCOL_ERROR),
    ("a path of nothing", raw_get(*line()[:3], (":path", "")), PROTOCOL_ERROR),
    ("a path without a slash", raw_get(*line()[:3], (":path", "digits")), PROTOCOL_ERROR),
    ("a blank in a path", raw_get(*line()[:3], (":path", "/a b")), PROTOCOL_ERROR),
    ("a method with a blank", raw_get((":method", "GE T"), *line()[1:]), PROTOCOL_ERROR),
    ("two methods", raw_get((":method", "GET"), *line()), PROTOCOL_ERROR),
    ("two schemes", raw_get((":scheme", "https"), *line()), PROTOCOL_ERROR),
    ("two paths", raw_get((":path", "/"), *line()), PROTOCOL_ERROR),
    ("two authorities", raw_get((":authority", NAME), *line()), PROTOCOL_ERROR),
    ("an unknown pseudo-header field", raw_get((":x", "y"), *line()), PROTOCOL_ERROR),
    ("a response's pseudo-header field", raw_get((":status", "200"), *line()), PROTOCOL_ERROR),
    ("a pseudo-header field behind others", raw_get(("x-a", "b"), *line()), PROTOCOL_ERROR),
    ("a protocol without CONNECT", raw_get((":protocol", "websocket"), *line()), PROTOCOL_ERROR),
    ("a pseudo-header field in a trailer", post(
        data(b"x"), frame(HEADERS, WHOLE, 1, block([(":path", "/")]))), PROTOCOL_ERROR),
    ("a trailer that ends nothing", post(
        data(b"x"), frame(HEADERS, END_HEADERS, 1, block([("x-a", "b")]))), PROTOCOL_ERROR),
    ("less than its length", post(data(b"hell", END_STREAM), fields=[("content-length", "5")]),
     PROTOCOL_ERROR),
    ("more than its length", post(data(b"hello!", END_STREAM), fields=[("content-length", "5")]),
     PROTOCOL_ERROR),
    ("a length and no body", get([("content-length", "5")]), PROTOCOL_ERROR),
    ("two lengths", post(fields=[("content-length", "5"), ("content-length", "6")]),
     PROTOCOL_ERROR),
    ("a length that is none", post(fields=[("content-length", "5a")]), PROTOCOL_ERROR),
    ("a length with a sign", post(fields=[("content-length", "-5")]), PROTOCOL_ERROR),
    ("a length above 63 bits", post(fields=[("content-length", "9223372036854775808")]),
     PROTOCOL_ERROR),
    ("a window that overflows", post(window_update(1, 0x7fffffff)), FLOW_CONTROL_ERROR),
]


@pytest.mark.parametrize("sent, error", [case[1:] for case in STREAM_ERRORS],
                         ids=[case[0] for case in STREAM_ERRORS])
def test_what_is_malformed_ends_its_stream_alone(tier, client, sent, error):
    client.next_id = 3
    client.send(sent)
    answer = client.answer(1)
    assert (answer.status, answer.error) == (0, error)
    assert is_served(client)
    assert not client.goaways


# --- What ends the connection ---

CONNECTION_ERRORS = [
    ("DATA on no stream", data(b"x", stream=0), PROTOCOL_ERROR),
    ("DATA on a stream that is idle", data(b"x", stream=5), PROTOCOL_ERROR),
    ("DATA with too much padding", post(data(b"\x06hello", PADDED)), PROTOCOL_ERROR),
    ("DATA padded with nothing", post(data(b"", PADDED)), PROTOCOL_ERROR),
    ("HEADERS on no stream", frame(HEADERS, WHOLE, 0, DIGITS), PROTOCOL_ERROR),
    ("HEADERS on an even stream", frame(HEADERS, WHOLE, 2, DIGITS), PROTOCOL_ERROR),
    ("HEADERS with too much padding", get(flags=WHOLE | PADDED, before=b"\xff"), PROTOCOL_ERROR),
    ("HEADERS too short for a priority", frame(HEADERS, WHOLE | WITH_PRIORITY, 1, b"\0"),
     FRAME_SIZE_ERROR),
    ("a header block that cannot be unpacked", frame(HEADERS, WHOLE, 1, b"\xff" * 8),
     COMPRESSION_ERROR),
    ("an index of nothing", frame(HEADERS, WHOLE, 1, b"\x80"), COMPRESSION_ERROR),
    ("an index beyond the table", frame(HEADERS, WHOLE, 1, b"\xfe"), COMPRESSION_ERROR),
    ("a table that is larger than allowed", frame(HEADERS, WHOLE, 1, b"\x3f\xe2\x1f" + DIGITS),
     COMPRESSION_ERROR),
    ("broken Huffman code", frame(HEADERS, WHOLE, 1, b"\x00\x83\xff\xff\xff\x01a"),
     COMPRESSION_ERROR),
    ("another frame within a header block", frame(HEADERS, END_STREAM, 1, DIGITS[:3])
     + frame(PING, 0, 0, b"x" * 8), PROTOCOL_ERROR),
    ("DATA within a header block", frame(HEADERS, 0, 1, DIGITS[:3]) + data(b"x"), PROTOCOL_ERROR),
    ("CONTINUATION of another stream", frame(HEADERS, END_STREAM, 1, DIGITS[:3])
     + frame(CONTINUATION, END_HEADERS, 3, DIGITS[3:]), PROTOCOL_ERROR),
    ("CONTINUATION of nothing before", frame(CONTINUATION, END_HEADERS, 1, DIGITS),
     PROTOCOL_ERROR),
    ("CONTINUATION of a whole block", frame(HEADERS, END_HEADERS, 1, block(POST))
     + frame(CONTINUATION, END_HEADERS, 1, b""), PROTOCOL_ERROR),
    ("PRIORITY on no stream", frame(PRIORITY, 0, 0, b"\0\0\0\0\x10"), PROTOCOL_ERROR),
    ("RST_STREAM on no stream", reset(0), PROTOCOL_ERROR),
    ("RST_STREAM of a stream that is idle", reset(7), PROTOCOL_ERROR),
    ("RST_STREAM of another size", frame(RST_STREAM, 0, 1, b"\0\0\0"), FRAME_SIZE_ERROR),
    ("SETTINGS on a stream", frame(SETTINGS, 0, 1), PROTOCOL_ERROR),
    ("SETTINGS of another size", frame(SETTINGS, 0, 0, b"\0" * 7), FRAME_SIZE_ERROR),
    ("SETTINGS that acknowledge with a payload", frame(SETTINGS, ACK, 0, b"\0" * 6),
     FRAME_SIZE_ERROR),
    ("push as a number", settings((http2.ENABLE_PUSH, 2)), PROTOCOL_ERROR),
    ("a window that is too large", settings((INITIAL_WINDOW_SIZE, 0x80000000)),
     FLOW_CONTROL_ERROR),
    ("frames that are too small", settings((MAX_FRAME_SIZE, 16383)), PROTOCOL_ERROR),
    ("frames that are too large", settings((MAX_FRAME_SIZE, 0x1000000)), PROTOCOL_ERROR),
    ("PUSH_PROMISE", frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + DIGITS), PROTOCOL_ERROR),
    ("PING on a stream", frame(PING, 0, 1, b"x" * 8), PROTOCOL_ERROR),
    ("PING of another size", frame(PING, 0, 0, b"x" * 7), FRAME_SIZE_ERROR),
    ("GOAWAY on a stream", frame(GOAWAY, 0, 1, b"\0" * 8), PROTOCOL_ERROR),
    ("GOAWAY of another size", frame(GOAWAY, 0, 0, b"\0" * 7), FRAME_SIZE_ERROR),
    ("WINDOW_UPDATE of nothing", window_update(0, 0), PROTOCOL_ERROR),
    ("WINDOW_UPDATE of a stream that is idle", window_update(9, 1), PROTOCOL_ERROR),
    ("WINDOW_UPDATE of another size", frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"), FRAME_SIZE_ERROR),
    ("a window of the connection that overflows", window_update(0, 0x7fffffff),
     FLOW_CONTROL_ERROR),
    ("a frame that is too large", post(data(b"x" * 16385)), FRAME_SIZE_ERROR),
    ("a header that is too large for a frame", frame(HEADERS, WHOLE, 1, DIGITS + b"\0" * 16384),
     FRAME_SIZE_ERROR),
    ("DATA after the end", post(data(b"x", END_STREAM), data(b"y")), STREAM_CLOSED),
]


@pytest.mark.parametrize("sent, error", [case[1:] for case in CONNECTION_ERRORS],
                         ids=[case[0] for case in CONNECTION_ERRORS])
def test_what_breaks_the_connection_ends_it(tier, client, sent, error):
    client.send(sent)
    assert client.end() == error
    assert tier.get("/digits").status == 200


@pytest.mark.parametrize("sent", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 64, PREFACE[:-1] + b"x", PREFACE + get(),
    PREFACE + frame(PING, 0, 0, b"x" * 8)],
    ids=["HTTP/1.1", "zeros", "a broken preface", "a request before SETTINGS",
         "PING before SETTINGS"])
def test_what_is_no_beginning_ends_the_connection(tier, context, sent):
    with Http2(tier, context, preface=False) as client:
        client.send(sent)
        assert client.end() in (None, PROTOCOL_ERROR)
        assert not client.streams
    assert tier.get("/digits").status == 200


# --- What a connection says of itself ---

def test_it_says_what_it_allows(client):
    client.ping()
    assert client.settings[MAX_CONCURRENT_STREAMS] == 128
    assert client.settings[MAX_HEADER_LIST_SIZE] == 8192
    assert client.settings[INITIAL_WINDOW_SIZE] == 262144
    assert client.windows == {0: 1048576 - http2.WINDOW}
    assert client.settings_acks == 1


def test_no_more_streams_are_open_than_allowed(client):
    count = 140
    sent = b"".join(frame(HEADERS, END_HEADERS, 2 * i + 1, block(POST)) for i in range(count))
    client.send(sent)
    client.next_id = 2 * count + 1
    refused = [client.answer(2 * i + 1).error for i in range(128, count)]
    assert refused == [REFUSED_STREAM] * (count - 128)
    for i in range(128):
        client.send(data(b"", END_STREAM, 2 * i + 1))
    for i in range(128):
        assert client.answer(2 * i + 1).status == 200
    assert is_served(client)


def test_a_client_that_knows_how_many_streams_may_be_open_must_heed_it(client):
    client.ping()  # It has acknowledged the settings before.
    client.send(b"".join(frame(HEADERS, END_HEADERS, 2 * i + 1, block(POST)) for i in range(129)))
    assert client.end() == PROTOCOL_ERROR


def test_a_stream_that_was_skipped_is_no_more(client):
    client.next_id = 7
    client.send(frame(HEADERS, WHOLE, 5, DIGITS) + frame(HEADERS, WHOLE, 3, DIGITS))
    assert client.answer(5).status == 200
    assert is_served(client)
    assert 3 not in client.streams


def test_requests_are_answered_side_by_side(client):
    posted = client.ask("/api/x", "POST", ends=False)
    assert is_served(client)
    assert client.get("/large").body == bytes(range(256)) * 4096
    client.send(data(b"late", END_STREAM, posted))
    assert client.answer(posted).body.endswith(b"late")


def test_a_header_comes_by_the_table_of_the_connection(client):
    encoder = http2.hpack.Encoder()
    for i in range(20):
        fields = request_fields("/api/x", "GET", ("x-long", "y" * 500))
        packed = encoder.encode(fields)
        assert i == 0 or len(packed) < 20
        client.send(frame(HEADERS, WHOLE, 2 * i + 1, packed))
        assert b"y" * 500 in client.answer(2 * i + 1).body


# --- The same handlers as by HTTP/1.1 ---

@pytest.mark.parametrize("target, lines", [
    ("/", []), ("/digits", []), ("/empty", []), ("/none", []), ("/sub", []), ("/sub/", []),
    ("/digits", ["Range: bytes=2-4"]), ("/digits", ["Range: bytes=1-2,4-5"]),
    ("/digits", ["Range: bytes=100-"]), ("/digits", ["If-None-Match: *"]),
    ("/with%20space.txt", []), ("/health", [])], ids=str)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_answers_are_those_of_http_1(tier, client, target, lines, method):
    old = tier.get(target, *lines, method=method, tls=client_context_of(tier, client))
    new = client.get(target, method, *[tuple(line.lower().split(": ")) for line in lines])
    assert new.status == old.status
    assert len(new.body) == len(old.body)
    if "multipart" not in (new["content-type"] or ""):
        assert bytes(new.body) == old.body
        connection_only = {"connection", "date"}
        assert sorted(f for f in new.fields if f[0] not in connection_only) == sorted(
            f for f in old.fields if f[0] not in connection_only)
    assert new["date"]


def client_context_of(_, client):
    context = http2.ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, http2.ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


def test_the_app_tier_sees_an_ordinary_request(client):
    said = bytes(client.get("/api/x?q=1", "POST", ("x-one", "1"), ("cookie", "a=b"),
                            ("te", "trailers"), ("cookie", "c=d"), body=b"hello").body)
    head, _, body = said.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /api/x?q=1 HTTP/1.1"
    assert f"Host: {NAME}".encode() in lines
    assert b"cookie: a=b; c=d" in lines and b"x-one: 1" in lines
    assert b"X-Forwarded-Proto: https" in lines and b"Transfer-Encoding: chunked" in lines
    assert not [line for line in lines if line.startswith((b"te:", b":"))]
    assert body == b"5\r\nhello\r\n0\r\n\r\n" or body == b"hello"


def test_a_client_that_waits_is_told_to_go_on(client):
    posted = client.ask("/api/x", "POST", ("expect", "100-continue"), ends=False)
    stream = client.of(posted)
    client.read_until(lambda: stream.interim)
    assert stream.interim == [100]
    client.send(data(b"hello", END_STREAM, posted))
    assert client.answer(posted).status == 200


def test_a_body_that_nobody_wants_is_stopped(client):
    posted = client.ask("/api/x", "POST", ("content-length", "100000"), ends=False)
    answer = client.answer(posted)
    assert answer.status == 413
    client.read_until(lambda: answer.error is not None)
    assert answer.error == NO_ERROR
    assert is_served(client)


def test_a_body_that_grows_too_large_is_refused(client):
    posted = client.ask("/api/x", "POST", ends=False)
    for _ in range(5):
        client.send(data(b"x" * 16384, 0, posted))
    assert client.answer(posted).status == 413
    assert is_served(client)


def test_http_1_remains_for_those_who_choose_it(tier, authority):
    tls = client_context(authority)
    with Client(tier, tls) as client:
        assert client.socket.selected_alpn_protocol() == "http/1.1"
    assert tier.get("/digits", tls=tls).status == 200


def test_it_can_be_switched_off(start, context):
    tier = start(http2={"enabled": "no"})
    with Client(tier, context) as client:
        assert client.socket.selected_alpn_protocol() == "http/1.1"
    assert tier.get("/digits", tls=context).status == 200
    assert tier.figure("weir_http2_connections_accepted_total") == 0


@pytest.mark.parametrize("version", [http2.ssl.TLSVersion.TLSv1_2, http2.ssl.TLSVersion.TLSv1_3],
                         ids=["1.2", "1.3"])
def test_any_version_of_tls_will_do(tier, authority, version):
    with Http2(tier, http2.context_for(authority, version)) as client:
        assert is_served(client)


def test_a_stream_that_is_reset_is_over(client):
    """What is sent to it afterwards does no harm (RFC 9113 5.1)."""
    posted = client.ask("/api/x", "POST", ends=False)
    client.send(data(b"x" * 1000, 0, posted) + reset(posted) + window_update(posted, 1)
                + data(b"y", 0, posted))
    if is_served(client):
        assert not client.of(posted).status
