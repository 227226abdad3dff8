#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A backend: answers each "who?" with its own name. Usage: echo_server.py NAME PORT..."""

import selectors
import socket
import sys


def main():
    name = sys.argv[1].encode() + b"\n"
    selector = selectors.DefaultSelector()
    for port in sys.argv[2:]:
        listener = socket.create_server(("::", int(port)), family=socket.AF_INET6,
                                        dualstack_ipv6=True)
        selector.register(listener, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                connection, _ = key.fileobj.accept()
                selector.register(connection, selectors.EVENT_READ, "connection")
                continue
            try:
                data = key.fileobj.recv(4096)
                if data:
                    key.fileobj.sendall(name * data.count(b"who?\n"))
                    continue
            except OSError:
                pass
            selector.unregister(key.fileobj)
            key.fileobj.close()


if __name__ == "__main__":
    main()
