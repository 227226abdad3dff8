# SPDX-License-Identifier: BSD-3-Clause
"""The results of the web tier's benchmark as plots, in SVG."""

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402  (after the choice of a backend without a screen)

from benchlib import web_report  # noqa: E402
from benchlib.plots import BEST, INK, MEDIAN, STYLE, THIRD  # noqa: E402

ROW_INCHES = 0.22


def _save(figure, path):
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    pyplot.close(figure)


def _ratios(results, figure_name, title, goals, path):
    """A bar for each kind of work, from the first at the top; nginx is the line at 1."""
    rows = [(series, web_report.ratio(series, "nginx", figure_name))
            for series in results["series"]]
    rows = [(series, value) for series, value in rows if value]
    names = [f"{web_report.TITLES[series['part']]}: {series['name']}" for series, _ in rows]
    places = range(len(rows), 0, -1)
    figure, axes = pyplot.subplots(figsize=(6, 0.8 + ROW_INCHES * len(rows)))
    axes.barh(places, [value for _, value in rows], 0.7, color=BEST, label="weir")
    axes.axvline(1, color=INK, linewidth=1, label="nginx")
    found = [(goals[series["part"], series["name"]], place)
             for (series, _), place in zip(rows, places)
             if (series["part"], series["name"]) in goals]
    if found:
        axes.plot(*zip(*found), "|", color=THIRD, markersize=9, markeredgewidth=2, label="goal")
    axes.set_yticks(places, names)
    axes.set_xlabel("times nginx's")
    axes.set_title(title, loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, path)


def _idle(results, path):
    figure, axes = pyplot.subplots(figsize=(6, 2.4))
    kinds = {"plain": "HTTP", "tls": "HTTPS"}
    for i, (name, found) in enumerate(results["idle"].items()):
        bars = axes.bar([n + 0.4 * i for n in range(len(kinds))],
                        [found[kind] / 1024 for kind in kinds], 0.38,
                        color=(BEST, MEDIAN)[i], label=name)
        axes.bar_label(bars, fmt="%.1f")
    axes.set_xticks([n + 0.2 for n in range(len(kinds))], kinds.values())
    axes.set_ylabel("KiB a connection")
    axes.set_title(f"memory of {results['idle_connections']} idle connections", loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, path)


def draw(results, folder):
    """Writes the plots; returns their names."""
    goals = {(part, name): goal for part, name, goal in web_report.GOALS}
    with pyplot.rc_context(STYLE):
        _ratios(results, "requests_per_cpu_s", "requests per CPU second (more is better)", goals,
                folder / "requests.svg")
        _ratios(results, "p99_us", "p99 (less is better)", {}, folder / "p99.svg")
        _idle(results, folder / "idle.svg")
    return ["requests.svg", "p99.svg", "idle.svg"]
