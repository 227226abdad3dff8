# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark of health checks works. Nothing here depends on how fast anything is."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from benchlib import checks  # noqa: E402
from lablib.errors import LabError  # noqa: E402


def test_checks_are_counted_and_become_a_table(tmp_path, capsys):
    out = tmp_path / "results.json"
    assert checks.run(SimpleNamespace(kinds="tcp,http", rate=20, seconds=2, json=out)) == 0
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in table[-2:]] == ["tcp", "http"]
    for result in json.loads(out.read_text())["results"]:
        assert result["good"] > 0 and result["us"] > 0
        assert sum(count for _, count in result["late_ms"]) > 0


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(LabError):
        checks.run_all(["carrier-pigeon"], 20, 2)


def test_every_backend_has_an_address_of_its_own():
    text = checks.configuration("tcp", 3001)
    addresses = [line.split()[4].rstrip("}") for line in text.splitlines() if "name: b" in line
                 and "address" in line]
    assert len(set(addresses)) == 3001 and text.count("check: bench\n") == 4
