# SPDX-License-Identifier: BSD-3-Clause
"""The app tier with real databases. One pair serves all tests of a module; a test that breaks
something mends it again by the fixtures here."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from apptier import AppTier, Cluster  # noqa: E402  (the path above makes it importable)
from databases import Pair, until  # noqa: E402


@pytest.fixture(scope="session")
def folder():
    # The databases' user must be able to go there, which pytest's own folders do not allow.
    path = Path(tempfile.mkdtemp(prefix="weir-app-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def pair(folder):
    (folder / "databases").mkdir()
    databases = Pair(folder / "databases")
    try:
        databases.start()
        yield databases
    finally:
        databases.stop()


@pytest.fixture(scope="module")
def cluster(folder, pair, request):
    """Of one worker, whose view of the databases is then the tier's; a module may ask for more."""
    path = folder / request.module.__name__
    path.mkdir()
    threads = getattr(request.module, "THREADS", 1)
    links = getattr(request.module, "LINKS", "{}")
    return Cluster(path, pair.db1.port, pair.db2.port, threads=threads, links=links)


@pytest.fixture
def healed(pair):
    """Whatever the test did, db1 is the primary and db2 follows it afterwards."""
    yield
    for database in (pair.db1, pair.db2):
        if not database.process:
            database.start()
    pair.db1.open()
    pair.db2.sql("START SLAVE")
    pair.await_replicated()


@pytest.fixture
def app(cluster, pair, healed):
    tier = AppTier(cluster)
    try:
        tier.start()
        # A replica that is killed while it alters its schema may need a hand to go on: MariaDB
        # stores that and how far it has come one after the other.
        pair.await_replicated()
        yield tier
    finally:
        tier.kill()


@pytest.fixture
def app2(cluster, app):
    tier = AppTier(cluster, "app2")
    try:
        tier.start()
        yield tier
    finally:
        tier.kill()


@pytest.fixture
def visit(app, pair):
    """Follows a link; afterwards its count has the visit, whoever asks with the client's cookie.

    A redirect waits 100 ms for its visit to be stored and then sets a cookie with it. On a busy
    machine that can take longer: such a redirect sets none, as it promises nothing yet."""
    def follow(client, code):
        answer = client.get(f"/l/{code}")
        if not answer.headers.get("Set-Cookie"):
            until("the visit is stored", lambda: app.metrics()["weir_link_counts_pending"] == 0)
            if pair.db2.process:
                pair.await_replicated()
        return answer
    return follow


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Adds the end of the tier's log to the report of a test that failed."""
    report = (yield).get_result()
    tier = item.funcargs.get("app")
    if report.failed and tier:
        report.sections.append((f"log of {tier.node}", tier.log.read_text(errors="backslashreplace")[-4000:]))
