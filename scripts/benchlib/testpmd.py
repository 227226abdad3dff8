# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's testpmd as the limit: what the cheapest forwarding costs on the same driver, without a
flow table, on the same core in the same run."""

import json
import os
import shutil
import socket
import statistics
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from lablib import waiting
from lablib.errors import LabError

RUNTIME = Path("/var/run/dpdk")
START_S = 30
ANSWER_SIZE = 1 << 16
CPUCLOCK_SCHED = 2  # Low bits of the number that clock_getcpuclockid(3) gives.
SAMPLE_TRIES = 50
SAMPLE_NS = 300_000
WINDOW_MS = 250  # Of another process's time the kernel tells no less than a tick's worth.


def processor_ns(pid):
    """Processor time that the process has used."""
    return time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED)


class Telemetry:
    """A question and answer with a running DPDK process."""

    def __init__(self, prefix):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(5)
        self._socket.connect(str(RUNTIME / prefix / "dpdk_telemetry.v2"))
        self._socket.recv(ANSWER_SIZE)  # Its greeting.
        self.pid = None

    def ask(self, path):
        self._socket.send(path.encode())
        answer = json.loads(self._socket.recv(ANSWER_SIZE))
        return answer[path.split(",")[0]]

    def close(self):
        self._socket.close()


def _connect(prefix, process, log):
    def try_once():
        if process.poll() is not None:
            raise LabError("dpdk-testpmd ended", Path(log).read_text(errors="replace")[-2000:])
        try:
            telemetry = Telemetry(prefix)
            # Ports appear some time after the socket.
            return telemetry if telemetry.ask("/ethdev/list") else None
        except (OSError, KeyError, ValueError):
            return None
    return waiting.until("dpdk-testpmd's start", try_once, START_S)


@contextmanager
def running(eal, options, folder, name="testpmd"):
    """Starts dpdk-testpmd; yields its telemetry. 'eal' are arguments of EAL."""
    prefix = f"weir-bench-{os.getpid()}-{name}"
    log = Path(folder) / f"{name}.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            ["dpdk-testpmd", *eal, f"--file-prefix={prefix}", "--", *options],
            stdin=subprocess.PIPE, stdout=out, stderr=out)
    try:
        telemetry = _connect(prefix, process, log)
        telemetry.pid = process.pid
        try:
            yield telemetry
        finally:
            telemetry.close()
    finally:
        process.stdin.close()  # Ends it.
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(RUNTIME / prefix, ignore_errors=True)


def _counter(telemetry, port, name):
    """A port's counter and the process's time at which it was read; anew if that took long."""
    for _ in range(SAMPLE_TRIES):
        begin = processor_ns(telemetry.pid)
        value = telemetry.ask(f"/ethdev/stats,{port}")[name]
        end = processor_ns(telemetry.pid)
        if end - begin < SAMPLE_NS:
            break
    return value, (begin + end) // 2


def sample(telemetry, port, counter, windows, window_ms):
    """Nanoseconds of the process's processor time per frame that the port has counted, of so many
    windows, sorted."""
    times = []
    before, begin = _counter(telemetry, port, counter)
    for _ in range(windows):
        time.sleep(window_ms / 1000)
        now, end = _counter(telemetry, port, counter)
        if now > before:
            times.append((end - begin) / (now - before))
        before, begin = now, end
    if not times:
        raise LabError("dpdk-testpmd forwards nothing")
    return sorted(times)


def limit(mode, loop, folder, size=60):
    """What forwarding in 'mode' costs on net_null, one core."""
    main, worker = loop.cpus
    eal = ["--lcores", f"0@{main},1@{worker}", "--no-pci", "--iova-mode=va",
           f"--vdev=net_null0,size={size},copy=0",
           *([] if loop.huge_pages else ["--no-huge"]), "-m", "256"]
    options = ["--auto-start", f"--forward-mode={mode}", "--nb-cores=1", "--port-topology=loop",
               "--total-num-mbufs=8192", "--burst=32", "--no-lsc-interrupt"]
    with running(eal, options, folder) as telemetry:
        times = sample(telemetry, 0, "opackets", 8, WINDOW_MS)
    return {"best_ns": times[0], "median_ns": statistics.median(times)}
