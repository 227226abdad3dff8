# SPDX-License-Identifier: BSD-3-Clause
"""The picture works end to end, and goes on working when any one machine of it dies.

The tests run in this order in one lab; each leaves it healthy."""

import base64
import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from conftest import PATIENCE_S, machine
from lablib import mariadb, paths, processes, topology
from lablib.waiting import until

LONGEST_GAP_MS = 3000  # What a client may miss when the owner of the address dies: a busy machine.


# --- It comes up ---------------------------------------------------------------------------------


def test_up_ends_with_the_line_that_it_is_ready(lab):
    assert any(line.startswith("weir lab is ready") for line in lab.up_output.splitlines())


def test_up_again_is_harmless_and_quick(lab):
    def pids():
        return [process["pid"] for node in lab.status()["nodes"] for process in node["processes"]]

    before = pids()
    output = lab.ok("up")
    assert "weir lab is ready" in output
    assert pids() == before


@pytest.mark.parametrize("protocol", ["-4", "-6"])
def test_the_client_gets_the_page_by_name(lab, protocol):
    page = lab.ok("client", "curl", "-sS", "--fail", protocol, f"{lab.url}/")
    assert "<html" in page.lower()


def test_a_link_is_made_followed_counted_and_replicated(lab):
    status, body = lab.post_link("https://example.org/")
    assert status == 201
    code = json.loads(body)["code"]

    for expected in (1, 2):
        done = lab.ok("client", "curl", "-sS", "-o", "/dev/null", "-w",
                      "%{http_code} %{redirect_url}", f"{lab.url}/l/{code}")
        assert done == "302 https://example.org/"

        def counted():
            return json.loads(lab.curl(f"{lab.url}/api/links/{code}")[1])["count"] == expected

        until(f"the count of {code} is {expected}", counted, PATIENCE_S)

    def row():
        return lab.ok("sql", "db2", "-N", "-e", f"SELECT url FROM links WHERE code = '{code}'")

    assert until("the row is in db2", row, 5).strip() == "https://example.org/"


# --- What it shows -------------------------------------------------------------------------------


def public_key_of(certificate):
    """What a browser is told to trust: SHA-256 of the key, base64."""
    pem = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True,
                         capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=pem, check=True,
                         capture_output=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def test_a_browser_makes_a_link_and_follows_it_by_http2(lab, tmp_path):
    target = f"{lab.url}/?followed"
    seen = json.loads(lab.ok("client", sys.executable, Path(__file__).parent / "browse.py",
                             f"{lab.url}/", target, public_key_of(paths.TLS / "site.crt"),
                             tmp_path))
    assert seen["short"].startswith(f"{lab.url}/l/") and seen["landed"] == target
    assert not seen["problem"] and not seen["severe"]
    asked = [path for path, _ in seen["protocols"]]
    assert {"/", "/app.js", "/style.css", "/api/links"} <= set(asked)
    assert {protocol for _, protocol in seen["protocols"]} == {"h2"}
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


def test_status_names_nodes_owner_and_replication(lab):
    text = lab.ok("status")
    for name in ("lb1", "lb2", "web1", "web2", "app1", "app2", "db1", "db2"):
        assert any(line.split()[0] == name and "up" in line.split()
                   for line in text.splitlines() if line)
    state = lab.status()
    assert state["healthy"]
    assert {node["state"] for node in state["nodes"]} == {"up"}
    assert set(lab.owners()) == set(topology.HELD)
    assert set(lab.owners().values()) <= {"lb1", "lb2"}
    assert state["replication"]["state"] == "running"
    assert "db1 -> db2" in text


def test_the_monitor_page_is_served_to_the_host(lab):
    host, port = topology.PAGE_ADDRESS
    with urlopen(f"http://{host}:{port}/", timeout=PATIENCE_S) as answer:
        assert answer.status == 200
        assert "<html" in answer.read().decode("utf-8").lower()


@pytest.mark.parametrize("network, node, port", [
    (topology.MIDDLE, "app1", topology.APP_PORT),
    (topology.MIDDLE, "app1", topology.METRICS_PORT),
    (topology.DATA, "app2", topology.APP_PORT),
    (topology.DATA, "db1", topology.DATABASE_PORT),
])
def test_the_client_reaches_no_app_or_database_node(lab, network, node, port):
    address = network.ipv4(topology.NODE[node].host)
    refused = lab.run("client", "curl", "-sS", "-m", "3", f"http://{address}:{port}/")
    assert refused.returncode != 0

    # Nor with a route through a machine that is on both networks.
    route = [f"{network.prefix4}.0/24", "via", topology.FRONT.ipv4(topology.NODE["web1"].host)]
    lab.ok("client", "ip", "route", "add", *route)
    try:
        refused = lab.run("client", "curl", "-sS", "-m", "3", f"http://{address}:{port}/")
    finally:
        lab.ok("client", "ip", "route", "del", *route)
    assert refused.returncode != 0


def test_logs_and_ctl_reach_the_nodes(lab):
    assert lab.ok("logs", "lb1").strip()
    routers = json.loads(lab.ok("ctl", "lb1", "--json", "status"))["routers"]
    assert [router["state"] for router in routers]


def test_a_node_that_dies_at_start_is_explained(whole):
    config = paths.CONFIG.read_bytes()
    whole.ok("kill", "web2")
    try:
        paths.CONFIG.write_bytes(b"cluster: [\n")
        failed = whole.run("heal", "web2")
    finally:
        paths.CONFIG.write_bytes(config)
    assert failed.returncode == 1
    assert "web2-webtier died at start" in failed.stderr
    assert "weir.yaml" in failed.stderr  # The end of the daemon's own log.


# --- Machines die --------------------------------------------------------------------------------


def test_a_dead_load_balancer_is_hardly_noticed_and_comes_back_unnoticed(whole, poll):
    if set(whole.owners().values()) != {"lb1"}:
        whole.ok("failover")
    until("lb1 owns the addresses", lambda: set(whole.owners().values()) == {"lb1"}, PATIENCE_S)

    with poll("/") as poller:
        whole.ok("kill", "lb1")
        until("lb2 owns the addresses", lambda: set(whole.owners().values()) == {"lb2"}, PATIENCE_S)
        totals = poller.await_successes(50)
    assert totals["longest_gap_ms"] < LONGEST_GAP_MS, totals
    assert any(line.split()[:2] == [topology.VIP4, "lb2"]
               for line in whole.ok("status").splitlines())

    with poll("/", timeout_ms=5000) as poller:
        whole.ok("heal", "lb1")
        until("each address has one owner", lambda: all(whole.owners().values()), PATIENCE_S)
        totals = poller.await_successes(100)
    assert totals["failed"] == 0, totals


def test_a_dataplane_that_was_stopped_does_no_harm_when_it_goes_on(whole, poll):
    """It comes back with what was true when it stopped: adverts, leases, results of checks."""
    if set(whole.owners().values()) != {"lb1"}:
        whole.ok("failover")
    until("lb1 owns the addresses", lambda: set(whole.owners().values()) == {"lb1"}, PATIENCE_S)
    dataplane = processes.Process(topology.NODE["lb1"], "dataplane")

    def routers():
        return json.loads(whole.ok("ctl", "lb1", "--json", "status"))["routers"]

    with poll("/") as poller:
        dataplane.signal(signal.SIGSTOP)
        try:
            until("lb1 gives up", lambda: {router["state"] for router in routers()} == {"init"},
                  10)
            totals = poller.await_successes(100)
        finally:
            dataplane.signal(signal.SIGCONT)
    assert totals["longest_gap_ms"] < LONGEST_GAP_MS, totals
    with poll("/", timeout_ms=5000) as poller:
        until("lb1 is master", lambda: {router["state"] for router in routers()} == {"master"},
              PATIENCE_S)
        totals = poller.await_successes(100)
    assert totals["failed"] == 0, totals


def test_a_planned_failover_and_its_way_back_lose_no_request(whole, poll):
    """Under 200 requests a second."""
    with poll("/", timeout_ms=5000, interval_ms=5) as poller:
        for _ in range(2):
            before = whole.owners()
            whole.ok("failover")
            after = whole.owners()
            assert all(after[address] != owner for address, owner in before.items())
            totals = poller.await_successes(400)
    assert totals["failed"] == 0, totals


def test_a_node_that_is_stopped_in_order_and_started_again_is_not_missed(whole, poll):
    """As for an upgrade: first its control plane, then its dataplane."""
    until("lb1 owns the addresses", lambda: set(whole.owners().values()) == {"lb1"}, 30)
    with poll("/", timeout_ms=5000, interval_ms=5) as poller:
        for program in ("controlplane", "dataplane"):
            process = processes.Process(topology.NODE["lb1"], program)
            process.signal(signal.SIGTERM)
            until(f"the {program} has ended", lambda process=process: not process.pid(), 30)
        poller.await_successes(200)
        whole.ok("heal", "lb1")
        until("lb1 owns them again", lambda: set(whole.owners().values()) == {"lb1"}, 30)
        totals = poller.await_successes(200)
    assert totals["failed"] == 0, totals


@pytest.mark.parametrize("node, path", [("web1", "/"), ("app1", "/api/links"),
                                        ("db2", "/api/links")])
def test_nobody_misses_a_dead_node_once_it_is_noticed(whole, poll, node, path):
    whole.ok("kill", node)
    whole.await_noticed(node)
    with poll(path, timeout_ms=5000) as poller:
        totals = poller.await_successes(100)
        assert whole.post_link()[0] == 201
    assert totals["failed"] == 0, totals


def test_without_the_primary_reads_go_on_and_writes_are_refused(whole, poll):
    code = json.loads(whole.post_link()[1])["code"]

    def replicated():
        return mariadb.ask(topology.NODE["db2"],
                           f"SELECT 1 FROM {topology.DATABASE}.links WHERE code = '{code}';")

    until("the row is in db2", replicated, PATIENCE_S)
    whole.ok("kill", "db1")
    whole.await_noticed("db1")
    with poll(f"/api/links/{code}", timeout_ms=5000) as poller:
        totals = poller.await_successes(100)
    assert totals["failed"] == 0, totals
    assert whole.post_link()[0] == 503

    whole.ok("heal", "db1")
    until("writes work again", lambda: whole.post_link()[0] == 201, PATIENCE_S)


# --- It goes away --------------------------------------------------------------------------------


def test_down_leaves_nothing_behind(machine_before, lab):
    lab.ok("down")
    assert machine() == machine_before
    assert lab.run("status").returncode == 1
