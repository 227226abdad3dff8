# SPDX-License-Identifier: BSD-3-Clause
"""What is done to single nodes: start, kill, heal, fail over, read logs."""

from lablib import daemons, facts, host, lock, mariadb, paths, processes, snapshot, topology, waiting
from lablib.errors import LabError
from lablib.health import await_database, await_healthy
from lablib.progress import say, step

TAKEOVER_S = 30  # The other load balancer needs far less.


def require_lab():
    if not host.stands():
        raise LabError("no lab is up", "start it: scripts/lab up")


def start(node):
    """Starts what is missing of a node; a database server also takes its role again."""
    started = daemons.start(node)
    if started:
        say("started " + ", ".join(process.name for process in started))
    if started and node.role == "db":
        await_database(node)
        mariadb.take_role(node)
    return started


def _await_new_owners(before):
    """Waits until each address has an owner other than the one in 'before'; returns the owners.

    An address that has moved may move back, to a load balancer that is preferred."""
    moved = {}

    def not_moved():
        for address, owner in snapshot.owners().items():
            if owner and owner != before.get(address):
                moved.setdefault(address, owner)
        return [f"{address} is still with {owner}" for address, owner in before.items()
                if address not in moved]

    waiting.until_none("the addresses have moved", not_moved, TAKEOVER_S)
    return moved


def _say_moves(before, after):
    """One line for all that have gone the same way."""
    moves = {}
    for address, owner in before.items():
        moves.setdefault(f"{owner} -> {after[address]}", []).append(address)
    for move, addresses in moves.items():
        say(f"{move}: {' '.join(addresses)}")


def _report_takeover(before):
    """Says where addresses have gone whose owners in 'before' were killed."""
    others = [node for node in topology.nodes_of("lb") if node.name not in before.values()]
    if not before or not any(process.pid() for node in others
                             for process in processes.of_node(node)):
        return
    _say_moves(before, _await_new_owners(before))


def kill(node):
    """Ends the node's processes as a loss of power would."""
    require_lab()
    with lock.held(f"kill {node.name}"):
        before = snapshot.owners() if node.role == "lb" else {}
        ended = processes.kill(processes.of_node(node))
        processes.sweep([node.namespace])
    names = ", ".join(process.program for process in ended)
    say(f"{node.name}: killed {names}" if names else f"{node.name}: nothing was running")
    _report_takeover({address: owner for address, owner in before.items() if owner == node.name})


def heal(node):
    """Starts what is missing of the node and waits until its neighbours find it healthy."""
    require_lab()
    with lock.held(f"heal {node.name}"):
        if not start(node):
            say(f"{node.name}: everything is running")
        with step(f"waiting until {node.name} is healthy"):
            await_healthy(node)


def failover(node=None):
    """Asks the load balancer that holds addresses, or 'node', to hand all of its addresses over."""
    require_lab()
    before = {address: owner for address, owner in snapshot.owners().items()
              if owner and (node is None or owner == node.name)}
    holders = sorted(set(before.values()))
    if not before:
        raise LabError(f"{node.name if node else 'no load balancer'} holds "
                       f"{'no' if node else 'an'} address", "look at: scripts/lab status")
    if len(holders) > 1:
        raise LabError("both load balancers hold addresses",
                       "say which is to hand its over: scripts/lab failover lb1")
    snapshot.weirctl(topology.NODE[holders[0]], "failover")
    _say_moves(before, _await_new_owners(before))


def promote(node=None):
    """Makes a replica the primary. A primary that is silent is ended first: that is its fence."""
    require_lab()
    with lock.held("promote"):
        old = topology.NODE[mariadb.primary()]
        target = node or topology.NODE[mariadb.replica()]
        fenced = []
        if not mariadb.answers(old):
            processes.kill(processes.of_node(old))
            processes.sweep([old.namespace])
            fenced = ["--fenced"]
        said = mariadb.database("promote", *fenced, target.name)
        facts.write(primary=target.name)
    say(said.rstrip())


def logs_of(node):
    """The log files that a node's programs write."""
    files = [process.log for process in processes.of_node(node)]
    files.append(paths.LOGS / f"access-{node.name}.log")
    found = [path for path in files if path.exists()]
    if not found:
        raise LabError(f"{node.name} has written no log yet")
    return found
