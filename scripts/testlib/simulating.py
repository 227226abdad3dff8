# SPDX-License-Identifier: BSD-3-Clause
"""Runs the simulated cluster (tests/sim): named scripts, and as many seeded scenarios as asked for."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from lablib import paths
from lablib.errors import LabError
from lablib.progress import say
from testlib import settings
from testlib.counts import Counts

SCRIPTS = paths.REPOSITORY / "tests" / "sim" / "scripts"
SEEDS = 100000  # Unless SIM_SEEDS says otherwise.


def _run(program, *words):
    """What one run of the simulator counts; its findings are printed."""
    result = subprocess.run([program, *words], stdout=subprocess.PIPE, encoding="utf-8",
                            check=False)
    say(result.stdout.rstrip())
    last = re.search(r"^(\d+) passed, (\d+) failed$", result.stdout, re.MULTILINE)
    if not last:
        raise LabError(f"{program.name} ended with {result.returncode}")
    return Counts(passed=int(last[1]), failed=int(last[2]))


def run(folder):
    """Simulates with the program of the build in 'folder'. A finding names its seed: `weir-sim --seed
    SEED` shows it again."""
    program = folder / "tests" / "sim" / "weir-sim"
    n_seeds = settings.positive("SIM_SEEDS", SEEDS, "how many scenarios are simulated")
    scripted = _run(program, *sorted(SCRIPTS.glob("*.sim")))
    shares = [n_seeds * i // settings.processors() for i in range(settings.processors() + 1)]
    with ThreadPoolExecutor() as pool:
        return sum(pool.map(lambda begin, end: _run(program, "--from", str(begin + 1), "--seeds",
                                                    str(end - begin)),
                            shares, shares[1:]), scripted)
