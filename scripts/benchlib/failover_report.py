# SPDX-License-Identifier: BSD-3-Clause
"""What a run of the failover benchmark has found, as tables, beside what is meant to be."""

import math
import statistics

from benchlib.report import Table

NAMES = {"weir": "weir", "haproxy": "keepalived + HAProxy"}
KINDS = {"node": "the node: link and all processes", "dataplane": "its dataplane alone",
         "drained": "the node, after a server was drained",
         "added": "the node, after a server was added"}
GAP_MEDIAN_MS = 50
GAP_P99_MS = 150


def percentile(values, percent):
    """By the nearest rank; of fewer than 100 values the 99th is the largest."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def label(pair, target):
    return f"{NAMES[pair]}, {target}" if pair == "weir" else NAMES[pair]


def series(results):
    """(pair, kind, target, rounds) of everything that was measured."""
    for pair, kinds in results["pairs"].items():
        for kind, rounds in kinds.items():
            for target in rounds[0]["targets"] if rounds else ():
                yield pair, kind, target, [each["targets"][target] for each in rounds]


def gaps(rounds):
    return [each["gap_ms"] for each in rounds if each["gap_ms"] is not None]


def alive(rounds, what):
    """Share of connections that lived on, in percent; None without any."""
    before = sum(each[what] for each in rounds)
    return 100 * sum(each[f"{what}_alive"] for each in rounds) / before if before else None


def _median(values):
    """Of those that are there."""
    found = [value for value in values if value is not None]
    return statistics.median(found) if found else None


def _total(rounds, key):
    return sum(each[key] for each in rounds)


def _gap_cells(rounds):
    found = gaps(rounds)
    if not found:
        return [None] * 3
    return [statistics.median(found), percentile(found, 99), max(found)]


def _kind_table(results, kind):
    table = Table(f"killed: {KINDS[kind]}", "pair, mode", "kills", "gap ms, median", "p99", "max",
                  "idle alive %", "streams alive %", "stream's pause ms", "requests", "failed",
                  "over 0.5 s")
    for pair, this, target, rounds in series(results):
        if this == kind:
            table.add(label(pair, target), len(rounds), *_gap_cells(rounds),
                      alive(rounds, "idle"), alive(rounds, "streams"),
                      _median([each["pause_ms"] for each in rounds]),
                      *(_total(rounds, key) for key in ("requests", "failed", "slow")))
    return table


def _share(value):
    """A share in percent, never rounded up to what it is not."""
    return "-" if value is None else f"{math.floor(value * 10) / 10:g}"


def _goal_table(results):
    """By what was killed; the gaps are those of the slowest mode."""
    found = {}
    for pair, kind, target, rounds in series(results):
        if pair == "weir":
            found.setdefault(kind, {})[target] = rounds
    modes = list(next(iter(found.values()), ()))
    table = Table("goals for weir", "killed", f"gap ms, median <= {GAP_MEDIAN_MS}",
                  f"p99 <= {GAP_P99_MS}", *(f"{mode}: alive % = 100" for mode in modes), "met")
    for kind, targets in found.items():
        cells = [_gap_cells(rounds) for rounds in targets.values()]
        median, p99 = (max((cell[i] for cell in cells if cell[i] is not None), default=None)
                       for i in (0, 1))
        least = [min((share for share in (alive(rounds, "idle"), alive(rounds, "streams"))
                      if share is not None), default=None) for rounds in targets.values()]
        met = (median is not None and median <= GAP_MEDIAN_MS and p99 <= GAP_P99_MS
               and all(share in (100, None) for share in least))
        table.add(kind, median, p99, *map(_share, least), "yes" if met else "no")
    return table


def tables(results):
    kinds = [kind for kind in KINDS
             if any(kind in found for found in results["pairs"].values())]
    found = [_kind_table(results, kind) for kind in kinds]
    return [*found, _goal_table(results)] if "weir" in results["pairs"] else found


def text(results):
    return "\n\n".join(table.text() for table in tables(results))
