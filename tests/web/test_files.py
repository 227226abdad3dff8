# SPDX-License-Identifier: BSD-3-Clause
"""Static files: names, ranges, conditions, codings, headers and pages for errors."""

import email
import email.policy
import gzip
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from web import Client, until

TEXT = "a line of text that is worth compressing\n" * 200
HTML = "Accept: text/html,application/xhtml+xml"


@pytest.fixture(scope="module")
def rich(start, site):
    """A tier that does what is off unless it is asked for."""
    (site / "assets").mkdir()
    (site / "assets" / "app.js").write_text(TEXT)
    (site / "assets" / "app.js.gz").write_bytes(gzip.compress(TEXT.encode()) + b"")
    (site / "assets" / "app.js.br").write_bytes(b"brotli")
    (site / "stale.txt").write_text(TEXT)
    (site / "stale.txt.br").write_bytes(b"of an earlier state")
    os.utime(site / "stale.txt.br", (1, 1))
    (site / "long.txt").write_text(TEXT)
    (site / "image.png").write_bytes(TEXT.encode())
    return start(precompressed="yes", gzip="yes", cache_control=[
        {"match": "/assets/*", "value": "public, max-age=31536000, immutable"},
        {"match": "*.txt", "value": "no-cache"}],
        error_pages=[{"status": 404, "file": "errors/404.html"},
                     {"status": 403, "file": "errors/none.html"}],
        headers=[{"name": "X-Frame-Options", "value": "DENY"},
                 {"name": "Content-Security-Policy", "value": "default-src 'self'"}],
        proxy=[{"prefix": "/api/", "methods": ["GET", "POST"]}])


@pytest.mark.parametrize("path, status, body", [
    ("/", 200, b"<title>site</title>"), ("/index.html", 200, b"<title>site</title>"),
    ("/sub/", 200, b"<title>sub</title>"), ("//sub//", 200, b"<title>sub</title>"),
    ("/with%20space.txt", 200, b"space"), ("/empty", 200, b""),
    ("/.well-known/known.txt", 200, b"known"), ("/.hidden", 404, None), ("/%2ehidden", 404, None),
    ("/.git/config", 404, None), ("/sub/.well-known/x", 404, None), ("/../secret", 404, None),
    ("/sub/../digits", 404, None), ("/..%2fsecret", 404, None), ("/%2e%2e/secret", 404, None),
    ("/out", 404, None), ("/pipe", 404, None), ("/digits/", 404, None), ("/digits/x", 404, None),
    ("/sub/..%5c..%5csecret", 404, None), ("/" + "a" * 2000, 414, None)])
def test_a_name_finds_what_lies_below_the_root_and_is_not_hidden(tier, path, status, body):
    answer = tier.get(path)
    assert answer.status == status
    assert body is None or answer.body == body


@pytest.mark.parametrize("target, location", [
    ("/sub", "/sub/"), ("/sub?a=b", "/sub/?a=b"), ("//sub", "/sub/"),
    ("http://other.example.org/sub", "/sub/")])
def test_a_folder_without_its_slash_is_redirected_to_this_site(tier, target, location):
    answer = tier.get(target)
    assert (answer.status, answer["Location"]) == (301, location)


@pytest.mark.parametrize("given, content_range, body", [
    ("0-0", "0-0", b"0"), ("2-5", "2-5", b"2345"), ("7-", "7-9", b"789"), ("-3", "7-9", b"789"),
    ("0-99", "0-9", b"0123456789"), ("-99", "0-9", b"0123456789"), (" 2-5 ", "2-5", b"2345"),
    ("10-,4-4", "4-4", b"4")])
def test_a_range_is_sent(tier, given, content_range, body):
    answer = tier.get("/digits", f"Range: bytes={given}")
    assert (answer.status, answer.body) == (206, body)
    assert answer["Content-Range"] == f"bytes {content_range}/10"
    assert answer["ETag"] and answer["Last-Modified"] and answer["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("given", ["10-", "99-100", "-0", "10-,-0"])
def test_a_range_behind_the_end_is_refused(tier, given):
    answer = tier.get("/digits", f"Range: bytes={given}")
    assert (answer.status, answer["Content-Range"]) == (416, "bytes */10")


@pytest.mark.parametrize("line", [
    "Range: bytes=", "Range: bytes=-", "Range: bytes=5-2", "Range: bytes=a-b", "Range: bytes",
    "Range: items=0-1", "Range: bytes=0-1;2-3", "Range: bytes=0-5,4-9,0-9",
    "Range: bytes=" + ",".join(f"{i}-{i}" for i in range(17))])
def test_a_range_that_is_none_or_too_much_is_ignored(tier, line):
    answer = tier.get("/digits", line)
    assert (answer.status, answer.body) == (200, b"0123456789")


@pytest.mark.parametrize("path, parts", [
    ("/digits", [(0, 1), (3, 4), (9, 9)]), ("/digits", [(5, 6), (0, 1)]),
    ("/large", [(0, 99999), (200000, 400000), (1048575, 1048575)])])
def test_several_ranges_are_sent_in_order(tier, site, path, parts):
    whole = (site / path[1:]).read_bytes()
    answer = tier.get(path, "Range: bytes=" + ", ".join(f"{a}-{b}" for a, b in parts))
    assert answer.status == 206 and not answer["Content-Range"]
    message = email.message_from_bytes(
        b"Content-Type: " + answer["Content-Type"].encode() + b"\r\n\r\n" + answer.body,
        policy=email.policy.HTTP)
    assert message.get_content_type() == "multipart/byteranges"
    found = list(message.iter_parts())
    assert [part["Content-Range"] for part in found] == \
        [f"bytes {a}-{b}/{len(whole)}" for a, b in parts]
    boundary = message.get_boundary().encode()
    bodies = [part.partition(b"\r\n\r\n")[2][:-2]
              for part in answer.body.split(b"--" + boundary)[1:-1]]
    assert bodies == [whole[a:b + 1] for a, b in parts]


def test_a_client_that_leaves_amid_several_ranges_leaves_nothing_open(tier):
    assert tier.get("/large").status == 200  # Now it is cached, which takes descriptors.
    fds = f"/proc/{tier.process.pid}/fd"
    before = len(os.listdir(fds))
    for _ in range(20):
        with Client(tier) as client:
            client.send(b"GET /large HTTP/1.1\r\nHost: x\r\nRange: bytes=0-500000,500001-\r\n\r\n")
            assert client.reader.read(100)
    until("all is closed", lambda: len(os.listdir(fds)) <= before)


def conditions(answer):
    """Header lines with what they make of an answer."""
    tag, date = answer["ETag"], answer["Last-Modified"]
    past, future = "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    return [
        ([f"If-None-Match: {tag}"], 304), ([f"If-None-Match: W/{tag}"], 304),
        ([f'If-None-Match: "x", {tag}'], 304), (["If-None-Match: *"], 304),
        (['If-None-Match: "x"'], 200), (["If-None-Match: x"], 200),
        ([f"If-Modified-Since: {date}"], 304), ([f"If-Modified-Since: {future}"], 304),
        ([f"If-Modified-Since: {past}"], 200), (["If-Modified-Since: yesterday"], 200),
        (["If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"], 200),
        (["If-Modified-Since: Sun Nov  6 08:49:37 1994"], 200),
        (['If-None-Match: "x"', f"If-Modified-Since: {date}"], 200),
        ([f"If-None-Match: {tag}", f"If-Modified-Since: {past}"], 304),
        ([f"If-Match: {tag}"], 200), (["If-Match: *"], 200), (['If-Match: "x"'], 412),
        ([f"If-Match: W/{tag}"], 412), ([f"If-Unmodified-Since: {date}"], 200),
        ([f"If-Unmodified-Since: {past}"], 412),
        ([f"If-Match: {tag}", f"If-Unmodified-Since: {past}"], 200),
        ([f"If-Range: {tag}", "Range: bytes=0-1"], 206),
        ([f"If-Range: W/{tag}", "Range: bytes=0-1"], 200),
        (['If-Range: "x"', "Range: bytes=0-1"], 200),
        ([f"If-Range: {date}", "Range: bytes=0-1"], 206),
        ([f"If-Range: {past}", "Range: bytes=0-1"], 200),
        ([f"If-None-Match: {tag}", "Range: bytes=0-1"], 304),
        (['If-Match: "x"', "Range: bytes=0-1"], 412),
    ]


@pytest.mark.parametrize("number", range(28))
def test_conditions_are_met(tier, number):
    lines, status = conditions(tier.get("/digits"))[number]
    answer = tier.get("/digits", *lines)
    assert answer.status == status, lines
    if status == 304:
        assert answer["ETag"] and not answer["Content-Length"]


@pytest.mark.parametrize("path", ["/digits", "/large", "/none", "/sub", "/api/x"])
def test_head_is_get_without_a_body(tier, path):
    with Client(tier) as client:
        client.send(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 2)
        head, again = client.answer(True), client.answer(True)
    whole = tier.get(path)
    assert head.status == again.status == whole.status
    if path != "/api/x":  # Which says what it was asked.
        assert head["Content-Length"] == whole["Content-Length"]


@pytest.mark.parametrize("accept, coding", [
    ("br, gzip", "br"), ("gzip, br", "br"), ("gzip", "gzip"), ("GZIP", "gzip"), ("*", "br"),
    ("br;q=0.5, gzip", "gzip"), ("br;q=0, *", "gzip"), ("gzip;q=0, br;q=0", None), ("", None),
    ("identity", None), ("deflate", None), ("gzip;q=1.000", "gzip"), ("gzip;q=x", None),
    ("gzip ; q=0.001", "gzip")])
def test_a_compressed_file_is_chosen_by_what_the_client_takes(rich, accept, coding):
    answer = rich.get("/assets/app.js", f"Accept-Encoding: {accept}")
    assert (answer.status, answer["Content-Encoding"]) == (200, coding)
    assert answer["Vary"] == "Accept-Encoding"
    assert answer["Content-Type"].startswith("text/javascript")
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    body = {"br": lambda: answer.body == b"brotli",
            "gzip": lambda: gzip.decompress(answer.body) == TEXT.encode(),
            None: lambda: answer.body == TEXT.encode()}
    assert body[coding]()


def test_each_coding_has_a_tag_of_its_own(rich):
    answers = [rich.get("/assets/app.js", f"Accept-Encoding: {coding}")
               for coding in ("br", "gzip", "identity")]
    assert len({answer["ETag"] for answer in answers}) == 3
    again = rich.get("/assets/app.js", "Accept-Encoding: br", f"If-None-Match: {answers[0]['ETag']}")
    assert (again.status, again["Vary"]) == (304, "Accept-Encoding")
    part = rich.get("/assets/app.js", "Accept-Encoding: br", "Range: bytes=0-2")
    assert (part.status, part.body, part["Content-Encoding"]) == (206, b"bro", "br")


def test_text_is_compressed_and_the_result_kept(rich):
    for _ in range(2):
        answer = rich.get("/long.txt", "Accept-Encoding: gzip")
        assert answer["Content-Encoding"] == "gzip" and not answer["Accept-Ranges"]
        assert gzip.decompress(answer.body) == TEXT.encode()
    whole = rich.get("/long.txt", "Accept-Encoding: gzip", "Range: bytes=0-2")
    assert whole.status == 200


@pytest.mark.parametrize("path, accept", [
    ("/image.png", "gzip"), ("/digits", "gzip"), ("/stale.txt", "br"), ("/long.txt", "br")])
def test_what_is_not_worth_it_or_out_of_date_is_sent_as_it_is(rich, site, path, accept):
    answer = rich.get(path, f"Accept-Encoding: {accept}")
    assert not answer["Content-Encoding"] and answer.body == (site / path[1:]).read_bytes()


def test_a_file_that_changes_is_compressed_anew(rich, site):
    path = site / "changing.txt"
    path.write_text(TEXT)
    assert rich.get("/changing.txt", "Accept-Encoding: gzip")["Content-Encoding"] == "gzip"
    path.write_text(TEXT[::-1])

    def is_new():
        answer = rich.get("/changing.txt", "Accept-Encoding: gzip")
        return gzip.decompress(answer.body) == TEXT[::-1].encode()
    until("the new content", is_new)


def test_without_being_asked_for_nothing_is_compressed(tier, rich):
    answer = tier.get("/assets/app.js", "Accept-Encoding: br, gzip")
    assert not answer["Content-Encoding"] and not answer["Vary"] and not answer["Cache-Control"]


def test_cache_control_is_the_first_rule_that_fits(rich):
    assert rich.get("/long.txt")["Cache-Control"] == "no-cache"
    assert rich.get("/long.txt", "Range: bytes=0-1")["Cache-Control"] == "no-cache"
    assert rich.get("/digits")["Cache-Control"] is None


def test_people_get_a_page_and_programs_an_error(rich):
    page = rich.get("/none", HTML)
    assert (page.status, page.body) == (404, b"<title>nothing here</title>")
    assert page["Content-Type"].startswith("text/html") and not page["ETag"]
    assert page["Cache-Control"] == "no-store"
    for lines in ([], ["Accept: application/json"]):
        assert rich.get("/none", *lines).body == b'{"error":"Not Found"}'
    assert rich.get("/errors/404.html")["ETag"]  # As itself it is a file like any other.


def test_headers_are_added_to_every_answer(rich):
    for path in ("/", "/none", "/api/x", "/health", "/sub"):
        for _ in range(2):
            answer = rich.get(path)
            assert answer["X-Frame-Options"] == "DENY"
            assert answer["Content-Security-Policy"] == "default-src 'self'"
            assert not answer["Strict-Transport-Security"]


@pytest.mark.parametrize("method, status", [
    ("GET", 200), ("HEAD", 200), ("POST", 200), ("DELETE", 405), ("PUT", 405)])
def test_only_some_methods_may_pass(rich, method, status):
    answer = rich.get("/api/x", "Content-Length: 0", method=method)
    assert answer.status == status
    if status == 405:
        assert set(answer["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_many_clients_share_what_is_cached(rich):
    def ask(number):
        answer = rich.get("/large" if number % 2 else "/assets/app.js", "Accept-Encoding: gzip")
        return answer.status, answer["X-Frame-Options"]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(80))) == {(200, "DENY")}
