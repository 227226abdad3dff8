# SPDX-License-Identifier: BSD-3-Clause
"""HTTP and HTTPS checks of nginx, TLS checks of openssl s_server."""

import subprocess

import pytest

from ports import free_port
from servers import is_open, until

NGINX = """\
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  default_type text/plain;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port}{tls};
    server_name www.example.org;
{certificate}
    include {folder}/locations;
  }}
}}
"""


class Nginx:
    def __init__(self, folder, run, certificate=None):
        self.folder = folder
        self.port = free_port()
        self.locations("return 200 'all is well';")
        (folder / "nginx.conf").write_text(NGINX.format(
            folder=folder, port=self.port, tls=" ssl" if certificate else "",
            certificate="" if not certificate else
            f"ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]};"))
        self.process = run("nginx", "-c", str(folder / "nginx.conf"), "-e",
                           str(folder / "error.log"), stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        until("nginx listens", lambda: is_open(self.port))

    def locations(self, text):
        (self.folder / "locations").write_text(f"location / {{ {text} }}\n")

    def answer(self, text):
        """From now on it answers by this."""
        self.locations(text)
        subprocess.run(["nginx", "-c", str(self.folder / "nginx.conf"), "-s", "reload"],
                       check=True, capture_output=True, timeout=30)


@pytest.fixture
def nginx(folder, run):
    return Nginx(folder, run)


def test_http_good_bad_slow_silent(nginx, relay, checks):
    way = relay(nginx.port)
    check = checks(f"type: http\nport: {way.port}\npath: /health", timeout_ms=500)
    check.await_result("up", "status 200")
    nginx.answer("return 503;")
    check.await_result("down", "status 503, expected 200")
    nginx.answer("return 200 'again';")
    check.await_result("up", "status 200")
    way.delay_s = 2
    check.await_result("down", "no answer within 500 ms")
    way.delay_s = 0
    check.await_result("up", "status 200")
    nginx.process.stop()
    check.await_result("down", "no answer within 500 ms")
    nginx.process.go_on()
    check.await_result("up", "status 200")
    nginx.process.close()
    check.await_result("down", "")


def test_http_request_is_as_configured(nginx, checks):
    nginx.answer("""
      if ($http_x_probe != "yes, please") { return 401; }
      if ($http_accept != "text/plain") { return 406; }
      if ($host != "www.example.org") { return 404; }
      if ($request_method = HEAD) { return 204; }
      if ($request_method = POST) { return 202; }
      if ($request_method = OPTIONS) { return 207; }
      return 500;""")
    keys = (f"type: http\nport: {nginx.port}\nhost: www.example.org\n"
            "headers: ['X-Probe: yes, please', 'Accept: text/plain']\n")
    for method, status in (("HEAD", 204), ("POST", 202), ("OPTIONS", 207)):
        check = checks(f"{keys}method: {method}\nexpect_status: {status}")
        check.await_result("up", f"status {status}")
        check.close()
        check.close = lambda: None
    checks(keys).await_result("down", "status 500, expected 200")


def test_http_statuses_are_a_set(nginx, checks):
    check = checks(f"type: http\nport: {nginx.port}\nexpect_status: 200-204, 401, 500-501")
    check.await_result("up", "status 200")
    nginx.answer("return 401;")
    check.await_result("up", "status 401")
    nginx.answer("return 502;")
    check.await_result("down", "status 502, expected 200-204, 401, 500-501")
    nginx.answer("return 501;")
    check.await_result("up", "status 501")


@pytest.mark.parametrize("key, good, bad, says", [
    ("expect_body: 'is well'", "all is well", "all is bad", "the body does not contain 'is well'"),
    ("expect_body_regex: '^(all|most) .*well$'", "most of it is well", "it is well",
     "the body does not match"),
])
def test_http_body_is_looked_at(nginx, checks, key, good, bad, says):
    nginx.answer(f"return 200 '{good}';")
    check = checks(f"type: http\nport: {nginx.port}\n{key}")
    check.await_result("up", "status 200")
    nginx.answer(f"return 200 '{bad}';")
    check.await_result("down", says)
    nginx.answer(f"return 200 '{good}';")
    check.await_result("up", "status 200")


def test_http_body_is_found_up_to_its_limit(nginx, folder, checks):
    """Of a body of 1 MB what is in the first 64 KB counts."""
    (folder / "body").write_bytes(b"x" * 65530 + b"needle" + b"y" * 1000000 + b"other")
    nginx.answer(f"root {folder}; try_files /body =404;")
    check = checks(f"type: http\nport: {nginx.port}\nexpect_body: needle")
    check.await_result("up", "status 200")
    check.close()
    check.close = lambda: None
    checks(f"type: http\nport: {nginx.port}\nexpect_body: other").await_result(
        "down", "does not contain")


def test_https_good_bad_slow_silent(folder, run, relay, checks, authority):
    nginx = Nginx(folder, run, authority.issue("DNS:www.example.org"))
    way = relay(nginx.port)
    check = checks(f"type: https\nport: {way.port}\nhost: www.example.org\n"
                   f"tls_ca: {authority.ca}\nexpect_body: well", timeout_ms=500)
    check.await_result("up", "status 200")
    nginx.answer("return 500 'well';")
    check.await_result("down", "status 500")
    nginx.answer("return 200 'well';")
    check.await_result("up", "status 200")
    way.delay_s = 2
    check.await_result("down", "no connection with TLS within 500 ms")
    way.delay_s = 0
    check.await_result("up", "status 200")
    nginx.process.stop()
    check.await_result("down", "no connection with TLS within 500 ms")
    nginx.process.go_on()
    check.await_result("up", "status 200")


@pytest.mark.parametrize("names, keys, verdict, says", [
    ("DNS:www.example.org", "tls_name: www.example.org\ntls_ca: {ca}", "up", "status 200"),
    ("DNS:www.example.org", "tls_name: other.example.org\ntls_ca: {ca}", "down", "SSL"),
    ("DNS:www.example.org", "tls_ca: {ca}", "down", "SSL"),
    ("IP:127.0.0.1", "tls_ca: {ca}", "up", "status 200"),
    ("DNS:www.example.org", "tls_name: www.example.org", "down", "certificate"),
    ("DNS:www.example.org", "tls_verify: no", "up", "status 200"),
])
def test_https_certificate(folder, run, checks, authority, names, keys, verdict, says):
    nginx = Nginx(folder, run, authority.issue(names))
    check = checks(f"type: https\nport: {nginx.port}\n" + keys.format(ca=authority.ca))
    check.await_result(verdict, says)


def s_server(run, port, certificate, *more):
    server = run("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert",
                 str(certificate[0]), "-key", str(certificate[1]), "-quiet", *more,
                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until("openssl listens", lambda: is_open(port))
    return server


def test_tls_good_bad_slow_silent(run, relay, checks, authority):
    good = authority.issue("DNS:mail.example.org")
    port = free_port()
    server = s_server(run, port, good)
    way = relay(port)
    check = checks(f"type: tls\nport: {way.port}\ntls_name: mail.example.org\n"
                   f"tls_ca: {authority.ca}", timeout_ms=500)
    check.await_result("up", "TLS is ready")
    server.close()
    server = s_server(run, port, authority.issue("DNS:web.example.org"))
    check.await_result("down", "SSL")
    server.close()
    server = s_server(run, port, authority.issue("DNS:mail.example.org"))
    check.await_result("up", "TLS is ready")
    way.delay_s = 2
    check.await_result("down", "no connection with TLS within 500 ms")
    way.delay_s = 0
    check.await_result("up", "TLS is ready")
    server.stop()
    check.await_result("down", "no connection with TLS within 500 ms")
    server.go_on()
    check.await_result("up", "TLS is ready")


def test_tls_wants_tls(nginx, checks):
    """A server that speaks, but not TLS, is not what is looked for."""
    checks(f"type: tls\nport: {nginx.port}\ntls_verify: no").await_result("down", "SSL")
