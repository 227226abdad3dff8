# SPDX-License-Identifier: BSD-3-Clause
"""The link shortener with both databases well."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from databases import until

THREADS = 2  # Nothing here may depend on which worker answers.


def test_a_link_is_created_followed_counted_and_listed(app, pair, visit):
    client = app.client()
    made = client.create("https://example.org/a?b=c#d")
    assert made.status == 201
    link = made.json
    assert link["url"] == "https://example.org/a?b=c#d"
    assert link["short_url"] == f"https://short.test/l/{link['code']}"
    assert link["count"] == 0

    for n_visits in range(1, 4):
        answer = visit(client, link["code"])
        assert answer.status == 302
        assert answer.headers["Location"] == link["url"]
        assert answer.headers["Cache-Control"] == "no-store"
        shown = client.get(f"/api/links/{link['code']}")
        assert shown.status == 200
        assert shown.json == {**link, "count": n_visits}

    listed = client.get("/api/links?limit=1").json["links"]
    assert listed == [{**link, "count": 3}]
    pair.await_replicated()
    row = pair.db2.sql(f"SELECT url, hits FROM weir.links WHERE code='{link['code']}'")
    assert row == [[link["url"], "3"]]


def test_a_head_request_does_not_count(app, visit):
    client = app.client()
    code = client.create().json["code"]
    answer = client.request("HEAD", f"/l/{code}")
    assert answer.status == 302 and answer.headers["Location"] == "https://example.org/"
    visit(client, code)
    assert client.get(f"/api/links/{code}").json["count"] == 1


def test_letters_beyond_ascii_are_encoded_for_the_redirect(app):
    client = app.client()
    url = "https://example.org/größe/日本?q=é"
    made = client.create(url)
    assert made.status == 201 and made.json["url"] == url
    location = client.get(f"/l/{made.json['code']}").headers["Location"]
    assert location == "https://example.org/gr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC?q=%C3%A9"


@pytest.mark.parametrize("body, status, word", [
    ("{", 400, "not JSON"),
    ('{"url": "https://a/", "url": "https://b/"}', 400, "not JSON"),
    ("[]", 422, "object"),
    ("{}", 422, "missing"),
    ('{"url": 7}', 422, "string"),
    ('{"url": "https://a/", "colour": "red"}', 422, "known"),
    ('{"url": "ftp://a/"}', 422, "http"),
    ('{"url": "https://"}', 422, "host"),
    ('{"url": "https://a b/"}', 422, "percent"),
    ('{"url": "https://me@a/"}', 422, "user name"),
    (json.dumps({"url": "https://a/" + "x" * 2048}), 422, "2048"),
])
def test_a_bad_request_is_told_what_is_wrong(app, body, status, word):
    answer = app.client().request("POST", "/api/links", body,
                                  {"Content-Type": "application/json"})
    assert answer.status == status
    assert word in answer.json["error"]


def test_other_refusals(app):
    client = app.client()
    assert client.request("POST", "/api/links", "url=x",
                          {"Content-Type": "application/x-www-form-urlencoded"}).status == 415
    assert client.create(key="has blank").status == 400
    assert client.create(key="x" * 129).status == 400
    assert client.get("/api/links/nothere").status == 404
    assert client.get("/l/no/such").status == 404
    assert client.get("/l/").status == 404
    assert client.get("/elsewhere").status == 404
    for query in ("limit=0", "limit=101", "limit=x", "limit=", "cursor=-1", "cursor=x"):
        assert client.get(f"/api/links?{query}").status == 400
    assert client.request("DELETE", "/api/links").status == 405


def test_a_list_is_read_page_by_page(app):
    client = app.client()
    codes = [client.create(f"https://example.org/{i}").json["code"] for i in range(7)]
    seen, path = [], "/api/links?limit=3"
    while len(seen) < 7:
        page = client.get(path).json
        seen += [link["code"] for link in page["links"]]
        path = f"/api/links?limit=3&cursor={page['next_cursor']}"
    assert seen[:7] == codes[::-1]


def visits_until_told(client, code):
    """Follows a link until a redirect tells by its cookie that the visit is stored, and so are
    those before, which came by the same connection to the same worker. Returns how many."""
    n_visits = 0

    def told():
        nonlocal n_visits
        n_visits += 1
        return client.get(f"/l/{code}").headers.get("Set-Cookie")
    until("a redirect tells that its visit is stored", told)
    return n_visits


def test_a_client_reads_its_own_writes_on_both_nodes(app, app2):
    """An immediate read finds the replica without the write almost always; the cookie, which both
    nodes understand, makes it wait."""
    client = app.client()
    other = app2.client()
    for i in range(100):
        code = client.create(f"https://example.org/own/{i}").json["code"]
        other.cookie = client.cookie
        shown = other.get(f"/api/links/{code}")
        assert shown.status == 200, f"link {i} was not found"
        assert other.get("/api/links?limit=1").json["links"][0]["code"] == code
        n_visits = visits_until_told(client, code)
        other.cookie = client.cookie
        assert other.get(f"/api/links/{code}").json["count"] == n_visits
    assert app2.metrics()['weir_database_queries_total{server="db2"}'] > 100


def test_a_forged_cookie_is_ignored(app):
    client = app.client()
    code = client.create().json["code"]
    genuine = client.cookie
    client.cookie = genuine.replace("=1.0-1-", "=1.0-1-9999")
    before = app.metrics()['weir_database_gtid_waits_total{server="db2"}']
    assert client.get(f"/api/links/{code}").status == 200
    assert app.metrics()['weir_database_gtid_waits_total{server="db2"}'] == before


def test_a_stranger_finds_a_link_at_once(app):
    """Without a cookie a replica that lags is asked first, and then the primary."""
    maker, stranger = app.client(), app.client(cookies=False)
    for _ in range(20):
        code = maker.create().json["code"]
        assert stranger.get(f"/l/{code}").status == 302


def test_a_repeated_key_makes_one_link(app, pair):
    client = app.client()
    first = client.create("https://example.org/once", key="order-1")
    again = client.create("https://example.org/once", key="order-1")
    assert (first.status, again.status) == (201, 201)
    assert first.json == again.json
    other = client.create("https://example.org/other", key="order-1")
    assert other.status == 422 and "Idempotency-Key" in other.json["error"]
    assert pair.db1.value(
        "SELECT COUNT(*) FROM weir.links WHERE url='https://example.org/once'") == "1"


def test_the_same_key_many_times_at_once_makes_one_link(app, pair):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(
            lambda _: app.client().create("https://example.org/rush", key="rush"), range(16)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["code"] for answer in answers}) == 1
    assert pair.db1.value(
        "SELECT COUNT(*) FROM weir.links WHERE url='https://example.org/rush'") == "1"


def test_no_visit_is_lost_or_doubled_when_many_come_at_once(app, app2):
    client = app.client()
    codes = [client.create(f"https://example.org/hot/{i}").json["code"] for i in range(5)]

    def visit(worker):
        visitor = (app, app2)[worker % 2].client()
        return [visitor.get(f"/l/{codes[i % 5]}").status for i in range(50)]

    with ThreadPoolExecutor(8) as pool:
        statuses = [status for part in pool.map(visit, range(8)) for status in part]
    assert set(statuses) == {302}

    def total():
        return sum(client.get(f"/api/links/{code}").json["count"] for code in codes)
    until("all visits are counted", lambda: total() == 400)
    flushes = sum(tier.metrics()["weir_link_count_flushes_total"] for tier in (app, app2))
    assert flushes <= 400


def test_metrics_say_what_happened(app):
    client = app.client()
    code = client.create().json["code"]
    client.get(f"/l/{code}")
    client.get("/l/absent1")
    metrics = app.metrics()
    assert any(name.startswith('weir_node_info{node="app1",role="app"') for name in metrics)
    assert metrics["weir_links_created_total"] == 1
    assert metrics["weir_link_redirects_total"] == 1
    assert metrics["weir_links_not_found_total"] == 1
    assert metrics['weir_database_up{server="db1"}'] == 1
    assert metrics['weir_database_up{server="db2"}'] == 1
    assert metrics['weir_database_writable{server="db1"}'] == 1
    assert metrics['weir_database_writable{server="db2"}'] == 0
    assert metrics['weir_http_requests_total{code="3xx"}'] == 1
    assert metrics['weir_http_requests_total{code="4xx"}'] == 1
