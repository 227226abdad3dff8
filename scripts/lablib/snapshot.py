# SPDX-License-Identifier: BSD-3-Clause
"""The lab's state at one moment, from those who know it: processes, weirctl, /health, /metrics,
the C library's resolver and SQL. Waiting, `status` and the checks after `up` all look at this."""

import http.client
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from lablib import dns, mariadb, namespaces, paths, processes, shape, topology
from lablib.command import run
from lablib.errors import LabError

PROBE_TIMEOUT_S = 1
SAMPLE = re.compile(r"^(\w+)\{([^}]*)\}\s+(\S+)", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass
class NodeState:
    """What one node says of itself and of those it depends on."""

    node: topology.Node
    state: str  # up: all its programs run and answer. down: none runs. failing: in between.
    detail: str
    sees: dict = field(default_factory=dict)  # Node name -> whether this node finds it up.
    holds: list = field(default_factory=list)  # Virtual addresses it says it owns.

    def as_json(self):
        programs = [{"name": process.program, "pid": process.pid(), "log": str(process.log)}
                    for process in processes.of_node(self.node)]
        return {"name": self.node.name, "role": self.node.role, "state": self.state,
                "detail": self.detail, "processes": programs}


@dataclass
class Edge:
    """One arrow of the picture, as the node at its tail sees the node at its head."""

    tail: str
    head: str
    state: str  # up, down, or unknown when the tail does not tell.

    def as_json(self):
        return {"from": self.tail, "to": self.head, "state": self.state}


def _get(address, port, path):
    """The status and the body of an HTTP answer; (0, why) without one."""
    connection = http.client.HTTPConnection(address, port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error) or type(error).__name__
    finally:
        connection.close()


def _get_in(node, address, port, path):
    return namespaces.inside(node.namespace, _get, address, port, path)


def _samples(text, metric, label):
    """The values of a metric by one of its labels."""
    found = {}
    for name, labels, value in SAMPLE.findall(text):
        if name == metric:
            found[dict(LABEL.findall(labels)).get(label)] = float(value)
    return found


def metric(node, network, name):
    """The sum of all samples of a metric that a node serves; raises an error if it serves none."""
    text = _get_in(node, network.ipv4(node.host), topology.METRICS_PORT, "/metrics")[1]
    values = re.findall(rf"^{name}(?:{{[^}}]*}})?\s+(\S+)", text, re.MULTILINE)
    if not values:
        raise LabError(f"{node.name} serves no {name}", text[:200])
    return sum(map(float, values))


def _answers_health(node, address, port, metric, label):
    """Asks a tier for its health, and for the health of those behind it."""
    status, body = _get_in(node, address, port, "/health")
    metrics = _get_in(node, address, topology.METRICS_PORT, "/metrics")[1]
    sees = {name: value == 1 for name, value in _samples(metrics, metric, label).items()}
    if status == 200:
        return NodeState(node, "up", "healthy", sees)
    what = f"/health answers {status}" if status else f"/health does not answer: {body}"
    return NodeState(node, "failing", what, sees)


def weirctl(node, *words):
    """What weirctl says about a load balancer, as JSON."""
    text = run([paths.WEIRCTL, "--config", paths.CONFIG, "--node", node.name, "--json", *words],
               timeout_s=5)
    return json.loads(text)


def _lb(node):
    try:
        status = weirctl(node, "status")
        backends = weirctl(node, "backends")
    except (LabError, ValueError) as error:
        return NodeState(node, "failing", f"weirctl: {str(error).splitlines()[-1].strip()}")
    sees = {}
    for row in backends:
        sees[row["backend"]] = sees.get(row["backend"], True) and row["state"] == "up"
    mastered = [router for router in status["routers"] if router["state"] == "master"]
    holds = [address for router in mastered for address in router["addresses"]]
    names = ", ".join(router["name"] for router in mastered)
    if not status["dataplane"]["up"]:
        return NodeState(node, "failing", "the dataplane does not answer", sees, holds)
    if not status["ready"]:
        return NodeState(node, "failing", "not ready to hold an address yet", sees, holds)
    return NodeState(node, "up", f"master of {names}" if names else "backup", sees, holds)


def _web(node):
    return _answers_health(node, topology.FRONT.ipv4(node.host), 80, "weir_upstream_up", "upstream")


def _app(node):
    return _answers_health(node, topology.MIDDLE.ipv4(node.host), topology.APP_PORT,
                           "weir_database_up", "server")


def _db(node):
    try:
        read_only, gtid = mariadb.ask(node, "SELECT @@read_only, @@gtid_current_pos;").split("\t")
    except (LabError, ValueError):
        return NodeState(node, "failing", "does not answer on its socket")
    mode = "read-only" if read_only == "1" else "takes writes"
    return NodeState(node, "up", f"{mode}, at GTID {gtid.strip() or '(none)'}")


def _dns(node):
    addresses = dns.site_addresses()
    if addresses == set(shape.vips()):
        return NodeState(node, "up", f"{topology.SITE} is {', '.join(shape.vips())}")
    return NodeState(node, "failing", f"{topology.SITE} is {', '.join(addresses) or 'unknown'}")


def _monitor(node):
    address, port = topology.PAGE_ADDRESS
    status, body = _get(address, port, "/")
    if status == 200:
        return NodeState(node, "up", f"page at http://{address}:{port}/")
    return NodeState(node, "failing", f"its page: {status or body}")


PROBES = {"lb": _lb, "web": _web, "app": _app, "db": _db, "dns": _dns, "monitor": _monitor}
DOWNSTREAM = {"lb": "web", "web": "app", "app": "db"}


def _probe(node):
    running = [process for process in processes.of_node(node) if process.pid() is not None]
    if not running:
        return NodeState(node, "down", "no process")
    absent = [process.program for process in processes.of_node(node) if process not in running]
    state = PROBES[node.role](node)
    if absent:
        state.state = "failing"
        state.detail = f"{', '.join(absent)} does not run"
    return state


def node_state(node):
    """What one node says of itself now."""
    return _probe(node)


def _only(names):
    return names[0] if len(names) == 1 else None


class Snapshot:
    """All nodes, edges and addresses; collect() makes one."""

    def __init__(self, states, replication):
        self.states = {state.node.name: state for state in states}
        self.replication = replication
        self.edges = [self._edge(tail, head) for tail_role, head_role in DOWNSTREAM.items()
                      for tail in topology.nodes_of(tail_role)
                      for head in topology.nodes_of(head_role)]
        replicating = {"running": "up", "stopped": "down", "unknown": "unknown"}
        self.edges.append(Edge(replication["primary"], replication["replica"],
                               replicating[replication["state"]]))

    def _edge(self, tail, head):
        seen = self.states[tail.name].sees.get(head.name)
        return Edge(tail.name, head.name, "unknown" if seen is None else "up" if seen else "down")

    def claimants(self, address):
        """The nodes that say they hold a virtual address; there should be one."""
        return [name for name, state in self.states.items() if address in state.holds]

    def problems(self, node=None):
        """What is not as it should be: of everything, or of one node and the edges at it.

        An edge to a node that is itself not up is no problem of its neighbour."""
        states = [self.states[node.name]] if node else self.states.values()
        found = [f"{state.node.name}: {state.detail}" for state in states if state.state != "up"]
        for edge in self.edges:
            if node and node.name not in (edge.tail, edge.head):
                continue
            ends = (self.states[edge.tail].state, self.states[edge.head].state)
            if ends == ("up", "up") and edge.state != "up":
                found.append(f"{edge.tail} finds {edge.head} {edge.state}")
        if node is None or node.role == "lb":
            for address in shape.held():
                names = self.claimants(address)
                if len(names) != 1:
                    found.append(f"{address} is held by {' and '.join(names) or 'nobody'}")
        return found

    def as_json(self):
        return {
            "running": True,
            "active_active": shape.is_active_active(),
            "healthy": not self.problems(),
            "problems": self.problems(),
            "nodes": [state.as_json() for state in self.states.values()],
            "vips": [{"address": address, "owner": _only(self.claimants(address)),
                      "claimed_by": self.claimants(address)} for address in shape.held()],
            "edges": [edge.as_json() for edge in self.edges],
            "replication": self.replication,
        }


def collect():
    """Asks everybody at once; takes as long as the slowest."""
    with ThreadPoolExecutor(max_workers=len(topology.MACHINES) + 1) as pool:
        replication = pool.submit(mariadb.replication)
        states = list(pool.map(_probe, topology.MACHINES))
        return Snapshot(states, replication.result())


def owners():
    """The load balancer that holds each virtual address now; None if none does, or both do."""
    states = [_probe(node) for node in topology.nodes_of("lb")]
    return {address: _only([state.node.name for state in states if address in state.holds])
            for address in shape.held()}
