# SPDX-License-Identifier: BSD-3-Clause
"""The suites: unit (C programs, by `meson test`), sim (the simulated cluster), fuzz (fuzz targets for
a bounded time), and a folder of pytest files for each other.

Some also run in a second build under AddressSanitizer and UndefinedBehaviorSanitizer. Tests find
the daemons in the folder that WEIR_BUILD names."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lablib import building, paths
from lablib.errors import LabError
from lablib.progress import complain, say
from testlib import counts, fuzzing, simulating
from testlib.counts import Counts

TESTS = paths.REPOSITORY / "tests"
PYTHON = "/usr/bin/python3"  # Debian's, whatever PATH says.


@dataclass(frozen=True)
class Build:
    """A way to build the tree, and the folder for it."""

    name: str
    folder: Path
    options: tuple = ()
    targets: tuple = ()  # All, if none is named.


PLAIN = Build("plain", paths.BUILD)
SANITIZED = Build("sanitized", paths.REPOSITORY / "build-asan",
                  ("-Db_sanitize=address,undefined",))

FUZZED = Build("fuzz", paths.REPOSITORY / "build-fuzz",
               ("--native-file", fuzzing.TESTS / "clang.ini"), ("fuzzers",))

SANITIZED_SUITES = {"unit", "packet"}
# Only when asked for: its nodes have to keep up with each other's adverts, which takes a machine that
# does nothing else.
SANITIZED_ON_REQUEST = {"interop"}

# A finding of a sanitizer is a failure, wherever the process would have gone on.
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
}

# In the order in which they run: what fails first is the quickest to understand.
ORDER = ("unit", "sim", "packet", "fuzz", "app", "interop", "lab")


def existing_suites():
    """unit, sim, fuzz, and every folder below tests/ that has pytest files; unknown ones before
    `lab`."""
    found = {path.parent.name for path in TESTS.glob("*/test_*.py")} | {"unit", "fuzz", "sim"}
    known = [name for name in ORDER if name in found and name != "lab"]
    others = sorted(found - set(ORDER))
    return known + others + (["lab"] if "lab" in found else [])


def _environment(build):
    environment = {**os.environ, "WEIR_BUILD": str(build.folder), "PYTHONDONTWRITEBYTECODE": "1"}
    if build is SANITIZED:
        environment.update(SANITIZER_ENVIRONMENT)
        environment.setdefault("WEIR_MODEL_PACKETS", "50000")  # The plain build has them all.
    return environment


def _run_unit(build):
    log = build.folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    subprocess.run(["meson", "test", "-C", build.folder, "--no-rebuild", "--suite", "unit",
                    "--print-errorlogs"], env=_environment(build), check=False)
    if not log.exists():
        raise LabError("meson test left no report", "see the messages above")
    return counts.of_meson(log)


def _run_pytest(suite, build):
    if os.geteuid() != 0:
        raise LabError(f"suite {suite} needs root", "it makes network namespaces",
                       f"try: sudo scripts/test {suite}")
    report = build.folder / "test-reports" / f"{suite}.xml"
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    subprocess.run([PYTHON, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}",
                    "-ra", TESTS / suite], cwd=paths.REPOSITORY, env=_environment(build),
                   check=False)
    if not report.exists():
        raise LabError("pytest left no report", "see the messages above")
    return counts.of_pytest(report)


def _runner(suite):
    """The function that runs the suite in a build."""
    if suite == "unit":
        return _run_unit
    if suite == "fuzz":
        return lambda build: fuzzing.run(build.folder)
    if suite == "sim":
        return lambda build: simulating.run(build.folder)
    return lambda build: _run_pytest(suite, build)


def _run(suite, build):
    """Builds what the suite needs and runs it. A suite that cannot run is a failure."""
    say(f"\n=== {suite} ({build.name} build)")
    try:
        building.build(build.folder, build.options, build.targets)
        result = _runner(suite)(build)
        if result == Counts():
            raise LabError(f"suite {suite} ran no test")
    except (LabError, OSError) as error:
        complain(f"test: {error}")
        result = Counts(failed=1)
    say(f"=== {suite} ({build.name} build): {result}")
    return result


def _usage(suites):
    say("usage: scripts/test [--plain | --sanitized] [SUITE...]\n\n"
        "Installs what is missing, builds, and runs the suites (all by default):\n"
        f"  {' '.join(suites)}\n"
        f"of which {', '.join(sorted(SANITIZED_SUITES))} also run under AddressSanitizer and "
        "UBSan;\n--plain leaves that out; --sanitized does it with "
        f"{', '.join(sorted(SANITIZED_ON_REQUEST))} as well, on an idle machine.\n"
        f"FUZZ_SECONDS is how long each fuzz target runs ({fuzzing.SECONDS}), SIM_SEEDS how many\n"
        "scenarios the simulator runs "
        f"({simulating.SEEDS}).\nThe last line is `N passed, N failed`.")


def _sanitized(options):
    """The suites that also run in the sanitized build."""
    if "--plain" in options:
        return set()
    return SANITIZED_SUITES | (SANITIZED_ON_REQUEST if "--sanitized" in options else set())


def main(args):
    """Runs the suites that 'args' name; the exit status is 0 if all tests passed."""
    suites = existing_suites()
    if {"-h", "--help"} & set(args):
        _usage(suites)
        return 0
    options = {"--plain", "--sanitized"} & set(args)
    sanitized = _sanitized(options)
    wanted = [word for word in args if word not in options] or suites
    unknown = [word for word in wanted if word not in suites]
    if unknown:
        complain(f"test: there is no suite '{unknown[0]}': the suites are {', '.join(suites)}")
        return 2
    try:
        building.install_dependencies("run", "build", "test",
                                      *(group for group in ("fuzz", "bench") if group in wanted))
    except (LabError, OSError) as error:
        complain(f"test: {error}")
        return 1

    total = Counts()
    for suite in wanted:
        total += _run(suite, FUZZED if suite == "fuzz" else PLAIN)
        if suite in sanitized:
            total += _run(suite, SANITIZED)
    say(f"\n{total}")
    return 0 if total.failed == 0 else 1
