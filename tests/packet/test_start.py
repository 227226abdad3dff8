# SPDX-License-Identifier: BSD-3-Clause
"""Starting and stopping: errors say what, why and what to do; nothing is left behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import ARP, Ether

from conftest import BACKENDS4, populate
from harness import (CLIENT4, CLIENT_MAC, PORT_MAC, PROGRAM, VIP4, Dataplane, Namespace, run)


def fails(dataplane, *args):
    """Starts a dataplane that must not come up; returns its exit status and what it says."""
    start = len(dataplane.log())
    process = dataplane.spawn(*args)
    try:
        status = process.wait(30)
    finally:
        process.kill()
        process.wait()
    return status, dataplane.log()[start:]


def has_interface(dataplane, name):
    return f"{name}:" in dataplane.lb.ip("-o", "link").replace("@", ":")


def test_sigterm_ends_it_with_status_0_and_the_socket_is_gone(own_dataplane):
    own_dataplane.start()
    assert os.path.exists(own_dataplane.socket)
    assert own_dataplane.stop() == 0
    assert not os.path.exists(own_dataplane.socket)


def test_sigint_ends_it_as_well(own_dataplane):
    own_dataplane.start()
    assert own_dataplane.end(signal.SIGINT) == 0


def test_the_host_interface_and_its_addresses_outlive_the_process(own_dataplane):
    own_dataplane.start()
    own_dataplane.add_host_addresses()
    assert own_dataplane.stop() == 0
    assert "10.9.0.2/24" in own_dataplane.lb.ip("addr", "show", "dev", "weir0")
    own_dataplane.start()
    assert "LOWER_UP" in own_dataplane.lb.ip("link", "show", "dev", "weir0")


def test_a_host_interface_made_before_is_used_and_gets_the_ports_address(own_dataplane):
    run(*own_dataplane.lb.command("ip", "tuntap", "add", "dev", "weir0", "mode", "tap"))
    own_dataplane.add_host_addresses()
    own_dataplane.start()
    assert PORT_MAC in own_dataplane.lb.ip("link", "show", "dev", "weir0")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_after_a_restart_it_works_again(own_dataplane, end):
    own_dataplane.start()
    own_dataplane.add_host_addresses()
    populate(own_dataplane)
    getattr(own_dataplane, end)()
    own_dataplane.start()
    populate(own_dataplane)
    wire = own_dataplane.wire
    wire.ask(Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC)
             / ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT4, pdst=VIP4),
             lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == VIP4, "ARP reply")
    macs = {mac for _, mac in BACKENDS4.values()}
    wire.ask(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4)
             / TCP(sport=9, dport=80, flags="S"),
             lambda f: TCP in f and f[TCP].sport == 9 and f.dst in macs, "forwarded packet")


def test_without_a_state_all_is_the_hosts(own_dataplane):
    own_dataplane.start()
    own_dataplane.add_host_addresses()
    ready = own_dataplane.control.call("ready")
    assert ready == {"ready": False, "synced": True, "waiting": ["a state from the control plane"]}
    with own_dataplane.counts("host"):
        own_dataplane.wire.send(Ether(dst=PORT_MAC, src=CLIENT_MAC) / IP(src=CLIENT4, dst=VIP4)
                                / TCP(dport=80))


def test_two_dataplanes_run_side_by_side(own_dataplane, tmp_path_factory):
    other = Dataplane(tmp_path_factory.mktemp("other"))
    try:
        for each in (own_dataplane, other):
            each.start()
            each.add_host_addresses()
            populate(each)
        for each in (own_dataplane, other):
            each.wire.ask(Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC)
                          / ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT4, pdst=VIP4),
                          lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == VIP4,
                          "ARP reply")
    finally:
        other.close()


def test_a_second_one_for_the_same_socket_is_refused_and_the_first_goes_on(own_dataplane):
    own_dataplane.start()
    own_dataplane.add_host_addresses()
    populate(own_dataplane)
    status, text = fails(own_dataplane)
    assert status == 1
    assert f"{own_dataplane.socket}: another process listens there" in text
    own_dataplane.wire.ask(
        Ether(dst="ff:ff:ff:ff:ff:ff", src=CLIENT_MAC)
        / ARP(op=1, hwsrc=CLIENT_MAC, psrc=CLIENT4, pdst=VIP4),
        lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == VIP4, "ARP reply")


def test_a_host_interface_that_another_process_has_is_refused(own_dataplane):
    own_dataplane.start()
    own_dataplane.write_config(control_socket=own_dataplane.folder + "/second.sock",
                               device="net_null{n}")
    status, text = fails(own_dataplane)
    assert status == 1
    assert "host interface weir0: another process has it open" in text


DEVICES = {
    "missing interface": ("net_af_xdp{n},iface=nosuch,start_queue=0,queue_count=1",
                          "port front: there is no interface 'nosuch'", "ip link"),
    "unknown driver": ("net_nosuch{n},iface=front", "port front: DPDK cannot make the device "
                       "'net_nosuch0,iface=front'", "check the driver's name"),
    "bad argument": ("net_af_xdp{n},iface=front,colour=red", "port front: DPDK cannot make",
                     "its arguments"),
    "missing PCI device": ("0000:ff:1f.7", "port front: there is no PCI device 0000:ff:1f.7",
                           "lspci"),
}


@pytest.mark.parametrize("device, what, remedy", DEVICES.values(), ids=DEVICES.keys())
def test_a_device_that_cannot_be_had_is_named(own_dataplane, device, what, remedy):
    own_dataplane.write_config(device=device)
    status, text = fails(own_dataplane)
    assert status == 1
    assert what in text and remedy in text
    assert not os.path.exists(own_dataplane.socket)
    assert not has_interface(own_dataplane, "weir0")


LIMITS = {
    "little memory": ({"memory_mb": 64, "flows": 4000000}, "raise memory_mb or lower flows"),
    "more queues than the device has": ({"queues": 2, "device": "net_af_xdp{n},iface={name}"},
                                        "port front: queues: 2 is more than the device's 1"),
    "too few cores": ({"cores": "0"}, "cores: '0' has 1 lcores and 2 are needed"),
    "no huge pages": ({"hugepages": "yes", "memory_mb": 1000000}, "set hugepages: no"),
    "folder of the socket is missing": ({"control_socket": "nosuch/control.sock"},
                                        "make its folder first"),
}


@pytest.mark.parametrize("keys, words", LIMITS.values(), ids=LIMITS.keys())
def test_a_limit_that_is_hit_is_named(own_dataplane, keys, words):
    own_dataplane.write_config(**keys)
    status, text = fails(own_dataplane)
    assert status == 1
    assert words in text
    assert not has_interface(own_dataplane, "weir0")


def wake_latency_us():
    """That the kernel is held to, by whoever asks for least."""
    with open("/dev/cpu_dma_latency", "rb") as file:
        return int.from_bytes(file.read(4), sys.byteorder, signed=True)


@pytest.mark.skipif(not os.path.exists("/dev/cpu_dma_latency"), reason="the kernel has no PM QoS")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["TERM", "KILL"])
def test_processors_wake_up_quickly_while_it_runs(own_dataplane, end):
    before = wake_latency_us()
    wanted = min(before, 7) - 1
    if wanted < 0:
        pytest.skip("another program keeps processors awake")
    own_dataplane.write_config(wake_latency_us=wanted)
    own_dataplane.start()
    assert wake_latency_us() == wanted
    own_dataplane.end(end)
    assert wake_latency_us() == before


def test_it_must_be_root(own_dataplane):
    with tempfile.TemporaryDirectory() as folder:  # Build and test folders may be root's alone.
        program = shutil.copy(PROGRAM, folder)
        own_dataplane.write_config(control_socket=folder + "/control.sock")
        config = shutil.copy(own_dataplane.config, folder)
        os.chmod(folder, 0o777)
        result = subprocess.run(
            own_dataplane.lb.command("setpriv", "--reuid", "65534", "--clear-groups", program,
                                     "--config", config, "--node", "lb1"),
            capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1
    assert "only root may: run it as root" in result.stderr


@pytest.mark.parametrize("text, word", [
    ("nodes: [", "weir.yaml:"), ("cluster: x\nnodes: []\n", "nodes"), ("colour: red\n", "colour")])
def test_a_bad_file_is_refused_with_its_line(own_dataplane, text, word):
    with open(own_dataplane.config, "w", encoding="ascii") as file:
        file.write(text)
    status, said = fails(own_dataplane)
    assert status == 2
    assert word in said


def test_an_unknown_node_is_refused(own_dataplane):
    status, text = fails(own_dataplane, "--node", "lb9")
    assert status == 2
    assert "lb9" in text


def test_dpdk_leaves_no_folder_behind(own_dataplane):
    own_dataplane.start()
    assert own_dataplane.stop() == 0
    assert not os.path.exists(own_dataplane.runtime_folder)


def test_a_namespace_of_its_own_is_what_each_test_has(own_dataplane):
    """The harness itself: nothing of one test is seen by another."""
    other = Namespace("other")
    try:
        assert "front" not in other.ip("link")
        assert "front" in own_dataplane.lb.ip("link")
    finally:
        other.close()
