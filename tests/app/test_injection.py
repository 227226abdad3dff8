# SPDX-License-Identifier: BSD-3-Clause
"""sqlmap finds no way to get SQL into the database through the app tier, and does find one through a
server that is made to have one."""

import subprocess
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

SQLMAP_S = 240
FOUND = "sqlmap identified the following injection point"
NOTHING = "all tested parameters do not appear to be injectable"

# What is tried stands at the '*', or is each argument of the query.
TARGETS = {
    "list": ["/api/links?limit=20&cursor=1000000"],
    "code": ["/api/links/{code}*"],
    "redirect": ["/l/{code}*"],
    "url": ["/api/links", "--method=POST", "--headers=Content-Type: application/json",
            '--data={{"url": "https://example.org/*"}}'],
    "key": ["/api/links", "--method=POST",
            "--headers=Content-Type: application/json\nIdempotency-Key: k*",
            '--data={{"url": "https://example.org/"}}'],
    "cookie": ["/api/links?limit=20", "-p", "weir_session", "--level=2", "--cookie={cookie}"],
}


def sqlmap(folder, name, url, *options):
    done = subprocess.run(
        ["sqlmap", "-u", url, "--batch", "--flush-session", "--disable-coloring",
         f"--output-dir={folder / name}", "--dbms=MySQL", "--technique=BEU", "--threads=1",
         "--timeout=60", "--retries=0", "--ignore-code=*", *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SQLMAP_S, check=False)
    return done.stdout


def test_sqlmap_finds_nothing(app, folder):
    client = app.client()
    code = client.create().json["code"]
    path = folder / "sqlmap"
    before = app.metrics()

    def run(name):
        target, *options = (word.format(code=code, cookie=client.cookie)
                            for word in TARGETS[name])
        return sqlmap(path, name, f"http://127.0.0.1:{app.port}{target}", *options)

    with ThreadPoolExecutor(2) as pool:
        for name, said in zip(TARGETS, pool.map(run, TARGETS)):
            assert NOTHING in said and FOUND not in said, f"{name}:\n{said[-3000:]}"
    # Each attempt was answered, and none of them by an error of the server.
    grown = {name: value - before[name] for name, value in app.metrics().items()}
    assert grown['weir_http_requests_total{code="4xx"}'] > 100
    assert grown['weir_http_requests_total{code="5xx"}'] == 0
    assert sum(value for name, value in grown.items()
               if name.startswith("weir_database_errors_total")) == 0
    assert "refused a statement" not in app.log.read_text()


@pytest.fixture
def careless(pair):
    """A server that puts what it is sent into SQL text."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            word = query.get("id", [""])[0]
            done = pair.db1._client(f"SELECT code FROM weir.links WHERE id = {word} LIMIT 1")
            body = (done.stdout + done.stderr).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def test_sqlmap_would_find_something(app, careless, folder):
    app.client().create()
    said = sqlmap(folder / "sqlmap", "careless", f"http://127.0.0.1:{careless}/?id=1")
    assert FOUND in said, said[-3000:]
