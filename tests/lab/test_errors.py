# SPDX-License-Identifier: BSD-3-Clause
"""scripts/lab says what is wrong and what to do, and leaves nothing half made. No lab is up."""

import os
import pty
import re
import socket
import subprocess

import pytest

from conftest import REPOSITORY, UP_S
from lablib import namespaces, paths, topology

LAB = REPOSITORY / "scripts" / "lab"


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, timeout=UP_S, check=False,
                          stdin=subprocess.DEVNULL)


def test_without_root_it_says_so():
    refused = run("setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-B",
                  "-c", "import sys; sys.path.insert(0, sys.argv[1])\n"
                  "from lablib.cli import main; sys.exit(main(['up']))", REPOSITORY / "scripts")
    assert refused.returncode == 1
    assert "needs root" in refused.stderr


@pytest.mark.parametrize("words, said", [
    (["fly"], "no command 'fly'"),
    (["kill"], "usage: scripts/lab kill NODE"),
    (["kill", "lb9"], "the nodes are dns, lb1, lb2"),
    (["status", "--xml"], "unknown option '--xml'"),
])
def test_a_wrong_command_line_is_explained(words, said):
    refused = run(LAB, *words)
    assert refused.returncode == 2
    assert said in refused.stderr


@pytest.mark.parametrize("words", [["kill", "lb1"], ["heal", "lb1"], ["failover"],
                                   ["client", "true"], ["ctl", "lb1", "status"]])
def test_without_a_lab_there_is_nothing_to_do(words):
    refused = run(LAB, *words)
    assert refused.returncode == 1
    assert "scripts/lab up" in refused.stderr


def test_without_tap_devices_it_says_so():
    refused = run("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$0" up',
                  LAB)
    assert refused.returncode == 1
    assert "cannot open /dev/net/tun" in refused.stderr
    assert "modprobe tun" in refused.stderr
    assert not paths.LAB.exists()


def test_a_busy_port_is_named_and_nothing_is_started():
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        busy.bind(topology.PAGE_ADDRESS)
        busy.listen()
        refused = run(LAB, "up")
    assert refused.returncode == 1
    assert f"port {topology.PAGE_ADDRESS[1]}" in refused.stderr
    assert not namespaces.existing()
    assert not paths.LAB.exists()


def test_up_whose_terminal_goes_away_cleans_up():
    """As when the connection to the machine breaks: a hangup, and nobody reads any more."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(LAB, [str(LAB), "up"])
    shown = b""
    try:
        while b"databases ..." not in shown:
            shown += os.read(terminal, 4096)
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) != 0
    assert not namespaces.existing()
    assert not paths.LAB.exists()


def test_the_sample_configuration_names_the_labs_addresses():
    text = (REPOSITORY / "docs" / "weir.yaml").read_text(encoding="utf-8")
    named = set(re.findall(r"\b10\.77\.\d+\.\d+\b", text))
    known = {network.ipv4(node.host) for node in topology.NODES for network in node.networks}
    known |= {topology.FRONT.ipv6(node.host) for node in topology.NODES}
    known |= {address for role in ("lb", "web") for node in topology.nodes_of(role)
              for address in node.second_addresses}
    known |= {*topology.HELD, *topology.LOCALS, *topology.TUNNEL_SOURCES}
    named |= set(re.findall(r"fd77:1::\d+", text))
    assert named <= known
    assert named >= set(topology.HELD)
