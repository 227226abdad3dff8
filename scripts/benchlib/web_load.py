# SPDX-License-Identifier: BSD-3-Clause
"""What `scripts/bench web` asks of a server: wrk for connections that are kept, h2load for those of
HTTP/2, bench-web-client for those that carry one request, and idle ones. Each function says what came
of it, and what processor time the server spent."""

import json
import re
import resource
import socket
import ssl
import time
from contextlib import ExitStack

from benchlib import programs
from benchlib.web_servers import FILES
from lablib import namespaces
from lablib.command import TimedOut, run
from lablib.errors import LabError

CONNECTIONS = 64
SINGLE_THREADS = 16
LARGE_CONNECTIONS = 16  # For what is larger than socket buffers.
STREAMS = 4            # Of a connection of HTTP/2: as many requests at a time as in HTTP/1.1.
PATIENCE_S = 60
STALLED_S = 15  # h2load may wait for ever where connections take long to come about.
# Idle connections may give memory back a while after the last request.
SETTLED_S = 3
SETTLING_MAX_S = 15
POLL_S = 0.25

# Prints what wrk has counted as JSON, behind its own report.
WRK_SCRIPT = """done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('\\nresult {"requests": %d, "failed": %d, "p50_us": %d, "p99_us": %d}\\n',
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


class TooBusy(LabError):
    """Nothing was done in time."""


def _at_a_time(kib):
    return CONNECTIONS if kib <= 64 else LARGE_CONNECTIONS


def _counted(server, ask):
    """What 'ask' returns, and the server's processor time meanwhile."""
    before = server.cpu_ns()
    begin = time.monotonic()
    try:
        found = ask()
    except TimedOut as error:
        raise TooBusy(f"{server.name}: {error}") from error
    found["seconds"] = time.monotonic() - begin
    found["cpu_ns"] = server.cpu_ns() - before
    if not found["failed"] and not found["requests"]:
        raise TooBusy(f"{server.name}: no request was done in {found['seconds']:.1f} s",
                      "is the machine busy with something else?")
    if found["failed"]:
        raise LabError(f"{server.name}: {found['failed']} of "
                       f"{found['requests'] + found['failed']} requests failed",
                       server.complaints())
    return found


def kept(server, path, tls=False, kib=1, seconds=1):
    """Many requests over each connection."""
    place = server.place
    script = place.folder / "wrk.lua"
    script.write_text(WRK_SCRIPT, encoding="ascii")
    url = f"{'https' if tls else 'http'}://127.0.0.1:{server.ports[tls]}{path}"

    def ask():
        text = run(place.argv(place.client_cpu, [
            "wrk", "-t", "1", "-c", str(_at_a_time(kib)), "-d", f"{seconds}s", "--timeout",
            f"{PATIENCE_S}s", "--latency", "-s", script, url]),
            timeout_s=seconds + PATIENCE_S)
        line = next(line for line in text.splitlines() if line.startswith("result "))
        return json.loads(line.partition(" ")[2])
    return _counted(server, ask)


def _percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0


def multiplexed(server, path, kib=1, seconds=1):
    """Many requests over connections of HTTP/2, a few of them at a time over each."""
    place = server.place
    log = place.folder / "h2load.log"
    log.unlink(missing_ok=True)  # It would add to it.

    def ask():
        text = run(place.argv(place.client_cpu, [
            "h2load", "-t", "1", "-c", str(_at_a_time(kib) // STREAMS), "-m", str(STREAMS),
            "-D", f"{seconds}s", "--log-file", log,
            f"https://127.0.0.1:{server.ports[True]}{path}"]), timeout_s=seconds + STALLED_S)
        done, failed, errors, late = map(int, re.search(
            r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text).groups())
        body_bytes = int(re.search(r"\((\d+)\) data", text)[1])
        if body_bytes < done * kib * 1024:
            raise LabError(f"{server.name}: answers over HTTP/2 were not whole")
        return {"requests": done, "failed": failed + errors + late}
    found = _counted(server, ask)
    times_us = sorted(int(line.split()[2]) for line in log.read_text(encoding="ascii").splitlines())
    return {**found, "p50_us": _percentile(times_us, 0.5), "p99_us": _percentile(times_us, 0.99)}


def single(server, tls="none", kib=1, seconds=1):
    """One request over each connection; 'tls' is none, new or resumed."""
    place = server.place
    port = server.ports[tls != "none"]

    def ask():
        return json.loads(run(place.argv(place.client_cpu, [
            programs.PROGRAMS / "bench-web-client", "--port", str(port), "--tls", tls,
            "--kib", str(kib), "--threads", str(SINGLE_THREADS), "--duration-ms",
            str(round(seconds * 1000))]),
            timeout_s=seconds + PATIENCE_S))
    found = _counted(server, ask)
    # The first connection of each thread has no ticket yet.
    if tls == "resumed" and found["resumed"] + SINGLE_THREADS < found["requests"]:
        raise LabError(f"{server.name}: only {found['resumed']} of {found['requests']} "
                       "connections were resumed")
    return found


def _open_idle(server, tls, n, path="/1k"):
    """'n' connections that have had an answer each, and ask for nothing more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opened = []
    for _ in range(n):
        made = socket.create_connection(("127.0.0.1", server.ports[tls]), timeout=PATIENCE_S)
        if tls:
            made = context.wrap_socket(made)
        opened.append(made)
        made.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode("ascii"))
        if not made.recv(4096).startswith(b"HTTP/1.1 200"):
            raise LabError(f"{server.name} did not answer on connection {len(opened)}")
    return opened


def require_answers(server, paths):
    """A server that does nothing on a busy machine is told from one that is broken: it answers in
    the end."""
    for tls in (False, True):
        for path in paths:
            try:
                for each in namespaces.inside(server.place.namespace, _open_idle, server, tls, 1,
                                              path):
                    each.close()
            except OSError as error:
                raise LabError(f"{server.name} does not answer {path} on port "
                               f"{server.ports[tls]}: {error}", server.complaints()) from error


def _settled_bytes(server):
    """The server's memory once it gives hardly any back."""
    least = server.pss_bytes()
    steady_since = time.monotonic()
    deadline = steady_since + SETTLING_MAX_S
    while time.monotonic() < min(steady_since + SETTLED_S, deadline):
        time.sleep(POLL_S)
        now = server.pss_bytes()
        if now < 0.99 * least:
            steady_since = time.monotonic()
        least = min(least, now)
    return least


def idle(server, tls, n):
    """Memory of a connection that is open and does nothing, in bytes of the server's processes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, FILES), most))
    with ExitStack() as stack:
        before = server.pss_bytes()
        for each in namespaces.inside(server.place.namespace, _open_idle, server, tls, n):
            stack.callback(each.close)
        return {"connections": n, "bytes": (_settled_bytes(server) - before) / n}
