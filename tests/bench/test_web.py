# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark of the web tier works: both servers give whole answers to every kind of work, and the
figures become tables. Nothing here depends on how fast anything is."""

import re
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from benchlib import machine, web, web_load, web_publish, web_report, web_servers  # noqa: E402
from lablib import building  # noqa: E402
from lablib.errors import LabError  # noqa: E402


@pytest.fixture(scope="module")
def folder():
    building.build(web.programs.BUILD, targets=web.TARGETS)
    # nginx's worker, another user, must be able to go there, which pytest's own folders do not allow.
    made = Path(tempfile.mkdtemp(prefix="weir-bench-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def servers(folder):
    (folder / "all").mkdir()
    with web_servers.servers(folder / "all", machine.cpus(), web.KINDS) as (_, made):
        yield made


def patiently(load, *words, **options):
    """What the load says, given more time where the machine does nothing in one second."""
    for seconds in (1, 5, 25):
        try:
            return load(*words, **options, seconds=seconds)
        except web_load.TooBusy:
            pass
    raise AssertionError("the machine does nothing at all")


def bench(**options):
    return web.Bench(SimpleNamespace(**{"only": ",".join(web.PARTS), "quick": True, "rounds": 1,
                                        "seconds": 1, "idle": 10, **options}))


@pytest.mark.parametrize("name", web.KINDS)
def test_kept_connections_get_whole_answers(servers, name):
    found = patiently(web_load.kept, servers[name], f"{web_servers.PREFIX}/16k", tls=True,
                      kib=16)
    assert found["requests"] > 0 and found["cpu_ns"] > 0
    assert 0 < found["p50_us"] <= found["p99_us"]


@pytest.mark.parametrize("name", ("weir", "nginx"))
def test_streams_of_one_connection_get_whole_answers(servers, name):
    found = patiently(web_load.multiplexed, servers[name], f"{web_servers.PREFIX}/16k", 16)
    assert found["requests"] > 0 and found["cpu_ns"] > 0
    assert 0 < found["p50_us"] <= found["p99_us"]


@pytest.mark.parametrize("name", ("weir", "nginx"))
def test_handshakes_are_resumed_only_where_they_are_meant_to(servers, name):
    new = patiently(web_load.single, servers[name], "new")
    resumed = patiently(web_load.single, servers[name], "resumed")
    assert new["resumed"] == 0 < new["requests"]
    assert 0 < resumed["resumed"] <= resumed["requests"]


def test_a_request_that_fails_is_not_measured(servers):
    with pytest.raises(LabError):
        web_load.kept(servers["weir"], "/absent")


def test_a_round_in_which_nothing_was_done_is_repeated(servers):
    seconds_given = []

    def load(server, seconds):
        seconds_given.append(seconds)
        if len(seconds_given) < web.ATTEMPTS:
            raise web_load.TooBusy("nothing was done")
        return {"requests": 10, "cpu_ns": 10 ** 9, "seconds": 1, "p50_us": 1, "p99_us": 2}

    this = bench()
    found = this._measure(web.Series("work", "tls", load), {"weir": servers["weir"]})
    assert found["servers"]["weir"]["requests_per_cpu_s"] == 10
    assert seconds_given == sorted(set(seconds_given)) and this.n_empty == web.ATTEMPTS - 1


def test_a_server_that_is_only_slow_is_told_from_one_that_is_broken(servers):
    def load(server, seconds):
        raise web_load.TooBusy("nothing was done")

    series = web.Series("work", "tls", load)
    found = bench()._measure(series, {"weir": servers["weir"]})
    assert found["servers"]["weir"] is None
    assert "work" in web_report.text({"series": [found], "empty_rounds": web.ATTEMPTS})
    absent = SimpleNamespace(name="absent", place=servers["weir"].place, ports=(1, 1),
                             complaints=lambda: "")
    with pytest.raises(LabError, match="absent does not answer"):
        bench()._measure(series, {"weir": absent})


def test_idle_connections_cost_memory(folder):
    (folder / "fresh").mkdir()
    with web_servers.servers(folder / "fresh", machine.cpus(), ("weir",)) as (_, made):
        assert web_load.idle(made["weir"], True, 200)["bytes"] > 1000


def test_results_become_tables_and_a_page(tmp_path, monkeypatch):
    figures = {figure: 10.0 for figure in web.FIGURES}
    half = {figure: 5.0 for figure in web.FIGURES}
    monkeypatch.setattr(web.Bench, "_idle", lambda self, cpus: {"weir": {"plain": 1, "tls": 2}})
    monkeypatch.setattr(web.Bench, "_measure", lambda self, series, servers: {
        "part": series.part, "name": series.name, "servers": {"weir": figures, "nginx": half}})
    results = bench().run()
    text = web_report.text(results)
    rows = [line.split() for line in text.splitlines() if line.endswith("yes")]
    assert len(rows) == len(web_report.GOALS)  # Each goal is of a series that there is.
    assert all(row[-2] == "2.00" for row in rows)
    monkeypatch.setattr(web_publish, "PAGE", tmp_path / "web.md")
    monkeypatch.setattr(web_publish, "FILES", tmp_path / "web")
    web_publish.publish_page({**results, "seconds": 1})
    page = (tmp_path / "web.md").read_text(encoding="utf-8")
    pictures = re.findall(r"\(web/(.+?\.svg)\)", page)
    assert "HTTPS" in page and pictures
    assert all("</svg>" in (tmp_path / "web" / name).read_text(encoding="utf-8")
               for name in pictures)
