# SPDX-License-Identifier: BSD-3-Clause
"""How many tests passed, failed and were skipped, as the reports of the test programs say."""

import json
import re
import xml.etree.ElementTree as xml
from dataclasses import dataclass

# cmocka's lines about one case. It names a failed case again in its summary.
PASSED = re.compile(r"^\[       OK \] (\S+)", re.MULTILINE)
FAILED = re.compile(r"^\[  FAILED  \] (\w+)$", re.MULTILINE)
SKIPPED = re.compile(r"^\[  SKIPPED \] (\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class Counts:
    """Of test cases; adds up."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Counts(self.passed + other.passed, self.failed + other.failed,
                      self.skipped + other.skipped)

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def _of_program(entry):
    """The cases of one cmocka program; one that failed otherwise (a crash, a leak) counts once."""
    text = entry.get("stdout", "") + "\n" + entry.get("stderr", "")
    passed = len(PASSED.findall(text))
    failed = len(set(FAILED.findall(text)))
    skipped = len(set(SKIPPED.findall(text)))
    if entry["result"] == "SKIP":
        return Counts(skipped=max(skipped, 1))
    if entry["result"] == "OK":
        return Counts(max(passed, 1), 0, skipped)
    return Counts(passed, max(failed, 1), skipped)


def of_meson(log):
    """From testlog.json, which has a line for each program that `meson test` ran."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return sum((_of_program(json.loads(line)) for line in lines), Counts())


def of_pytest(report):
    """From the JUnit file that pytest wrote."""
    total = Counts()
    for suite in xml.parse(report).getroot().iter("testsuite"):
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        total += Counts(int(suite.get("tests", 0)) - failed - skipped, failed, skipped)
    return total
