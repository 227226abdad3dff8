# SPDX-License-Identifier: BSD-3-Clause
"""A client of HTTP/2 that writes each frame by hand, so that it can write wrong ones, and reads
answers strictly. Header blocks are packed by Debian's python3-hpack."""

import socket
import ssl
import struct
from dataclasses import dataclass, field

import hpack
from web import NAME, PATIENCE_S

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, _, STREAM_CLOSED, FRAME_SIZE_ERROR, \
    REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, _, ENHANCE_YOUR_CALM = range(12)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, \
    MAX_HEADER_LIST_SIZE = range(1, 7)
WINDOW = 65535  # Of a connection, and of a stream unless SETTINGS say otherwise.


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window_update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def reset(stream, error=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", error))


def request_fields(path, method="GET", *more, authority=NAME, scheme="https"):
    found = [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path)]
    return [pair for pair in found if pair[1] is not None] + list(more)


def block(fields):
    """A header block that does not depend on those before it."""
    return hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple(*pair) for pair in fields])


def context_for(authority, version=None):
    context = ssl.create_default_context(cafile=str(authority.ca))
    context.set_alpn_protocols(["h2", "http/1.1"])
    if version:
        context.minimum_version = context.maximum_version = version
    return context


@dataclass
class Stream:
    status: int = 0
    fields: list = field(default_factory=list)
    interim: list = field(default_factory=list)  # Statuses before the last.
    body: bytearray = field(default_factory=bytearray)
    has_ended: bool = False
    error: int | None = None

    def __getitem__(self, name):
        values = [value for key, value in self.fields if key == name]
        assert len(values) < 2, f"{name} twice: {values}"
        return values[0] if values else None


class Http2:
    """One connection. Windows are opened as data is taken, unless 'opens' is false."""

    def __init__(self, tier, context, *pairs, preface=True, opens=True, acks=True):
        raw = socket.create_connection(("127.0.0.1", tier.https), timeout=PATIENCE_S)
        self.socket = context.wrap_socket(raw, server_hostname=NAME)
        assert self.socket.selected_alpn_protocol() == "h2"
        self.reader = self.socket.makefile("rb")
        self.decoder = hpack.Decoder()
        self.opens = opens
        self.acks = acks
        self.streams = {}
        self.settings = {}
        self.goaways = []  # (last stream, error)
        self.pongs = []
        self.windows = {}  # What the server has opened, by stream.
        self.settings_acks = 0
        self.next_id = 1
        if preface:
            self.send(PREFACE + settings(*pairs))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            pass  # It has ended the connection before all was sent.

    def ask(self, path, method="GET", *more, body=None, ends=True, **pseudo):
        """Sends a request; returns its stream's number."""
        stream, self.next_id = self.next_id, self.next_id + 2
        flags = END_HEADERS | (END_STREAM if body is None and ends else 0)
        sent = frame(HEADERS, flags, stream, block(request_fields(path, method, *more, **pseudo)))
        if body is not None:
            sent += frame(DATA, END_STREAM if ends else 0, stream, body)
        self.send(sent)
        return stream

    def get(self, *words, **pseudo):
        return self.answer(self.ask(*words, **pseudo))

    def of(self, stream):
        return self.streams.setdefault(stream, Stream())

    def read(self):
        """Takes one frame; None at the end of the connection, else its kind."""
        try:
            head = self.reader.read(9)
            if len(head) < 9:
                return None
            kind, flags, number = struct.unpack(">BBI", head[3:])
            payload = self.reader.read(int.from_bytes(head[:3], "big"))
        except (ConnectionResetError, ssl.SSLEOFError):
            return None
        assert len(payload) <= 16384
        if kind in self.HANDLERS:
            self.HANDLERS[kind](self, flags, number, payload)
        return kind

    def _on_data(self, flags, number, payload):
        assert not flags & PADDED
        stream = self.of(number)
        assert stream.status and not stream.has_ended
        stream.body += payload
        stream.has_ended = bool(flags & END_STREAM)
        if payload and self.opens:
            self.send(window_update(0, len(payload)) +
                      (b"" if stream.has_ended else window_update(number, len(payload))))

    def _on_headers(self, flags, number, payload):
        assert flags & END_HEADERS and not flags & (PADDED | WITH_PRIORITY)
        stream = self.of(number)
        found = [(str(name), str(value)) for name, value in self.decoder.decode(payload)]
        assert found[0][0] == ":status" and all(name == name.lower() for name, _ in found)
        if found[0][1].startswith("1"):
            stream.interim.append(int(found[0][1]))
            return
        assert not stream.status
        stream.status, stream.fields = int(found[0][1]), found[1:]
        stream.has_ended = bool(flags & END_STREAM)

    def _on_reset(self, _, number, payload):
        self.of(number).error = int.from_bytes(payload, "big")

    def _on_settings(self, flags, _, payload):
        if flags & ACK:
            self.settings_acks += 1
            return
        self.settings.update(struct.iter_unpack(">HI", payload))
        if self.acks:
            self.send(frame(SETTINGS, ACK))

    def _on_ping(self, flags, _, payload):
        if flags & ACK:
            self.pongs.append(payload)
        else:
            self.send(frame(PING, ACK, 0, payload))

    def _on_goaway(self, _, __, payload):
        self.goaways.append(struct.unpack(">II", payload[:8]))

    def _on_window_update(self, _, number, payload):
        self.windows[number] = self.windows.get(number, 0) + int.from_bytes(payload, "big")

    HANDLERS = {DATA: _on_data, HEADERS: _on_headers, RST_STREAM: _on_reset,
                SETTINGS: _on_settings, PING: _on_ping, GOAWAY: _on_goaway,
                WINDOW_UPDATE: _on_window_update}

    def read_until(self, condition):
        while not (value := condition()):
            assert self.read() is not None, f"ended: {self.goaways} {self.streams}"
        return value

    def answer(self, number):
        """The whole answer of a stream, or what there is of it when it is reset."""
        stream = self.of(number)
        self.read_until(lambda: stream.has_ended or stream.error is not None)
        return stream

    def ping(self, word=b"pingpong"):
        """All that was sent before has been taken when this returns."""
        n = len(self.pongs)
        self.send(frame(PING, 0, 0, word))
        self.read_until(lambda: len(self.pongs) > n)
        assert self.pongs[-1] == word

    def end(self):
        """Reads to the end of the connection; the last GOAWAY's error, or None if none came."""
        while self.read() is not None:
            pass
        return self.goaways[-1][1] if self.goaways else None
