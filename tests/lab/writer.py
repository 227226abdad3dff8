# SPDX-License-Identifier: BSD-3-Clause
"""writer.py URL PREFIX HISTORY: clients that write and visit links all the time, and note every
request and what came of it in the file HISTORY, one JSON object a line.

  keyed    makes a link, and repeats that with its Idempotency-Key until it is acknowledged
  once     makes a link without a key, and never repeats that, whatever the answer
  visitor  follows one of a few links

For every line on standard input prints how many writes have been acknowledged and how long ago the
last was; at the end of the input it ends, when each writer with a key has had its acknowledgement."""

import http.client
import json
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

N_KEYED, N_ONCE, N_VISITORS = 4, 2, 2
N_VISITED = 3
PAUSE_S = 0.02  # Between requests of one client: the machine is shared with all of the lab.
REFUSED_S = 0.1  # After one that failed, as a client does that is told to come back later.
TIMEOUT_S = 10


class History:
    """What has been asked and answered, by whom and when."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")
        self.lock = threading.Lock()
        self.n_acknowledged = 0
        self.last_s = time.monotonic()

    def note(self, **request):
        with self.lock:
            self.file.write(json.dumps(request) + "\n")
            self.file.flush()
            if request["kind"] != "visitor" and request["status"] == 201:
                self.n_acknowledged += 1
                self.last_s = time.monotonic()

    def totals(self):
        with self.lock:
            return json.dumps({"acknowledged": self.n_acknowledged,
                               "silent_s": time.monotonic() - self.last_s})


class Client:
    """One connection, made anew when it breaks."""

    def __init__(self, url, history, stop):
        self.url = urlsplit(url)
        self.history = history
        self.stop = stop
        self.context = ssl.create_default_context()
        self.connection = None

    def request(self, kind, method, path, body=None, key=None):
        """Returns the status, or 0 without an answer, and the code of the link."""
        headers = {"Content-Type": "application/json"} if body else {}
        if key:
            headers["Idempotency-Key"] = key
        began, status, code, is_stored, why = time.time(), 0, None, False, None
        try:
            if not self.connection:
                self.connection = http.client.HTTPSConnection(
                    self.url.hostname, timeout=TIMEOUT_S, context=self.context)
            self.connection.request(method, path, body=body, headers=headers)
            answer = self.connection.getresponse()
            text = answer.read()
            is_stored = answer.headers.get("Set-Cookie") is not None
            status = answer.status
            if status == 201:
                code = json.loads(text)["code"]
        except (OSError, http.client.HTTPException) as error:
            why = f"{type(error).__name__}: {error}"
            self.connection.close()
            self.connection = None
        self.history.note(kind=kind, method=method, path=path, body=body, key=key, status=status,
                          code=code, stored=is_stored, why=why, began=began, ended=time.time())
        time.sleep(PAUSE_S if 200 <= status < 400 else REFUSED_S)
        return status, code

    def make(self, kind, target, key=None):
        return self.request(kind, "POST", "/api/links", json.dumps({"url": target}), key)

    def make_until_acknowledged(self, target):
        while True:
            status, code = self.make("keyed", target, key=target)
            if status == 201:
                return code

    def keyed(self, prefix):
        number = 0
        while not self.stop.is_set():
            self.make_until_acknowledged(f"{prefix}/{number}")
            number += 1

    def once(self, prefix):
        number = 0
        while not self.stop.is_set():
            self.make("once", f"{prefix}/{number}")
            number += 1

    def visitor(self, codes):
        number = 0
        while not self.stop.is_set():
            self.request("visitor", "GET", f"/l/{codes[number % len(codes)]}")
            number += 1


def main(url, prefix, path):
    history, stop = History(path), threading.Event()
    first = Client(url, history, stop)
    codes = [first.make_until_acknowledged(f"{prefix}/visited/{i}") for i in range(N_VISITED)]
    threads = []
    for work, n_threads in (("keyed", N_KEYED), ("once", N_ONCE)):
        threads += [threading.Thread(target=getattr(Client(url, history, stop), work),
                                     args=[f"{prefix}/{work}/{i}"]) for i in range(n_threads)]
    threads += [threading.Thread(target=Client(url, history, stop).visitor, args=[codes])
                for _ in range(N_VISITORS)]
    for thread in threads:
        thread.start()
    while sys.stdin.readline():
        print(history.totals(), flush=True)
    stop.set()
    for thread in threads:
        thread.join()


main(*sys.argv[1:])
