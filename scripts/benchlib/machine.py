# SPDX-License-Identifier: BSD-3-Clause
"""The machine: what it is, and the huge pages that a benchmark borrows from it."""

import ctypes
import errno
import os
import platform
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from lablib.command import run
from lablib.errors import LabError
from lablib.progress import complain

PAGES = Path("/proc/sys/vm/nr_hugepages")
FREE_PAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
PAGE_MB = 2
RUNTIME = Path("/var/run/dpdk")
CLONE_NEWNS = 0x20000
LOCK = "\0weir-bench"
POLL_S = 0.5


def require_root():
    if os.geteuid() != 0:
        raise LabError("the benchmark needs root", "it starts DPDK and makes network namespaces",
                       "try: sudo scripts/bench ...")


def _lscpu():
    lines = run(["lscpu"], env={**os.environ, "LC_ALL": "C"}).splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":")
                                                             for line in lines)}


def _memory_mb():
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    return int(re.search(r"MemTotal:\s+(\d+)", text)[1]) // 1024


def _version(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], check=False,
                          capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def describe(*peers):
    """What a reader of the results must know of the machine; 'peers' are packages."""
    cpu = _lscpu()
    return {
        "cpu": cpu.get("Model name"), "family": f"{cpu.get('CPU family')}/{cpu.get('Model')}",
        "cpus": os.cpu_count(), "hypervisor": cpu.get("Hypervisor vendor"),
        "caches": {name: cpu.get(f"{name} cache") for name in ("L1d", "L1i", "L2", "L3")},
        "memory_mb": _memory_mb(), "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME"),
        "compiler": run(["cc", "--version"]).splitlines()[0], "dpdk": _version("libdpdk-dev"),
        "load_before": os.getloadavg()[0], "peers": {name: _version(name) for name in peers},
    }


def cpus():
    """(main, worker): two CPUs that we may use, the same one twice if there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def _own_mounts():
    """Leaves the machine's mounts alone: those made from here on are ours and go with us."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    run(["mount", "--make-rprivate", "/"])


def _mounts():
    with open("/proc/mounts", encoding="utf-8") as mounts:
        return [Path(line.split()[1]) for line in mounts if line.split()[2] == "hugetlbfs"]


def free_huge_pages():
    """DPDK leaves its files of huge pages behind, and the pages are taken as long as they exist.
    So it does with the folder in which processes find each other."""
    for folder in RUNTIME.glob("weir-bench*-box"):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in _mounts():
        for path in folder.glob("weir-bench*map_*"):
            path.unlink()


@contextmanager
def alone():
    """Waits until no other benchmark runs: they would take processors and pages from each other.
    What is held is a name in the kernel, which goes with the process."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as name:
        told = False
        while True:
            try:
                name.bind(LOCK)
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            if not told:
                complain("bench: waiting for another benchmark of this machine to end")
            told = True
            time.sleep(POLL_S)
        yield


@contextmanager
def namespace(name):
    """A network namespace with nothing but its loopback interface."""
    run(["ip", "netns", "add", name])
    try:
        run(["ip", "-n", name, "link", "set", "lo", "up"])
        yield name
    finally:
        run(["ip", "netns", "del", name])


@contextmanager
def huge_pages(megabytes):
    """Sees to it that so much memory of huge pages is free while the body runs; yields whether it
    is. What the machine had before it has again afterwards."""
    before = int(PAGES.read_text(encoding="ascii"))
    folder = None
    try:
        missing = megabytes // PAGE_MB - int(FREE_PAGES.read_text(encoding="ascii"))
        if missing > 0:
            PAGES.write_text(f"{before + missing}\n", encoding="ascii")
        if not _mounts():
            folder = tempfile.mkdtemp(prefix="weir-bench-huge-")
            _own_mounts()
            run(["mount", "-t", "hugetlbfs", "none", folder])
        enough = int(FREE_PAGES.read_text(encoding="ascii")) * PAGE_MB >= megabytes
    except (OSError, LabError) as error:
        complain(f"bench: {error}")
        enough = False
    if not enough:
        complain(f"bench: this machine has no {megabytes} MB of huge pages to spare: measured "
                 "without, which costs time at many flows")
    try:
        yield enough
    finally:
        free_huge_pages()
        if folder:
            subprocess.run(["umount", folder], check=False)
            shutil.rmtree(folder, ignore_errors=True)
        if int(PAGES.read_text(encoding="ascii")) != before:
            PAGES.write_text(f"{before}\n", encoding="ascii")
