# SPDX-License-Identifier: BSD-3-Clause
"""A snapshot as text for people."""

from lablib import processes, shape, topology


def _aligned(rows):
    """Rows of words as lines, the columns as wide as their widest word."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip()
            for row in rows]


PURPOSES = {
    **{address: "the gateway of mode nat" for address in topology.GATEWAYS},
    **{vip: mode.site for mode in topology.MODES for vip in mode.vips},
    **{vip: topology.SITE for vip in topology.VIPS + topology.OTHER.vips},
}


def _programs(node):
    return ", ".join(f"{process.program} {process.pid() or '-'}"
                     for process in processes.of_node(node))


def _replication(state):
    lag = "" if state["lag_s"] is None else f", {state['lag_s']} s behind"
    return f"{state['state']}{lag}"


def render(snapshot):
    """Nodes, addresses, replication, and every arrow that is not up."""
    nodes = [("NODE", "ROLE", "STATE", "PROCESSES", "DETAIL")]
    for state in snapshot.states.values():
        nodes.append((state.node.name, state.node.role, state.state, _programs(state.node),
                      state.detail))
    vips = [("ADDRESS", "OWNER", "FOR")]
    for address in shape.held():
        vips.append((address, " and ".join(snapshot.claimants(address)) or "nobody",
                     PURPOSES[address]))
    state = snapshot.replication
    replication = [("REPLICATION", "STATE", "PRIMARY AT", "REPLICA AT"),
                   (f"{state['primary']} -> {state['replica']}", _replication(state),
                    state["primary_gtid"] or "-", state["replica_gtid"] or "-")]
    blocks = [nodes, vips, replication]

    broken = [(f"{edge.tail} -> {edge.head}", edge.state) for edge in snapshot.edges
              if edge.state != "up"]
    if broken:
        blocks.append([("CONNECTION", "STATE"), *broken])
    text = "\n\n".join("\n".join(_aligned(block)) for block in blocks)
    return text + (f"\n\nreplication: {state['error']}" if state["error"] else "")
