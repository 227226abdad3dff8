# SPDX-License-Identifier: BSD-3-Clause
"""What the lab needs of the machine, what it changes there, and how that is undone."""

import json
import os

from lablib import dns, namespaces, paths
from lablib.command import run
from lablib.errors import LabError

TUN = "/dev/net/tun"


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


def note_before():
    """Notes what the machine has already, before the lab makes it; see restore()."""
    if not read_facts():
        write_facts(repository=str(paths.REPOSITORY), ready=False,
                    had_netns_folder=paths.NETNS.exists(),
                    had_netns_mount=os.path.ismount(paths.NETNS),
                    had_etc_netns=paths.ETC_NETNS.exists())


def restore(facts):
    """Removes the folders and the mount that ip-netns(8) needed, unless they were there before
    or somebody else uses them now."""
    dns.remove()
    if paths.ETC_NETNS.exists() and not facts.get("had_etc_netns", True):
        if not any(paths.ETC_NETNS.iterdir()):
            paths.ETC_NETNS.rmdir()
    if paths.NETNS.exists() and not any(paths.NETNS.iterdir()):
        if os.path.ismount(paths.NETNS) and not facts.get("had_netns_mount", True):
            run(["umount", paths.NETNS])
        if not facts.get("had_netns_folder", True):
            paths.NETNS.rmdir()


def stands():
    """Whether there is a lab, be it that its `up` has not ended yet, or has failed with --keep.

    A reboot takes the network of a lab away, and what is left are remains."""
    return bool(read_facts()) and namespaces.existing() == namespaces.all_names()


def is_up():
    """Whether a lab stands, and once was healthy as a whole."""
    return stands() and read_facts()["ready"]


def has_remains():
    return paths.LAB.exists() or bool(namespaces.existing())
