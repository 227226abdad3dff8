# SPDX-License-Identifier: BSD-3-Clause
"""Two real nodes, and what a client sees of them while processes die, stop and go on, and the network
between them is cut: who answers for the virtual addresses.

The bounds are those of docs/failover.md; the scheduling of a busy machine is added to them, not to
what they prove: an overlap without a bound would be seconds long here."""

import signal
import time

import pytest

from conftest import mute, unmute, until
from nodes import ADVERT_S, PATIENCE_S, make_world

SLACK_S = 0.5  # The machine may be busy.


@pytest.fixture
def world(tmp_path):
    made = make_world(tmp_path)
    try:
        yield made
    finally:
        made.remove()


def settle(world, index, since):
    """One node holds and answers, and has announced it since the given time."""
    world.await_holder(index)
    world.await_answers_of(index, time.monotonic())
    world.await_announcement(index, since)


def pass_time(seconds):
    """Faults last for some adverts."""
    start = time.monotonic()
    until("time passes", lambda: time.monotonic() - start > seconds, seconds + 5)


def test_a_killed_control_plane_lets_its_addresses_go_before_the_peer_takes_them(world):
    start = time.monotonic()
    world.nodes[0].stop("control", signal.SIGKILL)
    until("lb2 is master", lambda: world.nodes[1].is_all("master"), PATIENCE_S)
    world.await_answers_of(1, time.monotonic())
    world.await_announcement(1, start)
    # The lease ends before the peer's patience does.
    assert world.observer.overlap(start) <= SLACK_S
    back = time.monotonic()
    world.nodes[0].start_control()
    settle(world, 0, back)
    assert world.observer.overlap(back) <= ADVERT_S + SLACK_S


def test_a_killed_dataplane_is_replaced_and_comes_back(world):
    start = time.monotonic()
    world.nodes[0].stop("dataplane", signal.SIGKILL)
    settle(world, 1, start)
    assert world.observer.overlap(start) == 0
    back = time.monotonic()
    world.nodes[0].start_dataplane()
    settle(world, 0, back)
    assert world.observer.overlap(back) <= ADVERT_S + SLACK_S


@pytest.mark.parametrize("programs", [("control",), ("dataplane",), ("dataplane", "control")],
                         ids=["control", "dataplane", "machine"])
def test_what_was_stopped_and_goes_on_does_not_dispute_its_successor(world, programs):
    start = time.monotonic()
    world.nodes[0].send(signal.SIGSTOP, *programs)
    until("lb2 is master", lambda: world.nodes[1].is_all("master"), PATIENCE_S)
    world.await_answers_of(1, time.monotonic())
    pass_time(1)
    assert world.observer.overlap(start) <= SLACK_S
    back = time.monotonic()
    world.nodes[0].send(signal.SIGCONT, *programs)
    # It follows first, and preempts when it has been well for its delay.
    until("lb1 follows", lambda: [entry for entry in world.nodes[0].ctl("history") or []
                                  if entry["to"] == "backup"][-2:], PATIENCE_S)
    settle(world, 0, back)
    assert world.observer.overlap(back) <= ADVERT_S + SLACK_S
    # And for as long as the delay lasts the successor was not disturbed.
    delay = [frame for frame in world.observer.seen(since=back) if frame["at"] < back + 0.25]
    assert {frame["mac"] for frame in delay} == {world.nodes[1].mac()}


def test_a_stop_that_nobody_noticed_has_no_consequences(world):
    start, n_stops = time.monotonic(), 0
    while n_stops < 5:
        stopped = time.monotonic()
        world.nodes[0].send(signal.SIGSTOP)
        pass_time(ADVERT_S / 2)
        world.nodes[0].send(signal.SIGCONT)
        n_stops += 1
        if time.monotonic() - stopped > 2 * ADVERT_S:  # A busy machine made it a stop to be noticed.
            pass_time(3 * ADVERT_S)
            world.await_holder(0)
            world.await_answers_of(0, time.monotonic())
            start, n_stops = time.monotonic(), 0
        pass_time(3 * ADVERT_S)
    assert world.nodes[0].is_all("master")
    assert world.observer.answerers(start) == \
        {vip: {world.nodes[0].mac()} for vip in world.observer.answerers(start)}


def test_nodes_that_cannot_hear_each_other_end_with_one_holder(world):
    world.isolate(True)
    until("lb2 is master too", lambda: world.nodes[1].is_all("master"), PATIENCE_S)
    assert world.nodes[0].is_all("master")
    healed = time.monotonic()
    world.isolate(False)
    settle(world, 0, healed)
    # Within an advert of the healing, whatever was before it.
    late = [frame for frame in world.observer.seen(since=healed + ADVERT_S + SLACK_S)
            if frame["mac"] == world.nodes[1].mac()]
    assert not late


def test_where_adverts_are_lost_one_way_the_one_that_hears_yields(world):
    start = time.monotonic()
    mute(world.switch, "p1")
    settle(world, 1, start)
    reasons = [entry["reason"] for entry in world.nodes[0].ctl("history")
               if entry["from"] == "master"]
    assert all("does not hear this node" in reason for reason in reasons) and reasons
    # Six adverts after the other became master.
    assert world.observer.overlap(start) <= 6 * ADVERT_S + SLACK_S
    unmute(world.switch)
    # It is tried again only after a minute; if the other goes, at once.
    pass_time(0.5)
    assert world.nodes[1].is_all("master")
    gone = time.monotonic()
    world.nodes[1].stop("control")
    until("lb1 is master", lambda: world.nodes[0].is_all("master"), PATIENCE_S)
    world.await_announcement(0, gone)


def test_a_lost_link_is_a_fault_and_its_return_waits_for_the_delay(world):
    start = time.monotonic()
    world.switch.run("ip link set p1 down")
    until("lb2 is master", lambda: world.nodes[1].is_all("master"), PATIENCE_S)
    until("lb1 is out", lambda: world.nodes[0].is_all("init"), PATIENCE_S)
    reasons = {entry["reason"] for entry in world.nodes[0].ctl("history")
               if entry["to"] == "init"}
    assert any("no link" in reason for reason in reasons)
    world.await_announcement(1, start)
    back = time.monotonic()
    world.switch.run("ip link set p1 up")
    settle(world, 0, back)
    assert world.observer.overlap(back) <= ADVERT_S + SLACK_S


def test_a_clean_stop_leaves_no_gap(world):
    start = time.monotonic()
    assert world.nodes[0].stop("control") == 0
    until("lb2 is master", lambda: world.nodes[1].is_all("master"), PATIENCE_S)
    world.await_answers_of(1, time.monotonic())
    for vip in world.observer.answerers(start):
        times = [frame["at"] for frame in world.observer.seen(since=start)
                 if frame["vip"] == vip]
        gaps = [b - a for a, b in zip(times, times[1:])]
        assert max(gaps) < ADVERT_S + SLACK_S
