# SPDX-License-Identifier: BSD-3-Clause
"""Starting: migrations, and errors that a person can mend."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from apptier import PROGRAM, SECRETS, AppTier, Cluster
from databases import PATIENCE_S, REPOSITORY, until

KNOWN = sorted(path.name for path in (REPOSITORY / "apptier" / "migrations").glob("*.sql"))
EXTRA = "9000_extra.sql"  # Behind all that there are.


@pytest.fixture
def migrations(folder):
    path = folder / "migrations"
    shutil.copytree(REPOSITORY / "apptier" / "migrations", path)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def apart(folder, pair, migrations, healed):
    """An app node with migrations of its own; what they did is undone afterwards."""
    path = folder / "apart"
    path.mkdir()
    tier = AppTier(Cluster(path, pair.db1.port, pair.db2.port, migrations=migrations))
    try:
        yield tier
    finally:
        tier.kill()
        shutil.rmtree(path)
        pair.db1.sql("DROP TABLE IF EXISTS weir.extra;"
                     f"DELETE FROM weir.schema_migrations WHERE version >= {EXTRA[:4]}")


def test_migrations_are_applied_once_and_replicate(app, pair):
    pair.await_replicated()
    for database in (pair.db1, pair.db2):
        rows = database.sql("SELECT version, name FROM weir.schema_migrations")
        assert [name for _, name in rows] == KNOWN
    assert pair.db2.sql("SHOW TABLES FROM weir LIKE 'links'")


def test_a_new_migration_is_applied_at_the_next_start(app, apart, pair, migrations):
    (migrations / EXTRA).write_text(
        "CREATE TABLE extra (id INT PRIMARY KEY);\nINSERT INTO extra VALUES (1), (2);\n")
    apart.start()
    assert pair.db1.value("SELECT COUNT(*) FROM weir.extra") == "2"
    pair.await_replicated()
    assert pair.db2.value("SELECT COUNT(*) FROM weir.extra") == "2"
    assert apart.stop() == 0
    apart.start()
    assert pair.db1.value("SELECT COUNT(*) FROM weir.extra") == "2"


def test_two_nodes_that_start_together_migrate_once(app, folder, apart, pair, migrations):
    (migrations / EXTRA).write_text(
        "CREATE TABLE extra (id INT PRIMARY KEY);\nINSERT INTO extra VALUES (1);\n")
    second = AppTier(apart.cluster, "app2")
    try:
        apart.start(healthy=False)
        second.start(healthy=False)
        apart.await_health("ok")
        second.await_health("ok")
    finally:
        second.kill()
    assert pair.db1.value("SELECT COUNT(*) FROM weir.extra") == "1"


@pytest.mark.parametrize("name, text, word", [
    (EXTRA, "CREATE TABLE extra (", f"{EXTRA}: You have an error"),
    ("0001_links.sql", "SELECT 1;", "0001_links.sql is not what was applied"),
    ("0001_again.sql", "SELECT 1;", "have the same number"),
    ("extra.sql", "SELECT 1;", "begins with its number"),
])
def test_a_bad_migration_is_told_and_nothing_is_served(app, apart, migrations, name, text, word):
    (migrations / name).write_text(text)
    apart.start(healthy=False)
    until("the log says what is wrong", lambda: word in apart.log.read_text())
    assert apart.health().status == 503
    assert apart.client().get("/api/links").status == 503


def fails(cluster, *words, status=1):
    """Starts it in vain; returns what it said."""
    done = subprocess.run([PROGRAM, "--config", cluster.file, "--node", "app1"],
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == status, done.stderr
    for word in words:
        assert word in done.stderr
    return done.stderr


@pytest.fixture
def broken(folder):
    path = folder / "broken"
    path.mkdir()
    yield Cluster(path, 1, 2)
    shutil.rmtree(path)


def test_a_missing_secret_is_a_clear_error(broken):
    (broken.folder / "secret" / "app").unlink()
    fails(broken, "secret/app", "database.password_file", "No such file")


def test_a_short_session_key_is_a_clear_error(broken):
    (broken.folder / "secret" / "session_key").write_text("short\n")
    fails(broken, "session key", "at least 32", "openssl rand")


def test_a_secret_that_everybody_may_read_is_refused(broken):
    (broken.folder / "secret" / "session_key").chmod(0o644)
    fails(broken, "app.session_key_file", "mode 644", "chmod 600")


def test_a_busy_port_is_a_clear_error(broken):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", broken.ports["app1"]))
        taken.listen()
        fails(broken, f"127.0.0.1:{broken.ports['app1']}", "in use")


def test_no_secret_is_ever_logged_or_on_the_command_line(app):
    app.client().create()
    log = app.log.read_text()
    process = Path("/proc") / str(app.process.pid)
    for text in (log, (process / "cmdline").read_text(), (process / "environ").read_text()):
        for secret in SECRETS.values():
            assert secret not in text


def test_a_session_key_is_changed_without_losing_sessions(app, app2, cluster):
    """The steps that docs/apptier.md gives: all nodes learn the new key, then it signs."""
    keys = cluster.folder / "secret" / "session_key"
    old, new = SECRETS["session_key"], "f" * 32
    client, n_waits = app.client(), 'weir_database_gtid_waits_total{server="db2"}'

    def restart(tier, text):
        keys.write_text(text)
        assert tier.stop() == 0
        tier.start()

    def understands(reader):
        before = reader.metrics()[n_waits]
        other = reader.client()
        other.cookie = client.cookie
        assert other.get("/api/links?limit=1").status == 200
        return reader.metrics()[n_waits] > before

    try:
        for text in (f"{old}\n{new}\n", f"{new}\n{old}\n", f"{new}\n"):
            restart(app2, text)
            for maker, reader in ((app, app2), (app2, app)):
                cookie, client = client.cookie, maker.client()
                assert client.create().status == 201 and client.cookie != cookie
                until(f"{reader.node} understands what {maker.node} signed, keys {text!r}",
                      lambda: understands(reader))
            restart(app, text)
        client.cookie = client.cookie[:-1] + ("a" if client.cookie[-1] != "a" else "b")
        assert not understands(app)
    finally:
        keys.write_text(old + "\n")
