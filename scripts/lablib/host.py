# SPDX-License-Identifier: BSD-3-Clause
"""What the lab needs of the machine, what it changes there, and how that is undone."""

import os
from pathlib import Path

from lablib import dns, facts, namespaces, paths
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


def is_mounted(path):
    """Whether something is mounted there, a bind mount of the same file system included."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
        return any(line.split()[4] == str(path) for line in mounts)


def _is_empty(path):
    return path.exists() and not any(path.iterdir())


def note_before(active_active):
    """Notes what the lab shall be, and what the machine has already; see restore()."""
    if not facts.read():
        facts.write(repository=str(paths.REPOSITORY), ready=False, active_active=active_active,
                    had_netns_mount=is_mounted(paths.NETNS),
                    had_folders=[str(path) for path in SHARED_FOLDERS if path.exists()])


def restore(before):
    """Removes the mount and the folders that were not there before, unless others use them."""
    dns.remove()
    if not before:
        return
    if not before["had_netns_mount"] and is_mounted(paths.NETNS) and _is_empty(paths.NETNS):
        run(["umount", paths.NETNS])
    for path in SHARED_FOLDERS:
        if str(path) not in before["had_folders"] and _is_empty(path) and not is_mounted(path):
            path.rmdir()


def stands():
    """Whether there is a lab, be it that its `up` has not ended yet, or has failed with --keep.

    A reboot takes the network of a lab away, and what is left are remains."""
    return bool(facts.read()) and namespaces.existing() == namespaces.all_names()


def is_up():
    """Whether a lab stands, and once was healthy as a whole."""
    return stands() and facts.read()["ready"]


def has_remains():
    return paths.LAB.exists() or bool(namespaces.existing())
