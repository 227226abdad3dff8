# SPDX-License-Identifier: BSD-3-Clause
"""Waits until the lab, or one node of it, is healthy."""

from lablib import mariadb, processes, snapshot, waiting
from lablib.errors import LabError

HEALTHY_S = 120  # The longest until everybody has started and finds everybody else healthy.


def _raise_if_dead(among):
    """A program that was started and runs no more ends the wait: its log says why."""
    dead = [process for process in among if process.was_started() and process.pid() is None]
    if dead:
        raise LabError(" and ".join(process.name for process in dead) + " died at start",
                       *(process.log_tail() for process in dead))


def await_healthy(node=None):
    """Waits until the node, or everything, is healthy."""
    among = processes.of_node(node) if node else processes.of_all()
    last = []

    def problems():
        _raise_if_dead(among)
        last[:] = snapshot.collect().problems(node)
        return last

    def logs():
        named = [process for process in among
                 if any(process.node.name in problem for problem in last)]
        return [process.log_tail() for process in named]

    what = f"{node.name} is healthy" if node else "everything is healthy"
    waiting.until_none(what, problems, HEALTHY_S, logs)


def await_database(node):
    """Waits until a database server answers root on its socket."""
    among = processes.of_node(node)

    def problems():
        _raise_if_dead(among)
        return [] if mariadb.answers(node) else ["it does not answer on its socket yet"]

    waiting.until_none(f"{node.name} is ready", problems, HEALTHY_S,
                       lambda: [process.log_tail() for process in among])
