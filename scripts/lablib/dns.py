# SPDX-License-Identifier: BSD-3-Clause
"""The zone weir.test: NSD serves it, and the nodes that resolve names are told to ask NSD."""

import shutil
from pathlib import Path

from lablib import namespaces, paths, topology
from lablib.command import run
from lablib.errors import LabError

NSD = "/usr/sbin/nsd"

NSD_CONF = """\
server:
  ip-address: {ipv4}
  ip-address: {ipv6}
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

# Files that processes in a resolving node's namespace see in the place of those in /etc. The
# second keeps the C library from asking a resolver service of the host.
RESOLVER_FILES = {
    "resolv.conf": f"nameserver {topology.FRONT.ipv4(topology.DNS.host)}\n"
                   "options timeout:1 attempts:2\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def _zone():
    lines = [ZONE_HEAD.format(zone=topology.ZONE)]
    names = [(topology.SITE.removesuffix("." + topology.ZONE), topology.VIP_HOST)]
    names += [(node.name, node.host) for node in topology.NODES if topology.FRONT in node.networks]
    for name, host in names:
        lines.append(f"{name} A {topology.FRONT.ipv4(host)}\n")
        lines.append(f"{name} AAAA {topology.FRONT.ipv6(host)}\n")
    return "".join(lines)


def make():
    """Writes NSD's configuration and zone, and the resolver files of those who ask it."""
    folder = paths.node_folder(topology.DNS)
    folder.mkdir()
    conf = NSD_CONF.format(folder=folder, zone=topology.ZONE,
                           ipv4=topology.FRONT.ipv4(topology.DNS.host),
                           ipv6=topology.FRONT.ipv6(topology.DNS.host))
    (folder / "nsd.conf").write_text(conf, encoding="ascii")
    (folder / f"{topology.ZONE}.zone").write_text(_zone(), encoding="ascii")
    shutil.chown(folder, "nsd", "nsd")

    for node in topology.RESOLVING:
        etc = paths.ETC_NETNS / node.namespace
        etc.mkdir(parents=True)
        for name, text in RESOLVER_FILES.items():
            if Path("/etc", name).exists():  # ip-netns(8) can only cover what is there.
                (etc / name).write_text(text, encoding="ascii")


def remove():
    for node in topology.RESOLVING:
        shutil.rmtree(paths.ETC_NETNS / node.namespace, ignore_errors=True)


def argv():
    return [NSD, "-d", "-c", paths.node_folder(topology.DNS) / "nsd.conf"]


def site_addresses():
    """What the client's resolver says about the site's name; empty without an answer."""
    try:
        answer = run(namespaces.exec_argv(topology.CLIENT.namespace,
                                          ["getent", "ahosts", topology.SITE]), timeout_s=5)
    except LabError:
        return set()
    return {line.split()[0] for line in answer.splitlines()}
