# SPDX-License-Identifier: BSD-3-Clause
"""Servers that health checks ask, and what stands between them: a relay that makes any of them slow
or silent, and the program that runs the checks of a weir.yaml."""

import os
import queue
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

BUILD = Path(os.environ.get("WEIR_BUILD", Path(__file__).resolve().parents[2] / "build"))
WAIT_S = 60


def until(what, condition, seconds=WAIT_S):
    """Calls 'condition' until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A program that is ended with the test, whatever becomes of that, and all that it started."""

    def __init__(self, *words, **options):
        self.process = subprocess.Popen(
            list(words), stdin=options.pop("stdin", subprocess.DEVNULL), start_new_session=True,
            **options)

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def stop(self):
        """As an overload does: it neither answers nor ends."""
        self.signal(signal.SIGSTOP)

    def go_on(self):
        self.signal(signal.SIGCONT)

    def close(self):
        self.signal(signal.SIGKILL)
        self.process.wait()


class TcpRelay:
    """Passes connections on to a server, its answers later by 'delay_s', or not at all while
    'silent'."""

    def __init__(self, port):
        self.target = port
        self.delay_s = 0
        self.silent = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with client, socket.create_connection(("127.0.0.1", self.target)) as server:
                while True:
                    for source in select.select([client, server], [], [])[0]:
                        data = source.recv(65536)
                        if not data:
                            return
                        if source is server:
                            time.sleep(self.delay_s)
                            if self.silent:
                                continue
                        (client if source is server else server).sendall(data)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class UdpRelay:
    """The same for datagrams."""

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.delay_s = 0
        self.silent = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self):
        while True:
            try:
                data, client = self.socket.recvfrom(65536)
            except OSError:
                return
            threading.Thread(target=self._ask, args=(data, client), daemon=True).start()

    def _ask(self, data, client):
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
                server.settimeout(WAIT_S)
                server.connect(self.target)
                server.send(data)
                answer = server.recv(65536)
            time.sleep(self.delay_s)
            if not self.silent:
                self.socket.sendto(answer, client)
        except OSError:
            pass

    def close(self):
        self.socket.close()


CONFIG = """\
cluster: checks
nodes:
  - name: lb1
    role: lb
    metrics: 127.0.0.1:1
    lb:
      control_socket: c
      admin_socket: a
      ports: [{{name: front, device: net_null0, host_interface: weir0}}]
checks:
  - name: test
    interval_ms: 50
    timeout_ms: {timeout_ms}
    rise: 2
    fall: 2
{keys}
pools:
  - name: p
    check: test
    backends: [{{name: b1, address: '{address}'}}]
"""


class Checks:
    """One check of one backend, as weir-controlplane runs it."""

    def __init__(self, folder, keys, address="127.0.0.1", timeout_ms=5000, prefix=()):
        self.lines = queue.Queue()
        self.seen = []
        path = folder / "weir.yaml"
        path.write_text(CONFIG.format(
            address=address, timeout_ms=timeout_ms,
            keys="".join(f"    {line}\n" for line in keys.strip().splitlines())))
        self.process = Process(
            *prefix, str(BUILD / "tests" / "controlplane" / "health-run"), str(path), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.process.stdout:
            self.lines.put(line.strip().split(" ", 2)[1:])
        self.lines.put(None)

    def next(self):
        """The next result: a verdict and a reason."""
        line = self.lines.get(timeout=WAIT_S)
        assert line, self.process.process.stderr.read()
        self.seen.append(line)
        return line

    def await_result(self, verdict, reason):
        """Waits until the verdict holds, and its last reason contains a text."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            found = self.next()
            if found[0] == verdict and reason in (found[1] if len(found) > 1 else ""):
                return
        raise AssertionError(f"never {verdict} ({reason}): {self.seen[-5:]}")

    def close(self):
        """Ends it as it should end: it frees all that it has."""
        self.process.process.stdin.close()
        try:
            code = self.process.process.wait(timeout=WAIT_S)
        finally:
            self.process.close()
        assert code == 0, self.process.process.stderr.read()
