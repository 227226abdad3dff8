# SPDX-License-Identifier: BSD-3-Clause
"""A web tier, an app node behind it, an authority that signs certificates, and a client of raw bytes
that reads answers strictly."""

import itertools
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

BUILD = Path(os.environ.get("WEIR_BUILD", Path(__file__).resolve().parents[2] / "build")).resolve()
PROGRAM = BUILD / "webtier" / "weir-webtier"
PATIENCE_S = 30
NAME = "www.example.org"


class Authority:
    """Signs certificates."""

    _numbers = itertools.count(1)

    def __init__(self, folder):
        self.folder = folder
        self.ca, self.key = folder / "ca.pem", folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.ca, "-subj", "/CN=authority", "-days", "90")

    def issue(self, *names, subject="server"):
        """(certificate with its chain, key), made out to 'names'."""
        stem = self.folder / f"certificate-{next(self._numbers)}"
        request, key = stem.with_suffix(".req"), stem.with_suffix(".key")
        certificate, more = stem.with_suffix(".pem"), stem.with_suffix(".ext")
        alternatives = ",".join(f"DNS:{name}" for name in names) or "DNS:client"
        more.write_text(f"subjectAltName={alternatives}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                key, "-out", request, "-subj", f"/CN={subject}")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.key,
                "-CAcreateserial", "-days", "90", "-extfile", more, "-out", certificate)
        certificate.write_bytes(certificate.read_bytes() + self.ca.read_bytes())
        return certificate, key

    def ocsp(self, certificate, out):
        """Writes an OCSP response that says that the certificate is good."""
        text = subprocess.run(["openssl", "x509", "-noout", "-serial", "-enddate", "-in",
                               certificate], check=True, capture_output=True, text=True).stdout
        serial = text.splitlines()[0].partition("=")[2]
        index = self.folder / "index.txt"
        index.write_text(f"V\t351231235959Z\t\t{serial}\tunknown\t/CN=server\n")
        openssl("ocsp", "-index", index, "-CA", self.ca, "-rsigner", self.ca, "-rkey", self.key,
                "-issuer", self.ca, "-cert", certificate, "-respout", out, "-ndays", "2")
        return out


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=120)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, condition):
    """Calls 'condition' until it returns something true, and returns that."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S} s"
        time.sleep(0.02)
    return value


class AppNode:
    """Answers every request with what it has received, byte by byte."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    @staticmethod
    def _serve(client):
        reader = client.makefile("rb")
        try:
            with client, reader:
                while (head := read_head(reader)):
                    body = read_body(reader, head)
                    said = head + body
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                   b"Content-Length: %d\r\n\r\n" % len(said) + said)
        except (OSError, ValueError):
            pass


def read_head(reader):
    """Up to and with the empty line; b"" at the end."""
    lines = []
    while (line := reader.readline()):
        lines.append(line)
        if line == b"\r\n":
            return b"".join(lines)
    return b""


def fields(head):
    """[(name in lower case, value)] of a header."""
    return [(name.lower(), value.strip()) for name, _, value in
            (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:] if line)]


def read_body(reader, head):
    found = dict(fields(head))
    if "chunked" in found.get("transfer-encoding", ""):
        return read_chunks(reader)
    return reader.read(int(found.get("content-length", 0)))


def read_chunks(reader):
    body = b""
    while (size := int(reader.readline(), 16)):
        body += reader.read(size)
        assert reader.read(2) == b"\r\n"
    while (line := reader.readline()) != b"\r\n":  # Fields may follow.
        assert line.endswith(b"\r\n") and b":" in line
    return body


@dataclass
class Answer:
    status: int
    fields: list
    body: bytes

    def all(self, name):
        return [value for key, value in self.fields if key == name.lower()]

    def __getitem__(self, name):
        """The one value of a field; None if it is not there."""
        values = self.all(name)
        assert len(values) < 2, f"{name} twice: {values}"
        return values[0] if values else None


class Client:
    """One connection."""

    def __init__(self, tier, tls=None, name=NAME, session=None):
        self.socket = socket.create_connection(("127.0.0.1", tier.https if tls else tier.http),
                                               timeout=PATIENCE_S)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=name, session=session)
        self.reader = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It has answered and closed before all was sent.

    def answer(self, bodyless=False):
        """The next answer; None if the connection has ended instead."""
        head = b"HTTP/1.1 100"
        while head.startswith(b"HTTP/1.1 100"):
            try:
                head = read_head(self.reader)
            except ConnectionResetError:
                return None
        if not head:
            return None
        version, status, _ = head.decode("latin-1").split(" ", 2)
        assert version == "HTTP/1.1"
        found = fields(head)
        status = int(status)
        bodyless = bodyless or status in (204, 304)
        return Answer(status, found, b"" if bodyless else read_body(self.reader, head))

    def has_ended(self):
        try:
            return self.reader.read(1) == b""
        except ConnectionResetError:
            return True


class WebTier:
    """A process of its own; 'options' are keys of `web` and what is said in __init__."""

    _numbers = itertools.count(1)

    def __init__(self, folder, authority, app, ready=True, **options):
        self.folder = folder / f"tier-{next(self._numbers)}"
        self.folder.mkdir()
        self.http, self.https, self.metrics = free_port(), free_port(), free_port()
        self.apps = app if isinstance(app, list) else [app]
        certificate, key = options.pop("pair", None) or authority.issue(NAME)
        limits = {"threads": 1, "drain_timeout_ms": 0, **options.pop("limits", {})}
        web = {"http_port": self.http, "https_port": self.https, "root": str(folder / "site"),
               "certificate": str(certificate), "private_key": str(key), "limits": limits,
               "proxy": [{"prefix": "/api/"}], **options,
               "upstream_check": {"path": "/health", "interval_ms": 200, "timeout_ms": 20000}}
        config = {"cluster": "test", "site": NAME, "nodes": [
            {"name": "web1", "role": "web", "metrics": f"127.0.0.1:{self.metrics}"},
            *({"name": f"app{i}", "role": "app", "listen": f"127.0.0.1:{app.port}",
               "metrics": "127.0.0.1:1"} for i, app in enumerate(self.apps, 1))],
            "web": web, "app": {"public_url": "http://x", "session_key_file": "x"},
            "database": {"name": "x", "user": "x", "password_file": "x"}}
        path = self.folder / "weir.yaml"
        path.write_text(json.dumps(config))  # JSON is YAML.
        self.log = self.folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "--config", path, "--node", "web1"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=self.folder)
        if ready:
            self.await_ready()

    def said(self):
        return self.log.read_text(errors="replace")

    def await_ready(self):
        until("web tier is ready", lambda: "ready:" in self.said() or self._has_ended())
        for i in range(1, len(self.apps) + 1):
            until("app node is up", lambda: self.figure(f'weir_upstream_up{{upstream="app{i}"}}'))

    def _has_ended(self):
        assert self.process.poll() is None, self.said()
        return False

    def figures(self):
        """The text of /metrics."""
        with socket.create_connection(("127.0.0.1", self.metrics), timeout=PATIENCE_S) as made:
            made.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            with made.makefile("rb") as reader:
                return reader.read().decode()

    def figure(self, name):
        """The value of a metric, by its name with its labels."""
        for line in self.figures().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        raise KeyError(name)

    def get(self, target, *lines, method="GET", tls=None, name=NAME):
        """One request with some header lines; the answer."""
        with Client(self, tls, name) as client:
            client.send("\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {name}", *lines, "",
                                     ""]).encode("latin-1"))
            return client.answer(method == "HEAD")

    def reload(self):
        """SIGHUP; returns what was said of it."""
        before = self.said()
        self.process.send_signal(signal.SIGHUP)
        return until("reload", lambda: self.said()[len(before):].rpartition("\n")[0])

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # What a sanitizer finds at the end is said here.
        assert self.process.returncode in (0, -signal.SIGKILL), self.said()[-4000:]


def client_context(authority, pair=None, version=None):
    context = ssl.create_default_context(cafile=str(authority.ca))
    context.set_alpn_protocols(["http/1.1"])
    if pair:
        context.load_cert_chain(*map(str, pair))
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def is_readable(sock, seconds=0):
    return bool(select.select([sock], [], [], seconds)[0])
