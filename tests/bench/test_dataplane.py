# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark of the dataplane works: its programs forward what they measure, and its results
become tables, plots and a page. Nothing here depends on how fast anything is."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from benchlib import machine, peers, plan, plots, programs, report, testpmd  # noqa: E402

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


def published():
    path = ROOT / "docs" / "benchmarks" / "dataplane" / "results.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_published_results_make_tables_and_plots(tmp_path):
    results = published()
    assert {"limits", "series", "latency", "stages", "peers"} <= results.keys()
    assert "whole loop by number of flows" in report.text(results)
    drawn = plots.draw(results, tmp_path)
    assert {"flows.svg", "sizes.svg", "services.svg", "full.svg", "flood.svg",
            "latency.svg"} <= set(drawn)
    assert report.problems(results) == []


def test_what_is_not_forwarded_is_a_problem():
    run = {"at": 1, "frames": 100000, "forwarded": 50000}
    assert len(report.problems({"series": {"flows": [run]}})) == 1


def test_huge_pages_are_given_back():
    before = machine.PAGES.read_text(encoding="ascii")
    with machine.huge_pages(64):
        pass
    assert machine.PAGES.read_text(encoding="ascii") == before
