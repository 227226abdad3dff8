# SPDX-License-Identifier: BSD-3-Clause
"""The failover benchmark's results as plots, in SVG."""

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402  (after the choice of a backend without a screen)

from benchlib import failover_report  # noqa: E402
from benchlib.plots import BEST, INK, MEDIAN, STYLE, THIRD  # noqa: E402

COLOURS = {"dr": BEST, "tunnel": INK, "nat": MEDIAN, "fullnat": "#6a994e", "haproxy": THIRD}


def _save(figure, path):
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    pyplot.close(figure)


def _gaps(results, kind, path):
    """Which share of the kills had a gap of at most so long."""
    figure, axes = pyplot.subplots(figsize=(6, 3.2))
    for pair, this, target, rounds in failover_report.series(results):
        found = sorted(failover_report.gaps(rounds))
        if this != kind or not found:
            continue
        shares = [100 * (i + 1) / len(rounds) for i in range(len(found))]
        axes.step(found, shares, where="post", color=COLOURS[target],
                  label=failover_report.label(pair, target))
    axes.set_xscale("log")
    axes.set_xlabel("from the kill to the next successful request, ms")
    axes.set_ylabel("kills, %")
    axes.set_ylim(0, 102)
    axes.set_title(f"killed: {failover_report.KINDS[kind]}", loc="left")
    axes.legend(loc="lower right")
    _save(figure, path)


def _alive(results, path):
    """Connections that lived on, by what was killed."""
    found = {}
    for pair, kind, target, rounds in failover_report.series(results):
        shares = [failover_report.alive(rounds, what) for what in ("idle", "streams")]
        shares = [share for share in shares if share is not None]
        if shares:
            found.setdefault((pair, target), {})[kind] = min(shares)
    kinds = [kind for kind in failover_report.KINDS
             if any(kind in shares for shares in found.values())]
    figure, axes = pyplot.subplots(figsize=(6, 3.2))
    width = 0.8 / max(1, len(found))
    for i, ((pair, target), shares) in enumerate(found.items()):
        at = [n + i * width for n, kind in enumerate(kinds) if kind in shares]
        axes.bar(at, [shares[kind] for kind in kinds if kind in shares], width,
                 color=COLOURS[target], label=failover_report.label(pair, target))
    axes.set_xticks([n + 0.4 - width / 2 for n in range(len(kinds))], kinds)
    axes.set_ylabel("connections alive afterwards, %")
    axes.set_ylim(0, 102)
    axes.set_title("long-lived connections, by what was killed", loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    _save(figure, path)


def draw(results, folder):
    """Writes the plots; returns their names."""
    found = []
    with pyplot.rc_context(STYLE):
        for kind in ("node", "dataplane"):
            if any(len(kinds.get(kind, ())) >= 3 for kinds in results["pairs"].values()):
                _gaps(results, kind, folder / f"gaps-{kind}.svg")
                found.append(f"gaps-{kind}.svg")
        _alive(results, folder / "alive.svg")
        found.append("alive.svg")
    return found
