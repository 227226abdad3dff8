# SPDX-License-Identifier: BSD-3-Clause
"""The zone weir.test. NSD serves it on the DNS node, whom the nodes that resolve names ask, and on
the web nodes, behind the virtual addresses."""

import shutil
from pathlib import Path

from lablib import namespaces, paths, shape, topology
from lablib.command import run
from lablib.errors import LabError

NSD = "/usr/sbin/nsd"

NSD_CONF = """\
server:
{addresses}
  username: nsd
  zonesdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  pidfile: ""
  database: ""
  server-count: 1
  hide-version: yes
remote-control:
  control-enable: no
zone:
  name: {zone}
  zonefile: {zone}.zone
"""

ZONE_HEAD = """\
$ORIGIN {zone}.
$TTL 60
@ SOA dns hostmaster 1 3600 600 86400 60
@ NS dns
"""

# Sizes of texts, the first of which fits into a UDP answer with EDNS, the second into none.
TEXTS = {"medium": 1000, "large": 5000}

# Files that processes in a resolving node's namespace see in the place of those in /etc. The
# second keeps the C library from asking a resolver service of the host.
RESOLVER_FILES = {
    "resolv.conf": f"nameserver {topology.FRONT.ipv4(topology.DNS.host)}\n"
                   "options timeout:1 attempts:2\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def text_of(name):
    """The strings of one of TEXTS: 100 letters each, and all different."""
    return [f"{n:03}{name:x<97}" for n in range(TEXTS[name] // 100)]


def _zone():
    lines = [ZONE_HEAD.format(zone=topology.ZONE)]
    lines += [f"{name} TXT {' '.join(text_of(name))}\n" for name in TEXTS]
    lines += [f"{topology.SITE}. {'AAAA' if ':' in vip else 'A'} {vip}\n" for vip in shape.vips()]
    names = [(mode.name, mode.host) for mode in topology.MODES]
    names += [(node.name, node.host) for node in topology.FIRST_NODES if topology.FRONT in node.networks]
    for name, host in names:
        lines.append(f"{name} A {topology.FRONT.ipv4(host)}\n")
        lines.append(f"{name} AAAA {topology.FRONT.ipv6(host)}\n")
    return "".join(lines)


def _folder(node):
    return paths.node_folder(node) / "nsd"


def _addresses(node):
    """All that a server answers from: UDP answers come from where the question went."""
    found = list(node.front_addresses)
    if node.role == "web":
        found += node.second_addresses
        found += shape.loopback_vips()
    return found


def make_server(node):
    """Writes the configuration and the zone of a node's server. All have the same zone."""
    folder = _folder(node)
    folder.mkdir(parents=True)
    addresses = "\n".join(f"  ip-address: {address}" for address in _addresses(node))
    conf = NSD_CONF.format(folder=folder, zone=topology.ZONE, addresses=addresses)
    (folder / "nsd.conf").write_text(conf, encoding="ascii")
    (folder / f"{topology.ZONE}.zone").write_text(_zone(), encoding="ascii")
    shutil.chown(folder, "nsd", "nsd")


def make():
    """Writes NSD's configuration and zone, and the resolver files of those who ask it."""
    for node in topology.NODES:
        if "nsd" in node.programs:
            make_server(node)

    for node in topology.RESOLVING:
        etc = paths.ETC_NETNS / node.namespace
        etc.mkdir(parents=True)
        for name, text in RESOLVER_FILES.items():
            if Path("/etc", name).exists():  # ip-netns(8) can only cover what is there.
                (etc / name).write_text(text, encoding="ascii")


def remove():
    for node in topology.RESOLVING:
        shutil.rmtree(paths.ETC_NETNS / node.namespace, ignore_errors=True)


def argv(node):
    return [NSD, "-d", "-c", _folder(node) / "nsd.conf"]


def site_addresses():
    """What the client's resolver says about the site's name; empty without an answer."""
    try:
        answer = run(namespaces.exec_argv(topology.CLIENT.namespace,
                                          ["getent", "ahosts", topology.SITE]), timeout_s=5)
    except LabError:
        return set()
    return {line.split()[0] for line in answer.splitlines()}
