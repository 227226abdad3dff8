# SPDX-License-Identifier: BSD-3-Clause
"""What the lab needs of the machine, what it changes there, and how that is undone."""

import json
import os
from pathlib import Path

from lablib import dns, namespaces, paths
from lablib.command import run
from lablib.errors import LabError

TUN = "/dev/net/tun"

# Folders outside the lab's own that ip-netns(8) and libxdp make when they need them.
SHARED_FOLDERS = (paths.NETNS, paths.ETC_NETNS, Path("/run/xdp"))


def require_root():
    if os.geteuid() != 0:
        raise LabError("the lab needs root", "it makes network namespaces and interfaces",
                       "try: sudo scripts/lab ...")


def require_tap():
    """The kernel must have TAP devices: a load balancer's kernel reaches the network by one."""
    try:
        os.close(os.open(TUN, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        raise LabError(f"cannot open {TUN}: {error.strerror}",
                       "the load balancers need TAP devices",
                       "try: modprobe tun; in a container, pass the device in "
                       f"(docker run --device {TUN} --privileged)") from None


def read_facts():
    """What `up` noted about the lab; empty if there is none."""
    try:
        return json.loads(paths.FACTS.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def write_facts(**facts):
    known = read_facts()
    known.update(facts)
    paths.FACTS.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


def is_mounted(path):
    """Whether something is mounted there, a bind mount of the same file system included."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
        return any(line.split()[4] == str(path) for line in mounts)


def _is_empty(path):
    return path.exists() and not any(path.iterdir())


def note_before():
    """Notes what the machine has already, before the lab makes it; see restore()."""
    if not read_facts():
        write_facts(repository=str(paths.REPOSITORY), ready=False,
                    had_netns_mount=is_mounted(paths.NETNS),
                    had_folders=[str(path) for path in SHARED_FOLDERS if path.exists()])


def restore(facts):
    """Removes the mount and the folders that were not there before, unless others use them."""
    dns.remove()
    if not facts:
        return
    if not facts["had_netns_mount"] and is_mounted(paths.NETNS) and _is_empty(paths.NETNS):
        run(["umount", paths.NETNS])
    for path in SHARED_FOLDERS:
        if str(path) not in facts["had_folders"] and _is_empty(path) and not is_mounted(path):
            path.rmdir()


def stands():
    """Whether there is a lab, be it that its `up` has not ended yet, or has failed with --keep.

    A reboot takes the network of a lab away, and what is left are remains."""
    return bool(read_facts()) and namespaces.existing() == namespaces.all_names()


def is_up():
    """Whether a lab stands, and once was healthy as a whole."""
    return stands() and read_facts()["ready"]


def has_remains():
    return paths.LAB.exists() or bool(namespaces.existing())
