# SPDX-License-Identifier: BSD-3-Clause
"""Workers with nothing to do wait for their ports, whatever the driver, and wake up for a packet."""

import os
import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from conftest import BACKENDS4, populate
from harness import CLIENT4, CLIENT_MAC, PORT_MAC, VIP4, Dataplane, wait_until

MACS = {mac for _, mac in BACKENDS4.values()}
WAITS = 8  # Each of 100 ms, if nothing comes; a worker that sleeps and polls does thousands a second.

PORTS = {"af_xdp": {}, "af_xdp_three_workers": {"workers": 3},
         "packet_socket": {"device": "net_af_packet{n},iface={name}"},
         "two_packet_sockets": {"queues": 2, "device": "net_af_packet{n},iface={name},qpairs=2"},
         "tap": {"device": "net_tap{n},iface=own{n}"}}


def waits_of(dataplane):
    """How often each worker's thread has begun to wait."""
    folder = f"/proc/{dataplane.process.pid}/task"
    found = {}
    for task in os.listdir(folder):
        with open(f"{folder}/{task}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        if status["Name"].startswith("rte-worker"):
            found[status["Name"]] = int(status["voluntary_ctxt_switches"])
    return found


@pytest.fixture(params=PORTS)
def idle(request, tmp_path):
    dataplane = Dataplane(tmp_path, **PORTS[request.param])
    try:
        dataplane.start()
        dataplane.add_host_addresses()
        if request.param != "tap":  # There is no cable to its interface.
            populate(dataplane)
        yield dataplane, request.param
    finally:
        dataplane.close()


def test_idle_workers_wait_for_their_port(idle):
    dataplane, port = idle

    def settled():
        """What the start has caused is over when a worker waits in vain a few times."""
        before, began = waits_of(dataplane), time.monotonic()
        wait_until(lambda: all(n >= before[name] + WAITS
                               for name, n in waits_of(dataplane).items()), "workers to wait")
        return time.monotonic() - began > WAITS * 0.05

    wait_until(settled, "workers that wait", 20)
    if port == "tap":
        return
    for sport in range(20000, 20010):
        load = b"packet %d." % sport
        dataplane.wire.ask(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4)
                           / UDP(sport=sport, dport=53) / load,
                           lambda f, l=load: f.dst in MACS and l in bytes(f), "forwarded packet")
