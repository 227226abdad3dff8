# SPDX-License-Identifier: BSD-3-Clause
"""`scripts/bench app`: links read and written through the app tier, by one node and by two, beside the
same statements run straight at the database, in one run on the same processors."""

import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from benchlib import app_publish, app_report, app_servers, machine, programs, web_load
from lablib import building
from lablib.command import run as run_command
from lablib.errors import LabError
from lablib.progress import say, step

TARGETS = ("tests/bench/bench-app-client", "apptier/weir-apptier")
LOADS = ("read", "write", "mixed")
HTTP_CONNECTIONS = 32  # Of the client, to all nodes together.


def add_arguments(parser):
    parser.add_argument("--quick", action="store_true",
                        help="fewer and shorter rounds, within a minute")
    parser.add_argument("--only", metavar="LOAD,...", default=",".join(LOADS),
                        help="loads to measure (default: %(default)s)")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help="of each load (default: 7, --quick: 3)")
    parser.add_argument("--seconds", type=float, metavar="S",
                        help="of a round in one way (default: 2, --quick: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    parser.add_argument("--out", type=Path, metavar="DIR", default=programs.BUILD / "bench" / "app",
                        help="where results go (default: %(default)s)")
    parser.add_argument("--publish", action="store_true",
                        help="make docs/benchmarks/app.md of a full run's results")


class Way:
    """One way to a link: the client's arguments, and whose processor time is counted as the tier's."""

    def __init__(self, name, database, nodes):
        self.name = name
        self.database = database
        self.nodes = nodes
        if nodes:
            first, *others = (node.ports[0] for node in nodes)
            self.words = {"from": "http", "port": first, "other_port": others[0] if others else 0,
                          "connections": HTTP_CONNECTIONS}
        else:
            self.words = {"from": "database", "port": app_servers.DATABASE_PORT,
                          "connections": app_servers.CONNECTIONS}

    def _cpu_ns(self):
        return sum(node.cpu_ns() for node in self.nodes), self.database.cpu_ns()

    def measure(self, load, seconds, n_links=app_servers.LINKS):
        """What came of the load in about so many seconds, as figures."""
        place = self.database.place
        words = {**self.words, "load": load, "duration_ms": round(1000 * seconds), "links": n_links}
        before = self._cpu_ns()
        found = json.loads(run_command(
            place.argv(place.client_cpu, [programs.PROGRAMS / "bench-app-client",
                                          *programs.words(words)]),
            timeout_s=seconds + web_load.PATIENCE_S,
            env={**os.environ, "APP_CLIENT_PASSWORD": app_servers.PASSWORD}))
        tier_ns, database_ns = (after - then for after, then in zip(self._cpu_ns(), before))
        n = found["requests"]
        if found["failed"]:
            raise LabError(f"{self.name}: {found['failed']} of {n + found['failed']} requests "
                           "failed", *(node.complaints() for node in self.nodes))
        if not n:
            raise web_load.TooBusy(f"{self.name}: no request was done in {seconds} s",
                                   "is the machine busy with something else?")
        return {"requests_per_s": n / found["seconds"], "p50_us": found["p50_us"],
                "p99_us": found["p99_us"], "tier_cpu_us": tier_ns / 1e3 / n,
                "database_cpu_us": database_ns / 1e3 / n,
                "client_cpu_us": 1e6 * found["client_cpu_s"] / n}


def ways(database, nodes):
    return (Way("straight", database, []), Way("one node", database, nodes[:1]),
            Way("two nodes", database, nodes))


def _median(rounds):
    return {figure: statistics.median(each[figure] for each in rounds) for figure in rounds[0]}


def _measure(arguments, load, all_ways):
    """The ways take turns, so that what else the machine does meets all of them."""
    rounds = {way.name: [] for way in all_ways}
    for _ in range(arguments.rounds):
        for way in all_ways:
            rounds[way.name].append(way.measure(load, arguments.seconds))
    return {name: _median(found) for name, found in rounds.items()}


def _chosen(arguments):
    chosen = arguments.only.split(",")
    for load in chosen:
        if load not in LOADS:
            raise LabError(f"there is no load '{load}'", f"there are {', '.join(LOADS)}")
    return chosen


def measure(arguments):
    arguments.rounds = arguments.rounds or (3 if arguments.quick else 7)
    arguments.seconds = arguments.seconds or (1 if arguments.quick else 2)
    results = {"machine": machine.describe("mariadb-server", "libmariadb3"),
               "rounds": arguments.rounds, "round_seconds": arguments.seconds,
               "links": app_servers.LINKS, "database_connections": app_servers.CONNECTIONS,
               "http_connections": HTTP_CONNECTIONS, "quick": arguments.quick, "loads": {}}
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        with app_servers.servers(folder) as (database, nodes):
            all_ways = ways(database, nodes)
            for load in _chosen(arguments):
                with step(load):
                    results["loads"][load] = _measure(arguments, load, all_ways)
    return results


def _write(results, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def run(arguments):
    """The exit status is 0 if everything could be measured, whatever was found."""
    if arguments.publish and (arguments.quick or tuple(_chosen(arguments)) != LOADS):
        raise LabError("--publish goes with neither --quick nor --only",
                       "what is published is a whole run")
    machine.require_root()
    building.install_dependencies("run", "build", "bench")
    with step("building", own_lines=True):
        building.build(programs.BUILD, targets=TARGETS)
    begin = time.monotonic()
    with machine.alone():
        results = measure(arguments)
    results["seconds"] = round(time.monotonic() - begin, 1)
    _write(results, arguments.out / "results.json")
    if arguments.json:
        _write(results, arguments.json)
    say("\n" + app_report.text(results))
    say(f"\nresults: {arguments.out}")
    if arguments.publish:
        app_publish.publish_page(results)
    return 0
