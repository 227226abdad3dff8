# SPDX-License-Identifier: BSD-3-Clause
"""`scripts/bench web`: the web tier beside Debian's nginx, in one run on the same processors with the
same files, certificate and ciphers."""

import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from benchlib import machine, programs, web_load, web_publish, web_report, web_servers
from lablib import building
from lablib.errors import LabError
from lablib.progress import say, step

TARGETS = ("tests/bench/bench-web-client", "webtier/weir-webtier")
FIGURES = ("requests_per_cpu_s", "requests_per_s", "p50_us", "p99_us")
KINDS = ("weir", "nginx", "nginx-cache")
ATTEMPTS = 3  # At a round, each twice as long as the one before.


@dataclass(frozen=True)
class Series:
    """One kind of work, done by each server in turn."""

    name: str
    part: str
    load: Callable      # Of a server and the seconds that it may take.
    cached: bool = False  # nginx also with open_file_cache, which has to do with files only.
    quick: bool = True


# Sizes that are 'slow' are left out by --quick.

def _kept(part, label, prefix, tls, sizes, cached, slow=()):
    for kib in sizes:
        yield Series(f"{label} {kib} KiB", part,
                     lambda server, seconds, kib=kib: web_load.kept(
                         server, f"{prefix}/{kib}k", tls, kib, seconds),
                     cached, kib not in slow)


def _single(part, label, tls, sizes, cached=False, slow=()):
    for kib in sizes:
        yield Series(f"{label} {kib} KiB" if len(sizes) > 1 else label, part,
                     lambda server, seconds, kib=kib: web_load.single(server, tls, kib, seconds),
                     cached, kib not in slow)


def _multiplexed(part, label, prefix, sizes):
    for kib in sizes:
        yield Series(f"{label} {kib} KiB", part,
                     lambda server, seconds, kib=kib: web_load.multiplexed(
                         server, f"{prefix}/{kib}k", kib, seconds))


SIZES = web_servers.SIZES_KIB
SERIES = (
    *_kept("static", "kept alive,", "", False, SIZES, True),
    *_single("static", "one request each,", "none", SIZES, True, slow=(16, 1024)),
    *_single("handshakes", "TLS 1.3, new", "new", (1,)),
    *_single("handshakes", "TLS 1.3, resumed", "resumed", (1,)),
    *_kept("tls", "kept alive,", "", True, SIZES, False),
    *_multiplexed("http2", "static,", "", SIZES),
    *_multiplexed("http2", "proxied,", web_servers.PREFIX, (1,)),
    *_kept("proxy", "kept alive,", web_servers.PREFIX, False, SIZES, False, slow=(1024,)),
    *_kept("tls-proxy", "kept alive,", web_servers.PREFIX, True, SIZES, False, slow=(1024,)),
)
IDLE = "idle"
PARTS = (*dict.fromkeys(series.part for series in SERIES), IDLE)


def add_arguments(parser):
    parser.add_argument("--quick", action="store_true",
                        help="fewer and shorter rounds of the main figures: two minutes")
    parser.add_argument("--only", metavar="PART,...", default=",".join(PARTS),
                        help="parts to measure (default: %(default)s)")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help="of each kind of work (default: 7, --quick: 3)")
    parser.add_argument("--seconds", type=int, metavar="S",
                        help="of a round with one server (default: 3, --quick: 1)")
    parser.add_argument("--idle", type=int, metavar="N",
                        help="idle connections (default: 10000, --quick: 2000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    parser.add_argument("--out", type=Path, metavar="DIR", default=programs.BUILD / "bench" / "web",
                        help="where results go (default: %(default)s)")
    parser.add_argument("--publish", action="store_true",
                        help="make docs/benchmarks/web.md of a full run's results")


def _figures(found):
    """Of one round."""
    return {"requests_per_cpu_s": found["requests"] / (found["cpu_ns"] / 1e9),
            "requests_per_s": found["requests"] / found["seconds"],
            "p50_us": found["p50_us"], "p99_us": found["p99_us"]}


def _medians(rounds):
    """Of those rounds in which anything was done; None if there was none."""
    return {figure: statistics.median(each[figure] for each in rounds)
            for figure in FIGURES} if rounds else None


class Bench:
    """One run: the servers, and what they have been found to do."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.parts = arguments.only.split(",")
        for part in self.parts:
            if part not in PARTS:
                raise LabError(f"there is no part '{part}'", f"there are {', '.join(PARTS)}")
        quick = arguments.quick
        self.rounds = arguments.rounds or (3 if quick else 7)
        self.seconds = arguments.seconds or (1 if quick else 3)
        self.n_idle = arguments.idle or (2000 if quick else 10000)
        self.kinds = KINDS[:2] if quick else KINDS
        self.n_empty = 0  # Rounds in which nothing was done.

    def _chosen(self):
        return [series for series in SERIES
                if series.part in self.parts and (series.quick or not self.arguments.quick)]

    def _round(self, series, server):
        """The figures of one round, as a list; an empty one if the machine, busy with other things,
        let nothing be done although the server does answer."""
        for attempt in range(ATTEMPTS):
            try:
                return [_figures(series.load(server, self.seconds << attempt))]
            except web_load.TooBusy:
                self.n_empty += 1
        web_load.require_answers(server, ("/1k", f"{web_servers.PREFIX}/1k"))
        return []

    def _measure(self, series, servers):
        """The servers take turns, so that what else the machine does meets all of them."""
        taking_part = [name for name in servers if series.cached or name != "nginx-cache"]
        rounds = {name: [] for name in taking_part}
        for _ in range(self.rounds):
            for name in taking_part:
                rounds[name] += self._round(series, servers[name])
        return {"part": series.part, "name": series.name,
                "servers": {name: _medians(found) for name, found in rounds.items()}}

    def _idle(self, cpus):
        """Always of fresh processes: memory that was used before would be used again."""
        found = {}
        for key, tls in (("plain", False), ("tls", True)):
            with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder, \
                    web_servers.servers(folder, cpus, ("weir", "nginx")) as (_, servers):
                for name, server in servers.items():
                    idle = web_load.idle(server, tls, self.n_idle)
                    found.setdefault(name, {})[key] = idle["bytes"]
        return found

    def run(self):
        results = {"machine": machine.describe("nginx", "wrk", "nghttp2-client", "openssl"), "rounds": self.rounds,
                   "round_seconds": self.seconds, "idle_connections": self.n_idle,
                   "quick": self.arguments.quick, "series": []}
        cpus = tuple(reversed(machine.cpus()))
        if IDLE in self.parts:
            with step("idle connections"):
                results["idle"] = self._idle(cpus)
        chosen = self._chosen()
        if chosen:
            with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder, \
                    web_servers.servers(folder, cpus, self.kinds) as (_, servers):
                for series in chosen:
                    with step(f"{series.part}: {series.name}"):
                        results["series"].append(self._measure(series, servers))
        results["empty_rounds"] = self.n_empty
        return results


def _write(results, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def run(arguments):
    """The exit status is 0 if everything could be measured, whatever was found."""
    bench = Bench(arguments)
    if arguments.publish and (arguments.quick or bench.parts != list(PARTS)):
        raise LabError("--publish goes with neither --quick nor --only",
                       "what is published is a whole run")
    machine.require_root()
    building.install_dependencies("run", "build", "bench")
    with step("building", own_lines=True):
        building.build(programs.BUILD, targets=TARGETS)
    begin = time.monotonic()
    with machine.alone():
        results = bench.run()
    results["seconds"] = round(time.monotonic() - begin, 1)
    _write(results, arguments.out / "results.json")
    if arguments.json:
        _write(results, arguments.json)
    say("\n" + web_report.text(results))
    say(f"\nresults: {arguments.out}")
    if arguments.publish:
        web_publish.publish_page(results)
    return 0
