# SPDX-License-Identifier: BSD-3-Clause
"""`scripts/bench dataplane`: runs the plan and collects the results."""

import json
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchlib import goals, machine, peers, pktgen, plan, plots, programs, publish, report, testpmd
from lablib import building
from lablib.errors import LabError
from lablib.progress import complain, say, step

HUGE_MB = 1400       # The largest run: 4 M flows.
QUICK_HUGE_MB = 420  # 1 M flows of two places each.


def add_arguments(parser):
    parser.add_argument("--quick", action="store_true", help="the main figures, within a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        default=programs.BUILD / "bench" / "dataplane",
                        help="where results and plots go (default: %(default)s)")
    parser.add_argument("--publish", action="store_true",
                        help="make docs/benchmarks of a full run's results")
    parser.add_argument("--only", metavar="PART,...",
                        help=f"some parts: {', '.join(name for name, _ in PARTS)}")


class Bench:
    """One run of the benchmark: its settings, and what it has found so far."""

    def __init__(self, arguments, huge, folder):
        self.quick = arguments.quick
        self.folder = folder
        self.loop = programs.Loop(huge, windows=8 if self.quick else 25,
                                  rounds=1 if self.quick else 2)
        self.results = {"machine": machine.describe(), "quick": self.quick,
                        "huge_pages": huge, "cpus": self.loop.cpus}

    def limits(self):
        """The loops without a load balancer in them."""
        found = {"testpmd": {}}
        for work in ("port", "source", "macswap"):
            found[work] = self.loop.best(work=work, flows=plan.M)
        for mode in plan.QUICK_TESTPMD_MODES if self.quick else plan.TESTPMD_MODES:
            found["testpmd"][mode] = testpmd.limit(mode, self.loop, self.folder)
        self.results["limits"] = found

    def series(self):
        found = {}
        for series in plan.SERIES:
            runs = [run for run in series.runs if not self.quick or run[0] in series.quick]
            if not runs:
                continue
            say(f"  {series.title}")
            found[series.name] = [{"at": value, "parameters": parameters,
                                   **self.loop.best(**parameters)}
                                  for value, parameters in runs]
        self.results["series"] = found

    def latency(self):
        """Offered loads are parts of what is possible, times being taken."""
        full = self.loop.best(flows=plan.LATENCY_FLOWS, rate=plan.TOO_MUCH)
        capacity = 1e9 / full["median_ns"]
        found = []
        for percent in plan.QUICK_LOADS if self.quick else plan.LOADS:
            rate = int(capacity * percent / 100)
            result = self.loop.once(flows=plan.LATENCY_FLOWS, rate=rate)
            found.append({"at": percent, "rate": rate, **result})
        self.results["latency"] = found
        self.results["idle"] = self.loop.once(**plan.IDLE)
        self.results["idle_asleep"] = self.loop.once(**plan.IDLE_ASLEEP)
        self.results["idle_awake"] = self.loop.once(**plan.IDLE_AWAKE)
        self.results["wake"] = programs.wake(self.loop.cpus[1])

    def peers(self):
        """One that this machine cannot run is left out, and the results say why."""
        flows = plan.PEER_FLOWS[:1] if self.quick else plan.PEER_FLOWS
        windows = (5, 20) if self.quick else (20, 60)
        found = {}
        for name, measure in (("nftables", peers.nftables), ("ipvs", peers.ipvs)):
            try:
                found[name] = measure(flows, *windows)
            except LabError as error:
                complain(f"bench: {name} is left out: {error}")
                found[name] = {"skipped": str(error)}
        self.results["peers"] = found

    def pair(self):
        """Generator and balancer as two processes, each with a core."""
        if self.quick:
            return
        found = []
        for flows in plan.PAIR_FLOWS:
            say(f"  {flows} flows")
            trial = pktgen.results_of_own(["--rate", "max", "--duration", "2", "--flows",
                                           str(flows)])["trials"][0]
            found.append({"at": flows, **trial})
        self.results["pair"] = found

    def stages(self):
        windows = {"windows": 5 if self.quick else 15, "window_ms": 20}
        build = programs.stage(stage="maglev-build", backends=plan.MAGLEV_BACKENDS, flows=plan.K,
                               **windows)
        self.results["maglev_build"] = build
        if not self.quick:
            self.results["stages"] = [
                {"name": name, **programs.stage(**parameters, **windows, flows=plan.STAGE_FLOWS)}
                for name, parameters in plan.STAGES]

    def instructions(self):
        """Side by side, since what is counted is not time."""
        def count(stage):
            name, parameters = stage
            caches = not self.quick and parameters["stage"] == "pipeline"
            flows = plan.MISS_FLOWS if caches else plan.COUNT_FLOWS
            return name, programs.count(**parameters, flows=flows, caches=caches)

        stages = [stage for stage in plan.STAGES
                  if not self.quick or stage[1]["stage"] == "pipeline"]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self.results["instructions"] = dict(pool.map(count, stages))


# In this order; a name on the command line, and the method that does it.
PARTS = (
    ("limits", Bench.limits),
    ("series", Bench.series),
    ("latency", Bench.latency),
    ("peers", Bench.peers),
    ("pair", Bench.pair),
    ("stages", Bench.stages),
    ("instructions", Bench.instructions),
)


def _chosen(only):
    names = only.split(",") if only else [name for name, _ in PARTS]
    known = dict(PARTS)
    for name in names:
        if name not in known:
            raise LabError(f"there is no part '{name}'", f"the parts are {', '.join(known)}")
    return [(name, known[name]) for name in names]


def _write(results, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def run(arguments):
    """Runs the chosen parts; the exit status is 0 if all of them gave results."""
    parts = _chosen(arguments.only)
    if arguments.publish and (arguments.quick or arguments.only):
        raise LabError("--publish goes with neither --quick nor --only",
                       "what is published is a whole run")
    machine.require_root()
    building.install_dependencies("run", "build", "bench")
    with step("building the measuring programs", own_lines=True):
        programs.build()
    with machine.alone(), \
            machine.huge_pages(QUICK_HUGE_MB if arguments.quick else HUGE_MB) as huge, \
            tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        begin = time.monotonic()
        bench = Bench(arguments, huge, folder)
        for name, method in parts:
            with step(name, own_lines=True):
                method(bench)
            # What there is stays, should a later part fail.
            _write(bench.results, arguments.out / "results.json")
    bench.results["seconds"] = round(time.monotonic() - begin, 1)
    _write(bench.results, arguments.out / "results.json")
    if arguments.json:
        _write(bench.results, arguments.json)
    say()
    say("\n\n".join([report.text(bench.results), goals.table(bench.results).text()]))
    problems = report.problems(bench.results)
    for problem in problems:
        complain(f"bench: {problem}")
    plots.draw(bench.results, arguments.out)
    say(f"\nresults and plots: {arguments.out}")
    if arguments.publish and not problems:
        publish.publish(bench.results)
    return 1 if problems else 0
