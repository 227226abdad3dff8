# SPDX-License-Identifier: BSD-3-Clause
"""Makes docs/benchmarks/app.md and its results.json of a full run."""

import json

from benchlib import app_report, publish
from lablib.progress import say

PAGE = publish.FOLDER / "app.md"
FILES = publish.FOLDER / "app"

HEAD = """# Results: the app tier

Made by `scripts/bench app --publish`, not by hand; [README.md](README.md#the-app-tier) says what is
measured and how to repeat it. All figures are in [results.json](app/results.json).
"""


def publish_page(results):
    FILES.mkdir(parents=True, exist_ok=True)
    (FILES / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    peers = results["machine"]["peers"]
    conditions = (f"Medians of {results['rounds']} rounds of {results['round_seconds']} s in each "
                  f"way; {results['links']} links. {results['database_connections']} connections to "
                  "the database from each app node, and as many from the client that goes straight "
                  f"to it; {results['http_connections']} from the client to the app nodes.")
    machine = publish.machine_section(results, programs="".join(
        f", {name} {version}" for name, version in peers.items()))
    PAGE.write_text("\n\n".join([HEAD.rstrip(), conditions, machine, "## Tables", *(
        table.markdown() for table in app_report.tables(results))]) + "\n", encoding="utf-8")
    say(f"published: {PAGE}")
