# SPDX-License-Identifier: BSD-3-Clause
"""What the dataplane is meant to reach, beside what a run has found."""

from dataclasses import dataclass
from typing import Callable

from benchlib import plan, report


@dataclass(frozen=True)
class Goal:
    """One figure; 'found' returns it as (best, median), or raises a KeyError if the run has not
    got it."""

    what: str
    limit: float
    found: Callable
    at_least: bool = False

    def is_met(self, value):
        return value >= self.limit if self.at_least else value <= self.limit


def _net(results, series, at):
    for run in results["series"][series]:
        if run["at"] == at:
            return report.net(results, run)
    raise KeyError(at)


def _ratio(above, below):
    return tuple(a / b for a, b in zip(above, below))


def _loop(series, at):
    return lambda results: _net(results, series, at)


def _to(series, at, to):
    return lambda results: _ratio(_net(results, series, at), _net(results, series, to))


def _to_macswap(results):
    macswap = results["limits"]["testpmd"]["macswap"]
    return _ratio(_net(results, "flows", plan.M), (macswap["best_ns"], macswap["median_ns"]))


def _new_flows(results):
    return tuple(1000 / ns for ns in _net(results, "flood", 100))


def _speed_up(results):
    return tuple(2 / ratio for ratio in _ratio(_net(results, "workers", 2),
                                               _net(results, "workers", 1)))


def _maglev(results):
    build = results["maglev_build"]
    return build["best_ns"] / 1e6, build["median_ns"] / 1e6


def _idle(key, factor, kind="idle"):
    def found(results):
        idle = results[kind]
        value = factor * (idle[key] if key in idle else idle["times"][key])
        return value, value
    return found


GOALS = (
    Goal("1 k flows, ns", 28, _loop("flows", plan.K)),
    Goal("1 M flows, ns", 40, _loop("flows", plan.M)),
    Goal("4 M flows, ns", 55, _loop("flows", 4 * plan.M)),
    Goal("1 M flows, times testpmd macswap", 4, _to_macswap),
    *(Goal(f"{mode}, times dr", limit, _to("modes", mode, "dr"))
      for mode, limit in (("ipip", 1.2), ("gue", 1.2), ("nat", 1.6), ("fullnat", 1.6))),
    Goal("new flows, million/s", 8, _new_flows, at_least=True),
    Goal("10 000 services, times one", 1.1, _to("services", 10000, 1)),
    Goal("as many SYNs as data, cost of a packet, times without", 1.25, _to("flood", 50, 0)),
    Goal("100 new configurations a second, times none", 1.05, _to("swaps", 100, 0)),
    Goal("Maglev table of 65 537 for 1 000 backends, ms", 5, _maglev),
    Goal("two workers, times one", 1.9, _speed_up, at_least=True),
    Goal("idle, % of a processor", 3, _idle("cpu_share", 100)),
    Goal("packet after idle, median, us", 200, _idle("p50_us", 1)),
    Goal("the same with wake_latency_us: 0", 200, _idle("p50_us", 1, "idle_awake")),
)


def table(results):
    """The goals that the results say something about."""
    found = report.Table("goals, best and median windows", "what", "goal", "best", "median", "met")
    for goal in GOALS:
        try:
            best, median = goal.found(results)
        except KeyError:
            continue
        met = "yes" if goal.is_met(median) else "best" if goal.is_met(best) else "no"
        sign = ">=" if goal.at_least else "<="
        found.add(goal.what, f"{sign} {goal.limit:g}", best, median, met)
    return found
