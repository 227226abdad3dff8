# SPDX-License-Identifier: BSD-3-Clause
"""Which server, which account and which connection a statement gets."""

import contextlib
import shutil
import socket
import threading
import time

import pytest
from apptier import SECRETS, AppTier, Cluster
from databases import make_authority, until

READER = "  read_user: weir_read\n  read_password_file: secret/read\n"


@pytest.fixture
def make(folder, pair, healed, request):
    """Starts a node with the given lines of the cluster file."""
    tiers = []
    path = folder / request.node.name
    path.mkdir()

    def start(healthy=True, **options):
        tier = AppTier(Cluster(path, pair.db1.port, pair.db2.port, **options))
        tiers.append(tier)
        tier.start(healthy)
        return tier

    yield start
    for tier in tiers:
        tier.kill()
    shutil.rmtree(path)


def figure(tier, name, server):
    return tier.metrics()[f'weir_database_{name}{{server="{server}"}}']


def stranger(tier):
    """Somebody who has written nothing and so may be shown what is old."""
    return tier.client(cookies=False)


def sessions(database, user):
    """The ids of the account's connections to the server."""
    return {row[0] for row in database.sql(
        f"SELECT id FROM information_schema.processlist WHERE user = '{user}'")}


# --- Lag ---


def test_a_replica_whose_replication_stops_is_not_read_beyond_the_limit(make, pair):
    """Whatever it says of itself, and whatever is left of its replication. What is newest in the
    list tells whether an answer is old."""
    tier = make(app="  max_lag_ms: 1500\n")
    client, reader = tier.client(), stranger(tier)
    for stop in ("STOP SLAVE SQL_THREAD", "STOP SLAVE IO_THREAD", "STOP SLAVE"):
        pair.db2.sql(stop)
        client.create("https://example.org/newest")
        missed = time.monotonic()
        # Before that it may be found old and young again, by probes that are late.
        until("the replica is left alone", lambda: time.monotonic() > missed + 2
              and tier.health().json["replica"] == "down")
        assert figure(tier, "lag_seconds", "db2") > 1.5
        before = figure(tier, "queries_total", "db2")
        for i in range(10):
            code = client.create(f"https://example.org/newest/{i}").json["code"]
            assert reader.get("/api/links?limit=1").json["links"][0]["code"] == code
        assert figure(tier, "queries_total", "db2") == before
        pair.db2.sql("START SLAVE")
        tier.await_health("ok")
        until("its age is told", lambda: figure(tier, "lag_seconds", "db2") < 1.5)
    before = figure(tier, "queries_total", "db2")
    until("it is read again", lambda: reader.get("/api/links?limit=1").status == 200
          and figure(tier, "queries_total", "db2") > before)


def test_an_idle_primary_does_not_make_a_replica_old(make):
    """Replication that has nothing to do is not behind, however long nothing was written."""
    tier = make(app="  max_lag_ms: 1000\n")
    start = time.monotonic()
    until("longer than the limit nothing is written", lambda: time.monotonic() > start + 3)
    tier.await_health("ok")
    until("it is not old", lambda: figure(tier, "lag_seconds", "db2") < 1)


def test_an_old_replica_is_not_read_when_the_primary_goes_either(make, pair):
    tier = make(app="  max_lag_ms: 1500\n")
    client = tier.client()
    pair.db2.sql("STOP SLAVE")
    client.create()
    until("it is far behind", lambda: figure(tier, "lag_seconds", "db2") > 6)
    pair.db1.kill()
    until("nothing can be read", lambda: tier.health().status == 503)
    assert stranger(tier).get("/api/links").status == 503
    pair.db1.start()
    pair.db1.open()
    pair.db2.sql("START SLAVE")
    tier.await_health("ok")
    assert stranger(tier).get("/api/links").status == 200


@pytest.fixture
def db3(pair):
    """A second replica."""
    database = pair.make("db3", 3)
    try:
        database.start()
        database.sql("SET SESSION sql_log_bin = 0; CREATE DATABASE weir;"
                     "CREATE USER weir_app@'127.0.0.1' IDENTIFIED BY 'app-secret';"
                     "GRANT SELECT, INSERT, UPDATE, DELETE ON weir.* TO weir_app@'127.0.0.1'")
        database.follow(pair.db1)
        yield database
    finally:
        database.kill()
        shutil.rmtree(database.folder)


def test_reads_are_spread_over_replicas_that_are_fresh(make, pair, db3):
    tier = make(app="  max_lag_ms: 1500\n", nodes=f'  - {{name: db3, role: db, listen: '
                f'"127.0.0.1:{db3.port}", database: replica}}\n')
    client, reader = tier.client(), stranger(tier)

    def read_from(*servers):
        """Whether reads go to these replicas and to no others."""
        before = {name: figure(tier, "queries_total", name) for name in ("db1", "db2", "db3")}
        for _ in range(10):
            assert reader.get("/api/links?limit=1").status == 200
        return all((figure(tier, "queries_total", name) > count) == (name in servers)
                   for name, count in before.items())

    until("both are read", lambda: read_from("db2", "db3"))
    db3.sql("STOP SLAVE")
    client.create()
    until("the one that lags is not read", lambda: read_from("db2"))
    pair.db2.kill()
    until("the primary is read", lambda: read_from("db1"))
    db3.sql("START SLAVE")
    until("what has caught up is read", lambda: read_from("db3"))
    pair.db2.start()
    until("both are read", lambda: read_from("db2", "db3"))


# --- Accounts ---


def test_reads_and_writes_have_accounts_of_their_own(make, pair):
    """The reader may do nothing but read, and is all that a replica ever sees."""
    tier = make(database=READER)
    client = tier.client()
    for _ in range(10):
        code = client.create().json["code"]
        assert client.get(f"/l/{code}").status == 302
        assert client.get(f"/api/links/{code}").json["count"] in (0, 1)
    assert sessions(pair.db1, "weir_app") and sessions(pair.db1, "weir_read")
    assert sessions(pair.db2, "weir_read") and not sessions(pair.db2, "weir_app")
    assert pair.db1.sql("SHOW GRANTS FOR weir_read@'127.0.0.1'")[1:] == [
        ["GRANT SELECT ON `weir`.* TO `weir_read`@`127.0.0.1`"]]
    assert SECRETS["read"] not in tier.log.read_text()


# --- Connections ---


def test_the_minimum_of_connections_is_kept_open(make, pair):
    tier = make(database=READER, app="  min_connections: 3\n")

    def n_open(database, user):
        return len(sessions(database, user))
    # One more of the reader's: it watches the server.
    until("readers at db1", lambda: n_open(pair.db1, "weir_read") == 4)
    until("readers at db2", lambda: n_open(pair.db2, "weir_read") == 4)
    until("writers at db1", lambda: n_open(pair.db1, "weir_app") == 3)
    assert n_open(pair.db2, "weir_app") == 0
    until("the tier says so", lambda: figure(tier, "connections", "db1") == 6)
    for number in sessions(pair.db1, "weir_app"):
        pair.db1.sql(f"KILL {number}")
    until("they are there again", lambda: n_open(pair.db1, "weir_app") == 3)
    assert tier.client().create().status == 201


def test_old_connections_are_replaced_and_nobody_notices(make, pair):
    tier = make(app="  connection_lifetime_s: 1\n  min_connections: 2\n")
    client = tier.client()
    first = sessions(pair.db1, "weir_app") | sessions(pair.db2, "weir_app")

    def replaced():
        assert client.create().status == 201
        assert client.get("/api/links?limit=1").status == 200
        return figure(tier, "connections_retired_total", "db1") >= 4
    until("connections are replaced", replaced)
    until("and on the replica", lambda: figure(tier, "connections_retired_total", "db2") >= 4)
    now = sessions(pair.db1, "weir_app") | sessions(pair.db2, "weir_app")
    assert now != first
    for server in ("db1", "db2"):
        assert figure(tier, "connections_lost_total", server) == 0
        assert figure(tier, "errors_total", server) == 0
    assert tier.stop() == 0


# --- TLS ---


@pytest.fixture
def only_tls(pair):
    """The accounts may not come without."""
    def require(what):
        for database in (pair.db1, pair.db2):
            database.sql("SET SESSION sql_log_bin = 0;" + "".join(
                f"ALTER USER {user}@'127.0.0.1' REQUIRE {what};"
                for user in ("weir_app", "weir_read", "weir_migrate")))
    require("SSL")
    yield
    require("NONE")


def test_the_databases_are_spoken_to_by_tls(make, pair, only_tls):
    tier = make(database=f"{READER}  tls_ca: {pair.ca}\n")
    client = tier.client()
    for _ in range(20):
        code = client.create().json["code"]
        assert client.get(f"/l/{code}").status == 302
        assert client.get(f"/api/links/{code}").status == 200
    pair.db1.kill()
    tier.await_health("degraded")
    pair.db1.start()
    pair.db1.open()
    tier.await_health("ok")
    assert client.create().status == 201
    assert tier.stop() == 0


def test_without_tls_nobody_comes_in_who_must(make, pair, only_tls):
    tier = make(healthy=False)
    until("the log says so", lambda: "Access denied" in tier.log.read_text())
    assert tier.health().json["status"] == "no database"


def test_a_server_that_another_authority_has_signed_is_refused(make, pair, folder):
    other = folder / "other-authority"
    make_authority(other)
    try:
        tier = make(healthy=False, database=f"  tls_ca: {other / 'ca.crt'}\n")
        until("the log says so", lambda: tier.log.read_text().count("ertificate") >= 2)
        assert tier.health().json["status"] == "no database"
    finally:
        shutil.rmtree(other)


@contextlib.contextmanager
def passed_on(host, port):
    """A listener whose connections are passed on to the port of 127.0.0.1; gives its port."""
    with socket.create_server((host, 0)) as listener:
        def pump(source, sink):
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    sink.sendall(data)
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server = socket.create_connection(("127.0.0.1", port))
                    for pair in ((client, server), (server, client)):
                        threading.Thread(target=pump, args=pair, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_a_certificate_for_another_address_is_refused(make, pair):
    """Signed by the right authority, but not made out to the address in the cluster file."""
    with passed_on("127.0.0.2", pair.db2.port) as port:
        tier = make(healthy=False, database=f"  tls_ca: {pair.ca}\n", nodes=(
            f'  - {{name: db3, role: db, listen: "127.0.0.2:{port}", database: replica}}\n'))
        until("the log says so", lambda: "db3: down -> down" in tier.log.read_text())
        assert figure(tier, "up", "db3") == 0
        assert figure(tier, "up", "db2") == 1
        assert sum("db3: down -> down" in line and "ertificate" in line
                   for line in tier.log.read_text().splitlines()) == 1
