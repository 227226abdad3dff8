# SPDX-License-Identifier: BSD-3-Clause
"""Other balancers in the same run: the kernel's nftables in a network namespace, and IPVS in a
user-mode Linux, which most kernels have no module for at hand.

Both get the frames that weir gets, by a veth pair, and let them go to an interface that drops all.
A packet's cost is that of the whole call less that of one that the kernel drops as early as it
can: so neither sending nor receiving counts."""

import json
import os
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

from benchlib import programs, testpmd
from lablib.command import run
from lablib.errors import LabError

N_BACKENDS = 100
VIP = "198.18.0.1"  # The service's, see tests/bench/traffic.c, ...
PORT = 80
CLIENTS = "10.0.0.0/8"
BACKENDS = "172.16.4"  # ... and the backends', see tests/bench/scene.c.

MODULES = ("veth", "dummy", "ip_vs conn_tab_bits=18", "ip_vs_mh", "act_gact", "cls_u32",
           "sch_ingress")
UML = "linux.uml"
UML_MODULES = Path("/usr/lib/uml/modules")
UML_MB = 900
UML_S = 180

NETWORK = f"""
ip link set lo up
ip link add client type veth peer name vip0 address 02:00:00:00:00:01
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.vip0.rp_filter=0
ip link set client up
ip link set vip0 up
ip link set backs up
ip address add {VIP}/32 dev vip0
ip address add 172.16.0.1/16 dev backs
ip route add {CLIENTS} dev vip0
"""

EARLY_DROP = """table netdev early {
	chain in {
		type filter hook ingress device "vip0" priority 0;
		drop
	}
}
"""

DROP_BY_TC = """tc qdisc add dev vip0 clsact
tc filter add dev vip0 ingress protocol all u32 match u32 0 0 action drop
"""


def _marginal(baseline, result):
    """Of a result what is above the baseline."""
    return {f"{key}_ns": result[f"{key}_ns"] - baseline[f"{key}_ns"]
            for key in ("best", "median")}


def _checked(name, result):
    if result["left"] < 0.99 * result["sent"]:
        raise LabError(f"{name}: {result['left']} of {result['sent']} packets were forwarded")
    return result


@contextmanager
def _namespace():
    name = f"weir-bench-{os.getpid()}"
    run(["ip", "netns", "add", name])
    try:
        yield name
    finally:
        run(["ip", "netns", "del", name])


def _inside(name, script):
    run(["ip", "netns", "exec", name, "/bin/sh", "-euc", script])


def _nft(name, rules):
    run(["ip", "netns", "exec", name, "nft", "-f", "-"], text_in=f"flush ruleset\n{rules}")


def _dnat():
    targets = ", ".join(f"{i} : {BACKENDS}.{i}" for i in range(N_BACKENDS))
    return (f"table ip balancer {{\n\tchain in {{\n\t\ttype nat hook prerouting priority -100;\n"
            f"\t\tip daddr {VIP} udp dport {PORT} dnat to jhash ip saddr . udp sport mod "
            f"{N_BACKENDS} map {{ {targets} }}\n\t}}\n}}\n")


def _send(prefix, **parameters):
    argv = [*prefix, programs.PROGRAMS / "bench-kernel", *programs.words(parameters)]
    return json.loads(run(argv, timeout_s=programs.TIMEOUT_S))


def nftables(flows, windows, window_ms):
    """Marginal costs of UDP packets: of established flows, by their number, and of new ones. New
    flows are measured last, when the tracking table may be full."""
    common = {"protocol": "udp", "windows": windows, "window_ms": window_ms}
    found = {}
    with _namespace() as name:
        _inside(name, f"ip link add backs type ifb\n{NETWORK}")
        inside = ("ip", "netns", "exec", name)
        _nft(name, EARLY_DROP)
        baseline = _send(inside, **common, flows=flows[0])
        _nft(name, _dnat())
        # The frames' transport checksums are arbitrary, as weir does not look at them.
        _inside(name, "sysctl -qw net.netfilter.nf_conntrack_checksum=0")
        for n in flows:
            result = _checked("nftables", _send(inside, **common, flows=n))
            found[str(n)] = _marginal(baseline, result)
        found["new"] = _marginal(baseline, _send(inside, **{**common, "windows": min(windows, 3)},
                                                 flows=1, flood=1000000))
    return found


def _uml_script(folder, flows, windows, window_ms):
    """What the user-mode Linux runs instead of init; its lines of JSON are the results."""
    common = programs.words({"windows": windows, "window_ms": window_ms, "marks": "yes"})
    send = " ".join([str(programs.PROGRAMS / "bench-kernel"), *common])
    lines = ["#!/bin/sh", "export PATH=/usr/sbin:/usr/bin:/sbin:/bin",
             "mount -t proc proc /proc", "mount -t sysfs sys /sys", "mount -t tmpfs run /run",
             *(f"modprobe -d {folder} {module}" for module in MODULES),
             "ip link add backs type dummy", NETWORK, DROP_BY_TC,
             f"{send} --flows {flows[0]}", "tc qdisc del dev vip0 clsact",
             f"ipvsadm -A -t {VIP}:{PORT} -s mh"]
    lines += [f"ipvsadm -a -t {VIP}:{PORT} -r {BACKENDS}.{i}:{PORT} -g -w 1"
              for i in range(N_BACKENDS)]
    lines += [f"{send} --flows {n}" for n in flows]
    lines += [f"{send} --flows 1 --flood 1000000 --windows 3", "poweroff -f"]
    return "\n".join(lines) + "\n"


def _watch(argv):
    """Runs the user-mode Linux; returns the results of the programs in it, with times as they are
    outside: those of the process in which its kernel runs, between one mark and the next."""
    results, marks = [], []
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, errors="replace") as process:
        timer = threading.Timer(UML_S, process.kill)
        timer.start()
        try:
            for line in process.stdout:
                if line.startswith("mark "):
                    marks.append((int(line.split()[1]), testpmd.processor_ns(process.pid)))
                elif line.startswith("{"):
                    times = sorted((end - begin) / (n - before) for (before, begin), (n, end)
                                   in zip(marks, marks[1:]) if n > before)
                    results.append({**json.loads(line), "best_ns": times[0],
                                    "median_ns": times[len(times) // 2]})
                    marks = []
        finally:
            timer.cancel()
            process.kill()
    return results


def ipvs(flows, windows, window_ms):
    """Marginal costs of TCP packets in mode dr with Maglev hashing, as nftables()."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-uml-") as text:
        folder = Path(text)
        modules = folder / "lib" / "modules"
        modules.mkdir(parents=True)
        for version in UML_MODULES.iterdir():
            (modules / version.name).symlink_to(version)
        init = folder / "init"
        init.write_text(_uml_script(folder, flows, windows, window_ms), encoding="ascii")
        init.chmod(0o755)
        results = _watch([
            UML, f"mem={UML_MB}M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
            f"init={init}", "con=null", "con0=fd:0,fd:1", "quiet"])
    if len(results) != len(flows) + 2:
        raise LabError("the user-mode Linux with IPVS did not run through")
    baseline, *rest = results
    found = {str(n): _marginal(baseline, _checked("IPVS", result))
             for n, result in zip(flows, rest)}
    found["new"] = _marginal(baseline, rest[-1])
    return found
