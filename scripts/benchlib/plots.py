# SPDX-License-Identifier: BSD-3-Clause
"""The results as plots, in SVG."""

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402  (after the choice of a backend without a screen)

from benchlib import report  # noqa: E402

INK, BEST, MEDIAN, THIRD = "#333333", "#1f6f8b", "#99a8b2", "#c8553d"
STYLE = {
    "svg.hashsalt": "weir",  # The same results make the same files.
    "font.size": 9, "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": "#e5e5e5", "legend.frameon": False,
}


def _mpps(results, runs, which):
    return [1000 / report.net(results, run)[which] for run in runs]


def _finish(figure, axes, title, path):
    axes.set_title(title, loc="left")
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    pyplot.close(figure)


def _throughput(results, name, path):
    """Million packets a second of one core over what the series changes."""
    series, runs = report.SERIES[name], results["series"][name]
    figure, axes = pyplot.subplots(figsize=(6, 3.2))
    positions = [run["at"] for run in runs]
    if max(positions) >= 100 * max(1, min(positions)):
        axes.set_xscale("log", base=2 if name == "flows" else 10)
    axes.plot(positions, _mpps(results, runs, 0), "o-", color=BEST, label="best window")
    axes.plot(positions, _mpps(results, runs, 1), "o--", color=MEDIAN, label="median window")
    if name == "flood":
        shares = [1 - run["at"] / 100 for run in runs]
        established = [rate * share
                       for rate, share in zip(_mpps(results, runs, 0), shares)]
        axes.plot(positions, established, "s-", color=THIRD, label="established flows' part")
    axes.set_xlabel(series.axis)
    axes.set_ylabel("million packets/s, one core")
    _finish(figure, axes, f"dr, {series.title}", path)


def _full(results, path):
    """Throughput, and the share of packets that went by hash alone."""
    runs = results["series"]["full"]
    figure, axes = pyplot.subplots(figsize=(6, 3.2))
    positions = [run["at"] for run in runs]
    axes.plot(positions, _mpps(results, runs, 0), "o-", color=BEST, label="best window")
    axes.plot(positions, _mpps(results, runs, 1), "o--", color=MEDIAN, label="median window")
    axes.set_xlabel(report.SERIES["full"].axis)
    axes.set_ylabel("million packets/s, one core")
    other = axes.twinx()
    other.plot(positions, [100 * run["untracked"] / max(1, run["frames"]) for run in runs], "s:",
               color=THIRD)
    other.set_ylabel("packets forwarded by hash alone, %", color=THIRD)
    other.set_ylim(0, 100)
    other.grid(False)
    _finish(figure, axes, f"dr, {report.SERIES['full'].title}", path)


def _latency(results, path):
    figure, axes = pyplot.subplots(figsize=(6, 3.2))
    rates = [run["rate"] / 1e6 for run in results["latency"]]
    lines = (("p50_us", "median", "o-", BEST), ("p99_us", "p99", "o--", INK),
             ("p999_us", "p99.9", "s:", THIRD))
    for key, name, style, colour in lines:
        axes.plot(rates, [run["times"][key] for run in results["latency"]], style, color=colour,
                  label=name)
    axes.set_xlabel("offered load, million packets/s")
    axes.set_ylabel("time in the box, microseconds")
    axes.set_yscale("log")
    axes.set_title("dr, time in the box, 1 M flows", loc="left")
    axes.legend()
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    pyplot.close(figure)


def draw(results, folder):
    """Writes a plot of everything that the results have enough points of; returns their names."""
    found = []
    with pyplot.rc_context(STYLE):
        for name, runs in results.get("series", {}).items():
            if len(runs) < 3 or not report.SERIES[name].plot:
                continue
            path = folder / f"{name}.svg"
            if name == "full":
                _full(results, path)
            else:
                _throughput(results, name, path)
            found.append(path.name)
        if len(results.get("latency", ())) >= 3:
            _latency(results, folder / "latency.svg")
            found.append("latency.svg")
    return found
