# SPDX-License-Identifier: BSD-3-Clause
"""What virtual routers do beside electing: two real nodes with sync groups, tracking, notify commands,
unicast and virtual MAC addresses."""

import time

import pytest

from conftest import VIPS, until
from nodes import PATIENCE_S, World, configuration

# A bridge that a node has or not: a script of the same words says something else on each node.
FLAG = ("scripts:\n"
        "  - { name: flag, command: [/usr/sbin/ip, link, show, dev, flag], interval_ms: 50 }\n")


@pytest.fixture
def make(tmp_path):
    """Makes worlds, and removes them."""
    made = []

    def run(text):
        world = World(tmp_path, text)
        made.append(world)
        world.build()
        for node in world.nodes:
            node.namespace.run("ip link add name flag type bridge")
        world.begin()
        return world
    try:
        yield run
    finally:
        for world in made:
            world.remove()


def of_front4(text, keys):
    return text.replace("  - name: front4\n", f"  - name: front4\n    {keys}\n")


def reasons(node, router, state):
    return [entry["reason"] for entry in node.ctl("history", router) if entry["to"] == state]


def test_a_sync_group_moves_together(make):
    world = make(of_front4(configuration(more="sync_group: both", top=FLAG),
                           "track: [ { script: flag } ]"))
    first = world.nodes[0]
    first.namespace.run("ip link del flag")
    world.await_holder(1)
    assert first.is_all("init")
    assert reasons(first, "front4", "init")[-1] == "script flag: exit status 1"
    assert reasons(first, "front6", "init")[-1] == "script flag: exit status 1"
    first.namespace.run("ip link add name flag type bridge")
    world.await_holder(0)
    # A router that has nothing of its own follows the other.
    assert first.ctl("failover", "front6") is not None
    world.await_holder(1)


def test_a_weight_lets_the_other_node_take_over_and_back(make):
    world = make(of_front4(configuration(top=FLAG), "track: [ { script: flag, weight: 150 } ]"))
    first, second = world.nodes
    first.namespace.run("ip link del flag")
    until("front4 moves", lambda: second.states() == {"front4": "master", "front6": "backup"},
          PATIENCE_S)
    assert first.states() == {"front4": "backup", "front6": "master"}
    assert first.routers()["front4"]["priority"] == 50
    first.namespace.run("ip link add name flag type bridge")
    world.await_holder(0)


def test_notify_commands_are_told_of_transitions(make, tmp_path):
    script = tmp_path / "notify"
    script.write_text('#!/bin/sh\necho "$1 $2 $3 $4 $WEIR_NODE: $WEIR_WHY" >>"$0.$WEIR_NODE"\n'
                      'exec sleep 0.01\n')
    script.chmod(0o755)
    world = make(configuration(more="notify: [./notify, word]"))

    def told(node):
        path = tmp_path / f"notify.{node}"
        return path.read_text().splitlines() if path.exists() else []
    until("lb1 is told", lambda: len(told("lb1")) == 4, PATIENCE_S)
    for name in VIPS:
        mine = [line for line in told("lb1") if line.split()[1] == name]
        assert mine[0] == f"word {name} init backup lb1: ready"
        assert mine[1].startswith(f"word {name} backup master lb1: ")
    world.nodes[0].stop("control")
    until("its end is told", lambda: sum(" master init lb1: shutdown" in line
                                         for line in told("lb1")) == 2, PATIENCE_S)


def test_adverts_go_to_single_peers(make):
    world = make(configuration(unicast=True))
    assert {router["master_address"] for router in world.nodes[1].routers().values()} == \
        {"10.77.1.11", "fd77:1::11"}
    world.nodes[0].stop("control")
    world.await_holder_alone(1)
    world.nodes[0].start_control()
    world.await_holder(0)


def test_a_virtual_mac_stays_the_same_in_a_takeover(make):
    world = make(configuration(more="mac: virtual"))
    macs = {VIPS["front4"]: {"00:00:5e:00:01:33"}, VIPS["front6"]: {"00:00:5e:00:02:3d"}}

    def port_of(mac):
        lines = world.switch.run("bridge fdb show br br0").splitlines()
        return [line.split()[2] for line in lines if line.startswith(mac)]
    until("the switch learns it", lambda: port_of("00:00:5e:00:01:33") == ["p1"], PATIENCE_S)
    start = time.monotonic()
    world.nodes[0].stop("control")
    world.await_holder_alone(1)
    until("the switch learns it anew", lambda: port_of("00:00:5e:00:01:33") == ["p2"],
          PATIENCE_S)
    until("it is answered", lambda: world.observer.answerers(start) == macs, PATIENCE_S)
