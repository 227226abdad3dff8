# SPDX-License-Identifier: BSD-3-Clause
"""weir-pktgen against the dataplane, over memif: both count the same packets.

    namespace 'lb'
      weir-dataplane -- front (memif) ---- (memif) tx -- weir-pktgen, which plays the clients and
      kernel -- weir0 (TAP)                              the backends, and answers ARP and ND"""

import json
import os
import signal
import subprocess

import pytest

from conftest import BACKENDS4, BACKENDS6, SERVICES, pools
from harness import (BUILD, CLIENT4, CLIENT6, ENVIRONMENT, PORT_MAC, ROOT, VIP4, VIP6, Dataplane,
                     Namespace, keep_order, wait_until)

PKTGEN = os.path.join(ROOT, BUILD, "dataplane", "pktgen", "weir-pktgen")
TIMEOUT_S = 60
PLAYED = {4: [CLIENT4, *(address for address, _ in BACKENDS4.values())],
          6: [CLIENT6, *(address for address, _ in BACKENDS6.values())]}
VIPS = {4: VIP4, 6: f"[{VIP6}]"}


class Pktgen:
    """A generator at the other end of the dataplane's memif."""

    def __init__(self, dataplane, path, family):
        self.dataplane = dataplane
        self.port = f"net_memif0,role=client,id=0,socket={path},socket-abstract=no"
        self.family = family

    def start(self, *args, port=80):
        command = [PKTGEN, "--port", self.port, "--to", f"{VIPS[self.family]}:{port}", "--address",
                   ",".join(PLAYED[self.family]), "--memory-mb", "128", "--quiet", "--json", "-",
                   "--catch-up", "10ms"]
        return subprocess.Popen(self.dataplane.lb.command(*command, *args), env=ENVIRONMENT,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process):
        """Waits for its end; returns what it measured."""
        try:
            out, errors = process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 0, errors
        assert "Sanitizer" not in errors, errors
        return json.loads(out)

    def run(self, *args, **keys):
        return self.finish(self.start(*args, **keys))


@pytest.fixture(params=[4, 6])
def pktgen(request, tmp_path):
    """A generator whose backends the dataplane has found by asking it."""
    path = str(tmp_path / "memif")
    dataplane = Dataplane(tmp_path, device=f"net_memif0,role=server,id=0,socket={path},"
                                           f"socket-abstract=no,mac={PORT_MAC}")
    generator = Pktgen(dataplane, path, request.param)
    try:
        dataplane.start()
        dataplane.add_host_addresses()
        family = str(request.param)
        dataplane.push({name: pool for name, pool in pools().items() if name.endswith(family)},
                       [service for service in SERVICES if service[0].endswith(family)])
        dataplane.lease("r4", "r6")
        first = generator.start("--rate", "1kpps", "--duration", "60")
        try:
            dataplane.wait_ready()
            first.send_signal(signal.SIGINT)
        except BaseException:
            first.kill()
            raise
        assert generator.finish(first)["trials"] is not None
        yield generator
    finally:
        dataplane.close()


def wait_settled(dataplane):
    """The dataplane's counters when it has seen to everything."""
    seen = []

    def settled():
        seen.append(dataplane.stats()["verdicts"])
        return len(seen) > 1 and seen[-1] == seen[-2]

    wait_until(settled, "counters that rest")
    return seen[-1]


def difference(before, after):
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


@pytest.mark.parametrize("protocol,port,size", [("udp", 53, "100,300,1518"),
                                                ("tcp", 80, "100x3,1000")])
def test_both_sides_count_the_same(pktgen, protocol, port, size):
    before = wait_settled(pktgen.dataplane)
    found = pktgen.run("--protocol", protocol, "--size", size, "--rate", "20kpps", "--duration",
                       "1", "--warm-up", "0", "--new-flows", "10", "--flows", "100", port=port)
    verdicts = difference(before, wait_settled(pktgen.dataplane))
    trial, = found["trials"]
    assert trial["sent"] > 0
    # What was sent and not dropped with a name has come back, once, and in order. What is dropped
    # may also be an answer of the dataplane's.
    dropped = sum(n for name, n in verdicts.items()
                  if name not in ("forward", "host", "arp_reply", "nd_reply", "reply"))
    assert trial["sent"] - dropped <= trial["received"] <= trial["sent"], verdicts
    assert trial["received"] == verdicts["forward"], verdicts
    assert trial["duplicates"] == trial["reordered"] == trial["stale"] == 0
    latency = trial["latency_ns"]
    assert 0 < latency["min"] <= latency["p50"] <= latency["p99"] <= latency["p99.9"]
    assert latency["p99.9"] <= latency["max"]


def test_the_dataplane_sees_the_flows_that_were_ordered(pktgen):
    def begun():
        return sum(service["new_flows"] for service in pktgen.dataplane.stats()["services"])

    before = begun()
    found = pktgen.run("--protocol", "tcp", "--size", "100", "--rate", "20kpps", "--duration", "1",
                       "--warm-up", "0", "--new-flows", "5", "--flows", "200")
    wait_settled(pktgen.dataplane)
    sent = found["trials"][0]["sent"]
    assert sent > 1000
    # All are opened first; then every twentieth packet opens one.
    assert begun() - before == pytest.approx(200 + (sent - 200) / 20, abs=2)


def test_the_search_ends_and_names_its_trials(pktgen):
    found = pktgen.run("--search", "--rate", "20kpps", "--duration", "200ms", "--warm-up", "0",
                       "--size", "128", "--loss", "1", "--resolution", "20", port=53)
    assert found["search"]["because"]
    assert len(found["trials"]) >= 1
    if found["search"]["found"]:
        assert found["search"]["throughput_pps"] > 0


def test_without_an_answer_it_says_who_was_asked(pktgen):
    pktgen.dataplane.lease()  # The address is held by nobody.
    process = pktgen.start("--rate", "1kpps")
    try:
        _, errors = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1
    assert "nobody answers for the next hop" in errors and VIPS[pktgen.family].strip("[]") in errors


@pytest.mark.parametrize("args,status,text", [
    ([], 2, "--port is needed"),
    (["--port", "net_null0"], 2, "--to is needed"),
    (["--port", "net_null0", "--to", "192.0.2.1:80"], 2, "--address"),
    (["--port", "net_null0", "--to", "192.0.2.1:0"], 2, "--to: "),
    (["--rate", "fast"], 2, "'fast' is not a rate"),
    (["--size", "63"], 2, "frame size 63 is not between 64 and 9216"),
    (["--port", "net_no_such0", "--to", "192.0.2.1:80", "--to-mac", PORT_MAC], 1,
     "cannot make the device 'net_no_such0'"),
    (["--port", "0000:ff:1f.7", "--to", "192.0.2.1:80", "--to-mac", PORT_MAC], 1,
     "there is no PCI device 0000:ff:1f.7"),
    (["--port", "net_af_packet0,iface=nowhere", "--to", "192.0.2.1:80", "--to-mac", PORT_MAC], 1,
     "there is no interface 'nowhere'"),
])
def test_what_cannot_work_is_refused_with_a_reason(args, status, text):
    result = subprocess.run([PKTGEN, *args], capture_output=True, text=True, check=False,
                            env=ENVIRONMENT, timeout=TIMEOUT_S)
    assert result.returncode == status, result.stderr
    assert text in result.stderr


@pytest.fixture
def cable():
    """A namespace with the two ends of a cable."""
    namespace = Namespace("cable")
    try:
        namespace.ip("link", "add", "left", "type", "veth", "peer", "name", "right")
        for end in ("left", "right"):
            namespace.sysctl(f"net/ipv6/conf/{end}/disable_ipv6", 1)
            namespace.ip("link", "set", end, "arp", "off", "up")
            keep_order(namespace, end)
        yield namespace
    finally:
        namespace.close()


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("more", [[], ["--vlan", "7", "--to", "[2001:db8::1]:1-100"],
                                  ["--protocol", "tcp", "--tcp", "syn", "--ramp", "500ms"]])
def test_what_one_port_sends_another_receives(cable, threads, more):
    result = subprocess.run(
        cable.command(PKTGEN, "--port", "net_af_packet0,iface=left", "--rx-port",
                      "net_af_packet1,iface=right", "--to", "192.0.2.1:80", "--to-mac", PORT_MAC,
                      "--rate", "5kpps", "--duration", "500ms", "--warm-up", "100ms", "--json",
                      "-", "--quiet", "--threads", threads, *more),
        capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=TIMEOUT_S)
    assert result.returncode == 0, result.stderr
    assert "Sanitizer" not in result.stderr, result.stderr
    trial, = json.loads(result.stdout)["trials"]
    assert 0 < trial["received"] <= trial["sent"] <= 2500
    assert trial["reordered"] == trial["duplicates"] == 0
    # A single thread never finds the ring of the receiving port full.
    assert threads == "2" or trial["lost"] == 0
