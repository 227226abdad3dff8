# SPDX-License-Identifier: BSD-3-Clause
"""Modules from shared objects: the example of the documentation, and one that strains the tier."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from apptier import PROGRAM, AppTier, Cluster
from databases import PATIENCE_S, REPOSITORY, until

EXAMPLES = REPOSITORY / "docs" / "examples"
TRIAL = REPOSITORY / "tests" / "app" / "modules" / "trial.c"


def build(source, out, *options):
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror",
                    f"-I{REPOSITORY}", *options, "-o", out, source],
                   check=True, timeout=PATIENCE_S)
    return out


@pytest.fixture(scope="module")
def objects(folder):
    path = folder / "objects"
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def trial_object(objects):
    return build(TRIAL, objects / "trial.so")


@pytest.fixture
def make(folder, pair, healed, request):
    """Starts a node with the given keys of 'app'; both databases have the table 'trial'."""
    tiers = []
    path = folder / request.node.name
    path.mkdir()

    def start(app, migrations=None, healthy=True, **options):
        tier = AppTier(Cluster(path, pair.db1.port, pair.db2.port, app=app,
                               migrations=migrations, **options))
        tiers.append(tier)
        pair.db1.sql("CREATE TABLE IF NOT EXISTS weir.trial (id INT PRIMARY KEY, n BIGINT);"
                     "REPLACE INTO weir.trial VALUES (1, 0), (2, 0)")
        pair.await_replicated()
        tier.start(healthy)
        return tier

    yield start
    for tier in tiers:
        tier.kill()
    shutil.rmtree(path)


@pytest.fixture
def trial(make, trial_object):
    return make(f"  modules: [shortener, {trial_object}]\n  work_threads: 1\n  work_queue: 2\n",
                query_timeout_ms=10000)


def at_once(*calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_the_example_of_the_documentation(make, objects, folder, pair):
    built = build(EXAMPLES / "notes.c", objects / "notes.so")
    assert len((EXAMPLES / "notes.c").read_text().splitlines()) <= 60
    migrations = folder / "notes-migrations"
    shutil.copytree(REPOSITORY / "apptier" / "migrations", migrations)
    shutil.copy(EXAMPLES / "0100_notes.sql", migrations)
    try:
        tier = make(f"  modules: [{built}]\n", migrations=migrations)
        client = tier.client()
        texts = ["first", "größer 日本 🙂", "'; DROP TABLE notes; --"]
        ids = []
        for text in texts:
            answer = client.request("POST", "/api/notes", {"text": text})
            assert answer.status == 201
            ids.append(answer.json["id"])
            # The client's own write, whichever server is read.
            listed = client.get("/api/notes?limit=1").json["notes"]
            assert listed == [{"id": ids[-1], "text": text}]
        assert client.get("/api/notes").json["notes"] == [
            {"id": number, "text": text} for number, text in zip(ids[::-1], texts[::-1])]
        assert client.get("/api/links").status == 404, "the shortener is not among the modules"
        wrong = client.request("POST", "/api/notes", {"text": ""})
        assert wrong.status == 422 and "1 to 200" in wrong.json["error"]
        assert client.get("/api/notes?limit=101").status == 400
        assert tier.stop() == 0
    finally:
        shutil.rmtree(migrations)
        pair.db1.sql("DROP TABLE IF EXISTS weir.notes;"
                     "DELETE FROM weir.schema_migrations WHERE version = 100")


def refused(tier, *words):
    done = subprocess.run([PROGRAM, "--config", tier.cluster.file, "--node", "app1"],
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 1, done.stderr
    for word in words:
        assert word in done.stderr


def broken(folder, modules):
    shutil.rmtree(folder / "refused", ignore_errors=True)
    (folder / "refused").mkdir()
    return AppTier(Cluster(folder / "refused", 1, 2, app=f"  modules: [{modules}]\n"))


def test_a_module_that_does_not_fit_is_a_clear_error(folder, objects, trial_object):
    refused(broken(folder, "absent"), "no module 'absent'", "app.modules")
    refused(broken(folder, "/nowhere/a.so"), "/nowhere/a.so", "No such file")
    refused(broken(folder, REPOSITORY / "README.md"), "cannot be loaded")
    refused(broken(folder, f"{trial_object}, {shutil.copy(trial_object, objects / 'two.so')}"),
            "two modules called 'trial'")


def test_a_module_of_another_version_is_refused(folder, objects):
    source = objects / "older.c"
    source.write_text("#include <stdint.h>\nconst uint32_t app_exported_version = 99;\n")
    refused(broken(folder, build(source, objects / "older.so")), "version 99",
            "this program (weir ", "build it anew")
    source.write_text("int nothing;\n")
    refused(broken(folder, build(source, objects / "older.so")), "no APP_MODULE_EXPORT()")
    (objects / "older.so").chmod(0o777)
    refused(broken(folder, objects / "older.so"), "chmod o-w")


def test_a_route_belongs_to_one_module(folder, objects):
    source = objects / "thief.c"
    source.write_text('#include "apptier/module.h"\n'
                      "static void handle(struct http_request *r, void *c) {(void)r; (void)c;}\n"
                      'static const struct http_route routes[] = {{"GET", "/api/links", 0, 0, '
                      "handle, 0}, {0}};\n"
                      'static const struct app_module m = {.name = "thief", .routes = routes};\n'
                      "APP_MODULE_EXPORT(m);\n")
    refused(broken(folder, f"shortener, {build(source, objects / 'thief.so')}"),
            "GET /api/links belongs to shortener")


GOOD = {"text": "äöü", "number": 5, "flag": True}


INPUTS = [
    ("?word=gr%C3%B6%C3%9Fe", GOOD, 200, None),
    ("", {**GOOD, "maybe": None}, 200, None),
    ("?word=", GOOD, 400, "word has 0 characters; 1 to 5 are allowed"),
    ("?word=abcdef", GOOD, 400, "word has 6 characters; 1 to 5 are allowed"),
    ("?word=%ff", GOOD, 400, "word is not UTF-8"),
    ("?word=%c0%80", GOOD, 400, "word is not UTF-8"),
    ("?word=%ed%a0%80", GOOD, 400, "word is not UTF-8"),
    ("", "{", 400, "the body is not JSON: line 1, column 1"),
    ("", '{"text": "a\\u0000"}', 400, "not JSON"),
    ("", "[1]", 422, "must be a JSON object"),
    ("", {**GOOD, "colour": 1}, 422, 'no member "colour"'),
    ("", {**GOOD, "text": "abcd"}, 422, "text has 4 characters; 1 to 3 are allowed"),
    ("", {**GOOD, "text": 1}, 422, '"text" must be a string'),
    ("", {"text": "a", "flag": True}, 422, 'the member "number" is missing'),
    ("", {**GOOD, "number": None}, 422, 'the member "number" is missing'),
    ("", {**GOOD, "number": -6}, 422, '"number" must be a number from -5 to 5'),
    ("", {**GOOD, "number": 1.5}, 422, '"number" must be a whole number'),
    ("", {**GOOD, "flag": 1}, 422, '"flag" must be true or false'),
]


def test_input_is_read_within_bounds(trial):
    client = trial.client()
    for query, body, status, word in INPUTS:
        answer = client.request("POST", f"/trial/input{query}", body,
                                {"Content-Type": "application/json"})
        assert answer.status == status, f"{query} {body}: {answer}"
        if word:
            assert word in answer.json["error"], f"{query} {body}: {answer}"
    assert client.request("POST", "/trial/input", "text=a").status == 415
    for ms in ("-1", "60001", "x", "", "1.0", "99999999999999999999", "+1", "1%20"):
        answer = client.get(f"/trial/sleep?ms={ms}")
        assert answer.status == 400 and "ms must be a number from 0 to 60000" in answer.json["error"]


def test_a_transaction_is_repeated_after_a_deadlock(trial, pair):
    """Two that take the same rows in opposite order: the database sacrifices one, which begins
    anew by itself."""
    def deadlocks():
        return int(pair.db1.sql("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")[0][1])

    before = deadlocks()
    for n_rounds in range(1, 11):
        answers = at_once(
            lambda: trial.client().request("POST", "/trial/pair?first=1&second=2&ms=300"),
            lambda: trial.client().request("POST", "/trial/pair?first=2&second=1&ms=300"))
        assert [answer.status for answer in answers] == [200, 200], answers
        assert pair.db1.sql("SELECT n FROM weir.trial WHERE id < 3") == [[str(2 * n_rounds)]] * 2
        if deadlocks() > before:
            break
    assert deadlocks() > before


def test_a_transaction_is_all_or_nothing_when_its_time_is_up(make, trial_object, pair):
    trial = make(f"  modules: [{trial_object}]\n")
    assert trial.client().request("POST", "/trial/pair?ms=10000").status == 503
    until("the row is free again", lambda: trial.client().request(
        "POST", "/trial/pair").status == 200)
    assert pair.db1.sql("SELECT n FROM weir.trial WHERE id < 3") == [["1"], ["1"]]


HOLD = """\
USE weir;
START TRANSACTION;
INSERT INTO trial SELECT seq + 100, 0 FROM seq_1_to_200;
UPDATE trial SET n = n + 10 WHERE id = 2;
SELECT 'held';
"""
CROSS = """\
UPDATE trial SET n = n + 10 WHERE id = 1;
DELETE FROM trial WHERE id > 100;
COMMIT;
"""


def test_a_single_write_is_repeated_after_a_deadlock(trial, pair):
    """It meets a transaction that has done more, so that it is the one to be sacrificed."""
    heavier = pair.db1.session()
    try:
        heavier.stdin.write(HOLD)
        heavier.stdin.flush()
        assert heavier.stdout.readline() == "held\n"
        with ThreadPoolExecutor(1) as pool:
            write = pool.submit(
                lambda: trial.client().request("POST", "/trial/both?ms=500"))
            until("it holds the first row", lambda: pair.db1.value(
                "SELECT COUNT(*) FROM information_schema.processlist "
                "WHERE state = 'User sleep'") == "1")
            said, _ = heavier.communicate(CROSS, timeout=PATIENCE_S)
            answer = write.result()
    finally:
        heavier.kill()
        heavier.wait()
    assert heavier.returncode == 0, said
    assert answer.status == 200 and answer.json["affected"] == 2
    assert pair.db1.sql("SELECT n FROM weir.trial WHERE id < 3") == [["11"], ["11"]]
    assert trial.metrics()['weir_database_retries_total{server="db1"}'] >= 1


def test_what_nobody_waits_for_ends_at_the_server(trial, pair):
    """A statement that is given up before the session's max_statement_time is killed there."""
    until("it is killed", lambda: trial.client().get("/trial/hurry").status == 503
          and trial.metrics()['weir_database_statements_killed_total{server="db1"}'] >= 1)
    until("it has ended", lambda: pair.db1.value(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'")
        == "0")


def test_a_request_takes_no_longer_than_its_deadline(make, trial_object, pair):
    trial = make(f"  modules: [{trial_object}]\n")
    answer = trial.client().get("/trial/sleep?ms=60000")
    assert answer.status == 503 and int(answer.headers["Retry-After"]) >= 1
    for database in (pair.db1, pair.db2):
        until("nothing is left of it", lambda: database.value(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'")
            == "0")
    assert trial.client().get("/trial/sum").status == 200


def test_more_statements_than_a_connection_keeps(trial, pair):
    """Those that were used first make room."""
    n = 64 + 6
    assert trial.client().get("/trial/statements").json["sum"] == n * (n - 1)
    prepared = [int(database.sql("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")[0][1])
                for database in (pair.db1, pair.db2)]
    assert max(prepared) <= 4 * 64


def test_long_work_does_not_hold_up_others(trial, objects):
    """One thread, and two places in all: the third is refused, and all else goes on."""
    gate = objects / "gate"

    def work():
        return trial.client().get(f"/trial/work?ms=60000&until={gate}")

    with ThreadPoolExecutor(2) as pool:
        try:
            two = [pool.submit(work) for _ in range(2)]
            until("both are there", lambda: trial.metrics()["weir_app_work"] == 2)
            third = work()
            assert trial.client().get("/trial/sum").status == 200
        finally:
            gate.touch()
        assert [future.result().status for future in two] == [204, 204]
    assert third.status == 503 and int(third.headers["Retry-After"]) >= 1
    assert trial.metrics()["weir_app_work_refused_total"] == 1
    assert work().status == 204


def test_a_client_that_leaves_harms_nobody(trial):
    for path in ("/trial/work?ms=100", "/trial/sleep?ms=100"):
        for _ in range(3):
            client = trial.client()
            client.connect()
            client.connection.request("GET", path)
            client.connection.close()
    until("the work is done", lambda: trial.metrics()["weir_app_work"] == 0)
    assert trial.client().get("/trial/sum").status == 200
    assert trial.stop() == 0


def test_a_full_queue_is_answered_503(make, trial_object):
    """Four connections, and nobody may wait for one."""
    tier = make(f"  modules: [{trial_object}]\n  queue: 0\n", query_timeout_ms=10000)
    answers = at_once(*[lambda: tier.client().get("/trial/sleep?ms=700")] * 24)
    assert {answer.status for answer in answers} == {200, 503}
    assert all(int(answer.headers["Retry-After"]) >= 1
               for answer in answers if answer.status == 503)
    refusals = sum(value for name, value in tier.metrics().items()
                   if name.startswith("weir_database_refused_total"))
    assert refusals >= 1
