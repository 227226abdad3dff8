# SPDX-License-Identifier: BSD-3-Clause
"""The lab's weir.yaml with both load balancers at work: some addresses of each virtual router become a
second one, of which the other node is the better member."""

import re

from lablib.errors import LabError

# What moves. The addresses of mode nat and of its gateway stay together; the local ones go with
# that of mode fullnat.
MOVED = re.compile(r"[.:](101|102|104)$")

ROUTER = re.compile(r"""
    ^\ \ -\ name:\ (?P<name>\S+)\n
    \ {4}vrid:\ (?P<vrid>\d+)\n
    (?P<before>(?:\ {4}.*\n)*?)
    \ {4}addresses:\ \[(?P<addresses>[^]]*)\]\n
    (?P<after>(?:\ {4}.*\n)*)""", re.MULTILINE | re.VERBOSE)
LOCAL = re.compile(r"^\ {4}local_addresses:.*\n", re.MULTILINE)
PRIORITY = re.compile(r"(priority: )(\d+)")


def _router(match, name, vrid, addresses, after):
    return (f"  - name: {name}\n    vrid: {vrid}\n{match['before']}"
            f"    addresses: [{', '.join(addresses)}]\n{after}")


def _split(match):
    addresses = [text.strip() for text in match["addresses"].split(",")]
    moved = [text for text in addresses if MOVED.search(text.strip("\"'"))]
    stay = [text for text in addresses if text not in moved]
    if not moved or not stay:
        raise LabError(f"virtual router {match['name']} has no addresses to share out",
                       "active-active needs two virtual routers of each family")
    priorities = [found[1] for found in PRIORITY.findall(match["after"])]
    turned = iter(reversed(priorities))
    after = PRIORITY.sub(lambda found: found[1] + next(turned), match["after"])
    return (_router(match, match["name"], match["vrid"], stay, LOCAL.sub("", match["after"]))
            + _router(match, match["name"] + "b", int(match["vrid"]) + 1, moved, after))


def split(text):
    """'text', a weir.yaml, with each virtual router in two of opposite priorities."""
    head, word, rest = text.partition("\nvirtual_routers:\n")
    end = re.search(r"^\S", rest, re.MULTILINE)
    if not word or not end:
        raise LabError("weir.yaml has no virtual_routers", "nothing can be shared out")
    section, tail = rest[:end.start()], rest[end.start():]
    return head + word + ROUTER.sub(_split, section) + tail
