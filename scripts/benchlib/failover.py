# SPDX-License-Identifier: BSD-3-Clause
"""`scripts/bench failover`: kills the load balancer that holds the addresses, again and again,
under the eyes of a client; weir's pair beside keepalived and HAProxy."""

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchlib import (failover_net, failover_plots, failover_publish, failover_report, machine,
                      programs)
from benchlib.failover_client import Client
from benchlib.failover_pairs import MODES, Haproxy, Weir
from lablib import building
from lablib.errors import LabError
from lablib.progress import complain, say, step

TARGETS = ("tests/bench/bench-failover-client", "tests/bench/bench-failover-server",
           "dataplane/weir-dataplane", "controlplane/weir-controlplane", "controlplane/weirctl",
           "docs/examples/decapsulate.bpf.o")
DRAINED = "s3"


@dataclass(frozen=True)
class Kind:
    """A way in which the holder fails."""

    name: str
    whole: bool      # Its link and all its processes; else its dataplane alone.
    view: str        # What happens to a server just before: nothing, 'drained' or 'added'.
    kills: int
    quick_kills: int


KINDS = (
    Kind("node", True, "", 50, 10),
    Kind("dataplane", False, "", 20, 3),
    Kind("drained", True, "drained", 10, 2),
    Kind("added", True, "added", 10, 2),
)


def add_arguments(parser):
    parser.add_argument("--quick", action="store_true", help="fewer kills, within two minutes")
    parser.add_argument("--modes", metavar="MODE,...", default=",".join(MODES),
                        help="of weir's services (default: %(default)s)")
    parser.add_argument("--kinds", metavar="KIND,...", default=",".join(k.name for k in KINDS),
                        help="what dies, and when (default: %(default)s)")
    parser.add_argument("--pairs", metavar="PAIR,...", default="weir,haproxy",
                        help="which pairs (default: %(default)s)")
    parser.add_argument("--kills", type=int, metavar="N",
                        help="of each kind, instead of what is meant")
    parser.add_argument("--advert-ms", type=int, default=10, metavar="MS",
                        help="interval of adverts of both (default: %(default)s)")
    parser.add_argument("--interval-ms", type=float, default=4, metavar="MS",
                        help="between requests to a target (default: %(default)s)")
    parser.add_argument("--idle", type=int, default=1000, metavar="N",
                        help="idle connections to each target (default: %(default)s)")
    parser.add_argument("--streams", type=int, default=100, metavar="N",
                        help="downloads from each target (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        default=programs.BUILD / "bench" / "failover",
                        help="where results and plots go (default: %(default)s)")
    parser.add_argument("--publish", action="store_true",
                        help="make docs/benchmarks of a full run's results")


def _chosen(what, text, known):
    names = text.split(",")
    for name in names:
        if name not in known:
            raise LabError(f"there is no {what} '{name}'", f"there are {', '.join(known)}")
    return names


class Bench:
    """One run: a pair on its network, a client, and what they have found."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.modes = _chosen("mode", arguments.modes, MODES)
        self.kinds = _chosen("kind", arguments.kinds, [kind.name for kind in KINDS])
        self.pairs = _chosen("pair", arguments.pairs, ("weir", "haproxy"))

    def _n_kills(self, kind):
        if self.arguments.kills:
            return self.arguments.kills
        return kind.quick_kills if self.arguments.quick else kind.kills

    def _set_view(self, pair, client, kind):
        """Gives the servers another part in new connections, so that those there are would go
        elsewhere if they were new. All are opened anew: the ones that lived through the last round
        are those that hashing keeps where they are."""
        if kind.view == "drained":
            client.fill(anew=True)
            pair.drain(DRAINED, True)
        elif kind.view == "added":
            pair.drain(DRAINED, True)
            client.fill(anew=True)
            pair.drain(DRAINED, False)
        else:
            client.fill()

    def _round(self, pair, client, kind):
        """One kill, from a whole pair to a whole pair."""
        pair.await_ready()
        self._set_view(pair, client, kind)
        holder = pair.await_ready()
        client.begin()
        victim = pair.net[holder]
        killed_ns, dead_ns = victim.kill(*(() if kind.whole else (pair.DATAPLANE,)))
        if not client.await_recovery(killed_ns, dead_ns):
            complain(f"bench: {pair.NAME}: no request succeeded again after {holder} was killed")
        pair.recover(holder, kind.whole)
        found = client.end()
        if kind.view == "drained":
            pair.await_ready()
            pair.drain(DRAINED, False)
        return {"killed": holder, "targets": found}

    def _measure(self, pair):
        for name in failover_net.SERVERS:
            pair.net[name].start("server", programs.PROGRAMS / "bench-failover-server", "--port",
                                 str(failover_net.PORT))
        pair.begin()
        pair.await_ready()
        client = Client(pair.net, pair.targets, self.arguments.interval_ms, self.arguments.idle,
                        self.arguments.streams)
        found = {}
        for kind in KINDS:
            if kind.name not in self.kinds or (kind.view and not pair.DRAINS):
                continue
            begin = time.monotonic()
            found[kind.name] = [self._round(pair, client, kind)
                                for _ in range(self._n_kills(kind))]
            say(f"  {kind.name}: {len(found[kind.name])} kills in {time.monotonic() - begin:.0f} s")
        client.stop()
        return found

    def run(self):
        results = {"machine": machine.describe("haproxy", "keepalived"),
                   "quick": self.arguments.quick,
                   **{key: getattr(self.arguments, key)
                      for key in ("advert_ms", "interval_ms", "idle", "streams")}, "pairs": {}}
        makers = {"weir": lambda net: Weir(net, self.arguments.advert_ms, self.modes),
                  "haproxy": lambda net: Haproxy(net, self.arguments.advert_ms)}
        for name in self.pairs:
            with step(name, own_lines=True), \
                    tempfile.TemporaryDirectory(prefix="weir-bench-") as folder, \
                    failover_net.network(Path(folder)) as net:
                results["pairs"][name] = self._measure(makers[name](net))
        return results


def _write(results, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def run(arguments):
    """The exit status is 0 if everything could be measured, whatever was found."""
    bench = Bench(arguments)
    if arguments.publish and (arguments.quick or arguments.kills):
        raise LabError("--publish goes with neither --quick nor --kills",
                       "what is published is a whole run")
    machine.require_root()
    building.install_dependencies("run", "build", "bench")
    with step("building", own_lines=True):
        building.build(programs.BUILD, targets=TARGETS)
    begin = time.monotonic()
    results = bench.run()
    results["seconds"] = round(time.monotonic() - begin, 1)
    _write(results, arguments.out / "results.json")
    if arguments.json:
        _write(results, arguments.json)
    say("\n" + failover_report.text(results))
    failover_plots.draw(results, arguments.out)
    say(f"\nresults and plots: {arguments.out}")
    if arguments.publish:
        failover_publish.publish_page(results)
    return 0
