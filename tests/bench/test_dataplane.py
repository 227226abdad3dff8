# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark of the dataplane works: its programs forward what they measure, and its results
become tables, plots and a page. Nothing here depends on how fast anything is."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from benchlib import (goals, machine, peers, plan, plots, programs, publish,  # noqa: E402
                      report, testpmd)

SHORT = {"windows": 4, "window_ms": 50}
FLOWS = 2000


@pytest.fixture(scope="module")
def loop():
    return programs.Loop(False, **SHORT)


def is_forwarded(result):
    return result["frames"] > 0 and abs(result["frames"] - result["forwarded"]) <= 4096


@pytest.mark.parametrize("mode", plan.MODES)
@pytest.mark.parametrize("family", ({"family": 4}, {"family": 6, "size": 74}))
def test_the_loop_forwards_every_packet(loop, mode, family):
    result = loop.once(mode=mode, flows=FLOWS, services=50, **family)
    assert is_forwarded(result)
    assert result["flows"] >= FLOWS * 0.99


def test_new_flows_and_a_flood_are_forwarded_too(loop):
    result = loop.once(flows=FLOWS, new=100000, flood=300000)
    assert is_forwarded(result)
    assert result["evicted"] + result["untracked"] > 0


def test_configurations_are_swapped_while_packets_flow(loop):
    result = loop.once(flows=FLOWS, swaps=100)
    assert is_forwarded(result)
    assert result["swaps"]["n"] > 0


def test_at_a_rate_times_are_told(loop):
    result = loop.once(flows=FLOWS, rate=50000)
    times = result["times"]
    assert times["n"] > 0
    assert 0 < times["p50_us"] <= times["p99_us"] <= times["p999_us"]


@pytest.mark.parametrize("work", ("port", "source", "macswap"))
def test_the_loops_without_a_balancer_run(loop, work):
    assert loop.once(work=work, flows=FLOWS)["frames"] > 0


@pytest.mark.parametrize("name,parameters", plan.STAGES)
def test_every_stage_is_measured(name, parameters):
    assert programs.stage(**parameters, windows=2, window_ms=1, flows=FLOWS)["best_ns"] > 0, name


def test_instructions_are_counted_alike_every_time():
    first, second = (programs.count(stage="parse", flows=FLOWS)["instructions"] for _ in range(2))
    assert 10 < first < 1000
    assert first == pytest.approx(second, rel=0.01)


def test_testpmd_is_measured(loop, tmp_path):
    assert testpmd.limit("macswap", loop, tmp_path)["best_ns"] > 0


def test_nftables_forwards_all():
    assert set(peers.nftables((FLOWS,), 2, 5)) == {str(FLOWS), "new"}


def test_ipvs_forwards_all():
    assert set(peers.ipvs((FLOWS,), 3, 20)) == {str(FLOWS), "new"}


@pytest.fixture(name="results", scope="module")
def whole_results(loop):
    """Results of the shape of a whole run, but every series is made of one and the same run."""
    one, timed = loop.once(flows=FLOWS), loop.once(flows=FLOWS, rate=50000)
    stage = programs.stage(stage="parse", windows=2, window_ms=1, flows=FLOWS)
    pair = {"at": 1, "sent_pps": 1e6, "received": 10, "duration_s": 1.0,
            "latency_ns": {"p50": 1, "p99": 2}}
    return {
        "machine": machine.describe(), "quick": False, "huge_pages": False, "seconds": 1,
        "limits": {"port": one, "source": one, "macswap": one, "testpmd": {"macswap": one}},
        "series": {series.name: [{"at": at, "parameters": parameters, **one}
                                 for at, parameters in series.runs] for series in plan.SERIES},
        "latency": [{"at": at, "rate": 1000 * at, **timed} for at in plan.LOADS], "idle": timed,
        "idle_asleep": timed,
        "idle_awake": timed,
        "wake": programs.wake(machine.cpus()[-1]),
        "peers": {"nftables": {"4096": one, "new": one}, "ipvs": {"skipped": "not here"}},
        "pair": [pair], "stages": [{"name": name, **stage} for name, _ in plan.STAGES],
        "maglev_build": stage,
        "instructions": {name: {"instructions": 1.0} for name, _ in plan.STAGES},
    }


def test_results_make_tables(results):
    text = report.text(results)
    for title in ("limits", "whole loop by number of flows", "time in the box", "an idle node",
                  "peers", "two processes", "stages"):
        assert title in text
    assert "IPVS mh dr, TCP (user-mode Linux): left out" in text
    assert len(goals.table(results).rows) == len(goals.GOALS) + 1
    assert report.problems(results) == []


def test_results_make_plots(results, tmp_path):
    names = plots.draw(results, tmp_path)
    assert {"flows.svg", "sizes.svg", "services.svg", "full.svg", "flood.svg",
            "latency.svg"} <= set(names)
    for name in names:
        assert ElementTree.parse(tmp_path / name).getroot().tag.endswith("svg")


def test_results_make_a_page(results, tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "FILES", tmp_path / "dataplane")
    monkeypatch.setattr(publish, "PAGE", tmp_path / "dataplane.md")
    publish.publish(results)
    page = (tmp_path / "dataplane.md").read_text(encoding="utf-8")
    pictures = re.findall(r"\]\((dataplane/[^)]+)\)", page)
    assert len(pictures) > 6
    for picture in pictures:
        assert (tmp_path / picture).is_file()
    assert publish.headline(results) in page


def test_what_is_not_forwarded_is_a_problem():
    run = {"at": 1, "frames": 100000, "forwarded": 50000}
    assert len(report.problems({"series": {"flows": [run]}})) == 1


def test_huge_pages_are_given_back():
    before = machine.PAGES.read_text(encoding="ascii")
    with machine.huge_pages(64):
        pass
    assert machine.PAGES.read_text(encoding="ascii") == before
