# SPDX-License-Identifier: BSD-3-Clause
"""The failover benchmark's network, the same for each pair of load balancers:

    client .10 ── switch ── s1 .21  s2 .22  s3 .23        all of 10.78.1.0/24
                  │    │
               lb1 .11  lb2 .12                           one of them holds the virtual addresses

Each in a network namespace named for this process. A machine dies by the loss of its link and of
all its processes, and comes back as a namespace that remembers nothing."""

import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from lablib import namespaces, paths
from lablib.command import run
from lablib.errors import LabError

PREFIX = "10.78.1"
VIPS = {"haproxy": f"{PREFIX}.100", "dr": f"{PREFIX}.101", "tunnel": f"{PREFIX}.102",
        "nat": f"{PREFIX}.103", "fullnat": f"{PREFIX}.104"}
ON_LOOPBACK = ("dr", "tunnel")  # Modes in which the servers have the virtual address.
GATEWAY = f"{PREFIX}.99"        # Where answers of mode nat go.
TUNNEL_SOURCE = f"{PREFIX}.98"
LOCAL = f"{PREFIX}.97"          # From which mode fullnat speaks; it moves with the virtual ones.
PORT = 80
CLIENT = 10
LBS = {"lb1": 11, "lb2": 12}
SERVERS = {"s1": 21, "s2": 22, "s3": 23}
SECOND = 100  # Added to a server's number: its address in mode nat.
BACK_TABLE = 77
TAP = "weir0"

SYSCTLS = {
    **namespaces.SYSCTLS,
    "net.ipv4.ip_local_port_range": "1024 65000",
    "net.core.somaxconn": 4096,
}

SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1
END_S = 10
SETTLE_NS = 2_000_000  # A killed process may run on for so long: until its processor is told.


def address(number):
    return f"{PREFIX}.{number}"


def mac(number):
    return f"02:02:0a:4e:01:{number:02x}"


def await_end(handles):
    """Waits until the processes have ended whose pidfds these are, and closes them."""
    deadline = time.monotonic() + END_S
    try:
        for handle in handles:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([handle], [], [], left)[0]:
                raise LabError("a process that was killed goes on")
    finally:
        for handle in handles:
            os.close(handle)


class Machine:
    """One namespace, its link to the switch, and the programs in it."""

    def __init__(self, net, name, number):
        self.net = net
        self.name = name
        self.number = number
        self.namespace = f"wf{os.getpid()}-{name}"
        self.folder = net.folder / name
        self.folder.mkdir()
        self.processes = {}

    def boot(self):
        run(["ip", "netns", "add", self.namespace])
        namespaces.inside(self.namespace, self._set_sysctls)
        self.net.plug(self)
        self.ip("link set lo up")

    def _set_sysctls(self):
        for key, value in SYSCTLS.items():
            Path("/proc/sys", *key.split(".")).write_text(f"{value}\n", encoding="ascii")

    def ip(self, *lines):
        run(["ip", "-n", self.namespace, "-batch", "-"], text_in="\n".join(lines) + "\n")

    def run(self, *words):
        return run(namespaces.exec_argv(self.namespace, words))

    def log(self, name):
        return self.folder / f"{name}.log"

    def start(self, name, *argv, env=None, **options):
        """Starts a program, which is known by 'name'."""
        with open(self.log(name), "ab") as log:
            options = {"stdin": subprocess.DEVNULL, "stdout": log, **options}
            self.processes[name] = subprocess.Popen(
                namespaces.exec_argv(self.namespace, argv), stderr=log, cwd=self.folder,
                env={**os.environ, **(env or {})}, **options)
        return self.processes[name]

    def check(self):
        """Raises an error if a program has ended by itself."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                tail = self.log(name).read_text(errors="replace").splitlines()[-15:]
                raise LabError(f"{self.name}: {name} ended with status {process.returncode}",
                               *tail)

    def kill(self, *names):
        """SIGKILL to the programs called so, or to everything here, the link first then. Returns
        when that began, and when nothing of them ran any more."""
        if names:
            pids = [self.processes[name].pid for name in names]
        else:
            pids = namespaces.pids(self.namespace)
        handles = [os.pidfd_open(pid) for pid in pids]
        killed_ns = time.monotonic_ns()
        if not names:
            self.net.set_link(self, False)
        for handle in handles:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        dead_ns = time.monotonic_ns() + SETTLE_NS
        await_end(handles)
        for name in names or list(self.processes):
            self.processes.pop(name).wait(END_S)
        return killed_ns, dead_ns

    def remove(self):
        """Ends everything here, and the namespace with it."""
        if not (paths.NETNS / self.namespace).exists():
            return
        for pid in namespaces.pids(self.namespace):
            os.kill(pid, signal.SIGKILL)
        for process in self.processes.values():
            process.wait(END_S)
        self.processes.clear()
        run(["ip", "netns", "del", self.namespace])


class Net:
    """The switch, and the machines at it."""

    def __init__(self, folder):
        self.folder = folder
        self.switch = f"wf{os.getpid()}-switch"
        self.machines = {name: Machine(self, name, number) for name, number in
                         {"client": CLIENT, **SERVERS, **LBS}.items()}
        self._socket = None

    def __getitem__(self, name):
        return self.machines[name]

    def make(self):
        run(["ip", "netns", "add", self.switch])
        run(["ip", "-n", self.switch, "-batch", "-"],
            text_in="link set lo up\nlink add br0 type bridge mcast_snooping 0 stp_state 0 "
                    "forward_delay 0\nlink set br0 up\n")
        self._socket = namespaces.inside(self.switch, socket.socket)
        for machine in self.machines.values():
            machine.boot()
        self["client"].ip(f"address add {address(CLIENT)}/24 dev front")
        for name, number in SERVERS.items():
            self._make_server(self[name], number)

    def plug(self, machine):
        """A veth called front from the machine to the switch; what was there before goes."""
        port = machine.name
        subprocess.run(["ip", "-n", self.switch, "link", "del", port], check=False,
                       stderr=subprocess.DEVNULL)
        run(["ip", "-n", self.switch, "-batch", "-"],
            text_in=f"link add {port} type veth peer name front address {mac(machine.number)} "
                    f"netns {machine.namespace}\nlink set {port} master br0 up\n")
        off = namespaces.OFFLOADS_OFF
        run(namespaces.exec_argv(self.switch, ["ethtool", "-K", port, *off]))
        machine.run("ethtool", "-K", "front", *off)
        machine.ip("link set front up")

    def _make_server(self, machine, number):
        second = address(number + SECOND)
        machine.ip(f"address add {address(number)}/24 dev front",
                   *(f"address add {VIPS[mode]}/32 dev lo" for mode in ON_LOOPBACK),
                   f"address add {second}/32 dev front",
                   f"route add default via {GATEWAY} dev front table {BACK_TABLE}",
                   *(f"route add {address(lb)}/32 dev front table {BACK_TABLE}"
                     for lb in LBS.values()),
                   f"rule add from {second} table {BACK_TABLE}")

    def set_link(self, machine, up):
        """The switch's end of the machine's link, at once: as little as a program can do."""
        request = struct.pack("16sH14x", machine.name.encode("ascii"), 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(self._socket, SIOCGIFFLAGS, request))[1]
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(self._socket, SIOCSIFFLAGS,
                    struct.pack("16sH14x", machine.name.encode("ascii"), flags))

    def remove(self):
        for machine in self.machines.values():
            machine.remove()
        if self._socket:
            self._socket.close()
        if (paths.NETNS / self.switch).exists():
            run(["ip", "netns", "del", self.switch])


@contextmanager
def network(folder):
    """The network; it and all programs in it are gone afterwards."""
    net = Net(folder)
    try:
        net.make()
        yield net
    finally:
        net.remove()
