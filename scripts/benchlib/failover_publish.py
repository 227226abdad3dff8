# SPDX-License-Identifier: BSD-3-Clause
"""Makes docs/benchmarks/failover.md, its plots and results.json of a full run."""

import json

from benchlib import failover_plots, failover_report, publish
from lablib.progress import say

PAGE = publish.FOLDER / "failover.md"
FILES = publish.FOLDER / "failover"

HEAD = """# Results: failover

Made by `scripts/bench failover --publish`, not by hand; [README.md](README.md#failover) says what
is measured and how to repeat it. Every kill is in [results.json](failover/results.json).
"""


def _conditions(results):
    return (f"Adverts of both pairs every {results['advert_ms']} ms; to each target a request "
            f"every {results['interval_ms']:g} ms, {results['idle']} idle connections and "
            f"{results['streams']} downloads.")


def publish_page(results):
    FILES.mkdir(parents=True, exist_ok=True)
    for path in FILES.glob("*.svg"):
        path.unlink()
    (FILES / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    pictures = [f"![{name}](failover/{name})" for name in failover_plots.draw(results, FILES)]
    tables = [table.markdown() for table in failover_report.tables(results)]
    peers = "".join(f", {name} {version}"
                    for name, version in results["machine"]["peers"].items())
    PAGE.write_text("\n\n".join([HEAD.rstrip(), _conditions(results),
                                 publish.machine_section(results, programs=peers), "## Plots",
                                 *pictures, "## Tables", *tables]) + "\n", encoding="utf-8")
    say(f"published: {PAGE}")
