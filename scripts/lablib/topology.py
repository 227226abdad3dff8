# SPDX-License-Identifier: BSD-3-Clause
"""The picture as data: networks, nodes, addresses, and what runs where.

The addresses agree with docs/weir.yaml, by which the daemons find each other.

    client ── front ── lb1 lb2 ── web1 web2 ── middle ── app1 app2 ── data ── db1 ═ db2
                 └ dns     └──────── monitor, in all three ────────┘
"""

from dataclasses import dataclass

from lablib import facts

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



def _front(host):
    return (FRONT.ipv4(host), FRONT.ipv6(host))


@dataclass(frozen=True)
class Mode:
    """A way in which services get to the web nodes, with a name and virtual addresses of its own."""

    name: str
    host: int
    on_loopback: bool  # The web nodes have the virtual addresses, and answer clients themselves.

    @property
    def vips(self):
        return _front(self.host)

    @property
    def site(self):
        return f"{self.name}.{ZONE}"


DR = Mode("dr", 100, True)
MODES = (DR, Mode("ipip", 101, True), Mode("gue", 102, True), Mode("nat", 103, False),
         Mode("fullnat", 104, False))

OTHER = Mode("other", 110, True)  # The site's second addresses, of an active-active lab.

VIPS = DR.vips  # Those of the site's name.
VIP4, VIP6 = VIPS
GATEWAYS = _front(99)  # Where web nodes send what has to go back through the load balancer.
HELD = tuple(vip for mode in MODES for vip in mode.vips) + GATEWAYS  # All that move.
LOCALS = _front(105)  # From which the holder speaks to backends in mode fullnat.
TUNNEL_SOURCES = _front(98)  # Of outer packets; nobody's address.

# Added to a node's number for addresses of a load balancer's dataplane (fullnat speaks from them)
# and for those of a web node whose answers go to the gateway (nat).
SECOND = 100
BACK_TABLE = 77  # The web nodes' routes of such answers.


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

    @property
    def front_addresses(self):
        return _front(self.host)

    @property
    def second_addresses(self):
        """See SECOND."""
        return _front(self.host + SECOND)


LB_PROGRAMS = ("dataplane", "controlplane")
WEB_PROGRAMS = ("webtier", "nsd")

FIRST_SCALE = {"web": 2, "app": 2}  # Nodes of the tiers that can be scaled, when the lab comes up ...
MOST_SCALE = 9  # ... and at most.


def _web(number):
    return Node(f"web{number}", "web", 20 + number, (FRONT, MIDDLE), WEB_PROGRAMS)


def _app(number):
    return Node(f"app{number}", "app", 30 + number, (MIDDLE, DATA), ("apptier",))


def _picture(counts):
    return [
        Node("client", "client", 10, (FRONT,)),
        Node("dns", "dns", 53, (FRONT,), ("nsd",)),
        Node("lb1", "lb", 11, (FRONT,), LB_PROGRAMS),
        Node("lb2", "lb", 12, (FRONT,), LB_PROGRAMS),
        *(_web(number + 1) for number in range(counts["web"])),
        *(_app(number + 1) for number in range(counts["app"])),
        Node("db1", "db", 41, (DATA,), ("mariadbd",)),
        Node("db2", "db", 42, (DATA,), ("mariadbd",)),
        Node("monitor", "monitor", 61, NETWORKS, ("monitor",)),
    ]


FIRST_NODES = _picture(FIRST_SCALE)

# Of the lab that is up, or of one that comes up; see set_scale().
NODES = []
NODE = {}
MACHINES = []  # All that can be killed and healed.


def scale():
    """How many nodes of each tier there are that can be scaled."""
    return {role: len(nodes_of(role)) for role in FIRST_SCALE}


def set_scale(counts):
    """Makes NODES, NODE and MACHINES those of a lab with so many nodes."""
    NODES[:] = _picture({**FIRST_SCALE, **counts})
    NODE.clear()
    NODE.update((node.name, node) for node in NODES)
    MACHINES[:] = [node for node in NODES if node.programs]


set_scale(facts.read().get("scale", {}))

CLIENT = NODE["client"]
DNS = NODE["dns"]
MONITOR = NODE["monitor"]
RESOLVING = (CLIENT, MONITOR)  # Nodes that ask the lab's DNS server.


def nodes_of(role):
    return tuple(node for node in NODES if node.role == role)
