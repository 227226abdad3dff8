# SPDX-License-Identifier: BSD-3-Clause
"""poller.py URL INTERVAL_MS TIMEOUT_MS [ADDRESS]: asks for a page at a pace, each time by a new
connection, at the address if one is given.

Requests do not wait for each other, so that one that hangs hides no success of a later one. For
every line on standard input prints the totals as JSON; ends at the end of the input."""

import asyncio
import collections
import json
import socket
import ssl
import sys
import time
from urllib.parse import urlsplit


class Totals:
    """Counts of ended requests, and the longest time without a success."""

    def __init__(self):
        self.succeeded = 0
        self.errors = collections.Counter()
        self.under_way = {}  # When each request began that has not ended.
        self.last_success = time.monotonic()
        self.longest_gap = 0.0

    def success(self):
        self.succeeded += 1
        self._gap_until_now()
        self.last_success = time.monotonic()

    def failure(self, why):
        self.errors[why] += 1

    def _gap_until_now(self):
        self.longest_gap = max(self.longest_gap, time.monotonic() - self.last_success)

    def as_json(self):
        self._gap_until_now()
        oldest = time.monotonic() - min(self.under_way.values(), default=time.monotonic())
        return json.dumps({"succeeded": self.succeeded, "failed": self.errors.total(),
                           "longest_gap_ms": round(self.longest_gap * 1000),
                           "oldest_under_way_s": oldest,
                           "errors": self.errors})


async def fetch(address, url, context):
    """One request over its own connection; raises unless the answer is a whole 2xx or 3xx."""
    reader, writer = await asyncio.open_connection(address, 443, ssl=context,
                                                   server_hostname=url.hostname)
    try:
        writer.write(f"GET {url.path} HTTP/1.1\r\nHost: {url.hostname}\r\n"
                     "Connection: close\r\n\r\n".encode("ascii"))
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split()[1])
        if not 200 <= status < 400:
            raise ValueError(f"status {status}")
        body = await reader.read()
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-len")]
        if length and len(body) < int(length[0].split(b":")[1]):
            raise ValueError("a truncated body")
    finally:
        writer.close()


async def attempt(totals, timeout_s, *args):
    key = object()
    totals.under_way[key] = time.monotonic()
    try:
        await asyncio.wait_for(fetch(*args), timeout_s)
        totals.success()
    except asyncio.TimeoutError:
        totals.failure("timeout")
    except (OSError, EOFError, ValueError) as error:
        totals.failure(f"{type(error).__name__}: {error}")
    finally:
        del totals.under_way[key]


async def report(totals, stop):
    """Answers the lines on standard input."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(totals.as_json(), flush=True)
    stop.set()


async def poll(url, interval_s, timeout_s, address=None):
    address = address or socket.getaddrinfo(url.hostname, 443, socket.AF_INET)[0][4][0]
    context = ssl.create_default_context()
    totals = Totals()
    stop = asyncio.Event()
    reporting = asyncio.create_task(report(totals, stop))
    requests = set()
    due = time.monotonic()
    while not stop.is_set():
        task = asyncio.create_task(attempt(totals, timeout_s, address, url, context))
        requests.add(task)
        task.add_done_callback(requests.discard)
        due += interval_s
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    await asyncio.gather(reporting, *requests)


asyncio.run(poll(urlsplit(sys.argv[1]), int(sys.argv[2]) / 1000, int(sys.argv[3]) / 1000,
                 *sys.argv[4:]))
