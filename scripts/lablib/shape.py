# SPDX-License-Identifier: BSD-3-Clause
"""The two shapes of the lab. Active-passive is docs/weir.yaml as it stands: one load balancer holds
all virtual addresses. Active-active adds virtual routers of the opposite priorities, which hold a
second pair of addresses of the site: each load balancer holds its own, and the other's as well
when that one is gone. DNS answers both."""

import re
import tempfile

from lablib import facts, paths, topology
from lablib.command import run
from lablib.errors import LabError

SOURCE = paths.REPOSITORY / "docs" / "weir.yaml"

ROUTER = """\
  - name: {name}
    vrid: {vrid}
    port: front
    addresses: ["{address}"]
    advert_ms: 100
    preempt: yes
    preempt_delay_ms: 500
    members:
      - {{ node: lb1, priority: 100 }}
      - {{ node: lb2, priority: 200 }}
"""

# Name, port, protocol and pool of what the second addresses serve, as the first ones do.
SERVICES = (("http", 80, "tcp", "web"), ("https", 443, "tcp", "web"), ("any", "any", "tcp", "web"),
            ("dns", 53, "udp", "dns"), ("dns-tcp", 53, "tcp", "dns"))


def is_active_active():
    return facts.read().get("active_active", False)


def name(active_active):
    return "active-active" if active_active else "active-passive"


def vips():
    """The addresses of the site."""
    return topology.VIPS + (topology.OTHER.vips if is_active_active() else ())


def held():
    """All addresses that the load balancers hold between them."""
    return topology.HELD + (topology.OTHER.vips if is_active_active() else ())


def loopback_vips():
    """Those that web nodes have themselves, to answer clients."""
    modes = topology.MODES + ((topology.OTHER,) if is_active_active() else ())
    return [vip for mode in modes if mode.on_loopback for vip in mode.vips]


def _with_more(text, section, lines):
    """The configuration with more entries in a section that is a list."""
    head, found, tail = text.partition(f"\n{section}:\n")
    if not found:
        raise LabError(f"{SOURCE} has no section '{section}' to add to")
    return head + found + lines + tail


def _active_active(text):
    routers = services = ""
    for version, vrid, address in zip((4, 6), (52, 62), topology.OTHER.vips):
        routers += ROUTER.format(name=f"other{version}", vrid=vrid, address=address)
        services += "".join(
            f"  - {{ name: other-{what}{version}, address: \"{address}\", port: {port}, "
            f"protocol: {protocol}, mode: dr, pool: {pool}{version} }}\n"
            for what, port, protocol, pool in SERVICES)
    return _with_more(_with_more(text, "virtual_routers", routers), "services", services)


def _copies(match, role, count):
    """What stands for the second node of a tier, for the second to the last one."""
    host = {"web": 20, "app": 30}[role]
    texts = []
    for number in range(2, count + 1):
        text = match[0].replace(f"name: {role}2", f"name: {role}{number}")
        # The last group of its addresses, and of those that are SECOND further on.
        texts.append(re.sub(rf"(?<=[.:])(1?){host + 2}\b", rf"\g<1>{host + number}", text))
    return "".join(texts)


def _scaled(text):
    """With as many nodes as there are: entries of the second one are left out or repeated."""
    for role, count in topology.scale().items():
        entry = re.compile(rf"^  - name: {role}2\n(?: {{4}}.*\n)*|^ +- {{ name: {role}2,.*}}\n",
                           re.MULTILINE)
        text = entry.sub(lambda match, role=role, count=count: _copies(match, role, count), text)
    return text


def configuration(active_active):
    """The text of weir.yaml."""
    text = _scaled(SOURCE.read_text(encoding="utf-8"))
    return _active_active(text) if active_active else text


def check(active_active):
    """Raises an error if the configuration is wrong."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(configuration(active_active))
        file.flush()
        run([paths.WEIRCTL, "check", file.name])
