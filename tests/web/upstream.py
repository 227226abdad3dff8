# SPDX-License-Identifier: BSD-3-Clause
"""An app node that does what a test says, connection by connection."""

import base64
import hashlib
import socket
import threading
from dataclasses import dataclass

from web import fields, read_body, read_head

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3.
HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def answer(body=b"", *lines, status="200 OK"):
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "",
                        ""]).encode() + body


@dataclass
class Asked:
    """A request, of which only the header has been read."""
    head: bytes
    socket: socket.socket
    reader: object

    @property
    def target(self):
        return self.head.split(b" ", 2)[1].decode()

    @property
    def fields(self):
        return dict(fields(self.head))

    def body(self):
        return read_body(self.reader, self.head)

    def say(self, data):
        self.socket.sendall(data)


class Upstream:
    """'serve' is called with each request but those for /health, in a thread of its connection,
    which is closed once it returns False. What it cannot do is not hidden: see failures."""

    def __init__(self, serve, port=0):
        self.serve = serve
        self.failures = []
        self.open = set()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Refuses connections from now on, and drops those that are open."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for client in list(self.open):
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(client,), daemon=True).start()

    def _run(self, client):
        reader = client.makefile("rb")
        self.open.add(client)
        try:
            with client, reader:
                while (head := read_head(reader)):
                    asked = Asked(head, client, reader)
                    if asked.target == "/health":
                        asked.say(HEALTHY)
                    elif self.serve(asked) is False:
                        break
        except OSError:
            pass  # The other side has gone.
        except Exception as failure:  # Told to the test by its own thread.
            self.failures.append(failure)
            raise
        finally:
            self.open.discard(client)


def accept_websocket(asked, *lines):
    key = asked.fields["sec-websocket-key"].encode()
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
    asked.say("\r\n".join(["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket",
                           "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}", *lines, "",
                           ""]).encode())
