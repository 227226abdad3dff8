# SPDX-License-Identifier: BSD-3-Clause
"""Active-active: each load balancer holds addresses of its own, and the other's when that one is
gone.

The tests run in this order in one lab; each leaves it healthy."""

import json

from conftest import PATIENCE_S
from lablib import topology
from lablib.waiting import until

UP_OPTIONS = ("--active-active",)
LONGEST_GAP_MS = 3000  # What a client may miss when its owner dies: a busy machine.

# Which address is whose while both live.
WHOLE = {**dict.fromkeys(topology.HELD, "lb1"), **dict.fromkeys(topology.OTHER.vips, "lb2")}


def at(address):
    """What has the client's curl ask at an address."""
    return "--resolve", f"{topology.SITE}:443:" + (f"[{address}]" if ":" in address else address)


def sent(lab, node, service):
    """Packets that a load balancer has sent for a service."""
    services = json.loads(lab.ok("ctl", node, "--json", "services"))
    return sum(row["packets"] for row in services if row["name"] == service)


def await_owners(lab, owners):
    until("the addresses are where they belong", lambda: lab.owners() == owners, PATIENCE_S)


def test_each_load_balancer_holds_its_own_and_dns_answers_both(whole):
    await_owners(whole, WHOLE)
    state = whole.status()
    assert state["healthy"] and state["active_active"]
    lines = [line.split() for line in whole.ok("status").splitlines()]
    for vip, owner in ((topology.VIP4, "lb1"), (topology.OTHER.vips[0], "lb2")):
        assert [vip, owner, topology.SITE] in lines
    for family, (first, other) in zip(("A", "AAAA"), zip(topology.VIPS, topology.OTHER.vips)):
        answer = whole.ok("client", "dig", "+short", family, topology.SITE)
        assert set(answer.split()) == {first, other}


def test_both_serve_at_once(whole):
    services = {"lb1": "https4", "lb2": "other-https4"}
    before = {node: sent(whole, node, service) for node, service in services.items()}
    for address in (*topology.VIPS, *topology.OTHER.vips):
        assert whole.curl(*at(address), f"{whole.url}/")[0] == 200
    until("each has sent what its service got", lambda: all(
        sent(whole, node, service) > before[node] for node, service in services.items()),
        PATIENCE_S)


def test_the_survivor_of_a_death_holds_both_and_gives_back(whole, poll):
    await_owners(whole, WHOLE)
    with poll("/", address=topology.VIP4) as lost, \
            poll("/", timeout_ms=5000, address=topology.OTHER.vips[0]) as kept:
        whole.ok("kill", "lb1")
        await_owners(whole, dict.fromkeys(WHOLE, "lb2"))
        assert lost.await_successes(50)["longest_gap_ms"] < LONGEST_GAP_MS
        totals = kept.await_successes(50)
    assert totals["failed"] == 0, totals
    with poll("/", timeout_ms=5000, address=topology.VIP4) as poller:
        whole.ok("heal", "lb1")
        await_owners(whole, WHOLE)
        totals = poller.await_successes(50)
    assert totals["failed"] == 0, totals


def test_one_hands_over_on_request_and_the_routers_go_back_one_by_one(whole, poll):
    await_owners(whole, WHOLE)
    refused = whole.run("failover")
    assert refused.returncode == 1
    assert "failover lb1" in refused.stderr
    with poll("/", timeout_ms=5000, address=topology.VIP4) as poller:
        whole.ok("failover", "lb1")
        await_owners(whole, dict.fromkeys(WHOLE, "lb2"))
        for router in ("front4", "front6"):
            whole.ok("ctl", "lb2", "failover", router)
        await_owners(whole, WHOLE)
        totals = poller.await_successes(50)
    assert totals["failed"] == 0, totals


def test_up_again_keeps_the_shape(whole):
    assert topology.OTHER.vips[0] in whole.ok("up")
    assert whole.status()["active_active"]
