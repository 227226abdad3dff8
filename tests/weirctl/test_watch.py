# SPDX-License-Identifier: BSD-3-Clause
"""'--watch' on a node that runs."""

import contextlib
import itertools
import json
import signal
import subprocess

import pytest

from conftest import PATIENCE_S, packet
from terminal import Terminal

client_ports = itertools.count(10000)


@contextlib.contextmanager
def watching(node, *words):
    process = subprocess.Popen(node.command(*words), stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


@pytest.mark.parametrize("command", ["status", "services", "backends", "flows", "stats", "sync",
                                     "history"])
def test_every_list_is_a_line_of_json_each_time(node, command):
    with watching(node, command, "--json", "--watch", "0.1") as process:
        first, second = (json.loads(process.stdout.readline()) for _ in range(2))
        assert type(first) is type(second) and bool(first) == bool(second)


def test_rates_are_what_has_been_sent(node):
    with watching(node, "services", "http4", "--json", "--watch=0.2") as process:
        before = json.loads(process.stdout.readline())[0]
        assert "packets_per_s" not in before
        node.send(*(packet(next(client_ports)) for _ in range(10)))
        rates = []
        while True:
            now = json.loads(process.stdout.readline())[0]
            rates.append(now["packets_per_s"])
            if now["packets"] >= before["packets"] + 10:
                break
        assert now["packets"] == before["packets"] + 10
        assert now["new_flows"] == before["new_flows"] + 10
        assert rates[-1] > 0 and all(rate >= 0 for rate in rates)


def test_on_a_terminal_each_view_is_over_the_one_before(node):
    with contextlib.closing(Terminal(node.command("backends", "--watch", "0.2"),
                                     rows=10, columns=100)) as terminal:
        terminal.expect_text("NEW FLOWS/S  PACKE")
        lines = terminal.lines()
        assert lines[0].endswith("every 0.2 s: weirctl backends")
        assert sum("BACKEND" in line for line in lines) == 1
        assert [line.split()[:2] for line in lines[3:6]] == [
            ["web4", "b1"], ["web4", "b2"], ["one4", "b1"]]
        terminal.type("\x03")
        assert terminal.wait() == -signal.SIGINT


def test_a_node_that_never_answered_ends_it(tmp_path):
    from conftest import WEIRCTL  # pylint: disable=import-outside-toplevel
    done = subprocess.run([WEIRCTL, "--socket", tmp_path / "none", "status", "--watch"],
                          capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 1 and "start weir-controlplane on this node" in done.stderr
