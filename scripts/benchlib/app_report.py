# SPDX-License-Identifier: BSD-3-Clause
"""What a run of the app tier's benchmark has found, as tables, beside what is meant to be."""

from benchlib.report import Table

TITLES = {
    "read": "reading a link",
    "write": "making a link",
    "mixed": "nine reads to a write",
}


def ratio(load, way, figure="requests_per_s", to="straight"):
    return load[way][figure] / load[to][figure]


# What, the load that it is of, the figure, the goal, and whether it is the least or the most.
GOALS = (
    ("reads, times straight", "read", lambda load: ratio(load, "one node"), 0.6, True),
    ("writes, times straight", "write", lambda load: ratio(load, "one node"), 0.8, True),
    ("a read's processor time in the tier, us", "read",
     lambda load: load["one node"]["tier_cpu_us"], 14, False),
)


def _load_table(name, load):
    table = Table(TITLES[name], "way", "requests/s", "times straight", "p50 us", "p99 us",
                  "tier: CPU us", "database: CPU us", "client: CPU us")
    for way, found in load.items():
        table.add(way, found["requests_per_s"], ratio(load, way), found["p50_us"],
                  found["p99_us"], found["tier_cpu_us"] if way != "straight" else None,
                  found["database_cpu_us"], found["client_cpu_us"])
    return table


def _scaling_table(results):
    table = Table("two app nodes, times one", "load", "requests/s", "p99", "tier: CPU")
    for name, load in results["loads"].items():
        table.add(TITLES[name], *(ratio(load, "two nodes", figure, "one node")
                                  for figure in ("requests_per_s", "p99_us", "tier_cpu_us")))
    return table


def _limit_table(results):
    """What could be reached at most with all processors at work: where the time of a request goes."""
    cpus = results["machine"]["cpus"]
    table = Table(f"processor time of a request, all together, and what {cpus} processors allow",
                  "load", "straight: us", "one node: us", "straight: requests/s",
                  "one node: requests/s", "times straight at most")
    for name, load in results["loads"].items():
        spent = {way: sum(load[way][f"{part}_cpu_us"] for part in ("tier", "database", "client"))
                 for way in ("straight", "one node")}
        table.add(TITLES[name], spent["straight"], spent["one node"],
                  1e6 * cpus / spent["straight"], 1e6 * cpus / spent["one node"],
                  spent["straight"] / spent["one node"])
    return table


def _goal_table(results):
    table = Table("goals", "what", "goal", "found", "met")
    for what, name, find, goal, at_least in GOALS:
        if name not in results["loads"]:
            continue
        value = find(results["loads"][name])
        met = value >= goal if at_least else value <= goal
        table.add(what, f"{'>=' if at_least else '<='} {goal:g}", value, "yes" if met else "no")
    return table


def tables(results):
    return [*(_load_table(name, load) for name, load in results["loads"].items()),
            _scaling_table(results), _limit_table(results), _goal_table(results)]


def text(results):
    return "\n\n".join(table.text() for table in tables(results))
