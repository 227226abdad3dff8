# SPDX-License-Identifier: BSD-3-Clause
"""A writing load on the lab, and the comparison of what it was told with what the databases hold."""

import collections
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from conftest import PATIENCE_S, REPOSITORY
from lablib import mariadb, snapshot, topology
from lablib.waiting import until


class Load:
    """Writers and visitors that note every request; see writer.py."""

    def __init__(self, lab, history, name):
        self.lab = lab
        self.history = Path(history)
        self.prefix = f"https://example.org/{name}"
        self.process = subprocess.Popen(
            [REPOSITORY / "scripts" / "lab", "client", sys.executable,
             Path(__file__).parent / "writer.py", lab.url, self.prefix, self.history],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        self.await_more(20)
        return self

    def __exit__(self, kind, *_):
        """Every writer is waited for; after a failure there is no use in that."""
        if kind:
            self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=2 * PATIENCE_S)

    def totals(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def await_more(self, n_more):
        """Waits until so many more writes have been acknowledged."""
        target = self.totals()["acknowledged"] + n_more
        until(f"{n_more} more writes are acknowledged",
              lambda: self.totals()["acknowledged"] >= target, PATIENCE_S)

    def await_write_begun_after(self, moment):
        """Waits for an acknowledgement of a request that began after 'moment' (time.time());
        returns when it came."""
        def found():
            return next((request["ended"] for request in reversed(self.requests())
                         if request["status"] == 201 and request["began"] >= moment), None)

        until("a write succeeds", found, PATIENCE_S)
        return min(request["ended"] for request in self.requests()
                   if request["status"] == 201 and request["began"] >= moment)

    def requests(self):
        lines = self.history.read_text(encoding="utf-8").split("\n")[:-1]
        return [json.loads(line) for line in lines]


def _rows(node, prefix):
    """{target: [code, ...]} of all links that the load has made."""
    found = collections.defaultdict(list)
    text = mariadb.ask(topology.NODE[node], f"SELECT url, code FROM {topology.DATABASE}.links "
                       f"WHERE url LIKE '{prefix}/%';", timeout_s=PATIENCE_S)
    for line in text.splitlines():
        target, code = line.split("\t")
        found[target].append(code)
    return found


def disagreements(requests, rows):
    """What does not agree with the history, in words."""
    wrong, known = [], set()
    for request in requests:
        if request["method"] != "POST":
            continue
        target = json.loads(request["body"])["url"]
        known.add(target)
        if request["status"] == 201 and rows.get(target) != [request["code"]]:
            wrong.append(f"{target} was acknowledged as {request['code']}, and there is "
                         f"{rows.get(target)}: {request}")
    wrong += [f"{target} is there {len(codes)} times: {codes}" for target, codes in rows.items()
              if len(codes) > 1]
    wrong += [f"nobody asked for {target}" for target in rows if target not in known]
    return wrong


def _acknowledged_keys(requests):
    keys = collections.defaultdict(set)
    for request in requests:
        if request["key"]:
            keys[request["key"]].add(request["code"] if request["status"] == 201 else None)
    return keys


def check(lab, load):
    """Every acknowledged write is in both databases exactly once, and nothing else is; every visit
    that was answered as stored is counted, and none twice. Returns how many of each there were."""
    requests = load.requests()
    primary, replica = mariadb.primary(), mariadb.replica()

    def caught_up():
        state = mariadb.replication()
        return state["primary_gtid"] == state["replica_gtid"] != ""

    until(f"{replica} has what {primary} has", caught_up, PATIENCE_S)
    rows = _rows(primary, load.prefix)
    wrong = disagreements(requests, rows)
    assert not wrong, "\n".join(wrong[:20])
    assert _rows(replica, load.prefix) == rows
    for key, codes in _acknowledged_keys(requests).items():
        assert len(codes - {None}) == 1, f"{key} was answered with {codes}"
    _check_visits(lab, requests)
    return sum(request["status"] == 201 for request in requests), len(rows)


def _n_repeated():
    """How many requests the web tier has sent twice: a visit may be counted for each."""
    return sum(snapshot.metric(web, topology.FRONT, "weir_upstream_retries_total")
               for web in topology.nodes_of("web"))


def _check_visits(lab, requests):
    visits = [request for request in requests if request["kind"] == "visitor"]
    for path in {request["path"] for request in visits}:
        mine = [request for request in visits if request["path"] == path]
        stored = sum(request["stored"] and request["status"] == 302 for request in mine)
        status, body = lab.curl(f"{lab.url}/api/links/{path.rpartition('/')[2]}")
        assert status == 200, body
        count = json.loads(body)["count"]
        most = len(mine) + _n_repeated()
        assert stored <= count <= most, f"{path}: {stored} stored, {count} counted, {most} asked for"
