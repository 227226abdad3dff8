# SPDX-License-Identifier: BSD-3-Clause
"""Ports of the loopback for servers that tests start, and start again at the same port."""

import random
import socket

LEAST = 10000
KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM)


def _first_of_the_kernels():
    """The kernel gives ports from here on to whoever connects or has no wish: even to one who
    connects to a server that is down, from that very port to itself."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        return int(file.read().split()[0])


def _is_free(port):
    try:
        for kind in KINDS:
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def free_port():
    """A port that nobody has, neither by TCP nor by UDP."""
    while True:
        port = random.randrange(LEAST, max(_first_of_the_kernels(), LEAST + 1000))
        if _is_free(port):
            return port
