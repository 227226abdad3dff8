# SPDX-License-Identifier: BSD-3-Clause
"""Owners and what they do with their links: codes of their own, titles, expiry, edits, ends, lists,
searches, exports, and the limit of all that."""

import csv
import datetime
import io
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from databases import until

THREADS = 2
BURST = 40
LINKS = f"{{owner_writes_per_minute: 60, owner_burst: {BURST}}}"
WAVE = "\N{WATER WAVE}"


def in_s(seconds):
    """A time from now as RFC 3339 has it."""
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_token_is_told_once_and_kept_as_a_hash(app, pair):
    answer = app.client().request("POST", "/api/owners")
    token = answer.json["token"]
    assert answer.status == 201 and len(token) == 64
    assert answer.headers["Cache-Control"] == "no-store"
    hashed = subprocess.run(["sha256sum"], input=token.encode(), capture_output=True,
                            check=True).stdout.decode().split()[0]
    assert pair.db1.value(f"SELECT COUNT(*) FROM weir.owners WHERE token_hash='{hashed}'") == "1"
    assert pair.db1.value(f"SELECT COUNT(*) FROM weir.owners WHERE token_hash='{token}'") == "0"
    assert token not in app.log.read_text()


def test_all_that_a_link_can_have(app):
    owner = app.owner()
    expires = in_s(3600)
    made = owner.create("https://example.org/a", code="my-Code_1", title=f"Über {WAVE}",
                        permanent=True, expires=expires)
    assert made.status == 201, made
    link = made.json
    assert link["code"] == "my-Code_1" and link["title"] == f"Über {WAVE}"
    assert link["expires"] == expires and link["permanent"] is True and link["updated"] is None
    assert owner.get("/api/links/my-Code_1").json == link
    assert owner.get("/api/links").json == {"links": [link], "next_cursor": None}
    followed = app.client().get("/l/my-Code_1")
    assert followed.status == 301 and followed.headers["Location"] == "https://example.org/a"
    assert followed.headers["Cache-Control"] == "no-store"


def test_a_code_is_given_once(app):
    one, other = app.owner(), app.owner()
    assert one.create(code="taken").status == 201
    refused = other.create(code="taken")
    assert refused.status == 409 and "taken" in refused.json["error"]
    assert other.create(code="Taken").status == 201  # Case matters.
    assert one.delete("taken").status == 204
    assert other.create(code="taken").status == 409  # Others may still follow the old one.


def test_many_who_want_one_code_at_once(app):
    owners = [app.owner() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lambda owner: owner.create(code="rush").status, owners))
    assert statuses == [201] + 7 * [409]


def test_without_a_token_there_is_no_choice_of_codes(app):
    answer = app.client().create(code="mine")
    assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_wrong_token_is_told(app):
    client = app.client()
    for value in ("Bearer", "Bearer x", "Basic abc", "Bearer " + "0" * 64, "Bearer " + "0" * 63,
                  "Bearer " + "0" * 65, ""):
        for method, path in (("GET", "/api/links"), ("GET", "/api/links.csv"),
                             ("DELETE", "/api/links/abc")):
            answer = client.request(method, path, headers={"Authorization": value})
            assert answer.status == 401, (value, method, path, answer)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        made = client.request("POST", "/api/links", {"url": "https://a/"},
                              {"Authorization": value})
        assert made.status == 401, value


def test_links_are_their_owners_alone(app):
    owner, other, nobody = app.owner(), app.owner(), app.client()
    code = owner.create("https://example.org/private").json["code"]
    assert nobody.get(f"/l/{code}").status == 302
    assert nobody.get(f"/api/links/{code}/qr.svg").status == 200
    for path in ("", "/days"):
        assert owner.get(f"/api/links/{code}{path}").status == 200
        assert nobody.get(f"/api/links/{code}{path}").status == 401
        assert other.get(f"/api/links/{code}{path}").status == 403
    assert nobody.change(code, title="x").status == 401
    assert other.change(code, title="x").status == 403
    assert nobody.delete(code).status == 401
    assert other.delete(code).status == 403
    assert other.get("/api/links").json["links"] == []
    assert code not in [link["code"] for link in nobody.get("/api/links?limit=100").json["links"]]
    assert code not in other.get("/api/links.csv").body.decode()


def test_what_nobody_owns_is_shown_to_all_and_changed_by_none(app):
    owner, nobody = app.owner(), app.client()
    code = nobody.create().json["code"]
    assert owner.get(f"/api/links/{code}").status == 200
    assert owner.change(code, title="x").status == 403
    assert owner.delete(code).status == 403


def test_a_change_changes_what_it_names(app):
    owner = app.owner()
    link = owner.create("https://example.org/old", title="Old", expires=in_s(3600)).json
    code = link["code"]
    changed = owner.change(code, url="https://example.org/new")
    assert changed.status == 200
    updated = changed.json["updated"]
    assert link["created"] <= updated
    assert changed.json == {**link, "url": "https://example.org/new", "updated": updated}
    assert owner.get(f"/l/{code}").headers["Location"] == "https://example.org/new"
    cleared = owner.change(code, title=None, expires=None, permanent=True).json
    assert (cleared["title"], cleared["expires"], cleared["permanent"]) == ("", None, True)
    assert cleared["url"] == "https://example.org/new"
    shown = owner.get(f"/api/links/{code}").json
    assert shown == {**cleared, "count": shown["count"]}


def test_changes_of_different_members_at_once_are_all_kept(app):
    owner = app.owner()
    code = owner.create().json["code"]
    changes = [{"title": "together"}, {"permanent": True}, {"url": "https://example.org/both"},
               {"expires": in_s(3600)}]

    def change(members):
        client = app.client()
        client.token = owner.token
        return client.change(code, **members).status

    with ThreadPoolExecutor(4) as pool:
        statuses = set(pool.map(change, changes))
    # Two that meet may be told to try again, but never half done.
    assert statuses == {200}
    until("all are there", lambda: (lambda link: link["title"] == "together" and link["permanent"]
                                    and link["url"] == "https://example.org/both"
                                    and link["expires"])(owner.get(f"/api/links/{code}").json))


BAD_CHANGES = [
    ({}, "no member"),
    ({"code": "other"}, "known"),
    ({"url": "ftp://a"}, "http"),
    ({"url": None}, "string"),
    ({"title": "x" * 201}, "200"),
    ({"title": "a\nb"}, "control"),
    ({"permanent": "yes"}, "true or false"),
    ({"expires": "2001-01-01T00:00:00Z"}, "future"),
    ({"expires": "tomorrow"}, "RFC 3339"),
]


def test_a_bad_change_is_told_what_is_wrong(app):
    owner = app.owner()
    code = owner.create().json["code"]
    for members, word in BAD_CHANGES:
        answer = owner.change(code, **members)
        assert answer.status == 422 and word in answer.json["error"], (members, answer)
    assert owner.get(f"/api/links/{code}").json["updated"] is None


def test_changes_of_what_is_not_there(app):
    owner = app.owner()
    assert owner.change("absent", title="x").status == 404
    assert owner.delete("absent").status == 404
    assert owner.delete("not%20a%20code").status == 404
    assert owner.request("PATCH", "/api/links/absent", "title=x",
                         {"Content-Type": "text/plain"}).status == 415
    assert owner.request("PATCH", "/api/links/absent", "{",
                         {"Content-Type": "application/json"}).status == 400


def test_a_deleted_link_is_gone(app, pair):
    owner, visitor = app.owner(), app.client(cookies=False)
    code = owner.create("https://example.org/secret", title="Secret").json["code"]
    assert owner.delete(code).status == 204
    for path in (f"/l/{code}", f"/api/links/{code}", f"/api/links/{code}/days",
                 f"/api/links/{code}/qr.png"):
        assert owner.get(path).status == 410, path
    assert owner.delete(code).status == 410
    assert owner.change(code, title="x").status == 410
    assert owner.get("/api/links").json["links"] == []
    assert pair.db1.sql(f"SELECT url, title FROM weir.links WHERE code='{code}'") == [["", ""]]
    until("others see it as well", lambda: visitor.get(f"/l/{code}").status == 410)


def test_a_link_expires(app):
    owner = app.owner()
    code = owner.create(expires=in_s(1)).json["code"]
    until("it has expired", lambda: app.client().get(f"/l/{code}").status == 410)
    shown = owner.get(f"/api/links/{code}")
    assert shown.status == 200 and shown.json["expires"] < in_s(0)
    assert owner.change(code, expires=None).status == 200
    assert owner.get(f"/l/{code}").status == 302


def test_a_key_goes_with_the_whole_request(app):
    owner, other = app.owner(), app.owner()
    first = owner.create("https://example.org/k", key="whole", title="T", code="whole")
    assert first.status == 201
    assert owner.create("https://example.org/k", key="whole", title="T", code="whole").json \
        == first.json
    assert owner.create("https://example.org/k", key="whole", title="U").status == 422
    assert other.create("https://example.org/k", key="whole", title="T", code="whole").status \
        == 422


def test_an_owner_is_limited_on_all_nodes_together(app, app2):
    owner = app.owner()
    clients = [tier.client() for tier in (app, app2) for _ in range(4)]
    for client in clients:
        client.token = owner.token

    begin = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = [answer for part in pool.map(
            lambda client: [client.create() for _ in range(15)], clients) for answer in part]
    passed = time.monotonic() - begin
    made = sum(answer.status == 201 for answer in answers)
    limited = [answer for answer in answers if answer.status == 429]
    assert made + len(limited) == len(answers) == 120
    assert BURST <= made <= BURST + passed + 1  # One a second on top.
    assert limited[0].headers["Retry-After"] == "1" and "60" in limited[0].json["error"]
    until("all are listed", lambda: len(owner.get("/api/links?limit=100").json["links"]) == made)
    assert app.client().create().status == 201  # Others are not concerned.


def test_a_repeated_request_costs_its_owner_nothing(app):
    owner = app.owner()
    for _ in range(BURST + 10):
        assert owner.create(key="again").status == 201


def test_a_list_is_read_page_by_page_while_others_are_made(app):
    owner = app.owner()
    codes = [owner.create(f"https://example.org/{i}").json["code"] for i in range(7)]
    seen, cursor = [], ""
    while cursor is not None:
        page = owner.get(f"/api/links?limit=3{cursor and '&cursor='}{cursor}").json
        seen += [link["code"] for link in page["links"]]
        cursor = page["next_cursor"]
        owner.create("https://example.org/late")
    assert seen == codes[::-1]


def test_a_search_finds_text_in_code_url_and_title(app):
    owner, other = app.owner(), app.owner()
    titles = {"Plain": "https://example.org/one", "Größe": "https://example.org/two",
              f"Sea {WAVE}": "https://example.org/three", "100% off": "https://example.org/four",
              "a_b": "https://example.org/five", "back\\slash": "https://example.net/six"}
    for title, url in titles.items():
        assert owner.create(url, title=title).status == 201
    owner.create("https://example.org/seven", code="Special7")
    other.create("https://example.org/not-mine", title="Plain")

    def found(text):
        query = "".join(f"%{byte:02x}" for byte in text.encode())
        return sorted(link["title"] for link in owner.get(f"/api/links?q={query}").json["links"])
    assert found("plain") == ["Plain"]
    assert found("GROß") == ["Größe"]  # Neither case nor accents matter.
    assert found(WAVE) == [f"Sea {WAVE}"]
    assert found("\N{SNOWMAN}") == [] and found("\N{SLICE OF PIZZA}") == []
    assert found("%") == ["100% off"]
    assert found("_") == ["a_b"]
    assert found("\\") == ["back\\slash"]
    assert found("example.NET") == ["back\\slash"]
    assert found("special") == [""]
    assert found("' OR 1=1 -- ") == []
    first = owner.get("/api/links?q=example&limit=2").json
    rest = owner.get(f"/api/links?q=example&limit=9&cursor={first['next_cursor']}").json
    assert len(first["links"]) == 2 and len(rest["links"]) == 5 and rest["next_cursor"] is None
    assert owner.get("/api/links?q=" + "x" * 101).status == 400
    assert owner.get("/api/links?q=%ff").status == 400
    assert owner.get("/api/links?q=%0a").status == 400


def test_the_export_has_every_link_and_no_formula(app, pair):
    owner = app.owner()
    link = owner.create("https://example.org/x,y", title='=HYPERLINK("http://evil")').json
    owner_id = pair.db1.value(f"SELECT owner_id FROM weir.links WHERE code='{link['code']}'")
    # More than two pages.
    pair.db1.sql("INSERT INTO weir.links (code, url, created_at, owner_id, title) "
                 f"SELECT CONCAT('bulk{owner_id}x', seq), 'https://example.org/', UTC_TIMESTAMP(), "
                 f"{owner_id}, CONCAT('ñ\\n', seq) FROM weir.seq_1_to_1200")
    pair.await_replicated()
    answer = owner.get("/api/links.csv")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    assert "links.csv" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.body.decode(), newline="")))
    assert rows[0] == ["code", "short_url", "url", "title", "count", "permanent", "created",
                       "updated", "expires"]
    assert len(rows) == 1 + 1201 and all(len(row) == 9 for row in rows)
    codes = [row[0] for row in rows[1:]]
    assert codes == [f"bulk{owner_id}x{i}" for i in range(1200, 0, -1)] + [link["code"]]
    assert rows[1][3] == "ñ\n1200"
    assert rows[-1][:4] == [link["code"], link["short_url"], "https://example.org/x,y",
                            "'=HYPERLINK(\"http://evil\")"]
    assert rows[-1][6] == link["created"]
    head = owner.request("HEAD", "/api/links.csv")
    assert head.status == 200 and head.body == b""
    assert app.client().get("/api/links.csv").status == 401


def test_refused_hosts_are_neither_made_nor_followed(app, pair):
    owner, visitor = app.owner(), app.client()
    before = owner.create("https://www.bad.example/x").json["code"]
    kept = owner.create("https://notbad.example/").json["code"]
    assert visitor.get(f"/l/{before}").status == 302
    pair.db1.sql("INSERT INTO weir.refused_hosts (host) VALUES ('bad.example'), "
                 "('xn--bse-sna.example')")
    try:
        until("it is known", lambda: visitor.get(f"/l/{before}").status == 403
              and {owner.create("https://BAD.example/").status for _ in range(4)} == {422})
        answer = owner.create("https://www.bad.example./")
        assert answer.status == 422 and "bad.example" in answer.json["error"]
        assert owner.create("https://böse.example/").status == 422
        assert owner.change(kept, url="https://bad.example/").status == 422
        assert visitor.get(f"/l/{kept}").status == 302
    finally:
        pair.db1.sql("DELETE FROM weir.refused_hosts")
    until("it is followed again", lambda: {visitor.get(f"/l/{before}").status
                                           for _ in range(4)} == {302})


def test_a_short_link_to_a_short_link_is_refused(app):
    answer = app.client().create("https://SHORT.test/l/abc")
    assert answer.status == 422 and "short link itself" in answer.json["error"]
    assert app.client().create("https://short.test/about").status == 201


def test_an_international_host_is_followed_in_its_ascii_form(app):
    client = app.client()
    made = client.create("https://bücher.example/größe")
    assert made.status == 201 and made.json["url"] == "https://bücher.example/größe"
    assert client.get(f"/l/{made.json['code']}").headers["Location"] \
        == "https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe"


def decoded(picture, folder):
    """What a reader of QR codes (zbar) sees in a PNG."""
    (folder / "code.png").write_bytes(picture)
    return subprocess.run(["zbarimg", "--quiet", "--raw", folder / "code.png"],
                          capture_output=True, check=True, text=True).stdout.strip()


def test_qr_codes_say_the_short_url(app, tmp_path):
    client = app.client()
    link = client.create().json
    png = client.get(f"/api/links/{link['code']}/qr.png")
    assert png.status == 200 and png.headers["Content-Type"] == "image/png"
    assert decoded(png.body, tmp_path) == link["short_url"]
    svg = client.get(f"/api/links/{link['code']}/qr.svg")
    assert svg.status == 200 and svg.headers["Content-Type"] == "image/svg+xml"
    (tmp_path / "code.svg").write_bytes(svg.body)
    drawn = subprocess.run(["rsvg-convert", "--zoom=8", tmp_path / "code.svg"],
                           capture_output=True, check=True).stdout
    assert decoded(drawn, tmp_path) == link["short_url"]
    assert client.get("/api/links/absent/qr.svg").status == 404
    assert client.get(f"/api/links/{link['code']}/qr.gif").status == 404
