# SPDX-License-Identifier: BSD-3-Clause
"""weir-apptier under test: started with a cluster file of its own, spoken to over HTTP."""

import http.client
import json
import os
import signal
import subprocess
from pathlib import Path

from databases import PATIENCE_S, REPOSITORY, until
from ports import free_port

BUILD = Path(os.environ.get("WEIR_BUILD", REPOSITORY / "build"))
PROGRAM = BUILD / "apptier" / "weir-apptier"

CLUSTER = """\
cluster: test
nodes:
  - {{name: app1, role: app, listen: "127.0.0.1:{app1}", metrics: "127.0.0.1:{metrics1}"}}
  - {{name: app2, role: app, listen: "127.0.0.1:{app2}", metrics: "127.0.0.1:{metrics2}"}}
  - {{name: db1, role: db, listen: "127.0.0.1:{db1}", database: primary}}
  - {{name: db2, role: db, listen: "127.0.0.1:{db2}", database: replica}}
{nodes}app:
  public_url: https://short.test
  limits: {{threads: {threads}, drain_timeout_ms: 20000}}
  connections: 4
  query_timeout_ms: {query_timeout_ms}
  links: {links}
  session_key_file: secret/session_key
{app}database:
  name: weir
  user: weir_app
  password_file: secret/app
  migrate_user: weir_migrate
  migrate_password_file: secret/migrate
  migrations: {migrations}
{database}"""

SECRETS = {"app": "app-secret", "read": "read-secret", "migrate": "migrate-secret",
           "session_key": "0123456789abcdef0123456789abcdef"}


class Answer:
    """What came back: status, headers, the body, and that as JSON where it is JSON."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.json = json.loads(self.body) if self.body.startswith((b"{", b"[")) else None

    def __repr__(self):
        return f"{self.status} {self.json}"


class Client:
    """A client that keeps its connection and, as a browser does, its cookie."""

    def __init__(self, port, cookies=True):
        self.port = port
        self.cookies = cookies
        self.cookie = None
        self.token = None  # Of an owner; then all requests are that owner's.
        self.connection = None

    def connect(self):
        if not self.connection:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                          timeout=PATIENCE_S)

    def request(self, method, path, body=None, headers=None):
        sent = dict(headers or {})
        if isinstance(body, dict):
            body = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if self.cookie and self.cookies:
            sent["Cookie"] = f"theme=dark; {self.cookie}"
        self.connect()
        try:
            self.connection.request(method, path, body=body, headers=sent)
            answer = Answer(self.connection.getresponse())
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            raise
        if answer.headers.get("Set-Cookie"):
            self.cookie = answer.headers["Set-Cookie"].split(";")[0]
        return answer

    def get(self, path):
        return self.request("GET", path)

    def create(self, url="https://example.org/", key=None, **more):
        headers = {"Idempotency-Key": key} if key else None
        return self.request("POST", "/api/links", {"url": url, **more}, headers)

    def change(self, which, **members):
        return self.request("PATCH", f"/api/links/{which}", members)

    def delete(self, code):
        return self.request("DELETE", f"/api/links/{code}")


class Cluster:
    """The cluster file and secrets of app nodes that use a pair of databases.

    'app', 'database' and 'nodes' are more lines of those sections of the file."""

    def __init__(self, folder, db1_port, db2_port, *, threads=1, migrations=None, app="",
                 database="", nodes="", query_timeout_ms=2000, links="{}"):
        self.folder = folder
        self.ports = {name: free_port() for name in ("app1", "app2", "metrics1", "metrics2")}
        secret = folder / "secret"
        secret.mkdir(mode=0o700)
        for name, text in SECRETS.items():
            (secret / name).write_text(text + "\n")
            (secret / name).chmod(0o600)
        self.file = folder / "weir.yaml"
        self.file.write_text(CLUSTER.format(
            db1=db1_port, db2=db2_port, threads=threads, **self.ports,
            migrations=migrations or REPOSITORY / "apptier" / "migrations", app=app,
            database=database, nodes=nodes, query_timeout_ms=query_timeout_ms, links=links))


class AppTier:
    """One process of weir-apptier."""

    def __init__(self, cluster, node="app1"):
        self.cluster = cluster
        self.node = node
        self.port = cluster.ports[node]
        self.metrics_port = cluster.ports[node.replace("app", "metrics")]
        self.log = cluster.folder / f"{node}.log"
        self.process = None

    def start(self, healthy=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", PROGRAM, "--config", self.cluster.file,
                 "--node", self.node, "--log-level", "debug"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(f"{self.node} listens", self._listens)
        if healthy:
            self.await_health("ok")

    def _listens(self):
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return self.client().get("/health").status
        except OSError:
            return 0

    def client(self, **options):
        return Client(self.port, **options)

    def owner(self):
        """A client with a token of its own."""
        client = self.client()
        client.token = client.request("POST", "/api/owners").json["token"]
        return client

    def health(self):
        return self.client().get("/health")

    def await_health(self, status, seconds=PATIENCE_S):
        return until(f"{self.node} says {status}",
                     lambda: self.health().json["status"] == status, seconds)

    def metrics(self):
        """{'name{labels}': value} of /metrics."""
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port,
                                                timeout=PATIENCE_S)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def stop(self, seconds=PATIENCE_S):
        """Ends it by SIGTERM; returns its exit status."""
        if not self.process:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        finally:
            self.kill()

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
