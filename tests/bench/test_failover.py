# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark of failovers works: pairs are killed and come back, and what the client saw becomes
tables and plots. Nothing here depends on how fast anything is."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from benchlib import failover, failover_net, failover_publish, failover_report  # noqa: E402
from benchlib.failover_client import Client  # noqa: E402
from benchlib.programs import PROGRAMS  # noqa: E402
from lablib import building  # noqa: E402

ADVERT_MS = 200  # A busy machine shall not make nodes take each other for dead.
N_IDLE, N_STREAMS = 20, 5


@pytest.fixture(scope="module", autouse=True)
def built():
    building.build(failover.programs.BUILD, targets=failover.TARGETS)


def run(**options):
    arguments = {"quick": True, "kills": 1, "modes": "dr,tunnel", "kinds": "node",
                 "pairs": "weir", "advert_ms": ADVERT_MS, "interval_ms": 10, "idle": N_IDLE,
                 "streams": N_STREAMS, **options}
    return failover.Bench(SimpleNamespace(**arguments)).run()


@pytest.fixture
def net(tmp_path):
    with failover_net.network(tmp_path) as made:
        for name in failover_net.SERVERS:
            made[name].start("server", PROGRAMS / "bench-failover-server")
        yield made


@pytest.fixture
def client(net):
    """A client that asks the first server itself."""
    made = Client(net, {"direct": failover_net.address(failover_net.SERVERS["s1"])}, 10, N_IDLE,
                  N_STREAMS)
    made.fill()
    return made


def test_a_client_that_nobody_disturbs_finds_all_alive(client):
    client.begin()
    found = client.end()["direct"]
    assert found["requests"] > 0
    assert (found["failed"], found["gap_ms"]) == (0, None)
    assert (found["idle"], found["idle_alive"]) == (N_IDLE, N_IDLE)
    assert (found["streams"], found["streams_alive"]) == (N_STREAMS, N_STREAMS)


def test_a_dead_server_loses_its_connections_and_a_new_one_gets_others(client, net):
    client.begin()
    times = net["s1"].kill("server")
    net["s1"].start("server", PROGRAMS / "bench-failover-server")
    assert client.await_recovery(*times)
    found = client.end()["direct"]
    assert found["gap_ms"] > 0
    assert (found["idle"], found["idle_alive"]) == (N_IDLE, 0)
    assert (found["streams"], found["streams_alive"]) == (N_STREAMS, 0)
    client.fill()
    client.begin()
    assert client.end()["direct"]["idle_alive"] == N_IDLE


def test_weir_keeps_connections_when_its_holder_dies(tmp_path, monkeypatch):
    results = run(kinds="node,dataplane,drained,added")
    found = dict(((kind, target), rounds) for _, kind, target, rounds
                 in failover_report.series(results))
    assert {kind for kind, _ in found} == {"node", "dataplane", "drained", "added"}
    for kind in ("node", "dataplane"):
        for mode in ("dr", "tunnel"):
            assert failover_report.gaps(found[kind, mode])
            assert failover_report.alive(found[kind, mode], "idle") == 100
            assert failover_report.alive(found[kind, mode], "streams") == 100
    assert "weir, tunnel" in failover_report.text(results)
    monkeypatch.setattr(failover_publish, "PAGE", tmp_path / "failover.md")
    monkeypatch.setattr(failover_publish, "FILES", tmp_path / "failover")
    failover_publish.publish_page({**results, "seconds": 1})
    page = (tmp_path / "failover.md").read_text(encoding="utf-8")
    assert "failover/alive.svg" in page and "Goals for weir" in page
    assert (tmp_path / "failover" / "alive.svg").exists()


def test_keepalived_and_haproxy_lose_them():
    results = run(pairs="haproxy")
    rounds = results["pairs"]["haproxy"]["node"]
    assert rounds[0]["targets"]["haproxy"]["gap_ms"] is not None
    assert rounds[0]["targets"]["haproxy"]["idle_alive"] == 0


def test_a_percentile_is_one_of_the_values():
    assert failover_report.percentile(range(1, 101), 99) == 99
    assert failover_report.percentile([3, 1, 2], 99) == 3
