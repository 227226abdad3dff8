# SPDX-License-Identifier: BSD-3-Clause
"""Makes docs/benchmarks/dataplane.md, its plots and results.json of a full run."""

import json
from datetime import date

from benchlib import goals, plots, report
from lablib import paths
from lablib.progress import say

FOLDER = paths.REPOSITORY / "docs" / "benchmarks"
PAGE = FOLDER / "dataplane.md"
FILES = FOLDER / "dataplane"

HEAD = """# Results: the dataplane

Made by `scripts/bench dataplane --publish`, not by hand; [README.md](README.md) says what is
measured and how to repeat it. The figures behind every table are in
[results.json](dataplane/results.json).
"""


def machine_section(results, memory="", programs=""):
    """The part of a page that says what was measured on; 'memory' and 'programs' are added."""
    machine = results["machine"]
    caches = ", ".join(f"{name} {size}" for name, size in machine["caches"].items() if size)
    where = f" under {machine['hypervisor']}" if machine["hypervisor"] else ""
    return "\n".join([
        "## The machine", "",
        f"* {machine['cpus']} CPUs{where}: {machine['cpu']} (family/model {machine['family']}), "
        f"{caches}",
        f"* {machine['memory_mb'] // 1024} GB of memory{memory}",
        f"* {machine['system']}, Linux {machine['kernel']}, {machine['compiler']}, "
        f"DPDK {machine['dpdk']}{programs}",
        f"* load average before the run: {machine['load_before']:.2f}",
        f"* measured on {date.today().isoformat()} in {results['seconds']} s"])


def _machine(results):
    pages = "2 MB huge pages" if results["huge_pages"] else "no huge pages"
    return "\n\n".join([
        machine_section(results, f", {pages}"),
        "Such a machine's speed moves from one moment to the next: *best* is the best of all "
        "windows, *median* the middle one. Compare figures of one run only."])


def headline(results):
    """One sentence with its conditions, for the README."""
    flows = {run["at"]: run for run in results["series"]["flows"]}
    best, median = report.net(results, flows[1 << 20])
    small, _ = report.net(results, flows[1 << 10])
    return (f"One core forwards a 64-byte packet of one of 1 M established flows in {best:.0f} ns "
            f"(median {median:.0f}; of 1 k flows in {small:.0f}), mode `dr`, 100 backends, on an "
            "in-memory port, the generator of frames not counted.")


def publish(results):
    """Writes the page, and says what the README may claim."""
    FILES.mkdir(parents=True, exist_ok=True)
    for path in FILES.glob("*.svg"):
        path.unlink()
    (FILES / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    pictures = [f"![{name}](dataplane/{name})" for name in plots.draw(results, FILES)]
    tables = [table.markdown() for table in report.tables(results)]
    PAGE.write_text("\n\n".join([HEAD.rstrip(), headline(results), _machine(results),
                                 goals.table(results).markdown(), "## Plots",
                                 *pictures, "## Tables", *tables]) + "\n", encoding="utf-8")
    say(f"published: {PAGE}\n{headline(results)}")
