# SPDX-License-Identifier: BSD-3-Clause
"""How each program of a node is started."""

import errno
import socket

from lablib import dns, mariadb, paths, processes, topology
from lablib.command import run
from lablib.errors import LabError

FOREIGN = {"nsd", "mariadbd"}  # Programs that are not weir's own.


def executables():
    """The daemons that the build must have made."""
    programs = {program for node in topology.MACHINES for program in node.programs}
    return [paths.executable(program) for program in sorted(programs - FOREIGN)]


def _weir_argv(process):
    return [paths.executable(process.program), "--config", paths.CONFIG,
            "--node", process.node.name]


def page_listener():
    """The host's end of the monitor's page: a socket of the host, handed to the monitor."""
    address, port = topology.PAGE_ADDRESS
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(topology.PAGE_ADDRESS)
    except OSError as error:
        listener.close()
        if error.errno != errno.EADDRINUSE:
            raise
        holder = run(["ss", "-Hltnp", f"sport = :{port}"]).strip()
        raise LabError(f"port {port} of {address} is busy: the monitor's page belongs there",
                       holder, "end what listens there, then try again") from None
    listener.listen(128)
    return listener


def _start_monitor(process):
    with page_listener() as listener:
        process.start(_weir_argv(process), listener=listener)


def _start_dataplane(process):
    # DPDK keeps its telemetry socket below this folder instead of /var/run.
    runtime = paths.node_folder(process.node) / "run"
    runtime.mkdir(parents=True, exist_ok=True)
    process.start(_weir_argv(process), env={"RUNTIME_DIRECTORY": str(runtime)}, urgent=True)


def _start_controlplane(process):
    # A holder that gets no processor for three adverts is replaced.
    process.start(_weir_argv(process), urgent=True)


SPECIAL = {
    "monitor": _start_monitor,
    "dataplane": _start_dataplane,
    "controlplane": _start_controlplane,
    "nsd": lambda process: process.start(dns.argv(process.node)),
    "mariadbd": lambda process: process.start(mariadb.argv(process.node)),
}


def start(node):
    """Starts those programs of the node that do not run; returns them."""
    missing = [process for process in processes.of_node(node) if process.pid() is None]
    paths.node_folder(node).mkdir(exist_ok=True)
    for process in missing:
        starter = SPECIAL.get(process.program)
        if starter:
            starter(process)
        else:
            process.start(_weir_argv(process))
    return missing


def outdated():
    """Weir's own processes that run an executable which a newer build has replaced."""
    return [process for process in processes.of_all() if process.program not in FOREIGN
            and process.runs_older_than(paths.executable(process.program))]
