# SPDX-License-Identifier: BSD-3-Clause
"""`scripts/bench pktgen`: the traffic generator weir-pktgen.

With --port it drives the user's port, and all options are the generator's own. Without, it measures
a load balancer of its own, in a network namespace, joined by shared memory (memif):

    weir-controlplane -- weir-dataplane -- front (memif) ---- (memif) tx -- weir-pktgen
    kernel -- weir0 (TAP)                                     which plays clients and backends
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchlib import machine
from lablib import building, namespaces, paths
from lablib.command import run as command
from lablib.errors import LabError
from lablib.progress import say, step

BUILD = Path(os.environ.get("WEIR_BUILD", paths.BUILD)).resolve()
PKTGEN = BUILD / "dataplane" / "pktgen" / "weir-pktgen"
DATAPLANE = BUILD / "dataplane" / "weir-dataplane"
CONTROLPLANE = BUILD / "controlplane" / "weir-controlplane"

LB, VIP, CLIENT = "10.9.0.2", "10.9.0.100", "10.9.0.10"
LB_MAC, PKTGEN_MAC = "02:00:00:00:00:02", "02:00:00:00:00:10"
N_BACKENDS = 100
BACKENDS = [f"10.9.1.{n}" for n in range(1, N_BACKENDS + 1)]
START_S = 30

# Of the memif: either side may have to wait its turn for a core on a small machine.
RING_BITS = 13

# What is measured unless the command line says otherwise: it comes later, and so wins. A rate of
# the user's is tried; without one the highest is searched for.
OWN_OPTIONS = ["--duration", "2", "--flows", "10000", "--catch-up", "10ms"]
SEARCH = ["--search", "--rate", "max", "--resolution", "5"]

CONFIG = """cluster: {cluster}
nodes:
  - name: lb1
    role: lb
    metrics: 127.0.0.1:9100
    lb:
      memory_mb: 160
      hugepages: no
      flows: 131072
      control_socket: dataplane.sock
      admin_socket: admin.sock
      ports:
        - name: front
          device: "net_memif0,role=server,id=0,socket={socket},socket-abstract=no,mac={mac}"
          host_interface: weir0
virtual_routers:
  - name: front4
    vrid: 51
    port: front
    addresses: [{vip}]
    advert_ms: 100
    members:
      - {{ node: lb1, priority: 200 }}
pools:
  - name: web4
    backends:
{backends}
services:
{services}
"""

# Any port of each protocol: the generator's --to chooses.
SERVICE = ("  - {{ name: {protocol}4, address: {vip}, port: any, protocol: {protocol}, mode: dr, "
           "pool: web4 }}")


def add_arguments(_parser):
    """None: all arguments are the generator's."""


def _names(options):
    return {word.split("=")[0] for word in options}


def _build(names):
    building.install_dependencies("run", "build")
    building.build(BUILD, targets=[str(path.relative_to(BUILD)) for path in names])


def _config(cluster, socket):
    return CONFIG.format(
        cluster=cluster, socket=socket, mac=LB_MAC, vip=VIP,
        backends="\n".join(f"      - {{ name: b{n}, address: {address} }}"
                           for n, address in enumerate(BACKENDS)),
        services="\n".join(SERVICE.format(protocol=protocol, vip=VIP)
                           for protocol in ("tcp", "udp")))


@contextmanager
def _daemon(namespace, program, folder):
    """Runs a daemon of the node in the namespace; its output goes to a file in the folder."""
    log = folder / f"{program.name}.log"
    with open(log, "wb") as out, subprocess.Popen(
            namespaces.exec_argv(namespace, [program, "--config", folder / "weir.yaml", "--node",
                                             "lb1"]),
            stdin=subprocess.DEVNULL, stdout=out, stderr=out) as process:
        try:
            yield process, log
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_ready(process, log):
    deadline = time.monotonic() + START_S
    while " is ready: " not in log.read_text(encoding="utf-8", errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise LabError(f"{log.stem} did not start", log.read_text(encoding="utf-8")[-1000:])
        time.sleep(0.02)


def _host_side(namespace):
    """The host's address, and the backends' link-layer addresses: all are the generator's."""
    lines = [f"address add {LB}/16 dev weir0"]
    lines += [f"neighbour replace {address} lladdr {PKTGEN_MAC} dev weir0 nud permanent"
              for address in BACKENDS]
    command(["ip", "-n", namespace, "-batch", "-"], text_in="\n".join(lines) + "\n")


def _measure_own(options):
    """Measures a load balancer of its own; returns the generator's exit status."""
    cluster = f"bench{os.getpid()}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-pktgen-")))
        socket = folder / "memif.sock"
        (folder / "weir.yaml").write_text(_config(cluster, socket), encoding="ascii")
        namespace = stack.enter_context(machine.namespace(f"weir-{cluster}"))
        with step("starting a load balancer"):
            stack.callback(shutil.rmtree, f"/var/run/dpdk/weir-{cluster}-lb1", ignore_errors=True)
            dataplane = stack.enter_context(_daemon(namespace, DATAPLANE, folder))
            _wait_ready(*dataplane)
            _host_side(namespace)
            stack.enter_context(_daemon(namespace, CONTROLPLANE, folder))
        say(f"one core each for generator and balancer, {N_BACKENDS} backends, mode dr, memif "
            "without huge pages: a NIC of your own is measured with --port\n")
        argv = [PKTGEN, "--port", f"net_memif0,role=client,id=0,socket={socket},"
                f"socket-abstract=no,rsize={RING_BITS},mac={PKTGEN_MAC}", "--to", f"{VIP}:80", "--address",
                f"{CLIENT},{BACKENDS[0]}-{BACKENDS[-1]}", *OWN_OPTIONS,
                *([] if "--rate" in _names(options) else SEARCH), *options]
        return subprocess.run(namespaces.exec_argv(namespace, argv), check=False).returncode


def results_of_own(options):
    """Measures a load balancer of its own; returns the generator's results."""
    _build([PKTGEN, DATAPLANE, CONTROLPLANE])
    with tempfile.TemporaryDirectory(prefix="weir-pktgen-") as folder:
        path = Path(folder) / "results.json"
        status = _measure_own([*options, "--json", str(path)])
        if status != 0:
            raise LabError(f"weir-pktgen failed (exit status {status})", "see the messages above")
        return json.loads(path.read_text(encoding="utf-8"))


def run(arguments):
    """Runs the generator with the arguments given; its exit status is this one's."""
    options = arguments.rest
    own = not {"--port", "--help", "--version"} & _names(options)
    _build([PKTGEN, *((DATAPLANE, CONTROLPLANE) if own else ())])
    if not own:
        return subprocess.run([PKTGEN, *options], check=False).returncode
    if os.geteuid() != 0:
        raise LabError("this needs root", "it makes a network namespace and a TAP",
                       "try: sudo scripts/bench pktgen")
    return _measure_own(options)
