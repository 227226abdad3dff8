# SPDX-License-Identifier: BSD-3-Clause
"""Runs the simulated cluster (tests/sim): named scripts, and as many seeded scenarios as asked for."""

import re
import subprocess
from pathlib import Path

from lablib import paths
from lablib.errors import LabError
from lablib.progress import say
from testlib import settings
from testlib.counts import Counts

SCRIPTS = paths.REPOSITORY / "tests" / "sim" / "scripts"
SEEDS = 100000  # Unless SIM_SEEDS says otherwise.


def _start(program, *words):
    return subprocess.Popen([program, *words], stdout=subprocess.PIPE, encoding="utf-8")


def _finish(process):
    """What one run of the simulator counts; its findings are printed."""
    output = process.communicate()[0]
    say(output.rstrip())
    last = re.search(r"^(\d+) passed, (\d+) failed$", output, re.MULTILINE)
    if not last:
        raise LabError(f"{Path(process.args[0]).name} ended with {process.returncode}")
    return Counts(passed=int(last[1]), failed=int(last[2]))


def _parts(n, n_parts):
    """The numbers from 1 to n in parts of about one size: (the first, how many)."""
    ends = [n * i // n_parts for i in range(n_parts + 1)]
    return [(begin + 1, end - begin) for begin, end in zip(ends, ends[1:]) if end > begin]


def run(folder):
    """Simulates with the program of the build in 'folder'. A finding names its seed: `weir-sim --seed
    SEED` shows it again."""
    program = folder / "tests" / "sim" / "weir-sim"
    n_seeds = settings.positive("SIM_SEEDS", SEEDS, "how many scenarios are simulated")
    counts = _finish(_start(program, *sorted(SCRIPTS.glob("*.sim"))))
    # A run keeps to one processor.
    running = [_start(program, "--from", str(first), "--seeds", str(n))
               for first, n in _parts(n_seeds, settings.processors())]
    return sum((_finish(process) for process in running), counts)
