# SPDX-License-Identifier: BSD-3-Clause
"""Databases that die, hang, lag and change places under the app tier."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

from apptier import AppTier, Cluster
from databases import PATIENCE_S, until
from ports import free_port

KEPT = "https://example.org/kept"


def count(client, code):
    return client.get(f"/api/links/{code}").json["count"]


def test_replica_down_reads_go_to_the_primary(app, pair, visit):
    client = app.client()
    code = client.create(KEPT).json["code"]
    pair.db2.kill()
    app.await_health("degraded")
    for n_visits in range(1, 11):
        assert visit(client, code).status == 302
        assert count(client, code) == n_visits
    assert client.create(KEPT).status == 201
    assert app.health().json == {"status": "degraded", "primary": "up", "replica": "down"}
    pair.db2.start()
    app.await_health("ok")


def test_no_read_fails_while_the_replica_dies(app, pair):
    client = app.client(cookies=False)
    code = client.create(KEPT).json["code"]
    pair.await_replicated()
    stop = threading.Event()

    def read():
        reader = app.client(cookies=False)
        statuses = set()
        while not stop.is_set():
            statuses.add(reader.get(f"/api/links/{code}").status)
        return statuses

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        pair.db2.kill()
        app.await_health("degraded")
        stop.set()
        assert {status for reader in readers for status in reader.result()} == {200}


def test_primary_down_reads_go_on_and_writes_get_503(app, pair, visit):
    client = app.client()
    code = client.create(KEPT).json["code"]
    visit(client, code)
    pair.await_replicated()
    pair.db1.kill()
    app.await_health("degraded")
    assert app.health().status == 200
    assert app.health().json["primary"] == "down"

    refused = client.create("https://example.org/not-now")
    assert refused.status == 503
    assert int(refused.headers["Retry-After"]) >= 1
    assert "nothing was changed" in refused.json["error"]
    assert client.create("https://example.org/not-now", key="down").status == 503
    assert client.get(f"/api/links/{code}").json["url"] == KEPT
    assert client.get("/api/links").status == 200
    assert client.get("/api/links/absent").status == 404
    # Redirects are served and their visits kept.
    for _ in range(25):
        assert client.get(f"/l/{code}").status == 302
    assert app.metrics()["weir_link_counts_pending"] == 25
    assert count(client, code) == 1

    pair.db1.start()
    assert client.create("https://example.org/not-now").status == 503, "it is still read-only"
    pair.db1.open()
    app.await_health("ok")
    until("the visits are stored", lambda: count(client, code) == 26)
    assert client.create("https://example.org/now").status == 201
    until("nothing is pending", lambda: app.metrics()["weir_link_counts_pending"] == 0)
    assert app.metrics()["weir_link_counts_lost_total"] == 0


def test_a_write_in_flight_when_the_primary_dies_is_stored_once_by_its_key(app, pair):
    """Clients repeat each request with its key until it is acknowledged."""
    stop = threading.Event()
    acknowledged = []

    def write(worker):
        client = app.client()
        number = 0
        while not stop.is_set() or number == 0:
            url = f"https://example.org/flight/{worker}/{number}"
            answer = client.create(url, key=f"flight-{worker}-{number}")
            assert answer.status in (201, 503), answer
            if answer.status == 201:
                acknowledged.append((answer.json["code"], url))
                number += 1

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, worker) for worker in range(4)]
        for _ in range(3):
            n_before = len(acknowledged)
            until("writes go on", lambda: len(acknowledged) > n_before + 20)
            pair.db1.kill()
            pair.db1.start()
            pair.db1.open()
            app.await_health("ok")
        n_before = len(acknowledged)
        until("writes go on", lambda: len(acknowledged) > n_before + 20)
        stop.set()
        for writer in writers:
            writer.result()
    rows = pair.db1.sql("SELECT code, url FROM weir.links WHERE url LIKE '%/flight/%'")
    assert sorted(map(tuple, rows)) == sorted(acknowledged)


def test_visits_are_counted_exactly_while_the_primary_dies_again_and_again(app, pair):
    client = app.client()
    code = client.create(KEPT).json["code"]
    pair.await_replicated()
    stop = threading.Event()

    def visit(_):
        visitor = app.client()
        n_visits = 0
        while not stop.is_set():
            assert visitor.get(f"/l/{code}").status == 302
            n_visits += 1
        return n_visits

    with ThreadPoolExecutor(4) as pool:
        visitors = [pool.submit(visit, i) for i in range(4)]
        for _ in range(3):
            before = app.metrics()["weir_link_counts_stored_total"]
            until("visits are stored",
                  lambda: app.metrics()["weir_link_counts_stored_total"] > before + 20)
            pair.db1.kill()
            pair.db1.start()
            pair.db1.open()
            app.await_health("ok")
        stop.set()
        n_visits = sum(visitor.result() for visitor in visitors)
    until("all visits are stored", lambda: app.metrics()["weir_link_counts_pending"] == 0)
    assert pair.db1.value(f"SELECT hits FROM weir.links WHERE code='{code}'") == str(n_visits)


def test_a_hanging_replica_delays_reads_but_fails_none(app, pair):
    client = app.client()
    code = client.create(KEPT).json["code"]
    pair.await_replicated()
    os.kill(pair.db2.process.pid, signal.SIGSTOP)
    try:
        assert app.client(cookies=False).get(f"/api/links/{code}").status == 200
        app.await_health("degraded")
        assert count(client, code) == 0
    finally:
        os.kill(pair.db2.process.pid, signal.SIGCONT)
    app.await_health("ok")


def test_a_hanging_primary_delays_writes_for_their_deadline_alone(app, pair):
    client = app.client()
    code = client.create(KEPT).json["code"]
    pair.await_replicated()
    os.kill(pair.db1.process.pid, signal.SIGSTOP)
    try:
        assert client.get(f"/l/{code}").status == 302
        assert client.create(KEPT).status == 503
        app.await_health("degraded")
        assert client.get(f"/l/{code}").status == 302
    finally:
        os.kill(pair.db1.process.pid, signal.SIGCONT)
    app.await_health("ok")
    until("both visits are stored", lambda: count(client, code) == 2)


def test_a_lagging_replica_is_passed_over_by_who_has_just_written(app, pair):
    client = app.client()
    pair.db2.sql("STOP SLAVE SQL_THREAD")
    for i in range(10):
        made = client.create(f"https://example.org/lag/{i}").json
        assert client.get(f"/api/links/{made['code']}").json == made
    metrics = app.metrics()
    assert metrics['weir_database_gtid_timeouts_total{server="db2"}'] >= 1
    # Not every read waits for its 50 ms: a replica that lags is left alone for a while.
    assert metrics['weir_database_gtid_timeouts_total{server="db2"}'] < 10


def test_a_promotion_is_followed_without_a_restart(app, pair):
    client = app.client()
    before = client.create(KEPT).json["code"]
    pair.await_replicated()
    pair.db1.sql("SET GLOBAL read_only = ON")
    pair.db2.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = OFF")
    made = until("writes go to db2", lambda: (lambda a: a.status == 201 and a.json)(
        client.create("https://example.org/promoted")))
    assert client.get(f"/api/links/{made['code']}").json == made
    assert client.get(f"/api/links/{before}").status == 200
    assert pair.db2.value(f"SELECT COUNT(*) FROM weir.links WHERE code='{made['code']}'") == "1"
    assert pair.db1.value(f"SELECT COUNT(*) FROM weir.links WHERE code='{made['code']}'") == "0"
    metrics = app.metrics()
    assert metrics['weir_database_writable{server="db2"}'] == 1
    assert metrics['weir_database_writable{server="db1"}'] == 0

    # Back again, by the same road.
    pair.db1.follow(pair.db2, ", MASTER_DEMOTE_TO_SLAVE=1")
    until("db1 has it", lambda: pair.db1.value(
        f"SELECT COUNT(*) FROM weir.links WHERE code='{made['code']}'") == "1")
    pair.db2.sql("SET GLOBAL read_only = ON")
    pair.db1.sql("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = OFF")
    pair.db2.follow(pair.db1, ", MASTER_DEMOTE_TO_SLAVE=1")
    until("writes go to db1", lambda: client.create(KEPT).status == 201)


def test_a_restart_keeps_links_and_counts_and_ends_with_status_0(app, pair):
    client = app.client()
    code = client.create(KEPT).json["code"]
    client.get(f"/l/{code}")
    assert app.stop() == 0
    app.start()
    pair.await_replicated()
    assert count(app.client(), code) == 1


def test_the_end_waits_for_visits_that_are_only_in_memory(app, pair):
    client = app.client()
    code = client.create(KEPT).json["code"]
    pair.await_replicated()
    pair.db1.sql("SET GLOBAL read_only = ON")
    until("writes are refused", lambda: client.create(KEPT).status == 503)
    app.await_health("degraded")
    for _ in range(5):
        assert client.get(f"/l/{code}").status == 302
    app.process.send_signal(signal.SIGTERM)
    pair.db1.open()
    assert app.process.wait(PATIENCE_S) == 0
    assert pair.db1.value(f"SELECT hits FROM weir.links WHERE code='{code}'") == "5"


def test_databases_down_at_start_are_told_and_waited_for(cluster, pair, healed):
    pair.db1.kill()
    pair.db2.kill()
    tier = AppTier(cluster, "app2")
    tier.log.write_bytes(b"")
    try:
        tier.start(healthy=False)
        assert tier.health().status == 503
        assert tier.client().get("/api/links").status == 503
        assert tier.client().create().status == 503
        until("the log says so", lambda: "db1: down -> down: " in tier.log.read_text())
        until("the migrations say so", lambda:
              "waiting for a database with the schema: cannot connect on db1"
              in tier.log.read_text())
        pair.db2.start()
        tier.await_health("degraded")
        assert tier.client().get("/api/links").status == 200, "a replica has the schema"
        pair.db1.start()
        pair.db1.open()
        tier.await_health("ok")
        assert tier.client().create().status == 201
        assert tier.stop() == 0
    finally:
        tier.kill()


def test_it_ends_in_time_without_any_database(folder):
    path = folder / "alone"
    path.mkdir()
    tier = AppTier(Cluster(path, free_port(), free_port()))
    try:
        tier.start(healthy=False)
        assert tier.health().json["status"] == "no database"
        assert tier.stop() == 0
    finally:
        tier.kill()
