# SPDX-License-Identifier: BSD-3-Clause
"""Visits by day: none lost, none counted twice, whatever happens to the database."""

import datetime
from concurrent.futures import ThreadPoolExecutor

from databases import until

THREADS = 2


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()


def days_of(client, code, query=""):
    answer = client.get(f"/api/links/{code}/days{query}")
    assert answer.status == 200, answer
    return answer.json


def test_days_are_counted_and_shown_with_those_without_visits(app, pair, visit):
    client = app.client()
    before = today()
    code = client.create().json["code"]
    for _ in range(3):
        visit(client, code)
    pair.db1.sql("INSERT INTO weir.link_days (link_id, day, hits) "
                 f"SELECT id, '{before - datetime.timedelta(days=2)}', 5 FROM weir.links "
                 f"WHERE code = '{code}'")
    pair.await_replicated()
    shown = days_of(client, code)
    assert shown["code"] == code and shown["count"] == 8
    counts = {each["day"]: each["count"] for each in shown["days"]}
    assert len(counts) == 30 and list(counts) == sorted(counts)
    assert counts[str(before - datetime.timedelta(days=2))] == 5
    assert counts[str(before - datetime.timedelta(days=1))] in (0, 3)
    # A test may meet midnight.
    assert counts.get(str(before), 0) + counts.get(str(before + datetime.timedelta(days=1)), 0) == 3

    one = days_of(client, code, f"?from={before - datetime.timedelta(days=2)}"
                  f"&to={before - datetime.timedelta(days=2)}")
    assert one["days"] == [{"day": str(before - datetime.timedelta(days=2)), "count": 5}]
    assert len(days_of(client, code, "?from=2023-03-01&to=2024-02-29")["days"]) == 366


def test_ranges_that_cannot_be(app):
    client = app.client()
    code = client.create().json["code"]
    for query in ("from=2024-01-02&to=2024-01-01", "from=2022-01-01&to=2024-01-01", "from=x",
                  "to=2023-02-29", "from=2024-1-1", "to="):
        assert client.get(f"/api/links/{code}/days?{query}").status == 400, query
    assert client.get("/api/links/absent/days").status == 404
    assert client.get(f"/api/links/{code}/weeks").status == 404


def test_first_visits_of_many_links_at_once(app, app2):
    """Each needs a new row for the day, from two nodes with two workers each."""
    client = app.client()
    codes = [client.create(f"https://example.org/first/{i}").json["code"] for i in range(30)]

    def visit(number):
        visitor = (app, app2)[number % 2].client()
        order = codes if number % 4 < 2 else codes[::-1]
        return [visitor.get(f"/l/{code}").status for code in order]

    with ThreadPoolExecutor(8) as pool:
        statuses = {status for part in pool.map(visit, range(8)) for status in part}
    assert statuses == {302}

    def totals():
        return [(client.get(f"/api/links/{code}").json["count"], days_of(client, code)["count"])
                for code in codes]
    until("all visits are counted", lambda: totals() == 30 * [(8, 8)])


def test_counts_and_days_agree_after_the_primary_died_in_the_middle(app, pair):
    client = app.client()
    codes = [client.create(f"https://example.org/dies/{i}").json["code"] for i in range(4)]

    def visit(number):
        visitor = app.client()
        done = 0
        for i in range(60):
            done += visitor.get(f"/l/{codes[(number + i) % 4]}").status == 302
        return done

    with ThreadPoolExecutor(4) as pool:
        visits = [pool.submit(visit, number) for number in range(4)]
        until("some are stored", lambda: app.metrics()["weir_link_counts_stored_total"] > 20)
        pair.db1.kill()
        pair.db1.start()
        pair.db1.open()
        done = sum(each.result() for each in visits)
    assert done > 0
    until("all visits are stored", lambda: app.metrics()["weir_link_counts_pending"] == 0)
    app.await_health("ok")
    where = ",".join(f"'{code}'" for code in codes)
    hits = int(pair.db1.value(f"SELECT SUM(hits) FROM weir.links WHERE code IN ({where})"))
    days = int(pair.db1.value("SELECT SUM(d.hits) FROM weir.link_days AS d JOIN weir.links AS l "
                              f"ON l.id = d.link_id WHERE l.code IN ({where})"))
    assert hits == days == done
