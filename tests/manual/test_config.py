# SPDX-License-Identifier: BSD-3-Clause
"""docs/config.md tells of every key that weir.yaml may have, and of no other."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("WEIR_BUILD", "build")
TEXT = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")

# Where the keys of a section's tables are, if its heading does not say it.
PLACES = {"Top level": "", "nodes": "nodes[]", "virtual_routers": "virtual_routers[]",
          "scripts": "scripts[]", "checks": "checks[]", "pools": "pools[]",
          "source_lists": "source_lists[]", "services": "services[]",
          "virtual_routers[].track": "virtual_routers[].track[]",
          "web.limits, app.limits": "web.limits", "web: TLS": "web", "web: files": "web"}


class Key:
    """A key, as one row of a table has it."""

    def __init__(self, path, row, section):
        self.path, self.section = path, section
        self.name = re.split(r"[.\[]", path.replace("[]", ""))[-1]
        self.value, self.default, self.meaning = row["value"], row["default"], list(row.values())[-1]


def sections():
    """Headings and what stands below each up to the next."""
    parts = re.split(r"^##+ (.*)$", TEXT, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2]))


def tables(text):
    """The rows of tables of keys, as dictionaries."""
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
        head = lines[0]
        if head[0] == "key":
            yield from (dict(zip(head, row)) for row in lines[2:])


def documented():
    keys = []
    for heading, text in sections():
        place = PLACES.get(heading, heading)
        for row in tables(text):
            for name in re.findall(r"`([^`]+)`", row["key"]):
                keys.append(Key(f"{place}.{name}" if place else name, row, heading))
    return keys


def examples_of(section):
    text = dict(sections())[section]
    fenced = re.findall(r"^```yaml\n(.*?)^```", text, flags=re.S | re.M)
    indented = re.findall(r"(?:^    .*\n)+", text, flags=re.M)
    return "".join(fenced + indented)


KEYS = documented()


def test_every_key_of_the_schema_is_there_once_and_no_other():
    schema = subprocess.run([BUILD / "tests" / "common" / "config-keys"], check=True,
                            capture_output=True, text=True).stdout.split()
    assert len(schema) > 150
    assert sorted(key.path for key in KEYS) == sorted(schema)


def test_every_key_has_a_value_a_default_a_meaning_and_an_example():
    for key in KEYS:
        assert key.value and key.default and key.meaning, key.path
        assert re.search(rf"(?:^|[\s{{-]){key.name}:(?:\s|$)", examples_of(key.section), re.M), \
            f"no example of {key.path} in section {key.section}"
