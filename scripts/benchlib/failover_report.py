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
                      statistics.median(each["pause_ms"] for each in rounds),
                      *(_total(rounds, key) for key in ("requests", "failed", "slow")))
    return table


def _goal_table(results):
    table = Table("goals", "what", "goal", "found", "met")
    for pair, kind, target, rounds in series(results):
        if pair != "weir":
            continue
        median, p99, _ = _gap_cells(rounds)
        shares = [alive(rounds, what) for what in ("idle", "streams")]
        least = min((share for share in shares if share is not None), default=None)
        for what, sign, limit, value in (
                ("gap, median, ms", "<=", GAP_MEDIAN_MS, median),
                ("gap, p99, ms", "<=", GAP_P99_MS, p99),
                ("connections alive, %", ">=", 100, least)):
            if value is not None:
                met = value <= limit if sign == "<=" else value >= limit
                # Never rounded to what it is not.
                shown = f"{math.floor(value * 100) / 100:g}" if sign == ">=" else value
                table.add(f"{kind}, {target}: {what}", f"{sign} {limit}", shown,
                          "yes" if met else "no")
    return table


def tables(results):
    kinds = [kind for kind in KINDS
             if any(kind in found for found in results["pairs"].values())]
    found = [_kind_table(results, kind) for kind in kinds]
    return [*found, _goal_table(results)] if "weir" in results["pairs"] else found


def text(results):
    return "\n\n".join(table.text() for table in tables(results))
