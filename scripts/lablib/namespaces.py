# SPDX-License-Identifier: BSD-3-Clause
"""The network: one namespace per node, and one for the bridges between them.

Everything is created inside these namespaces, veth pairs included, so that the machine's own
network never sees an interface of the lab."""

import ctypes
import os
import threading
from pathlib import Path

from lablib import paths, shape, topology
from lablib.command import run

CLONE_NEWNET = 0x40000000

# No node routes; a web node may hold the VIPs on lo without answering ARP for them; nothing
# waits for duplicate address detection, and reno because BBR, some kernels' default, paces
# itself to a fraction of what virtual links carry.
SYSCTLS = {
    "net.ipv4.ip_forward": 0,
    "net.ipv4.conf.all.arp_ignore": 1,
    "net.ipv4.conf.all.arp_announce": 2,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
    "net.ipv4.tcp_congestion_control": "reno",
    "net.ipv6.conf.all.forwarding": 0,
    "net.ipv6.conf.default.accept_ra": 0,
    "net.ipv6.conf.default.autoconf": 0,
    "net.ipv6.conf.default.accept_dad": 0,
    "net.ipv6.conf.default.dad_transmits": 0,
}

# The bridges forward; they are no host.
SWITCH_SYSCTLS = {"net.ipv6.conf.default.disable_ipv6": 1}

# The dataplane owns a load balancer's NIC. The kernel must not answer on it, not even when the
# dataplane is dead and frames come up to the kernel.
NIC_SYSCTLS = {
    "net.ipv4.conf.front.arp_ignore": 8,
    "net.ipv4.conf.front.rp_filter": 1,
    "net.ipv6.conf.front.disable_ipv6": 1,
}

# A dataplane that rewrites addresses only must see frames with finished checksums, and none that
# is larger than the MTU.
OFFLOADS_OFF = ["tx", "off", "tso", "off", "gso", "off", "gro", "off"]


def all_names():
    return [topology.SWITCH] + [node.namespace for node in topology.NODES]


def existing():
    """The lab's namespaces that are there."""
    return [name for name in all_names() if (paths.NETNS / name).exists()]


def inside(namespace, function, *args):
    """Runs 'function' in a thread that has entered the namespace, and returns its result.

    Only that thread enters: sockets it opens belong to the namespace, and so does what it sees
    under /proc/sys/net."""
    outcome = {}

    def enter_and_run():
        try:
            fd = os.open(paths.NETNS / namespace, os.O_RDONLY | os.O_CLOEXEC)
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(fd, CLONE_NEWNET) != 0:
                    code = ctypes.get_errno()
                    raise OSError(code, os.strerror(code), namespace)
            finally:
                os.close(fd)
            outcome["result"] = function(*args)
        except BaseException as error:  # Raised again in the caller's thread.
            outcome["error"] = error

    thread = threading.Thread(target=enter_and_run)
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]


def exec_argv(namespace, argv):
    """The command line that runs 'argv' in the namespace, with its own /sys and resolv.conf."""
    return ["ip", "netns", "exec", namespace, *[str(word) for word in argv]]


def pids(namespace):
    """The processes that live in the namespace."""
    if not (paths.NETNS / namespace).exists():
        return []
    return [int(pid) for pid in run(["ip", "netns", "pids", namespace]).split()]


def _ip(namespace, lines):
    run(["ip", "-n", namespace, "-batch", "-"], text_in="\n".join(lines) + "\n")


def _set_sysctls(values):
    for key, value in values.items():
        Path("/proc/sys", *key.split(".")).write_text(f"{value}\n", encoding="ascii")


def _bridge_lines():
    lines = ["link set lo up"]
    for network in topology.NETWORKS:
        lines += [f"link add {network.name} type bridge mcast_snooping 0 stp_state 0"
                  " forward_delay 0",
                  f"link set {network.name} up"]
    return lines


def _cable_lines(node):
    """A veth pair for each of the node's networks, with one end in its namespace."""
    lines = []
    for network in node.networks:
        port = f"{node.name}-{network.name}"
        lines += [f"link add {port} type veth peer name {network.name}"
                  f" address {node.mac(network)} netns {node.namespace}",
                  f"link set {port} master {network.name} up"]
    return lines


def _host_prefix(address):
    return f"{address}/128" if ":" in address else f"{address}/32"


def _real_server_lines(node):
    """What the modes need of a web node.

    Direct routing and tunnels: the virtual addresses on lo. Mode nat: an address of which all that
    is sent goes to the gateway, which is with the load balancer that has the flow; but not what the
    load balancers themselves asked, such as their health checks."""
    lines = [f"address add {_host_prefix(vip)} dev lo nodad" for vip in shape.loopback_vips()]
    table = f"table {topology.BACK_TABLE}"
    for family, address in enumerate(node.second_addresses):
        # preferred_lft 0: the node's own packets do not choose it as their source.
        lines += [f"address add {_host_prefix(address)} dev front nodad preferred_lft 0",
                  f"route add default via {topology.GATEWAYS[family]} dev front {table}"]
        lines += [f"route add {_host_prefix(lb.front_addresses[family])} dev front {table}"
                  for lb in topology.nodes_of("lb")]
    return lines


def _route_back(node):
    """Rules for the table; `ip -batch` takes one family at a time of them."""
    for option, address in zip(("-4", "-6"), node.second_addresses):
        run(["ip", "-n", node.namespace, option, "rule", "add", "from", address, "table",
             topology.BACK_TABLE])


def _node_lines(node):
    lines = ["link set lo up"]
    for network in node.networks:
        lines.append(f"link set {network.name} up")
        for address in network.addresses(node.host):
            lines.append(f"address add {address} dev {network.name} nodad")
    if node.role == "web":
        lines += _real_server_lines(node)
    return lines


def _lb_lines(node):
    """The NIC belongs to the dataplane, so the node's addresses are on the exception TAP."""
    lines = ["link set lo up",
             f"tuntap add dev {topology.TAP} mode tap",
             f"link set {topology.TAP} address {node.mac(topology.FRONT)} up",
             "link set front arp off up"]
    for address in topology.FRONT.addresses(node.host):
        lines.append(f"address add {address} dev {topology.TAP} nodad")
    return lines


def _offloads_off(namespace, interfaces):
    for interface in interfaces:
        run(exec_argv(namespace, ["ethtool", "-K", interface, *OFFLOADS_OFF]))


def attach_decapsulation(node):
    """Has what comes by tunnel unpacked; a program that is there already is replaced."""
    run(["ip", "-force", "-n", node.namespace, "link", "set", "dev", topology.FRONT.name, "xdp",
         "object", paths.DECAPSULATE, "section", "xdp"])


def _make_node(node):
    names = [network.name for network in node.networks]
    if node.role == "lb":
        inside(node.namespace, _set_sysctls, NIC_SYSCTLS)
        _ip(node.namespace, _lb_lines(node))
        names.append(topology.TAP)
    else:
        _ip(node.namespace, _node_lines(node))
    if node.role == "web":
        _route_back(node)
        attach_decapsulation(node)
    _offloads_off(node.namespace, names)


def _make_namespace(name):
    run(["ip", "netns", "add", name])
    inside(name, _set_sysctls, SYSCTLS)


def add(node):
    """Creates a node's namespace with its interfaces and addresses, and joins it to the others."""
    _make_namespace(node.namespace)
    _ip(topology.SWITCH, _cable_lines(node))
    _offloads_off(topology.SWITCH, [f"{node.name}-{network.name}" for network in node.networks])
    _make_node(node)


def make():
    """Creates all namespaces with their interfaces and addresses."""
    _make_namespace(topology.SWITCH)
    inside(topology.SWITCH, _set_sysctls, SWITCH_SYSCTLS)
    _ip(topology.SWITCH, _bridge_lines())
    for node in topology.NODES:
        add(node)


def remove_one(node):
    """Deletes a node's namespace."""
    run(["ip", "netns", "del", node.namespace])


def remove():
    """Deletes all namespaces of the lab; their interfaces go with them."""
    for namespace in existing():
        run(["ip", "netns", "del", namespace])
