# SPDX-License-Identifier: BSD-3-Clause
"""Makes docs/benchmarks/web.md and its plots and results.json of a full run."""

import json

from benchlib import publish, web_plots, web_report
from lablib.progress import say

PAGE = publish.FOLDER / "web.md"
FILES = publish.FOLDER / "web"

HEAD = """# Results: the web tier

Made by `scripts/bench web --publish`, not by hand; [README.md](README.md#the-web-tier) says what is
measured and how to repeat it. All figures are in [results.json](web/results.json).
"""


def publish_page(results):
    FILES.mkdir(parents=True, exist_ok=True)
    for path in FILES.glob("*.svg"):
        path.unlink()
    (FILES / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    peers = "".join(f", {name} {version}"
                    for name, version in results["machine"]["peers"].items())
    conditions = (f"Medians of {results['rounds']} rounds of {results['round_seconds']} s with each "
                  "server.")
    pictures = [f"![{name}](web/{name})" for name in web_plots.draw(results, FILES)]
    tables = [table.markdown() for table in web_report.tables(results)]
    PAGE.write_text("\n\n".join([HEAD.rstrip(), conditions, *web_report.remarks(results),
                                 publish.machine_section(results, programs=peers), "## Plots",
                                 *pictures, "## Tables", *tables]) + "\n", encoding="utf-8")
    say(f"published: {PAGE}")
