# SPDX-License-Identifier: BSD-3-Clause
"""The picture as data: networks, nodes, addresses, and what runs where.

The addresses agree with docs/weir.yaml, by which the daemons find each other.

    client ── front ── lb1 lb2 ── web1 web2 ── middle ── app1 app2 ── data ── db1 ═ db2
                 └ dns     └──────── monitor, in all three ────────┘
"""

from dataclasses import dataclass

SITE = "www.weir.test"
ZONE = "weir.test"
PREFIX = "weir-"  # Of every network namespace of the lab.
SWITCH = PREFIX + "switch"  # The namespace of the bridges.

APP_PORT = 8000
METRICS_PORT = 9100
DATABASE_PORT = 3306
PAGE_ADDRESS = ("127.0.0.1", 8600)  # The monitor's page, on the host.

DATABASE = "weir"
PRIMARY = "db1"
REPLICA = "db2"

TAP = "weir0"  # By which the kernel of a load balancer reaches the front network.


@dataclass(frozen=True)
class Network:
    """A bridge and the addresses on it; nothing routes from one network to another."""

    name: str
    prefix4: str
    prefix6: str = ""

    def ipv4(self, host):
        return f"{self.prefix4}.{host}"

    def ipv6(self, host):
        """The last group shows the same decimal digits as the IPv4 address."""
        return f"{self.prefix6}::{host}"

    def addresses(self, host):
        """All addresses of 'host' here, with prefix length."""
        found = [f"{self.ipv4(host)}/24"]
        if self.prefix6:
            found.append(f"{self.ipv6(host)}/64")
        return found


FRONT = Network("front", "10.77.1", "fd77:1")
MIDDLE = Network("middle", "10.77.2")
DATA = Network("data", "10.77.3")
NETWORKS = (FRONT, MIDDLE, DATA)

VIP_HOST = 100
VIP4 = FRONT.ipv4(VIP_HOST)
VIP6 = FRONT.ipv6(VIP_HOST)
VIPS = (VIP4, VIP6)


@dataclass(frozen=True)
class Node:
    """One machine of the picture: a network namespace and the programs that run in it."""

    name: str
    role: str
    host: int  # The last number of its addresses in every network.
    networks: tuple
    programs: tuple = ()

    @property
    def namespace(self):
        return PREFIX + self.name

    def mac(self, network):
        """A locally administered address that shows the IPv4 address."""
        octets = [int(octet) for octet in network.ipv4(self.host).split(".")]
        return "02:01:" + ":".join(f"{octet:02x}" for octet in octets)


LB_PROGRAMS = ("dataplane", "controlplane")

NODES = (
    Node("client", "client", 10, (FRONT,)),
    Node("dns", "dns", 53, (FRONT,), ("nsd",)),
    Node("lb1", "lb", 11, (FRONT,), LB_PROGRAMS),
    Node("lb2", "lb", 12, (FRONT,), LB_PROGRAMS),
    Node("web1", "web", 21, (FRONT, MIDDLE), ("webtier",)),
    Node("web2", "web", 22, (FRONT, MIDDLE), ("webtier",)),
    Node("app1", "app", 31, (MIDDLE, DATA), ("apptier",)),
    Node("app2", "app", 32, (MIDDLE, DATA), ("apptier",)),
    Node("db1", "db", 41, (DATA,), ("mariadbd",)),
    Node("db2", "db", 42, (DATA,), ("mariadbd",)),
    Node("monitor", "monitor", 61, NETWORKS, ("monitor",)),
)

NODE = {node.name: node for node in NODES}
MACHINES = tuple(node for node in NODES if node.programs)  # All that can be killed and healed.
CLIENT = NODE["client"]
DNS = NODE["dns"]
MONITOR = NODE["monitor"]
RESOLVING = (CLIENT, MONITOR)  # Nodes that ask the lab's DNS server.


def nodes_of(role):
    return tuple(node for node in NODES if node.role == role)
