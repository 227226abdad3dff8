# SPDX-License-Identifier: BSD-3-Clause
"""Slow start in the real control plane: what it tells a dataplane while a backend goes and comes."""

import json
import os
import signal
import socket
import subprocess
import threading

import pytest

from harness import BUILD, ENVIRONMENT, ROOT, Namespace, wait_until

PROGRAM = os.path.join(ROOT, BUILD, "controlplane", "weir-controlplane")
CONFIG = """
cluster: test
nodes:
  - name: lb1
    role: lb
    metrics: 127.0.0.1:9100
    lb:
      control_socket: {folder}/control.sock
      admin_socket: {folder}/admin.sock
      ports: [{{name: front, device: none, host_interface: lo}}]
checks:
  - {{name: connect, type: tcp, port: 8080, interval_ms: 20, timeout_ms: 500, rise: 1, fall: 1}}
pools:
  - name: web
    check: connect
    slow_start_s: 1
    backends:
      - {{name: b1, address: 10.9.0.41, weight: 50}}
      - {{name: b2, address: 10.9.0.42}}
"""


class Notes:
    """A dataplane that accepts everything and notes the states it is given."""

    def __init__(self, path):
        self.states = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen()
        self.connection = None
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        answers = {"hello": {"version": 1, "node": "lb1", "ports": []},
                   "ready": {"ready": True, "waiting": []}}
        try:
            self.connection, _ = self.listener.accept()
            for line in self.connection.makefile("rb"):
                request = json.loads(line)
                if request["method"] == "state":
                    self.states.append(request["params"])
                answer = {"id": request["id"], "result": answers.get(request["method"], {})}
                self.connection.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            pass

    def backends(self):
        """(up, weight) of b1 and b2 in each state, repetitions left out."""
        seen = []
        for state in self.states:
            now = [(b["up"], b["weight"]) for b in state["pools"][0]["backends"]]
            if not seen or seen[-1] != now:
                seen.append(now)
        return seen

    def close(self):
        for sock in (self.connection, self.listener):
            if sock:
                sock.shutdown(socket.SHUT_RDWR)
                sock.close()
        self.thread.join(5)


def listen(namespace, address):
    sock = namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, 8080))
    sock.listen(100)
    return sock


@pytest.fixture
def namespace():
    namespace = Namespace("cp")
    try:
        for address in ("10.9.0.41", "10.9.0.42"):
            namespace.ip("addr", "add", address + "/32", "dev", "lo")
        yield namespace
    finally:
        namespace.close()


def test_a_backend_that_comes_back_gets_its_weight_step_by_step(namespace, tmp_path):
    config = tmp_path / "weir.yaml"
    config.write_text(CONFIG.format(folder=tmp_path), encoding="ascii")
    notes = Notes(str(tmp_path / "control.sock"))
    backends = {address: listen(namespace, address) for address in ("10.9.0.41", "10.9.0.42")}
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            namespace.command(PROGRAM, "--config", str(config), "--node", "lb1"),
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        # The first verdict is no coming back.
        wait_until(lambda: [(True, 50), (True, 100)] in notes.backends(), "both backends up")
        assert {weights for state in notes.backends() for _, weights in state} == {50, 100}
        backends["10.9.0.42"].close()
        wait_until(lambda: notes.backends()[-1] == [(True, 50), (False, 100)], "b2 down")
        n_before = len(notes.backends())
        backends["10.9.0.42"] = listen(namespace, "10.9.0.42")
        wait_until(lambda: notes.backends()[-1] == [(True, 50), (True, 100)], "b2 whole again")
        ramp = [state[1] for state in notes.backends()[n_before:]]
        weights = [weight for _, weight in ramp]
        assert all(up for up, _ in ramp)
        # On a busy machine steps may be skipped, but the first is always seen, and none comes twice.
        assert weights[0] == 10 and weights[-1] == 100
        assert weights == sorted(set(weights)) and not set(weights) - set(range(10, 101, 10))
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(20)
        notes.close()
        for sock in backends.values():
            sock.close()
    assert status == 0, (tmp_path / "log").read_text(encoding="utf-8", errors="replace")
