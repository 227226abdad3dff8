# SPDX-License-Identifier: BSD-3-Clause
"""The machine: what it is, and the huge pages that a benchmark borrows from it."""

import ctypes
import os
import platform
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from lablib.command import run
from lablib.errors import LabError
from lablib.progress import complain

PAGES = Path("/proc/sys/vm/nr_hugepages")
FREE_PAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
PAGE_MB = 2
CLONE_NEWNS = 0x20000


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


def _is_mounted():
    with open("/proc/mounts", encoding="utf-8") as mounts:
        return any(line.split()[2] == "hugetlbfs" for line in mounts)


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
        if not _is_mounted():
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
        if folder:
            subprocess.run(["umount", folder], check=False)
            shutil.rmtree(folder, ignore_errors=True)
        if int(PAGES.read_text(encoding="ascii")) != before:
            PAGES.write_text(f"{before}\n", encoding="ascii")
