# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark of the app tier works: links are read and written in every way, and the figures become
tables. Nothing here depends on how fast anything is."""

import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from benchlib import app, app_publish, app_report, app_servers, web_load  # noqa: E402
from lablib import building  # noqa: E402
from lablib.errors import LabError  # noqa: E402

LINKS = 1000


@pytest.fixture(scope="module")
def ways():
    building.build(app.programs.BUILD, targets=app.TARGETS)
    # The database's user must be able to go there, which pytest's own folders do not allow.
    folder = Path(tempfile.mkdtemp(prefix="weir-bench-test-"))
    try:
        with app_servers.servers(folder, LINKS) as (database, nodes):
            yield {way.name: way for way in app.ways(database, nodes)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def patiently(way, load, n_links=LINKS):
    """What the load says, given more time where the machine does nothing in a short one."""
    for seconds in (0.5, 5, 25):
        try:
            return way.measure(load, seconds, n_links)
        except web_load.TooBusy:
            pass
    raise AssertionError("the machine does nothing at all")


@pytest.mark.parametrize("name", ("straight", "one node", "two nodes"))
def test_links_are_read_and_written(ways, name):
    way = ways[name]

    def count():
        return int(way.database.sql("SELECT COUNT(*) FROM weir.links"))
    before = count()
    read = patiently(way, "read")
    assert count() == before
    assert read["requests_per_s"] > 0 and 0 < read["p50_us"] <= read["p99_us"]
    assert read["database_cpu_us"] > 0 and read["client_cpu_us"] > 0
    assert (read["tier_cpu_us"] > 0) == (name != "straight")
    patiently(way, "write")
    written = count()
    assert written > before
    patiently(way, "mixed")
    assert count() > written


def test_both_nodes_take_part(ways):
    way = ways["two nodes"]
    before = [node.cpu_ns() for node in way.nodes]
    patiently(way, "read")
    assert all(node.cpu_ns() > then for node, then in zip(way.nodes, before))


@pytest.mark.parametrize("name", ("straight", "one node"))
def test_a_link_that_is_not_there_is_no_success(ways, name):
    with pytest.raises(LabError):
        patiently(ways[name], "read", 1000 * LINKS)


def test_results_become_tables_and_a_page(tmp_path, monkeypatch):
    figures = ("requests_per_s", "p50_us", "p99_us", "tier_cpu_us", "database_cpu_us",
               "client_cpu_us")
    measured = {"straight": dict.fromkeys(figures, 10.0), "one node": dict.fromkeys(figures, 9.0),
                "two nodes": dict.fromkeys(figures, 12.0)}
    arguments = SimpleNamespace(quick=True, rounds=1, seconds=1, only=",".join(app.LOADS))

    class Nothing:
        def __enter__(self):
            return None, []

        def __exit__(self, *_):
            return False
    monkeypatch.setattr(app.app_servers, "servers", lambda folder: Nothing())
    monkeypatch.setattr(app, "ways", lambda database, nodes: ())
    monkeypatch.setattr(app, "_measure", lambda arguments, load, ways: measured)
    results = app.measure(arguments)
    rows = [line for line in app_report.text(results).splitlines() if line.endswith(" yes")]
    assert len(rows) == len(app_report.GOALS)
    monkeypatch.setattr(app_publish, "PAGE", tmp_path / "app.md")
    monkeypatch.setattr(app_publish, "FILES", tmp_path / "app")
    app_publish.publish_page({**results, "seconds": 1})
    assert "making a link" in (tmp_path / "app.md").read_text(encoding="utf-8").lower()
