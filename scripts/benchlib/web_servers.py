# SPDX-License-Identifier: BSD-3-Clause
"""The web servers that `scripts/bench web` compares, and the app node behind both: all on one
machine's loopback, in a network namespace of this process."""

import itertools
import os
import resource
import shlex
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from benchlib import programs
from lablib import namespaces, paths
from lablib.command import run
from lablib.errors import LabError

SIZES_KIB = (1, 16, 1024)  # Of the files /1k, /16k and so on, and of the app node's answers.
PREFIX = "/api"            # Where these are proxied.
APP_PORT = 9000
CONNECTIONS = 30000
FILES = 65536
START_S = 20

# In both servers; the first that the client knows is used.
CIPHERS = ("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
           "ECDHE-ECDSA-CHACHA20-POLY1305")
CIPHERSUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

SYSCTLS = {
    "net.ipv4.tcp_congestion_control": "reno",  # BBR paces itself to a fraction on loopback.
    "net.ipv4.ip_local_port_range": "1024 65000",
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.core.somaxconn": 4096,
    "net.ipv4.tcp_max_syn_backlog": 4096,
}

WEIR = """cluster: bench
nodes:
  - {{name: web1, role: web, metrics: "127.0.0.1:{metrics}"}}
  - {{name: app1, role: app, listen: "127.0.0.1:{app}", metrics: "127.0.0.1:9101"}}
web:
  http_port: {http}
  https_port: {https}
  root: site
  certificate: site.crt
  private_key: site.key
  limits:
    threads: 1
    max_connections: {connections}
    idle_timeout_ms: 3600000
  proxy: [{{prefix: {prefix}/}}]
  connect_timeout_ms: 60000
  response_timeout_ms: 60000
  upstream_check: {{path: /health, interval_ms: 200, timeout_ms: 60000}}
app:
  public_url: http://localhost
  session_key_file: unused
database: {{name: unused, user: unused, password_file: unused}}
"""

NGINX = """daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
user {user};
events {{ worker_connections {connections}; }}
http {{
  types {{ }}
  default_type application/octet-stream;
  access_log off;
  server_tokens off;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{more}
}}
"""

NGINX_WEB = """  {cache}
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_ciphers {ciphers};
  ssl_conf_command Ciphersuites {ciphersuites};
  ssl_prefer_server_ciphers on;
  ssl_ecdh_curve X25519:P-256:P-384;
  ssl_session_tickets on;
  upstream app {{ server 127.0.0.1:{app} max_fails=0; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{http} backlog=4096;
    listen 127.0.0.1:{https} ssl http2 backlog=4096;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location / {{ root {root}; }}
    location {prefix}/ {{
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}"""

NGINX_CACHE = "open_file_cache max=1000; open_file_cache_valid 60s;"

NGINX_APP = """  open_file_cache max=1000;
  server {{
    listen 127.0.0.1:{app} backlog=4096;
    location = /health {{ return 200 ok; }}
    location {prefix}/ {{ alias {root}/; }}
  }}"""


class Place:
    """The namespace, the files and the two processors that everything shares."""

    _numbers = itertools.count()

    def __init__(self, folder, cpus):
        self.folder = folder
        self.server_cpu, self.client_cpu = cpus
        self.namespace = f"ww{os.getpid()}-{next(self._numbers)}"
        self.root = folder / "site"
        self.certificate, self.key = folder / "site.crt", folder / "site.key"

    def make(self):
        # nginx's worker is another user.
        self.folder.chmod(0o755)
        self.root.mkdir()
        for kib in SIZES_KIB:
            (self.root / f"{kib}k").write_bytes(os.urandom(512) * 2 * kib)
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", self.key, "-out", self.certificate, "-subj", "/CN=localhost",
             "-days", "2"])
        run(["ip", "netns", "add", self.namespace])
        namespaces.inside(self.namespace, self._set_sysctls)
        run(["ip", "-n", self.namespace, "link", "set", "lo", "up"])

    @staticmethod
    def _set_sysctls():
        for key, value in SYSCTLS.items():
            path = Path("/proc/sys", *key.split("."))
            if path.exists():  # Some kernels keep one or the other to the first namespace.
                path.write_text(f"{value}\n", encoding="ascii")

    def remove(self):
        if (paths.NETNS / self.namespace).exists():
            run(["ip", "netns", "del", self.namespace])

    def argv(self, cpu, words):
        """The command line that runs 'words' here on one processor."""
        return namespaces.exec_argv(self.namespace, ["taskset", "-c", str(cpu), *words])


def _thread_ns(pid):
    """Processor time of a process, of all its threads, to the nanosecond."""
    total = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        total += int(path.read_text(encoding="ascii").split()[0])
    return total


def _pss_bytes(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise LabError(f"process {pid} has no figure of its memory")


class Server:
    """One program with its children."""

    def __init__(self, place, name, cpu, ports):
        self.place = place
        self.name = name
        self.cpu = cpu
        self.ports = ports
        self.folder = place.folder / name
        self.folder.mkdir()
        self.process = None

    def start(self, *words):
        # As many descriptors as it may have.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, FILES), most))
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                self.place.argv(self.cpu, words), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output)
        deadline = time.monotonic() + START_S
        for port in self.ports:
            while not namespaces.inside(self.place.namespace, _is_open, port):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise LabError(f"{self.name} does not serve: {shlex.join(map(str, words))}",
                                   (self.folder / "output").read_text(errors="replace")[-2000:])
                time.sleep(0.02)

    def pids(self):
        """`ip` and `taskset` have become the program itself, so its children are all."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [pid, *map(int, children.split())]

    def cpu_ns(self):
        return sum(map(_thread_ns, self.pids()))

    def pss_bytes(self):
        return sum(map(_pss_bytes, self.pids()))

    def complaints(self):
        """The end of what it has said."""
        found = [path.read_text(errors="replace")[-1000:] for path in
                 (self.folder / "error.log", self.folder / "output") if path.exists()]
        return "".join(found)

    def stop(self):
        if not self.process:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(START_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _weir(place):
    server = Server(place, "weir", place.server_cpu, (8080, 8443))
    http, https = server.ports
    config = place.folder / "weir.yaml"
    config.write_text(WEIR.format(http=http, https=https, app=APP_PORT, metrics=9100,
                                  connections=CONNECTIONS, prefix=PREFIX), encoding="utf-8")
    server.start(programs.BUILD / "webtier" / "weir-webtier", "--config", config, "--node", "web1",
                 "--log-level", "error")
    return server


def _nginx(place, name, cpu, ports, more):
    server = Server(place, name, cpu, ports)
    config = server.folder / "nginx.conf"
    config.write_text(NGINX.format(folder=server.folder, connections=CONNECTIONS,
                                   user="www-data", more=more), encoding="utf-8")
    server.start("nginx", "-e", server.folder / "error.log", "-c", config)
    return server


def _nginx_web(place, name, ports, cache):
    http, https = ports
    return _nginx(place, name, place.server_cpu, ports,
                  NGINX_WEB.format(http=http, https=https, app=APP_PORT, ciphers=CIPHERS,
                                   ciphersuites=CIPHERSUITES, certificate=place.certificate,
                                   key=place.key, root=place.root, prefix=PREFIX, cache=cache))


MAKERS = {
    "weir": _weir,
    "nginx": lambda place: _nginx_web(place, "nginx", (8081, 8444), ""),
    "nginx-cache": lambda place: _nginx_web(place, "nginx-cache", (8082, 8445), NGINX_CACHE),
}


@contextmanager
def servers(folder, cpus, names):
    """(place, {name: server}) of all servers and the app node; they are gone afterwards."""
    place = Place(Path(folder), cpus)
    started = []
    try:
        place.make()
        started.append(_nginx(place, "app", place.client_cpu, (APP_PORT,),
                              NGINX_APP.format(app=APP_PORT, prefix=PREFIX, root=place.root)))
        found = {}
        for name in names:
            found[name] = MAKERS[name](place)
            started.append(found[name])
        yield place, found
    finally:
        for server in reversed(started):
            server.stop()
        place.remove()
