#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A client with connections that live long. It is told what to do line by line, in JSON:

    {"open": GROUP, "address": A, "port": P, "n": N}   connects N times and asks each who is there
    {"ask": [GROUP, ...]}                              asks them again

and answers each with {GROUP: [NAME or what went wrong, ...]}."""

import json
import socket
import sys

PATIENCE_S = 30


def ask(connection):
    try:
        connection.sendall(b"who?\n")
        return connection.recv(64).decode().strip() or "closed"
    except OSError as error:
        return f"error: {error}"


def main():
    groups = {}
    for line in sys.stdin:
        order = json.loads(line)
        if "open" in order:
            groups[order["open"]] = [
                socket.create_connection((order["address"], order["port"]), PATIENCE_S)
                for _ in range(order["n"])]
        wanted = [order["open"]] if "open" in order else order["ask"]
        answer = {name: [ask(connection) for connection in groups[name]] for name in wanted}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
