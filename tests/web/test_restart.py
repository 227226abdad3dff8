# SPDX-License-Identifier: BSD-3-Clause
"""One process of the web tier takes the place of another, and no request fails: clients of every
kind ask without a pause meanwhile. And sockets that somebody else holds, as systemd does."""

import ctypes
import os
import re
import signal
import socket
import sys
import threading

import http2
import pytest
from http2 import Http2
from web import (PATIENCE_S, Adopted, Client, WebTier, client_context, free_port, is_readable,
                 until)

PR_SET_CHILD_SUBREAPER = 36
GET = b"GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n"
# Becomes the program behind it with the sockets that the environment lists from 3 on.
STARTER = """
import os, sys
fds = [os.dup(int(fd)) for fd in os.environ.pop("HELD").split(",")]
for number, fd in enumerate(fds):
    os.dup2(fd, 90 + number)
for number in range(len(fds)):
    os.dup2(90 + number, 3 + number)
    os.close(90 + number)
os.closerange(3 + len(fds), 256)
os.environ["LISTEN_FDS"], os.environ["LISTEN_PID"] = str(len(fds)), str(os.getpid())
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture(scope="module", autouse=True)
def adopts():
    """Processes whose parent ends become children of this one."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0)


class Load(threading.Thread):
    """Asks one request after the other until told to stop."""

    def __init__(self, ask_next):
        super().__init__(daemon=True)
        self.ask_next = ask_next
        self.n = 0
        self.failures = []
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.is_set():
            try:
                self.ask_next()
                self.n += 1
            except Exception as error:  # pylint: disable=broad-except
                self.failures.append(repr(error))


class Kept:
    """HTTP/1.1 on one connection until the answer says that it closes."""

    def __init__(self, tier, tls, kept=True):
        self.tier, self.tls, self.kept = tier, tls, kept
        self.client = None

    def __call__(self):
        client = self.client or Client(self.tier, self.tls)
        self.client = None
        client.send(GET)
        answer = client.answer()
        assert answer and answer.status == 200, "no answer" if not answer else answer
        if self.kept and (answer["Connection"] or "").lower() != "close":
            self.client = client
        else:
            with client:
                pass


class Streams:
    """HTTP/2, some streams at a time, on one connection until GOAWAY. What comes behind the last stream
    that GOAWAY names was not looked at, and is asked again (RFC 9113 6.8)."""

    def __init__(self, tier, tls):
        self.tier, self.tls = tier, tls
        self.client = None

    def is_behind(self, number):
        return any(number > last for last, _ in self.client.goaways)

    def __call__(self):
        if not self.client:
            self.client = Http2(self.tier, self.tls)
        client = self.client
        asked = [client.ask("/api/x") for _ in range(5)]
        for number in asked:
            client.read_until(lambda: client.of(number).has_ended or self.is_behind(number))
            assert client.of(number).status == 200 or self.is_behind(number)
        if client.goaways:
            assert all(error == 0 for _, error in client.goaways)
            self.client = None
            with client:
                pass


@pytest.fixture
def load(authority):
    """Puts load of every kind on a tier; the end of the test looks at the failures."""
    running = []

    def begin(tier):
        tls, h2 = client_context(authority), http2.context_for(authority)
        kinds = {"kept": Kept(tier, None), "one each": Kept(tier, None, False),
                 "TLS, kept": Kept(tier, tls), "TLS, one each": Kept(tier, tls, False),
                 "HTTP/2": Streams(tier, h2)}
        loads = {name: Load(kind) for name, kind in kinds.items()}
        running.extend(loads.values())
        for one in loads.values():
            one.start()
        more(loads)
        return loads
    yield begin
    for one in running:
        one.is_over.set()
    for one in running:
        one.join(PATIENCE_S)


def more(loads, n=10):
    """Waits until each has had some more answers, and none has failed."""
    before = {name: one.n for name, one in loads.items()}
    until("all are served", lambda: any(one.failures for one in loads.values()) or all(
        one.n >= before[name] + n for name, one in loads.items()))
    assert {name: one.failures for name, one in loads.items() if one.failures} == {}


def descriptors(pid):
    """What a process has open, apart from what it makes itself."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            pass
    return found


@pytest.mark.parametrize("threads", [1, 2])
def test_a_process_is_replaced_under_load_and_no_request_fails(start, load, threads):
    tier = start(limits={"threads": threads, "drain_timeout_ms": 20000})
    loads = load(tier)
    for _ in range(3):
        former = tier.hand_over()
        more(loads)
        assert former.wait(PATIENCE_S) == 0
        more(loads)
    assert "took over" in tier.said()
    tier.await_ready()  # /metrics are the new process's.
    assert tier.figure("weir_draining") == 0


def test_a_successor_is_given_what_it_needs_alone(start):
    tier = start(limits={"drain_timeout_ms": 20000})
    before = len([each for each in descriptors(tier.process.pid) if each.startswith("socket:")])
    with Client(tier) as client:
        client.send(GET)
        assert client.answer().status == 200
        former = tier.hand_over()
        tier.await_ready()
    assert former.wait(PATIENCE_S) == 0

    def settled():
        now = [each for each in descriptors(tier.process.pid) if each.startswith("socket:")]
        return len(now) <= before + 1  # A connection that the check keeps.
    until("no socket is left over", settled)
    with open(f"/proc/{tier.process.pid}/environ", "rb") as file:
        assert b"WEIR_HANDOVER" in file.read()  # As it was started; its own successor gets fresh.


def test_what_is_under_way_is_finished_by_the_former_process(start, authority):
    tier = start(limits={"drain_timeout_ms": 60000})
    body = b"b" * 60000
    with Client(tier) as plain, Client(tier, client_context(authority)) as tls:
        for client in (plain, tls):
            client.send(b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                        % len(body) + body[:1000])
        former = tier.hand_over()
        assert former.poll() is None
        for client in (plain, tls):
            client.send(body[1000:])
            answer = client.answer()
            assert answer.status == 200 and answer.body.endswith(body)
            assert answer["Connection"].lower() == "close"
            assert client.has_ended()
    assert former.wait(PATIENCE_S) == 0


def test_a_successor_that_cannot_start_changes_nothing(start, load):
    tier = start(limits={"drain_timeout_ms": 20000})
    loads = load(tier)
    good = tier.config.read_text()
    tier.config.write_text("nonsense")
    tier.process.send_signal(signal.SIGUSR2)
    until("it is told", lambda: "the new process does not serve: it ended with status 2; this one "
          "goes on" in tier.said())
    more(loads)
    tier.config.write_text(good)
    assert tier.hand_over().wait(PATIENCE_S) == 0
    more(loads)


def test_a_successor_listens_where_its_configuration_says(start):
    tier = start(limits={"drain_timeout_ms": 20000})
    former_port, tier.http = tier.http, free_port()
    text = tier.config.read_text()
    tier.config.write_text(text.replace(f'"http_port": {former_port}',
                                        f'"http_port": {tier.http}'))
    assert tier.hand_over().wait(PATIENCE_S) == 0
    assert tier.get("/digits").status == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", former_port), timeout=PATIENCE_S)


def test_who_is_leaving_is_not_replaced(start):
    tier = start(limits={"drain_timeout_ms": 60000})
    with Client(tier) as client:
        client.send(b"POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1")
        until("it is at work", lambda: tier.figure("weir_http_connections") == 1)
        tier.process.send_signal(signal.SIGTERM)
        until("it drains", lambda: "nothing new is accepted" in tier.said())
        tier.process.send_signal(signal.SIGUSR2)
        until("it is told", lambda: "not handed over: this process is leaving" in tier.said())
        client.send(b"2")
        assert client.answer().status == 200
    assert tier.process.wait(PATIENCE_S) == 0


def test_a_successor_that_is_not_wanted_any_more_ends(start):
    tier = start(limits={"drain_timeout_ms": 20000})
    tier.process.send_signal(signal.SIGUSR2)
    until("it is started", lambda: "anew" in tier.said())
    tier.process.send_signal(signal.SIGTERM)
    assert tier.process.wait(PATIENCE_S) == 0
    told = re.search(r"process (\d+) serves;", tier.said())
    if told:  # It was quicker than the second signal.
        tier.process = Adopted(int(told[1]))
        return

    def nobody_listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", tier.http)) != 0
    until("nobody listens", nobody_listens)


def test_systemd_is_told_who_serves(start, tmp_path):
    """The main process of the service changes: systemd.service(5), Type=notify."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(PATIENCE_S)
        tier = start(starter=("env", f"NOTIFY_SOCKET={tmp_path / 'notify'}"),
                     limits={"drain_timeout_ms": 20000})
        assert listener.recv(4096) == b"READY=1\nMAINPID=%d" % tier.process.pid
        assert tier.hand_over().wait(PATIENCE_S) == 0
        assert listener.recv(4096) == b"READY=1\nMAINPID=%d" % tier.process.pid


# --- The end of a process ---

def test_a_drain_lets_those_at_work_finish_and_says_that_it_ends(start, authority):
    tier = start(limits={"drain_timeout_ms": 60000})
    clients = [Client(tier), Client(tier, client_context(authority))]
    fresh = [Client(tier), Client(tier, client_context(authority))]
    for client in clients:
        client.send(GET)
        assert client.answer().status == 200
    until("all are accepted",
          lambda: tier.figure("weir_http_connections_accepted_total") >= len(clients + fresh))
    tier.process.send_signal(signal.SIGTERM)
    until("it drains", lambda: "nothing new is accepted" in tier.said())
    for client in clients + fresh:  # Idle, or new, when it began.
        client.send(GET)
        answer = client.answer()
        assert answer.status == 200 and answer["Connection"].lower() == "close"
        with client:
            assert client.has_ended()
    assert tier.process.wait(PATIENCE_S) == 0


def test_a_drain_is_announced_to_health_checks_first(folder, authority, app, site):
    """For as long as the pools' checks need: an interval for each failure, one more, a timeout."""
    check = {"name": "c", "type": "http", "path": "/health", "interval_ms": 500, "fall": 3,
             "timeout_ms": 500}
    tier = WebTier(folder, authority, app, limits={"drain_timeout_ms": 60000},
                   more={"checks": [check], "pools": [{"name": "p", "check": "c", "backends": [
                       {"name": "b", "address": "192.0.2.1"}]}]})
    try:
        assert tier.get("/health").status == 200
        tier.process.send_signal(signal.SIGTERM)
        until("health says so", lambda: tier.get("/health").status == 503)
        assert "/health answers 503 for 2500 ms before connections close" in tier.said()
        answer = tier.get("/digits")  # Everything else is served, on new connections too.
        assert answer.status == 200 and not answer["Connection"]
        assert "nothing new is accepted" not in tier.said()
        assert tier.process.wait(PATIENCE_S) == 0
    finally:
        tier.stop()


# --- Sockets that somebody else holds ---

class Held:
    """Listening sockets by name, as systemd holds them for a unit."""

    def __init__(self, *names, family=socket.AF_INET):
        self.names = names
        self.sockets = []
        for _ in names:
            held = socket.socket(family)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            held.bind(("::" if family == socket.AF_INET6 else "127.0.0.1", 0))
            held.listen(4096)
            held.set_inheritable(True)
            self.sockets.append(held)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for held in self.sockets:
            held.close()

    def ports(self):
        return [held.getsockname()[1] for held in self.sockets]

    def starter(self):
        fds = ",".join(str(held.fileno()) for held in self.sockets)
        return ("/usr/bin/env", f"HELD={fds}", f"LISTEN_FDNAMES={':'.join(self.names)}",
                sys.executable, "-c", STARTER)


@pytest.mark.parametrize("threads", [1, 2])
def test_sockets_that_are_held_lose_no_request_over_a_restart(start, load, threads):
    with Held("http", "https", "metrics") as held:
        tier = start(ports=held.ports(), starter=held.starter(),
                     limits={"threads": threads, "drain_timeout_ms": 20000})
        assert "serves on 3 socket(s) of systemd" in tier.said()
        loads = load(tier)
        for _ in range(2):
            tier.process.send_signal(signal.SIGTERM)
            assert tier.process.wait(PATIENCE_S) == 0
            with socket.create_connection(("127.0.0.1", tier.http), timeout=PATIENCE_S) as waiting:
                waiting.sendall(GET)
                assert not is_readable(waiting)
                tier.start_again()
                assert waiting.recv(15) == b"HTTP/1.1 200 OK"
            more(loads)
        assert tier.hand_over().wait(PATIENCE_S) == 0  # They can be handed on, too.
        more(loads)


def test_sockets_without_names_are_known_by_their_ports(start):
    with Held("connection", "", "x") as held:
        tier = start(ports=held.ports(), starter=held.starter())
        assert tier.get("/digits").status == 200


def test_one_socket_serves_both_families_and_names_clients_right(start):
    with Held("http", "https", "metrics", family=socket.AF_INET6) as held:
        tier = start(ports=held.ports(), starter=held.starter())
        body = tier.get("/api/x").body
        assert b"\r\nX-Forwarded-For: 127.0.0.1\r\n" in body
        with socket.create_connection(("::1", tier.http), timeout=PATIENCE_S) as client:
            client.sendall(b"GET /api/x HTTP/1.0\r\nHost: x\r\n\r\n")
            with client.makefile("rb") as reader:
                assert b"\r\nX-Forwarded-For: ::1\r\n" in reader.read()


def test_a_socket_that_nobody_knows_is_refused(start):
    with Held("http", "other", "metrics") as held:
        ports = [held.ports()[0], free_port(), held.ports()[2]]
        tier = start(ready=False, ports=ports, starter=held.starter())
        assert tier.process.wait(PATIENCE_S) == 1
        assert f"has port {held.ports()[1]}, which the cluster file does not name" in tier.said()
        tier.process.returncode = 0


# --- Who it runs as ---

CAPABLE = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
           "--bounding-set=-all")


@pytest.fixture
def readable(folder, authority):
    """A certificate whose key the user nobody can read."""
    pair = authority.issue("www.example.org")
    os.chown(pair[1], 65534, 65534)
    return pair


def user_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        found = dict(line.split(":", 1) for line in file)
    return found["Uid"].split()[0], int(found["CapEff"], 16)


def test_it_serves_low_ports_as_a_user_with_one_right(start, readable, authority, load):
    capable = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
               "--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service")
    tier = start(ports=(80, 443, free_port()), starter=capable, pair=readable,
                 limits={"drain_timeout_ms": 20000})
    assert user_of(tier.process.pid) == ("65534", 1 << 10)
    assert tier.get("/digits", tls=client_context(authority)).status == 200
    loads = load(tier)
    assert tier.hand_over().wait(PATIENCE_S) == 0
    more(loads)


def test_it_says_what_is_missing_to_serve_low_ports(start, readable):
    tier = start(ready=False, ports=(80, 443, free_port()), starter=CAPABLE, pair=readable)
    assert tier.process.wait(PATIENCE_S) == 1
    assert "ports below 1024 need root or CAP_NET_BIND_SERVICE" in tier.said()
    tier.process.returncode = 0


def test_it_needs_no_right_where_the_sockets_are_held(start, readable, load):
    with Held("http", "https", "metrics") as held:
        tier = start(ports=held.ports(), starter=(*CAPABLE, *held.starter()), pair=readable,
                     limits={"drain_timeout_ms": 20000})
        assert user_of(tier.process.pid) == ("65534", 0)
        loads = load(tier)
        assert tier.hand_over().wait(PATIENCE_S) == 0
        more(loads)
        assert user_of(tier.process.pid) == ("65534", 0)
