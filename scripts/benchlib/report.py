# SPDX-License-Identifier: BSD-3-Clause
"""Results as tables: plain text for a terminal, Markdown for the page in docs/."""

from benchlib import plan

SERIES = {series.name: series for series in plan.SERIES}


class Table:
    """Rows of words with a title; the first column is text, the others are numbers."""

    def __init__(self, title, *columns):
        self.title = title
        self.rows = [list(columns)]

    def add(self, *cells):
        self.rows.append([cell if isinstance(cell, str) else _number(cell) for cell in cells])

    def text(self):
        widths = [max(map(len, column)) for column in zip(*self.rows)]
        lines = [self.title]
        for row in self.rows:
            cells = [cell.ljust(width) if i == 0 else cell.rjust(width)
                     for i, (cell, width) in enumerate(zip(row, widths))]
            lines.append("  " + "  ".join(cells).rstrip())
        return "\n".join(lines)

    def markdown(self):
        head, *rows = self.rows
        lines = [f"**{self.title[0].upper()}{self.title[1:]}**", "",
                 "| " + " | ".join(head) + " |",
                 "|---|" + "---:|" * (len(head) - 1)]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _number(value):
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 \
        else f"{value:.2f}"


def _mpps(ns):
    return 1000 / ns


def source_ns(results):
    """(best, median) of what writing the frames' headers costs, which a NIC does instead."""
    limits = results.get("limits")
    if not limits:
        return 0.0, 0.0
    return tuple(max(0.0, limits["source"][key] - limits["port"][key])
                 for key in ("best_ns", "median_ns"))


def net(results, run):
    """(best, median) of a run without the source: worker and port."""
    source = source_ns(results)
    return run["best_ns"] - source[0], run["median_ns"] - source[1]


def _limits_table(results):
    limits = results["limits"]
    table = Table("limits: the same port without a load balancer, ns a packet", "loop", "best",
                  "median", "Mpps")
    for mode, run in limits["testpmd"].items():
        table.add(f"testpmd {mode}", run["best_ns"], run["median_ns"], _mpps(run["best_ns"]))
    names = {"port": "port alone", "source": "port and source of frames",
             "macswap": "the same, exchanging addresses"}
    for key, name in names.items():
        run = limits[key]
        table.add(name, run["best_ns"], run["median_ns"], _mpps(run["best_ns"]))
    return table


def _series_table(results, name, runs):
    series = SERIES[name]
    first = net(results, runs[0])[0]
    macswap = results.get("limits", {}).get("testpmd", {}).get("macswap")
    table = Table(f"whole loop {series.title}, ns of one core a packet", series.axis, "best",
                  "median", "with source", "cycles", "Mpps", "to first",
                  *(["to macswap"] if macswap else []))
    cycles = runs[0]["best_cycles"] / runs[0]["best_ns"]
    for run in runs:
        best, median = net(results, run)
        table.add(str(run["at"]), best, median, run["best_ns"], best * cycles, _mpps(best),
                  best / first, *([best / macswap["best_ns"]] if macswap else []))
    return table


def _extras_table(results):
    """What else the series tell: of a full table, and of configurations."""
    table = Table("what became of the flows", "run", "flows", "untracked %", "evicted %",
                  "table MB")
    for name in ("full", "flood", "new", "flows"):
        for run in results["series"].get(name, ()):
            frames = max(1, run["frames"])
            table.add(f"{name} {run['at']}", run["flows"], 100 * run["untracked"] / frames,
                      100 * run["evicted"] / frames, run["table_mb"])
    return table


def _latency_table(results):
    table = Table("time in the box by offered load, 1 M flows, microseconds", "load %", "Mpps",
                  "p50", "p99", "p99.9", "lost %")
    for run in results["latency"]:
        times = run["times"]
        lost = 100 * run["missed"] / max(1, run["frames"] + run["missed"])
        table.add(str(run["at"]), run["rate"] / 1e6, times["p50_us"], times["p99_us"],
                  times["p999_us"], lost)
    return table


def _idle_table(results):
    kinds = [results["idle"], results["idle_awake"], results["idle_asleep"]]
    table = Table("an idle node (20 packets a second)", "what", "waiting for its port",
                  "the same, wake_latency_us: 0", "sleeping between polls", "a thread that a timer wakes")
    table.add("processor share, %", *(100 * idle["cpu_share"] for idle in kinds), "-")
    for name, key in (("median", "p50_us"), ("p99", "p99_us")):
        table.add(f"a packet's time in the box, {name}, us",
                  *(idle["times"][key] for idle in kinds), results["wake"][key])
    return table


def _peers_table(results):
    """Beside weir's whole loop without its source, which counts receiving and sending as well."""
    table = Table("peers: processor time above an early drop, ns a packet", "balancer", "flows",
                  "best", "median")
    names = {"nftables": "nftables DNAT, UDP", "ipvs": "IPVS mh dr, TCP (user-mode Linux)"}
    for key, name in names.items():
        for flows, run in results["peers"][key].items():
            if flows == "skipped":
                table.add(f"{name}: left out", "-", "-", "-")
            else:
                table.add(name, "new, each packet" if flows == "new" else flows, run["best_ns"],
                          run["median_ns"])
    for run in results.get("series", {}).get("flows", ()):
        table.add("weir dr, TCP", str(run["at"]), *net(results, run))
    for run in results.get("series", {}).get("flood", ()):
        if run["at"] == 100:
            table.add("weir dr, TCP", "new, each packet", *net(results, run))
    return table


def _pair_table(results):
    table = Table("generator and balancer as two processes over memif, no huge pages, dr, 64-byte "
                  "frames at full speed", "flows", "sent Mpps", "through Mpps", "p50 us", "p99 us")
    for run in results["pair"]:
        latency = run["latency_ns"]
        table.add(str(run["at"]), run["sent_pps"] / 1e6,
                  run["received"] / run["duration_s"] / 1e6, latency["p50"] / 1e3,
                  latency["p99"] / 1e3)
    return table


def _stages_table(results):
    instructions = results.get("instructions", {})
    table = Table("stages of the packet core alone, 1 M flows, a packet", "stage", "best ns",
                  "median ns", "cycles", "instructions", "L1 misses", "L2 misses")
    for stage in results["stages"]:
        counts = instructions.get(stage["name"], {})
        table.add(stage["name"], stage["best_ns"], stage["median_ns"], stage["best_cycles"],
                  counts.get("instructions"), counts.get("l1_misses"), counts.get("l2_misses"))
    return table


def _instructions_table(results):
    table = Table("instructions a packet", "stage", "instructions")
    for name, counts in results["instructions"].items():
        table.add(name, counts["instructions"])
    return table


def tables(results):
    """All tables that the results have something for."""
    found = []
    if "limits" in results:
        found.append(_limits_table(results))
    for name, runs in results.get("series", {}).items():
        found.append(_series_table(results, name, runs))
    if results.get("series"):
        found.append(_extras_table(results))
    if "latency" in results:
        found += [_latency_table(results), _idle_table(results)]
    if "peers" in results:
        found.append(_peers_table(results))
    if "pair" in results:
        found.append(_pair_table(results))
    if "stages" in results:
        found.append(_stages_table(results))
    elif "instructions" in results:
        found.append(_instructions_table(results))
    return found


def text(results):
    return "\n\n".join(table.text() for table in tables(results))


def problems(results):
    """What makes the results worthless, as lines: packets that were not forwarded, for instance."""
    found = []
    for name, runs in results.get("series", {}).items():
        for run in runs:
            # The counters are read one after the other while frames flow.
            if abs(run["frames"] - run["forwarded"]) > 0.001 * run["frames"] + 4096:
                found.append(f"{name} {run['at']}: {run['forwarded']} of {run['frames']} packets "
                             "were forwarded")
    return found
