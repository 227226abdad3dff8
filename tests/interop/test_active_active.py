# SPDX-License-Identifier: BSD-3-Clause
"""Two virtual routers of opposite priorities: both nodes hold one, and one node both when the other is
gone."""

import json
import signal
import subprocess
import sys
import time

import pytest

from conftest import BUILD, REPOSITORY, VIPS, until
from nodes import PATIENCE_S, World, configuration

sys.path.insert(0, str(REPOSITORY / "scripts"))

from lablib import active_active  # noqa: E402  pylint: disable=wrong-import-position


def opposite(text):
    """front6 is better on lb2."""
    head, tail = text.split("  - name: front6\n")
    tail = tail.replace("priority: 200", "priority: ?").replace(
        "priority: 100", "priority: 200").replace("priority: ?", "priority: 100")
    return head + "  - name: front6\n" + tail


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, opposite(configuration()))
    try:
        made.build()
        for node in made.nodes:
            node.begin()
        yield made
    finally:
        made.remove()


def await_shared(world):
    first, second = world.nodes
    until("each holds one", lambda: (first.states(), second.states()) == (
        {"front4": "master", "front6": "backup"}, {"front4": "backup", "front6": "master"}),
        PATIENCE_S)


def test_each_node_holds_one_and_takes_both_when_the_other_dies(world):
    await_shared(world)
    dead, other = world.nodes
    for program in ("control", "dataplane"):
        dead.stop(program, signal.SIGKILL)
    start = time.monotonic()
    until("lb2 holds both", lambda: other.is_all("master"), PATIENCE_S)
    until("and answers", lambda: world.observer.answerers(start) == {
        vip: {other.mac()} for vip in VIPS.values()}, PATIENCE_S)
    dead.begin()
    await_shared(world)


def test_the_labs_configuration_can_be_shared_out(tmp_path):
    text = active_active.split((REPOSITORY / "docs" / "weir.yaml").read_text())
    path = tmp_path / "weir.yaml"
    path.write_text(text)
    done = subprocess.run([BUILD / "controlplane" / "weirctl", "--json", "check", path],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["virtual_routers"] == 4
    assert text.count("{ node: lb1, priority: 100 }") == 2
    assert text.count("{ node: lb2, priority: 200 }") == 2
