# SPDX-License-Identifier: BSD-3-Clause
"""A second web server on the lab's web nodes, on a port that only the services of port 'any' have.

It takes bodies that the site does not: POST answers with the body's SHA-256. GET /SIZE sends that
many bytes; GET /endless sends until it is told to finish, and says so by the connection's end."""

import hashlib
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lablib import namespaces, topology

PORT = 8090
PATTERN = bytes(range(251))  # No multiple of it is a segment's size: what is missing shows.
PIECE = 4096
PACE_S = 0.005  # Between the pieces of an endless answer: it shall last, not fill the machine.


def content(size):
    """The first 'size' bytes of what GET sends."""
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


class _Handler(BaseHTTPRequestHandler):
    def _head(self, size=None):
        self.send_response(200)
        self.send_header("Server-Node", self.server.node.name)
        if size is not None:
            self.send_header("Content-Length", str(size))
        self.end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        digest = hashlib.sha256(body).hexdigest().encode("ascii")
        self._head(len(digest))
        self.wfile.write(digest)

    def do_GET(self):
        if self.path != "/endless":
            size = int(self.path.lstrip("/"))
            self._head(size)
            self.wfile.write(content(size))
            return
        self._head()
        piece = content(len(PATTERN) * (PIECE // len(PATTERN)))
        while not self.server.finish.wait(PACE_S):
            self.wfile.write(piece)

    def log_message(self, *_):
        pass


class _Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

    def __init__(self, node):
        self.node = node
        self.finish = threading.Event()
        super().__init__(("::", PORT), _Handler)

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)  # HTTPServer's would ask for the host's name.


class SecondServers:
    """One on each web node."""

    def __init__(self):
        self.servers = []
        self.threads = []
        for node in topology.nodes_of("web"):
            server = namespaces.inside(node.namespace, _Server, node)
            self.servers.append(server)
            self.threads.append(threading.Thread(target=server.serve_forever, args=(0.1,)))
            self.threads[-1].start()

    def finish(self):
        """Ends the endless answers."""
        for server in self.servers:
            server.finish.set()

    def resume(self):
        """From now on answers are endless again; those before have ended."""
        for server in self.servers:
            server.finish.clear()

    def close(self):
        self.finish()
        for server, thread in zip(self.servers, self.threads):
            server.shutdown()
            server.server_close()
            thread.join()
