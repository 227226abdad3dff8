# SPDX-License-Identifier: BSD-3-Clause
"""Runs the fuzz targets (tests/fuzz) for a bounded time; each is one test."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

from lablib import paths
from lablib.progress import complain, say
from testlib import settings
from testlib.counts import Counts

TESTS = paths.REPOSITORY / "tests" / "fuzz"
SECONDS = 12  # Of each target, unless FUZZ_SECONDS says otherwise.
SHARES = {"pipeline": 3}  # Targets that deserve more than one share of the time.
TAIL_LINES = 60

ENVIRONMENT = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
}


def _summary(output):
    """What libFuzzer says at the end: runs, coverage, features, inputs kept."""
    done = [line for line in output.splitlines() if "\tDONE" in line]
    return " ".join(done[-1].split("lim:")[0].split()) if done else ""


def _run_target(name, folder, seconds):
    """Returns whether the target ran without a finding; explains one."""
    program = folder / "tests" / "fuzz" / f"fuzz_{name}"
    grown, findings = folder / "fuzz" / name, folder / "fuzz" / "findings"
    grown.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    result = subprocess.run(
        [program, f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=1024",
         "-print_final_stats=0", f"-artifact_prefix={findings}/{name}-", grown,
         TESTS / "corpus" / name],
        env={**os.environ, **ENVIRONMENT}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", errors="replace", check=False)
    if result.returncode == 0:
        say(f"fuzz {name}: {seconds} s without a finding ({_summary(result.stdout)})")
        return True
    kept = [line for line in result.stdout.splitlines()
            if not line.startswith("#") or "\tDONE" in line]
    complain("\n".join(kept[-TAIL_LINES:]))
    inputs = [line.rsplit(" ", 1)[1] for line in kept if "Test unit written to" in line]
    complain(f"fuzz {name}: a finding; see above. To reproduce it:\n"
             f"  UBSAN_OPTIONS={ENVIRONMENT['UBSAN_OPTIONS']} {program} "
             f"{inputs[0] if inputs else '(the input was not kept)'}\n"
             f"When it is mended, copy the input to tests/fuzz/corpus/{name}/ under a name that "
             "says what it was.")
    return False


def run(folder):
    """Fuzzes with the programs of the build in 'folder'."""
    seconds = settings.positive("FUZZ_SECONDS", SECONDS, "how many seconds each target may run")
    times = {corpus.name: seconds * SHARES.get(corpus.name, 1)
             for corpus in (TESTS / "corpus").iterdir()}
    # The longest first, beside which the others run.
    names = sorted(times, key=lambda name: (-times[name], name))
    with ThreadPoolExecutor(settings.processors()) as pool:
        found = pool.map(lambda name: _run_target(name, folder, times[name]), names)
        return sum((Counts(passed=1) if good else Counts(failed=1) for good in found), Counts())
