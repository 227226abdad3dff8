# SPDX-License-Identifier: BSD-3-Clause
"""More or fewer nodes of a tier, while the lab works: they are real machines of the picture, and the
others learn of them as in any cluster, by an edited weir.yaml and a reload."""

import re
import shutil
import signal

from lablib import (daemons, dns, facts, lock, namespaces, nodes, paths, processes, shape, snapshot,
                    topology, waiting)
from lablib.errors import LabError
from lablib.health import await_answering, await_healthy
from lablib.progress import say, step

STOP_S = 10  # A node that leaves finishes what it has; the tiers have 5 s for that.
DRAIN_S = 10  # How long connections to a web node that leaves may take to end.
RELOADING = ("webtier", "monitor")  # Told by SIGHUP; the control planes are told by weirctl.


def _write_config(draining=()):
    text = shape.configuration(shape.is_active_active())
    for node in draining:
        text = re.sub(rf"(name: {node.name}, address: [^,]+, weight: )\d+", r"\g<1>0", text)
    temporary = paths.CONFIG.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(paths.CONFIG)  # Nobody ever reads half a file.


def _say_plan(plan):
    for change in plan["changes"]:
        mark = {"added": "+", "removed": "-"}.get(change["action"], "~")
        say(f"  {mark} {change['path']}")


def reload_all():
    """Has everybody who runs take weir.yaml again; returns the plans of the load balancers."""
    plans = [snapshot.weirctl(node, "reload") for node in topology.nodes_of("lb")]
    for process in processes.of_all():
        if process.program in RELOADING:
            process.signal(signal.SIGHUP)
    return plans


def _grow(role, added):
    with step("making " + " ".join(node.name for node in added)):
        for node in added:
            namespaces.add(node)
            if "nsd" in node.programs:
                dns.make_server(node)
        _write_config()
        for node in added:
            daemons.start(node)
        for node in added:
            await_answering(node)
    say("reloading:")
    _say_plan(reload_all()[0])


def flows_to(node):
    """Connections to it that the load balancers know as open."""
    total = 0
    for balancer in topology.nodes_of("lb"):
        answer = snapshot.weirctl(balancer, "flows", "--backend", node.name, "--state",
                                  "established", "--limit", "1")
        total += answer["total"]
    return total


def _drain(leaving):
    """Web nodes get no new connections; those that they have may end."""
    _write_config(draining=leaving)
    reload_all()
    try:
        waiting.until_none("connections have ended", lambda: [
            f"{node.name} still has some" for node in leaving if flows_to(node)], DRAIN_S)
    except LabError:
        say(f"not all connections have ended within {DRAIN_S} s: they are cut off")


def _shrink(role, leaving, counts):
    if role == "web":
        with step("draining " + " ".join(node.name for node in leaving)):
            _drain(leaving)
    topology.set_scale(counts)
    _write_config()
    say("reloading:")
    _say_plan(reload_all()[0])
    with step("ending " + " ".join(node.name for node in leaving)):
        _await_unused(role, leaving)
        for node in leaving:
            processes.stop(processes.of_node(node), STOP_S)
            namespaces.remove_one(node)
            shutil.rmtree(paths.node_folder(node), ignore_errors=True)


def _await_unused(role, leaving):
    """Web nodes must have taken the file in which the app nodes are not, before these end."""
    if role != "app":
        return

    def known():
        return [f"{web.name} still sends to {node.name}" for web in topology.nodes_of("web")
                for node in leaving if node.name in snapshot.node_state(web).sees]

    waiting.until_none("the web nodes let go", known, DRAIN_S)


def scale(role, number):
    """Brings the tier to so many nodes."""
    nodes.require_lab()
    with lock.held(f"scale {role} {number}"):
        counts = dict(topology.scale())
        before = counts[role]
        counts[role] = number
        if number == before:
            say(f"there are {number} {role} nodes already")
            return
        if number > before:
            topology.set_scale(counts)
            # Noted first, so that `down` finds all that there may be.
            facts.write(scale=counts)
            _grow(role, [topology.NODE[f"{role}{n}"] for n in range(before + 1, number + 1)])
        else:
            leaving = [topology.NODE[f"{role}{n}"] for n in range(number + 1, before + 1)]
            _shrink(role, leaving, counts)
            facts.write(scale=counts)
        with step("waiting until all are healthy"):
            await_healthy()
    say(f"{counts['web']} web nodes and {counts['app']} app nodes")
