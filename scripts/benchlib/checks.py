# SPDX-License-Identifier: BSD-3-Clause
"""What a health check costs the control plane, and whether thousands of them a second begin in time:
bench-checks runs them as the control plane does, against a server on loopback, each on a processor
of its own."""

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from benchlib import machine, programs
from lablib import building
from lablib.command import run as run_program
from lablib.errors import LabError

TARGETS = ("tests/bench/bench-checks", "tests/bench/bench-checks-server")
KINDS = ("tcp", "http")
PORT = 8080
POOL_MAX = 1000     # Backends that a pool may have.
INTERVAL_MS = 1000  # So there are as many backends as checks a second.
LATE_MS = 50        # A check drifts by up to a twentieth of its interval either way (jitter_pct).
WARM_UP_S = 2
END_S = 60
# Whatever else the machine does is not to be measured.
FIRST = ("chrt", "--fifo", "1")

HEAD = """\
cluster: bench
nodes:
  - {{name: lb1, role: lb, metrics: 127.0.0.1:9100, lb: {{control_socket: c, admin_socket: a,
      ports: [{{name: front, device: net_null0, host_interface: w}}]}}}}
checks:
  - {{name: bench, type: {kind}, port: {port}, interval_ms: {interval_ms}, timeout_ms: 900}}
pools:
"""


def add_arguments(parser):
    parser.add_argument("--rate", type=int, default=5000, metavar="N",
                        help="checks a second (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=10, metavar="S",
                        help="length of each run (default: %(default)s)")
    parser.add_argument("--kinds", metavar="KIND,...", default=",".join(KINDS),
                        help="types of checks (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")


def configuration(kind, n):
    """weir.yaml with 'n' backends, each an address of the loopback network."""
    lines = [HEAD.format(kind=kind, port=PORT, interval_ms=INTERVAL_MS)]
    for i in range(n):
        if i % POOL_MAX == 0:
            lines.append(f"  - name: p{i // POOL_MAX}\n    check: bench\n    backends:\n")
        address = f"127.{1 + i // 62500}.{i // 250 % 250}.{1 + i % 250}"
        lines.append(f"      - {{name: b{i}, address: {address}}}\n")
    return "".join(lines)


@contextmanager
def _server(namespace, cpu):
    process = subprocess.Popen(
        ["ip", "netns", "exec", namespace, *FIRST, "taskset", "--cpu-list", str(cpu),
         str(programs.PROGRAMS / "bench-checks-server"), str(PORT)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "ready\n":
            raise LabError("bench-checks-server does not start")
        yield
    finally:
        process.terminate()
        process.wait(END_S)
        process.stdout.close()


def measure(kind, rate, seconds):
    """What bench-checks says of one run, and what follows from it."""
    cpus = machine.cpus()
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder, \
            machine.namespace(f"weir-bench-{os.getpid()}") as namespace, \
            _server(namespace, cpus[0]):
        file = Path(folder) / "weir.yaml"
        file.write_text(configuration(kind, rate * INTERVAL_MS // 1000), encoding="ascii")
        text = run_program(["ip", "netns", "exec", namespace, *FIRST, "taskset", "--cpu-list",
                    str(cpus[1]), programs.PROGRAMS / "bench-checks", file, WARM_UP_S, seconds],
                   timeout_s=WARM_UP_S + seconds + END_S)
    result = json.loads(text)
    n = result["good"] + result["bad"]
    cpu_s = result["user_s"] + result["system_s"]
    counts = [count for bound, count in result["late_ms"] if count]
    bounds = [bound for bound, count in result["late_ms"] if count]
    late = sum(count for bound, count in result["late_ms"] if bound < 0 or bound > LATE_MS)
    return {**result, "kind": kind, "asked_per_s": rate, "per_s": n / result["seconds"],
            "core": cpu_s / result["seconds"], "us": cpu_s / n * 1e6 if n else None,
            "late": late, "worst_ms": bounds[-1] if counts else None,
            "mean_late_ms": result["late_ms_sum"] / sum(counts) if counts else None}


def _row(result):
    worst = result["worst_ms"]
    return [result["kind"], f"{result['per_s']:.0f}", str(result["bad"]),
            f"{100 * result['core']:.0f} %", f"{result['us']:.0f}",
            f"{100 * result['user_s'] / (result['user_s'] + result['system_s']):.0f} %",
            f"{result['mean_late_ms']:.1f}", "> 1000" if worst < 0 else f"<= {worst:.0f}",
            str(result["late"])]


def run_all(kinds, rate, seconds):
    for kind in kinds:
        if kind not in KINDS:
            raise LabError(f"there is no kind '{kind}'", f"there are {', '.join(KINDS)}")
    building.build(programs.BUILD, targets=TARGETS)
    return [measure(kind, rate, seconds) for kind in kinds]


def _print(table):
    widths = [max(map(len, column)) for column in zip(*table)]
    for row in table:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths)))


def run(arguments):
    """As the command line asks; returns the exit status."""
    machine.require_root()
    with machine.alone():
        results = run_all(arguments.kinds.split(","), arguments.rate, arguments.seconds)
    _print([["CHECK", "PER SECOND", "FAILED", "OF A CORE", "US EACH", "USER TIME",
             "MEAN MS LATE", "WORST MS LATE", f"OVER {LATE_MS} MS LATE"],
            *(_row(result) for result in results)])
    if arguments.json:
        arguments.json.write_text(json.dumps(
            {"machine": machine.describe(), "results": results}, indent=2) + "\n",
            encoding="utf-8")
    return 0
