# SPDX-License-Identifier: BSD-3-Clause
"""The client's address in mode fullnat, with the kernel's own TCP at both ends: nginx reads the
PROXY header, and 100 kB pass each way behind it."""

import contextlib
import http.client
import http.server
import os
import socket
import subprocess
import threading

import pytest

from harness import (CLIENT4, CLIENT6, HOST4, HOST6, TIMEOUT_S, VIP4, VIP6, backend, wait_until)
from test_nat_kernel import LOCALS, SERVER4, SERVER6, SIZE, listen, receive, site

__all__ = ["site"]

PROXY2 = {"mode": "fullnat", "client_address": "proxy2"}
TOA = {"mode": "fullnat", "client_address": "toa"}
FAMILIES = [socket.AF_INET, socket.AF_INET6]
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

NGINX = """
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {server4}:8080 proxy_protocol;
        listen [{server6}]:8080 proxy_protocol;
        client_max_body_size 1m;
        location / {{
            proxy_pass http://127.0.0.1:9000;
            proxy_set_header X-Client "$proxy_protocol_addr $proxy_protocol_port";
            proxy_set_header X-Service "$proxy_protocol_server_addr $proxy_protocol_server_port";
        }}
    }}
}}
"""


def address(text, port):
    return f"{text} {port}"


class Echo(http.server.BaseHTTPRequestHandler):
    """Gives back what was posted, and what nginx has read of the client."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        for name in ("X-Client", "X-Service"):
            self.send_header(name, self.headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


@contextlib.contextmanager
def echo_server(server):
    """On port 9000 of the namespace's loopback."""
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 9000), Echo, bind_and_activate=False)
    httpd.socket.close()
    httpd.socket = server.socket(socket.AF_INET, socket.SOCK_STREAM)
    httpd.server_bind()
    httpd.server_activate()
    thread = threading.Thread(target=httpd.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


@contextlib.contextmanager
def nginx(server, folder):
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, server4=SERVER4, server6=SERVER6))
    process = subprocess.Popen(server.command("nginx", "-p", str(folder), "-c", str(path)),
                               stderr=subprocess.DEVNULL)
    try:
        def listens():
            assert process.poll() is None, (folder / "error").read_text()
            out = subprocess.run(server.command("ss", "-Hltn", "sport", "=", "8080"),
                                 capture_output=True, text=True, check=True).stdout
            return len(out.splitlines()) == 2
        wait_until(listens, "nginx")
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def web(site, tmp_path_factory):
    """The site with nginx on its server."""
    dataplane, client, server = site
    server.ip("link", "set", "lo", "up")
    with echo_server(server), nginx(server, tmp_path_factory.mktemp("nginx")):
        yield dataplane, client


def push(dataplane, family, more, port=8080):
    """A service on port 80 with one backend on 'port'. Returns its address."""
    four = family == socket.AF_INET
    dataplane.push({"web": [backend("b1", SERVER4 if four else SERVER6, port=port)]},
                   [("http", VIP4 if four else VIP6, 80, "tcp", "web", more)],
                   local_addresses=LOCALS)
    dataplane.lease("r4", "r6")
    dataplane.wait_ready()
    return VIP4 if four else VIP6


def post(sock, vip, body):
    """Posts over a socket that is connected; returns the response and its body."""
    connection = http.client.HTTPConnection(vip, 80)
    connection.sock = sock
    connection.request("POST", "/", body)
    response = connection.getresponse()
    return response, response.read()


@pytest.mark.parametrize("family", FAMILIES)
def test_nginx_reads_the_client_and_100_kb_pass_each_way(web, family):
    dataplane, client = web
    vip = push(dataplane, family, PROXY2)
    headers = dataplane.path_event("proxy_headers")
    body = os.urandom(SIZE)
    with client.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect((vip, 80))
        port = sock.getsockname()[1]
        for _ in range(3):  # The same connection goes on.
            response, echoed = post(sock, vip, body)
            assert response.status == 200
            assert echoed == body
            assert response.headers["X-Client"] == address(
                CLIENT4 if family == socket.AF_INET else CLIENT6, port)
            assert response.headers["X-Service"] == address(vip, 80)
    assert dataplane.path_event("proxy_headers") > headers


@pytest.mark.parametrize("family", FAMILIES)
def test_a_server_that_speaks_first_has_the_header_before(site, family):
    """The header comes with the handshake: the server need not wait for what the client sends."""
    dataplane, client, server = site
    vip = push(dataplane, family, PROXY2, 8081)
    size = 28 if family == socket.AF_INET else 52
    result = {}

    def serve(listener):
        sock, _ = listener.accept()
        with sock:
            sock.settimeout(TIMEOUT_S)
            result["header"] = receive(sock, size)
            sock.sendall(b"220 ready\r\n")
            result["rest"] = receive(sock, 65536)

    with listen(server, family, 8081) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        with client.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(TIMEOUT_S)
            sock.connect((vip, 80))
            assert receive(sock, 11) == b"220 ready\r\n"
            sock.sendall(b"QUIT\r\n")
        thread.join()
    assert result["header"][:12] == SIGNATURE
    assert result["rest"] == b"QUIT\r\n"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_client_that_only_closes_has_the_header_and_the_end(site, family):
    dataplane, client, server = site
    vip = push(dataplane, family, PROXY2, 8081)
    size = 28 if family == socket.AF_INET else 52
    with listen(server, family, 8081) as listener:
        with client.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(TIMEOUT_S)
            sock.connect((vip, 80))
            sock.shutdown(socket.SHUT_WR)
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(TIMEOUT_S)
                assert len(receive(peer, 65536)) == size
                peer.sendall(b"bye")
            assert receive(sock, 65536) == b"bye"


@pytest.mark.parametrize("family", FAMILIES)
def test_100_kb_pass_each_way_with_toa(site, family):
    """This kernel has no module that reads the option, and must not mind it."""
    dataplane, client, server = site
    vip = push(dataplane, family, TOA, 8081)
    added = dataplane.path_event("toa_added")
    question, answer = os.urandom(SIZE), os.urandom(SIZE)
    with listen(server, family, 8081) as listener:
        with client.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(TIMEOUT_S)
            sock.connect((vip, 80))
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(TIMEOUT_S)
                sender = threading.Thread(target=sock.sendall, args=(question,))
                sender.start()
                assert receive(peer, SIZE) == question
                sender.join()
                sender = threading.Thread(target=peer.sendall, args=(answer,))
                sender.start()
                assert receive(sock, SIZE) == answer
                sender.join()
    assert dataplane.path_event("toa_added") >= added + 2
    assert dataplane.stats()["path_events"]["toa_omitted"] == 0


COOKIES = {"nat": {"mode": "nat"}, "fullnat": {"mode": "fullnat"}, "proxy2": PROXY2, "toa": TOA}


@pytest.mark.parametrize("mode", COOKIES)
@pytest.mark.parametrize("family", FAMILIES)
def test_100_kb_pass_each_way_behind_a_cookie(site, family, mode):
    dataplane, client, server = site
    four = family == socket.AF_INET
    vip = push(dataplane, family, {**COOKIES[mode], "syn_cookies": True}, 8081)
    if mode == "nat":
        server.ip("route", "replace", "default", "via", HOST4 if four else HOST6, "dev", "eth0")
    size = {"proxy2": 28 if four else 52}.get(mode, 0)
    answered = dataplane.verdict("reply_syn_cookie")
    question, answer = os.urandom(SIZE), os.urandom(SIZE)
    with listen(server, family, 8081) as listener:
        with client.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(TIMEOUT_S)
            sock.connect((vip, 80))
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(TIMEOUT_S)
                assert receive(peer, size)[:12] == (SIGNATURE if size else b"")
                for _ in range(2):
                    sender = threading.Thread(target=sock.sendall, args=(question,))
                    sender.start()
                    assert receive(peer, SIZE) == question
                    sender.join()
                    sender = threading.Thread(target=peer.sendall, args=(answer,))
                    sender.start()
                    assert receive(sock, SIZE) == answer
                    sender.join()
                sock.shutdown(socket.SHUT_WR)
                assert receive(peer, 1) == b""
            assert receive(sock, 1) == b""
    assert dataplane.verdict("reply_syn_cookie") == answered + 1


@pytest.mark.parametrize("family", FAMILIES)
def test_nginx_reads_the_client_behind_a_cookie(web, family):
    dataplane, client = web
    vip = push(dataplane, family, {**PROXY2, "syn_cookies": True})
    body = os.urandom(SIZE)
    with client.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect((vip, 80))
        port = sock.getsockname()[1]
        for _ in range(2):
            response, echoed = post(sock, vip, body)
            assert (response.status, echoed) == (200, body)
            assert response.headers["X-Client"] == address(
                CLIENT4 if family == socket.AF_INET else CLIENT6, port)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_server_that_refuses_is_told_to_the_client(site, family):
    dataplane, client, _ = site
    vip = push(dataplane, family, {"mode": "fullnat", "syn_cookies": True}, 8099)
    with client.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(TIMEOUT_S)
        with pytest.raises(ConnectionResetError):
            sock.connect((vip, 80))
            sock.recv(1)
