# SPDX-License-Identifier: BSD-3-Clause
"""Names, types and help of all metrics are as Prometheus wants them."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("common", "controlplane", "webtier", "apptier", "monitor")
TEXT = r'"((?:[^"\\]|\\.)*)"'
NAME = r'"((?:weir|process)_[a-z0-9_]+)"'


def sources():
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.c")):
            # Parts of a string are one.
            yield re.sub(r'"\s*\n\s*"', "", path.read_text(encoding="utf-8"))


def families():
    """Every family that the sources have in their tables and calls: name, type and help."""
    found = {}
    for text in sources():
        for name, kind, words in re.findall(
                rf"{NAME},\s*METRIC_(COUNTER|GAUGE|HISTOGRAM),\s*{TEXT}", text):
            found[name] = (kind.lower(), words)
        for function, name, words in re.findall(
                rf"write_(named|number)\(metrics, {NAME},\s*{TEXT}", text):
            found[name] = ("counter" if function == "named" else "gauge", words)
    return found


def promtool(page):
    return subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True,
                          text=True, check=False)


def test_promtool_has_nothing_to_say_of_any_family():
    found = families()
    assert len(found) > 100
    page = "".join(f"# HELP {name} {words}\n# TYPE {name} {kind}\n"
                   + (f'{name}_bucket{{le="+Inf"}} 1\n{name}_sum 1\n{name}_count 1\n'
                      if kind == "histogram" else f"{name} 1\n")
                   for name, (kind, words) in found.items())
    done = promtool(page)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_promtool_would_speak_up():
    bad = promtool("# HELP weir_packets Packets.\n# TYPE weir_packets counter\nweir_packets 1\n")
    assert bad.returncode != 0 and "_total" in bad.stderr + bad.stdout


def test_no_family_is_missing_here():
    named = {name for text in sources() for name in re.findall(NAME, text)}
    assert named - set(families()) <= {"process_names"}  # An array of MariaDB's.
