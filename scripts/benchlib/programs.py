# SPDX-License-Identifier: BSD-3-Clause
"""The measuring programs of tests/bench: builds them, runs them, reads what they print."""

import json
import os
import re
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchlib import machine
from lablib import building, paths
from lablib.command import run

BUILD = Path(os.environ.get("WEIR_BUILD", paths.BUILD)).resolve()
PROGRAMS = BUILD / "tests" / "bench"
TARGETS = ("bench-stages", "bench-loop", "bench-kernel", "bench-wake")
TIMEOUT_S = 120

# What valgrind is to take the caches for: those of a server's core, whatever runs it.
CACHES = ("--cache-sim=yes", "--I1=32768,8,64", "--D1=49152,12,64", "--LL=2097152,16,64")


def build():
    """Only what is needed: a benchmark shall not wait for the whole tree."""
    building.build(BUILD, targets=[f"tests/bench/{name}" for name in TARGETS])


def words(parameters):
    """{"window_ms": 20} as ["--window-ms", "20"]."""
    return [word for key, value in parameters.items()
            for word in (f"--{key.replace('_', '-')}", str(value))]


def stage(**parameters):
    """What bench-stages says about one stage."""
    return json.loads(run([PROGRAMS / "bench-stages", *words(parameters)], timeout_s=TIMEOUT_S))


def wake(cpu):
    """What bench-wake says about a thread that waits for a timer on this processor."""
    return json.loads(run([PROGRAMS / "bench-wake", "--cpu", str(cpu)], timeout_s=TIMEOUT_S))


@dataclass
class Loop:
    """Runs bench-loop where and as long as this run of the benchmark has it."""

    huge_pages: bool
    windows: int = 25
    window_ms: int = 20
    rounds: int = 1
    cpus: tuple = field(default_factory=machine.cpus)

    def once(self, **parameters):
        common = {"main_cpu": self.cpus[0], "cpu": self.cpus[1], "windows": self.windows,
                  "window_ms": self.window_ms, "huge_pages": "yes" if self.huge_pages else "no"}
        argv = [PROGRAMS / "bench-loop", *words({**common, **parameters})]
        try:
            return json.loads(run(argv, timeout_s=TIMEOUT_S))
        finally:
            machine.free_huge_pages()

    def best(self, **parameters):
        """Over all rounds: the best of the best windows, the median of the medians."""
        rounds = [self.once(**parameters) for _ in range(self.rounds)]
        result = min(rounds, key=lambda each: each["best_ns"])
        for unit in ("ns", "cycles"):
            result[f"median_{unit}"] = statistics.median(each[f"median_{unit}"]
                                                         for each in rounds)
        return result


def _events(path):
    """The totals of a callgrind file, by the events' names."""
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    names = re.search(r"^events: (.*)$", text, re.MULTILINE)[1].split()
    # Without a trailing newline some versions leave 'totals' out and have 'summary' only.
    values = re.search(r"^(?:totals|summary): (.*)$", text, re.MULTILINE)[1].split()
    return dict(zip(names, map(int, values)))


def count(bursts=200, caches=False, units=32, **parameters):
    """Instructions per packet of a stage, as callgrind counts them, and with 'caches' the lines a
    packet that were in neither first-level nor second-level cache."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        out = Path(folder) / "callgrind.out"
        run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
             "--toggle-collect=bench_counted", *(CACHES if caches else ()),
             PROGRAMS / "bench-stages", *words({**parameters, "count": bursts})],
            timeout_s=TIMEOUT_S)
        events = _events(out)
    n = bursts * units
    result = {"instructions": events["Ir"] / n}
    if caches:
        result["l1_misses"] = (events["D1mr"] + events["D1mw"]) / n
        result["l2_misses"] = (events["DLmr"] + events["DLmw"]) / n
    return result
